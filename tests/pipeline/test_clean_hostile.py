"""An order is cleaned or refused by itself, whatever stands in it: no batch stops, no neighbour changes."""

import random
from dataclasses import replace

import msgspec
import pytest

from good_orders import ADAPTER, channel, land, order, shipment, with_part
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order, Refund
from orderflow.pipeline import frames as fr
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files, mapped
from orderflow.pipeline.cleaning.places import country
from orderflow.quality.profile import Sampler
from orderflow.quality.raw_view import masked_raw

VALUES = [
    None, "", " x ", "a\0b", "1e-1000", "1e2", "9" * 400, "9999-12-31T23:59:59", "0001-01-01T00:00:00", "\ud800",
    0, 5, -1, 2**70, 1.5, float("nan"), True, [], [None], ["x", None, " "], [5], {}, {"a": {}}, {"a": 5}, [("x", None)],
    [("x", "1", "2")], ["xy"], b"\xff", "\x1f", "SE", "x" * 3000,
]  # fmt: skip
PLACES = [(table, field.name) for table, fields in fr.FIELDS.items() for field in fields if field.kind != "id"]
GOOD = 1_000_000
"""Orders from this number on are good."""


def spoilt(raw, _):
    """An order in which a value stands that no field, or not this one, can hold."""
    number = raw["n"]
    good = order(number)
    refund = Refund(refund_id="R1", amount="1", at=good.paid_at, lines=[(good.lines[0].line_id, "1")])
    good = msgspec.structs.replace(good, shipments=[shipment(good)], refunds=[refund], tags=["gift"])
    if number >= GOOD:
        return good
    (table, field), value = PLACES[number % len(PLACES)], random.Random(number).choice(VALUES)
    return (
        msgspec.structs.replace(good, **{field: value})
        if table == "orders"
        else with_part(good, table, **{field: value})
    )


def cleaned(folder, records, to_order, timezone="America/New_York"):
    """What became of each record: its document and contacts, or the rule that it breaks, and where."""
    limits = replace(ADAPTER.limits, timezone=timezone)
    batch = clean(channel(adapter=replace(ADAPTER, to_order=to_order, limits=limits)), land(folder, records))
    found = {}
    for chunk in files.chunks(folder):
        for row in files.read(folder, "orders", chunk, columns=["ordinal", "document", "contacts"]).to_pylist():
            found[row["ordinal"]] = row["document"], row["contacts"]
        for row in files.read(folder, "unreadable", chunk).to_pylist():
            found[row["ordinal"]] = row["code"], row["field"]
    assert len(found) == len(records) == batch.counts.cleaned + batch.counts.unreadable
    return [found[ordinal] for ordinal in range(len(records))]


def test_any_value_in_any_field_is_that_orders_own_and_chunks_do_not_matter(tmp_path, monkeypatch):
    numbers = [number if number % 9 else GOOD + number for number in range(2 * len(PLACES))]
    records = [b'{"n": %d}' % number for number in numbers]
    found = cleaned(tmp_path, records, spoilt)
    monkeypatch.setattr(mapped, "STRIP_ORDERS", 7)
    monkeypatch.setattr(mapped, "CHUNK_ORDERS", 91)
    assert cleaned(tmp_path, records, spoilt) == found
    good = [place for place, number in enumerate(numbers) if number >= GOOD]
    assert cleaned(tmp_path, [records[place] for place in good], spoilt) == [found[place] for place in good]
    for document, contacts in found:
        if isinstance(document, bytes) and b'"ext"' not in document:
            assert msgspec.json.encode(msgspec.json.decode(document, type=Order)) == document
            msgspec.json.decode(contacts, type=list[dict])


def test_nothing_in_a_list_is_an_empty_text(tmp_path):
    def tagged(raw, _):
        return order(raw["n"], tags=[["a", None], [" b "], None, ""][raw["n"]], hold_reasons=[])

    found = cleaned(tmp_path, [b'{"n": %d}' % number for number in range(4)], tagged)
    assert [msgspec.json.decode(document, type=Order).tags for document, _ in found] == [["a"], ["b"], [], []]


@pytest.mark.parametrize("status", [{"state": {}}, {"state": 5}, "paid", ["paid"]])
def test_a_status_that_is_no_text_refuses_its_order_alone(tmp_path, status):
    def stated(raw, _):
        return order(raw["n"], raw_status=status) if raw["n"] else order(0)

    (good, _), (code, field) = cleaned(tmp_path, [b'{"n": 0}', b'{"n": 1}'], stated)
    assert code == "TYPE_WRONG"
    assert field.startswith("raw_status")
    assert good.startswith(b'{"order_id":"A0"')


def test_a_refusal_that_names_its_field_by_a_number_refuses_that_record_alone(tmp_path):
    def refused(raw, _):
        if raw["n"]:
            raise RecordError("CODE_UNKNOWN", 7, {"a": 1}, "known: none")
        return order(0)

    assert cleaned(tmp_path, [b'{"n": 0}', b'{"n": 1}'], refused)[1] == ("CODE_UNKNOWN", "7")


@pytest.mark.parametrize("number", [b"1" + b"0" * 5000, b"-" + b"9" * 5000])
def test_a_number_that_no_mapping_looks_at_may_be_of_any_size(number):
    sampler = Sampler(1)
    sampler.see(0, b'{"id": 1, "plugin": %s}' % number)
    assert sampler.profile().records == 0


@pytest.mark.parametrize("number", ["1e1000000", "1E-1000000", "1e999999999"])
def test_a_raw_record_is_shown_whatever_its_numbers(number):
    assert masked_raw(b'{"total": %s}' % number.encode(), {"grand_total": "5"}) != {"total": number}


def test_a_country_is_looked_up_at_once_however_long_it_is():
    text = "a" + " " * 100_000 + "b"
    assert country(text) == text
    assert country("Virgin Islands (British) (VG)") == "VG"
