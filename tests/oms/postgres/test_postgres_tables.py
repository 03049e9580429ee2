"""Orders into an OMS's own tables: each once and whole, one refusal alone."""

from __future__ import annotations

from typing import Any

import pytest
from orders import CHANNEL, line, person, settle, submission
from postgres_target import TABLE, opened, rows

from orderflow.domain.order import Charge


def test_an_order_fills_its_row_and_its_lines_with_every_script_intact(tables: str) -> None:
    target = opened(tables, table=TABLE)
    lines = [line(1), line(2, "SKU-002", "0.5", "1.000001")]
    sent = submission(1, lines=lines, tags=["急", "عاجل"], grand_total="35.50")

    (receipt,) = settle(target, sent)

    found = rows(tables, "select id::text, \"Total €\"::text, city, tags, payload ->> 'key', touched from oms.orders")
    assert receipt.reason is None
    assert found == [(receipt.oms_id, "35.50", "臺北市", ["急", "عاجل"], sent.key, 0)]
    assert rows(tables, "select position, title, amount::text from oms.order_lines order by 1") == [
        (1, lines[0].title, "30"),
        (2, lines[1].title, "1.000001"),
    ]
    held = target.look_up(CHANNEL, ["24-00001", "no such"])["24-00001"]
    assert (held.oms_id, held.key, held.version, held.status) == (receipt.oms_id, sent.key, 1, "open")
    assert (held.total, held.currency, held.lines) == ("35.5", "EUR", 2)


def test_the_same_version_again_touches_nothing_and_an_older_one_neither(tables: str) -> None:
    target = opened(tables, table=TABLE)
    settle(target, submission(1, 2, lines=[line(1), line(2, "SKU-002")]))

    again, late = settle(target, submission(1, 2), submission(1, 1, lines=[]))

    assert again.outcome == late.outcome == "accepted"
    assert again.oms_id == late.oms_id
    assert rows(tables, "select version, touched from oms.orders") == [(2, 0)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(2,)]


def test_what_was_accepted_is_kept_though_the_oms_is_set_to_lose_it(tables: str) -> None:
    rows(tables, "alter table oms.orders add kept text default current_setting('synchronous_commit')")
    for number, setting in enumerate(["off", "local", "remote_apply"], 1):
        settle(opened(f"{tables}&options=-csynchronous_commit%3D{setting}", table=TABLE), submission(number))
    assert rows(tables, "select kept from oms.orders order by id") == [("on",), ("on",), ("remote_apply",)]


def test_a_version_that_comes_while_the_oms_works_on_the_order_says_so(tables: str) -> None:
    rows(tables, "alter table oms.orders add column handling text")
    target = opened(tables, table={**TABLE, "state": "handling"}, stages={"verpackt": "picking", "已发货": "shipped"})
    (first,) = settle(target, submission(1))
    rows(tables, "update oms.orders set handling = '已发货'")

    (second,) = settle(target, submission(1, 2, order_status="cancelled"))
    (again,) = settle(target, submission(1, 2, order_status="cancelled"))

    assert [each.outcome for each in (first, second, again)] == ["accepted"] * 3
    assert [each.stage for each in (first, second, again)] == [None, "shipped", None]


def test_a_newer_version_replaces_the_lines_exactly(tables: str) -> None:
    target = opened(tables, table=TABLE)
    (first,) = settle(target, submission(1, lines=[line(1), line(2, "SKU-002"), line(3, "SKU-003")]))

    (second,) = settle(target, submission(1, 2, lines=[line(2, "SKU-004", "1", "7")], order_status="cancelled"))

    assert second.oms_id == first.oms_id
    assert rows(tables, "select position, sku from oms.order_lines") == [(2, "SKU-004")]
    assert target.look_up(CHANNEL, ["24-00001"])["24-00001"].status == "cancelled"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"grand_total": "1000000"}, "check constraint"),
        ({"grand_total": "abc"}, "invalid input syntax"),
        ({"grand_total": None}, "null value in column"),
        ({"contacts": [person(city="長" * 41)]}, "value too long"),
        ({"lines": [line(1), line(1)]}, "duplicate key"),
        ({"lines": [line(1, "NOPE")]}, "violates foreign key constraint"),
        ({"order_number": "a\0b"}, "unsupported Unicode escape sequence"),
        ({"contacts": [person(city="a\0b")]}, "NUL"),
    ],
)
def test_a_refused_order_goes_back_alone_with_the_databases_words(
    tables: str, fields: dict[str, Any], told: str
) -> None:
    before, refused, after = settle(opened(tables, table=TABLE), submission(1), submission(2, **fields), submission(3))

    assert [each.outcome for each in (before, refused, after)] == ["accepted", "refused", "accepted"]
    assert told in (refused.reason or "")
    assert refused.oms_id is None
    assert rows(tables, 'select "external ID" from oms.orders order by 1') == [("24-00001",), ("24-00003",)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(2,)]


def test_reasons_hold_no_values_of_the_buyer(tables: str) -> None:
    mapped = {**TABLE, "columns": {**TABLE["columns"], "touched": "ship_to.name"}}

    (receipt,) = settle(opened(tables, table=mapped), submission(1, contacts=[person(name="فاطمة 王小明")]))

    assert receipt.outcome == "refused"
    assert "فاطمة" not in (receipt.reason or "")
    assert "王小明" not in (receipt.reason or "")


def test_charges_and_contacts_can_be_mapped_to_tables_of_their_own(tables: str) -> None:
    rows(
        tables,
        "create table oms.charges (o bigint, kind text, amount numeric);"
        "create table oms.people (o bigint, role text, lines jsonb)",
    )
    parts = {
        "charges": {"name": "oms.charges", "link": "o", "columns": {"kind": "kind", "amount": "total"}},
        "contacts": {"name": "oms.people", "link": "o", "columns": {"role": "role", "lines": "address"}},
    }
    target = opened(tables, table={**TABLE, "parts": parts})

    settle(target, submission(1, charges=[Charge(kind="cod", total="2")]))
    settle(target, submission(1, 2, charges=[]))

    assert rows(tables, "select count(*) from oms.charges") == [(0,)]
    assert rows(tables, "select role, lines ->> 1 from oms.people") == [("ship_to", "شقة 4")]


@pytest.mark.parametrize("moment", ["INSERT", "UPDATE"])
def test_a_row_that_a_trigger_drops_without_a_word_is_never_taken_for_accepted(tables: str, moment: str) -> None:
    rows(tables, "CREATE FUNCTION oms.drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    rows(tables, f"CREATE TRIGGER last BEFORE {moment} ON oms.orders FOR EACH ROW EXECUTE FUNCTION oms.drop_it()")
    target = opened(tables, table=TABLE)
    outcomes = [settle(target, submission(1, version))[0] for version in (1, 2)]

    assert outcomes[1].outcome == "refused"
    assert "dropped it without a word" in (outcomes[1].reason or "")
    assert (outcomes[0].outcome == "refused") == (moment == "INSERT")
