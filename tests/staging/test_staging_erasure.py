"""A buyer who asks to be forgotten is gone for good, and the orders stay."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from staged import EPOCH, load, order, person, refusal

from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError
from orderflow.domain.order import Refund
from orderflow.quality.personal import PERSONAL
from orderflow.staging import edits, erasure, story

ASKED = {"who": "mei", "why": "ticket 4711"}
CONTACTS = "SELECT order_id, sealed IS NULL, masking FROM orderflow.order_contacts ORDER BY 1"


def erase(store, *order_ids, **more):
    return erasure.erase(store.connection, "shop_tw", order_ids, **ASKED, **more)


def held_back(store, minute, fetched):
    refused = [refusal(order(minute=minute), 0)]
    load(store, refused=refused, raw=[b'{"name": "..."}'], fetched=fetched, window_end=EPOCH + timedelta(hours=2))


def sent(store):
    """The documents that the OMS is sent, by order."""
    return {
        each.order_id: msgspec.json.decode(each.document) for claim in store.claims("shop_tw", 10) for each in claim
    }


def test_no_later_version_brings_back_what_was_erased(store, ask):
    load(store, order(), order("A-2"))
    held_back(store, 9, 9)
    assert erase(store, "A-9", "A-1") == (["A-1"], [], ["A-9"])
    assert ask("SELECT order_id, sealed_raw, key_id FROM orderflow.quarantine") == [("A-1", None, None)]
    load(
        store,
        order(minute=10, order_status="completed", contacts=[person("新しい")]),
        order("A-2", minute=1),
        fetched=10,
    )
    assert ask(CONTACTS) == [("A-1", True, "erased"), ("A-2", False, "plain")]
    assert erase(store, "A-1") == ([], ["A-1"], [])
    found = sent(store)
    assert (found["A-1"]["contacts"], found["A-1"]["masking"]) == ([], "erased")
    assert (found["A-1"]["order_status"], found["A-2"]["contacts"][0]["name"]) == ("completed", "王小明")


def test_an_order_that_waits_in_quarantine_is_staged_without_its_buyer(store, ask):
    held_back(store, 0, 0)
    assert erase(store, "A-1").now == ["A-1"]
    held_back(store, 1, 1)
    assert ask("SELECT state, sealed_raw, key_id FROM orderflow.quarantine") == [("open", None, None)]
    load(store, order(minute=2), order("A-2"), fetched=2)
    assert ask(CONTACTS) == [("A-1", True, "erased"), ("A-2", False, "plain")]
    assert sent(store)["A-1"]["contacts"] == []


def test_an_order_without_people_gets_none_later(store, ask):
    load(store, order(contacts=[]))
    assert erase(store, "A-1").now == ["A-1"]
    load(store, order(minute=1), fetched=1)
    assert ask(CONTACTS) == [("A-1", True, "erased")]


def test_no_table_keeps_what_a_document_says_of_its_buyer_nor_gets_it_back(store, ask):
    told = {"buyer_id": "mei_wang88", "refunds": [Refund(refund_id="R-1", reason="mei_wang88 moved")]}
    assert set(erasure.PERSONAL) == {(table, name) for table, name in PERSONAL if table != "contacts"}

    def left():
        tables = ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'orderflow'")
        return [table for (table,) in tables if "mei_wang88" in str(ask(f"SELECT t::text FROM orderflow.{table} AS t"))]

    def come(minute, **fields):
        waits = [refusal(order("A-2", minute=minute, **told, **fields), 0)]
        load(store, refused=waits, raw=[b"{}"], fetched=minute, window_end=EPOCH + timedelta(hours=2))
        load(store, order(minute=minute, **told, **fields), fetched=minute)

    come(0)
    assert {"orders", "quarantine"} <= set(left())
    erase(store, "A-1", "A-2")
    assert left() == []
    come(1, order_status="completed")
    load(store, order("A-2", minute=2, **told), fetched=2)
    assert left() == []
    changed = "SELECT changed FROM orderflow.order_versions WHERE order_id = 'A-1' ORDER BY version DESC LIMIT 1"
    assert ask(changed) == [(["order_status"],)]
    assert sent(store)["A-1"]["refunds"] == [{"refund_id": "R-1"}]


def test_what_a_person_corrects_afterwards_goes_when_the_order_is_erased_again(store, ask):
    held_back(store, 0, 0)
    erase(store, "A-1")
    path = "contacts.1.phone"
    edits.edit(store.connection, store.vault, 1, [Edit(path, "+886912345678")], **ASKED, personal=[path])
    assert erase(store, "A-1") == ([], ["A-1"], [])
    assert ask("SELECT sealed, withdrawn_by FROM orderflow.order_edits") == [(None, "erasure")]


def test_what_a_person_corrects_afterwards_stays_when_no_backup_brought_the_buyer_back(store, ask):
    load(store, order("A-2"))
    held_back(store, 0, 0)
    erase(store, "A-1")
    path = "contacts.1.phone"
    edits.edit(store.connection, store.vault, 1, [Edit(path, "+886912345678")], **ASKED, personal=[path])
    assert erasure.again(store.connection, "shop_tw", ["A-1", "A-2"]) == 1
    assert ask("SELECT withdrawn_by FROM orderflow.order_edits") == [(None,)]


def test_a_dry_run_erases_nothing_and_nobody_erases_without_a_reason(store, ask):
    load(store, order())
    assert erase(store, "A-1", dry_run=True).now == ["A-1"]
    with pytest.raises(ConfigError, match="a decision needs its reason"):
        erasure.erase(store.connection, "shop_tw", ["A-1"], who="mei", why=" ")
    assert ask(CONTACTS) == [("A-1", False, "plain")]


def test_the_story_tells_who_asked_for_it(store):
    load(store, order())
    erase(store, "A-1")
    told = story.tell(store.connection, "shop_tw", "A-1", lookback=timedelta(), settle=timedelta())
    assert [str(fact.detail) for fact in told.facts if fact.what == "buyer's data erased"] == ["by mei: ticket 4711"]
