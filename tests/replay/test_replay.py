"""Replay on a real PostgreSQL: what was kept is read again by today's code, and newest wins as ever."""

from datetime import datetime, timedelta

import msgspec
import pytest
import shop
from replayed import bad, channel, good, line, repaired, window

from orderflow.domain.errors import ConfigError
from orderflow.pipeline import landing

SHOP = channel()
TODAY = channel(repaired)


def test_a_quarantined_order_leaves_once_the_mapping_is_repaired(world):
    world.pull(SHOP, 0, good("A-1"), bad("訂單-😀"), good("A-2"))
    assert world.waiting()["訂單-😀"][0] == "open"
    batch = world.again(TODAY, quarantined=True)
    assert (batch.counts.fetched, batch.counts.inserted) == (1, 1)
    assert world.staged()["訂單-😀"] == (1, "24.5")
    assert world.waiting()["訂單-😀"][0] == "superseded"


def test_a_replayed_record_keeps_its_origin_and_the_moment_it_was_fetched(world):
    world.pull(SHOP, 0, good("A-1"), good("A-2"), bad("B-1"))
    collected = world.collected(SHOP, quarantined=True)
    (record,) = landing.records(type(world.landing)(collected.batch.landing))
    assert (record.origin, record.fetched_at) == ("/orders?page=1", window(0).end)
    assert msgspec.json.decode(record.data)["order_id"] == "B-1"
    assert collected.batch.purpose == "replay"


def test_a_replay_proves_no_window_and_is_recorded_beside_them(world):
    world.pull(SHOP, 0, bad("B-1"))
    world.again(TODAY, quarantined=True)
    assert world.ask("SELECT count(*) FROM orderflow.windows") == [(1,)]
    assert world.ask("SELECT purpose, counts ->> 'inserted' FROM orderflow.extra_batches") == [("replay", "1")]


def test_an_old_raw_version_never_overwrites_a_newer_staged_one(world):
    world.pull(SHOP, 0, good("A-1", 1))
    world.pull(SHOP, 1, good("A-1", 61, tags=["newer"]))
    before = world.ask("SELECT version, document::text, fetched_at FROM orderflow.orders")
    batch = world.again(SHOP, window=window(0))
    assert (batch.counts.stale, batch.counts.updated) == (1, 0)
    assert world.ask("SELECT version, document::text, fetched_at FROM orderflow.orders") == before


def test_todays_code_makes_a_new_version_of_the_same_record_and_a_second_replay_none(world):
    world.pull(SHOP, 0, good("A-1", 1), good("A-2", 1))

    def retitled(raw, options):
        mapped = shop.to_order(raw, options)
        return msgspec.structs.replace(mapped, lines=[line(title="新しい名前")])

    today = channel(retitled)
    batch = world.again(today, window=window(0))
    assert batch.counts.updated == 2
    assert world.ask("SELECT DISTINCT title FROM orderflow.order_lines") == [("新しい名前",)]
    assert world.ask("SELECT min(version), count(*) FROM orderflow.outbox") == [(2, 2)]
    again = world.again(today, window=window(0))
    assert (again.counts.unchanged, again.counts.updated) == (2, 0)


@pytest.mark.parametrize("hours", [-8, 0.5])
def test_the_same_record_wins_whatever_time_todays_code_reads_in_it(world, hours):
    world.pull(SHOP, 0, good("A-1", 1))

    def moved(raw, options):
        mapped = shop.to_order(raw, options)
        return msgspec.structs.replace(mapped, channel_updated_at=_later(mapped.channel_updated_at, hours), tags=["x"])

    today = channel(moved)
    assert world.again(today, order_ids=("A-1",)).counts.updated == 1
    assert world.again(today, order_ids=("A-1",)).counts.unchanged == 1
    assert world.staged()["A-1"][0] == 2


def _later(text, hours):
    return (datetime.fromisoformat(text) + timedelta(hours=hours)).isoformat()


def test_sealed_copies_stand_in_for_raw_files_that_expired(world):
    world.pull(SHOP, 0, good("A-1"), bad("B-1"), b'{"order_id": "B-2", "lines": 7}')
    world.expire(0)
    batch = world.again(TODAY, quarantined=True)
    assert batch.counts.fetched == 2
    assert world.staged()["B-1"] == (1, "24.5")
    assert world.waiting()["B-2"][0] == "open"
    assert world.ask("SELECT fetched_at FROM orderflow.orders WHERE order_id = 'B-1'") == [(window(0).end,)]


def test_orders_without_a_raw_record_are_named(world):
    world.pull(SHOP, 0, good("A-1"), good("A-2"), bad("B-1"))
    world.expire(0)
    collected = world.collected(SHOP, window=window(0))
    assert sorted(each.order_id for each in collected.missing) == ["A-1", "A-2"]
    assert collected.batch.counts.fetched == 1
    assert "2 orders have no raw record any more" in collected.batch.notes


def test_sealed_copies_stand_in_for_a_damaged_landing_folder(world):
    batch = world.pull(SHOP, 0, bad("B-1"))
    (file,) = type(world.landing)(batch.landing).glob(landing.RAW)
    file.write_bytes(file.read_bytes()[:-20])
    assert world.again(TODAY, quarantined=True).counts.inserted == 1


def test_a_record_that_named_no_order_leaves_quarantine_as_the_order_it_is(world):
    nameless = channel(order_id=lambda raw: None)
    world.pull(nameless, 0, b'{"id": "C-1", "status": 7}', good("A-1"))
    (subject,) = world.waiting()
    assert subject.startswith("sha256:")

    def understood(raw, options):
        return good(raw["id"]) if "id" in raw else shop.to_order(raw, options)

    world.again(channel(understood), quarantined=True)
    assert world.waiting()[subject][0] == "superseded"
    assert "C-1" in world.staged()


def test_a_record_that_names_its_order_now_waits_as_that_order_only(world):
    nameless = channel(order_id=lambda raw: None)
    world.pull(nameless, 0, b'{"id": "C-1", "status": 7}')
    (subject,) = world.waiting()

    def half_understood(raw, options):
        return bad(raw["id"])

    world.again(channel(half_understood), quarantined=True)
    assert {name: state for name, (state, _) in world.waiting().items()} == {subject: "superseded", "C-1": "open"}


def test_only_the_chosen_orders_are_read_again(world):
    world.pull(SHOP, 0, bad("B-1"), bad("B-2", currency="XXX1"), bad("B-3", lines=[line(sku="茶 S")]), good("A-1"))
    rows = dict(world.ask("SELECT order_id, id FROM orderflow.quarantine"))
    chosen = {
        "reason": {"quarantined": True, "code": world.waiting()["B-2"][1][0]},
        "sku": {"quarantined": True, "sku": "茶 S"},
        "ids": {"order_ids": ("A-1", "B-1")},
        "rows": {"rows": (rows["B-2"],)},
        "window": {"window": window(0)},
    }
    found = {
        name: sorted(
            msgspec.json.decode(each.data)["order_id"]
            for each in landing.records(type(world.landing)(world.collected(SHOP, **choice).batch.landing))
        )
        for name, choice in chosen.items()
    }
    assert found == {
        "reason": ["B-2"],
        "sku": ["B-3"],
        "ids": ["A-1", "B-1"],
        "rows": ["B-2"],
        "window": ["A-1", "B-1", "B-2", "B-3"],
    }


def test_an_order_is_read_again_from_what_waits_of_it_else_from_what_is_staged(world):
    world.pull(SHOP, 0, good("A-1", 1))
    world.pull(SHOP, 1, bad("A-1", 61))
    batch = world.again(TODAY, order_ids=("A-1",))
    assert (batch.counts.fetched, batch.counts.updated + batch.counts.unchanged) == (1, 1)
    assert world.waiting()["A-1"][0] == "superseded"


def test_choosing_nothing_says_what_to_do(world):
    with pytest.raises(ConfigError, match="nothing of it is staged or waits"):
        world.collected(SHOP, order_ids=("nobody",))


def test_raw_evidence_of_an_earlier_replay_is_never_overwritten(world):
    world.pull(SHOP, 0, bad("B-1"), bad("B-2"))
    first = world.again(TODAY, rows=(world.ask("SELECT id FROM orderflow.quarantine WHERE order_id = 'B-1'")[0][0],))
    second = world.again(TODAY, quarantined=True)
    assert first.landing != second.landing
    for folder, order_id in ((first.landing, "B-1"), (second.landing, "B-2")):
        assert world.ask("SELECT landing FROM orderflow.orders WHERE order_id = %s", order_id) == [(folder,)]
        (record,) = landing.records(type(world.landing)(folder))
        assert msgspec.json.decode(record.data)["order_id"] == order_id
