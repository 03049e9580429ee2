"""The whole stage: what clean leaves in the landing zone, what it counts, and that nothing is lost."""

import json
from datetime import timedelta

import msgspec
import pytest

import good_orders
from good_orders import FETCHED, channel, land, order
from orderflow.domain.errors import BalanceError, ConfigError, RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Adapter, Limits, Options, Page
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files, mapped
from orderflow.pipeline.validate import validate
from orderflow.quality.profile import Profile


@pytest.fixture(params=[1, 3, 1000], ids=lambda size: f"chunks of {size}")
def chunk_size(request, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK_ORDERS", request.param)
    monkeypatch.setattr(mapped, "STRIP_ORDERS", 2)
    return request.param


def rows(folder, name):
    """All rows of a table, with the order id in place of the order's row."""
    found = []
    for chunk in files.chunks(folder):
        ids = files.read(folder, "orders", chunk)["order_id"].to_pylist()
        table = files.read(folder, name, chunk).to_pylist()
        found += [row | {"order_row": ids[row["order_row"]]} if "order_row" in row else row for row in table]
    return found


def record(**raw):
    return json.dumps(raw).encode()


def test_orders_lie_in_arrow_files_with_their_evidence(tmp_path, chunk_size):
    batch = clean(channel(), land(tmp_path, [order(number) for number in range(1, 8)], page=2))
    assert (batch.counts.cleaned, batch.counts.duplicates, batch.counts.unreadable) == (7, 0, 0)
    orders = rows(tmp_path, "orders")
    assert [each["order_id"] for each in orders] == [f"A{number}" for number in range(1, 8)]
    assert [each["ordinal"] for each in orders] == list(range(7))
    assert [each["page_origin"] for each in orders][:3] == ["/orders?page=0", "/orders?page=0", "/orders?page=1"]
    assert {each["fetched_at"] for each in orders} == {FETCHED}
    assert {len(each["content_hash"]) for each in orders} == {32}
    lines = rows(tmp_path, "lines")
    assert [(line["order_row"], line["position"]) for line in lines[:4]] == [("A1", 1), ("A1", 2), ("A2", 1), ("A2", 2)]
    document = msgspec.json.decode(orders[0]["document"], type=Order)
    assert document.contacts == []
    assert document.lines[0].oms_sku == document.lines[0].sku


def test_a_record_that_gives_no_order_is_kept_with_its_reason_and_stops_nobody(tmp_path, chunk_size):
    records = [
        order(1),
        b"not json",
        b"[1, 2]",
        b'{"order_id": "\\ud800"}',
        record(refuse="STATUS_UNKNOWN", value="ＰＡＩＤ"),
        record(crash="Anna Öberg"),
        record(wrong=5),
        record(order_id=" "),
        record(order_id="a\x00b"),
        order(2),
    ]
    batch = clean(channel(), land(tmp_path, records))
    assert batch.counts.cleaned == 2
    assert batch.counts.unreadable == 8
    assert batch.reasons == {
        "ORDER_ID_MISSING": 2,
        "RECORD_MALFORMED": 3,
        "MAPPING_FAILED": 1,
        "STATUS_UNKNOWN": 1,
        "TYPE_WRONG": 1,
    }
    found = {each["ordinal"]: each for each in rows(tmp_path, "unreadable")}
    assert found[4]["value"] == "ＰＡＩＤ"
    assert found[5]["message"].startswith("the mapping failed: KeyError in tests/good_orders.py, line ")
    assert "Anna" not in str(found[5])
    assert (found[6]["order_id"], found[6]["field"]) == ("W1", "order_number")
    assert "Expected `str | null`, got `int`" in found[6]["message"]


def test_a_mapping_that_returns_no_order_is_told_so(tmp_path):
    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=lambda raw, options: raw)
    batch = clean(channel(adapter=adapter), land(tmp_path, [order(1)]))
    assert batch.reasons == {"MAPPING_FAILED": 1}
    (found,) = files.read(tmp_path, "unreadable", 0).to_pylist()
    assert found["message"] == "the mapping returned a dict, not an Order"


def test_a_refusal_keeps_only_the_beginning_of_a_long_value(tmp_path):
    clean(channel(), land(tmp_path, [record(refuse="RAW_SHAPE", value="茶" * 5000)]))
    (found,) = files.read(tmp_path, "unreadable", 0).to_pylist()
    assert found["value"] == "茶" * 200


def newer(number, minutes, **changes):
    moment = FETCHED - timedelta(minutes=50 - minutes)
    return order(number, channel_updated_at=moment.isoformat(), **changes)


def test_the_newest_version_of_an_order_wins_wherever_it_stands(tmp_path, chunk_size):
    versions = [newer(1, 3, tags=["new"]), order(2), newer(1, 1), newer(1, 2), order(3), newer(1, 3, tags=["new"])]
    batch = clean(channel(), land(tmp_path, versions))
    assert (batch.counts.cleaned, batch.counts.duplicates) == (3, 3)
    orders = {each["order_id"]: each for each in rows(tmp_path, "orders")}
    assert orders["A1"]["tags"] == ["new"]
    assert orders["A1"]["ordinal"] == 5
    for table in ("lines", "charges", "contacts", "payments", "repairs"):
        assert {row["order_row"] for row in rows(tmp_path, table)} == {"A1", "A2", "A3"}
    assert len(rows(tmp_path, "lines")) == 6


def test_of_versions_with_one_modified_time_the_one_fetched_later_wins(tmp_path, chunk_size):
    early, late = order(1, fulfilment_status="shipped"), order(1)
    with landing.Writer(tmp_path) as writer:
        writer.write(Page([msgspec.json.encode(late)], "/late"), FETCHED)
        writer.write(Page([msgspec.json.encode(order(2))], "/other"), FETCHED)
        writer.write(Page([msgspec.json.encode(early)], "/early"), FETCHED - timedelta(seconds=1))
    batch = land(tmp_path / "other", [late, order(2), early])
    batch = msgspec.structs.replace(batch, landing=str(tmp_path))
    clean(channel(), batch)
    assert {each["order_id"]: each["page_origin"] for each in rows(tmp_path, "orders")} == {
        "A1": "/late",
        "A2": "/other",
    }


def test_a_version_without_a_modified_time_is_the_oldest(tmp_path, chunk_size):
    clean(channel(), land(tmp_path, [newer(1, 1, tags=["dated"]), order(1, channel_updated_at=None)]))
    assert [each["tags"] for each in rows(tmp_path, "orders")] == [["dated"]]


def test_problems_and_repairs_of_older_versions_leave_with_them(tmp_path, chunk_size):
    clean(channel(), land(tmp_path, [newer(1, 1, tax_total="x"), newer(1, 2), order(2, tax_total="y")]))
    assert [(each["order_row"], each["value"]) for each in rows(tmp_path, "problems")] == [("A2", "y")]


def test_cleaning_again_leaves_the_same_files(tmp_path):
    batch = land(tmp_path, [order(number) for number in range(1, 20)])
    once = clean(channel(), batch)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "orders-00007.arrow").write_bytes(b"left by an attempt with more chunks")
    (tmp_path / "verdicts-00000.arrow").write_bytes(b"judged before")
    again = clean(channel(), once)
    assert again.seconds["clean"] > 0
    assert msgspec.structs.replace(again, seconds=once.seconds) == once
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_empty_batch_is_cleaned_too(tmp_path):
    batch = clean(channel(), land(tmp_path, []))
    assert batch.counts.cleaned == 0
    assert list(files.chunks(tmp_path)) == []
    assert Profile.from_json((tmp_path / "profile.json").read_bytes()).records == 0


def test_a_batch_of_nothing_but_unreadable_records_is_cleaned_too(tmp_path):
    batch = clean(channel(), land(tmp_path, [b"x", b"y"]))
    assert batch.counts.unreadable == 2
    assert len(files.read(tmp_path, "orders", 0)) == 0


def test_records_that_are_gone_from_the_landing_zone_break_the_balance(tmp_path):
    batch = land(tmp_path, [order(1), order(2)])
    with pytest.raises(BalanceError, match="clean took 3 orders but gave 2"):
        clean(channel(), batch.counted(fetched=3))


def test_a_batch_whose_clean_files_are_gone_is_not_judged(tmp_path):
    batch = clean(channel(), land(tmp_path, [order(1), order(2)]))
    files.clear(tmp_path, files.CLEANED)
    with pytest.raises(BalanceError, match="clean counted 2 orders, but its files are gone"):
        validate(channel(), batch)


def test_a_lookup_of_an_unknown_field_stops_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match=r"shop_tw: clean\.lookups: no field 'colour' can be looked up"):
        clean(channel(clean={"lookups": {"colour": {"red": "RED"}}}), land(tmp_path, [order(1)]))


def test_repairs_are_counted_by_rule_and_kept_by_order(tmp_path, chunk_size):
    batch = clean(channel(), land(tmp_path, [order(1), order(2, currency="eur"), order(1)]))
    assert batch.repairs == {"countries": 3, "phones": 3, "postal_codes": 3, "currencies": 1}
    assert {(each["order_row"], each["rule"]) for each in rows(tmp_path, "repairs")} == {
        ("A1", "countries"),
        ("A1", "phones"),
        ("A1", "postal_codes"),
        ("A2", "countries"),
        ("A2", "phones"),
        ("A2", "postal_codes"),
        ("A2", "currencies"),
    }


def test_times_in_other_zones_become_utc_and_their_spelling_is_kept(tmp_path):
    clean(channel(), land(tmp_path, [order(1, placed_at="2026-03-01T18:00:00+08:00", paid_at="2026-03-01 18:00:00")]))
    (cleaned,) = rows(tmp_path, "orders")
    assert cleaned["placed_at"] == cleaned["paid_at"] == FETCHED - timedelta(hours=2)
    found = {each["field"]: each["before"] for each in rows(tmp_path, "repairs") if each["rule"] == "times_to_utc"}
    assert found == {"placed_at": "2026-03-01T18:00:00+08:00", "paid_at": "2026-03-01 18:00:00"}


def test_progress_is_told_after_every_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK_ORDERS", 4)
    told = []
    clean(
        channel(), land(tmp_path, [order(number) for number in range(10)]), progress=lambda *told_: told.append(told_)
    )
    assert told == [("clean", 4, 10), ("clean", 8, 10), ("clean", 10, 10)]


def test_a_chunk_of_large_records_is_cut_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK_BYTES", 5_000)
    clean(channel(), land(tmp_path, [order(number, tags=["x" * 3000]) for number in range(4)]))
    assert list(files.chunks(tmp_path)) == [0, 1]


def test_numbers_reach_the_mapping_exactly_as_the_channel_spelled_them(tmp_path):
    seen = []

    def to_order(raw, options):
        seen.append(raw["amount"])
        raise RecordError("RAW_SHAPE", "amount", None, "seen")

    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=to_order)
    records = [
        b'{"amount": 24.50}',
        b'{"amount": 0.1000000000000000055511151231257827}',
        b'{"amount": 12345678901234567890}',
    ]
    clean(channel(adapter=adapter), land(tmp_path, records))
    assert seen == ["24.50", "0.1000000000000000055511151231257827", 12345678901234567890]


def test_the_shop_of_these_tests_speaks_its_own_language():
    assert good_orders.unmapped(msgspec.json.decode(msgspec.json.encode(order(5))), Options()) == order(5)
