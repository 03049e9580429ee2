"""What people decided about single orders: edits go in before anything is typed, waivers lower single verdicts."""

import msgspec
import pytest

from good_orders import channel, land, order
from orderflow.domain.decision import Decisions, Edit, Waiver
from orderflow.domain.order import Contact, Order, Refund
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.cleaning.edits import edited
from orderflow.pipeline.validate import validate

SHOP = channel()
ORDER = msgspec.structs.replace(
    order(3),
    contacts=[Contact(role="ship_to", name="王小明", address=["信義路 5", "2F"], postal_code="110")],
    ext={"gift.note": "ja", "b": "2"},
    refunds=[Refund(refund_id="R1", lines=[("3-1", "1")])],
)


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("currency", "JPY", lambda o: o.currency),
        ("currency", None, lambda o: o.currency),
        ("payment_status", None, lambda o: {"unpaid": None}[o.payment_status]),
        ("lines.2.sku", "茶 😀", lambda o: o.lines[1].sku),
        ("lines.2.sku", "x" * 5000, lambda o: o.lines[1].sku),
        ("lines.1.number", "7", lambda o: str(o.lines[0].number)),
        ("contacts.1.postal_code", "\u200f12345", lambda o: o.contacts[0].postal_code),
        ("contacts.1.address.2", "3F", lambda o: o.contacts[0].address[1]),
        ("contacts.1.address.2", None, lambda o: {1: None}[len(o.contacts[0].address)]),
        ("tags.2", "langsam", lambda o: o.tags[1]),
        ("ext.gift.note", "nein", lambda o: o.ext["gift.note"]),
        ("ext.b", None, lambda o: o.ext.get("b")),
        ("refunds.1.lines.1.quantity", "2", lambda o: o.refunds[0].lines[0][1]),
        ("taxes_included", "true", lambda o: {True: "true"}[o.taxes_included]),
    ],
)
def test_an_edit_replaces_exactly_one_value(path, value, read):
    after, changes, misplaced = edited(ORDER, [Edit(path, value)])
    assert read(after) == value
    assert misplaced == []
    assert len(changes) == 1
    assert msgspec.json.decode(msgspec.json.encode(after), type=Order)
    assert edited(after, [Edit(path, value)])[0] == after or value is None


@pytest.mark.parametrize(
    "path",
    ["", "nothing", "order_id", "lines", "lines.0.sku", "lines.3.sku", "lines.x.sku", "lines.1", "lines.1.nothing",
     "currency.1", "tags", "tags.9", "tags.x", "ext", "is_test.x", "refunds.1.lines.9.quantity",
     "refunds.1.lines.1.price", "lines.-1.sku", "lines.1.number.2"],
)  # fmt: skip
def test_an_edit_that_leads_nowhere_is_named_and_changes_nothing(path):
    assert edited(ORDER, [Edit(path, "7")]) == (ORDER, [], [path])


def test_an_edit_of_what_the_channel_says_by_now_is_no_repair():
    assert edited(ORDER, [Edit("lines.1.sku", ORDER.lines[0].sku)]) == (ORDER, [], [])


def cleaned(folder, records, decisions=None, shop=SHOP):
    batch = clean(shop, land(folder, records), decisions=decisions)
    return batch, validate(shop, batch, decisions=decisions)


def table(folder, name):
    return [row for chunk in files.chunks(folder) for row in files.read(folder, name, chunk).to_pylist()]


def test_edits_are_typed_repaired_and_recorded_like_any_value(tmp_path):
    edits = {
        "A3": (Edit("lines.1.unit_price", " 12.50 "), Edit("contacts.1.name", "Zoë  "), Edit("ext.gift.note", None))
    }
    batch, _ = cleaned(tmp_path, [order(1), ORDER, order(2)], Decisions(edits=edits))
    assert batch.repairs["EDITED"] == 3
    recorded = [row for row in table(tmp_path, "repairs") if row["rule"] == "EDITED"]
    assert {(row["order_row"], row["table"], row["position"], row["field"]) for row in recorded} == {
        (1, "lines", 1, "unit_price"), (1, "contacts", 1, "name"), (1, "orders", None, "ext"),
    }  # fmt: skip
    by_field = {row["field"]: row for row in recorded}
    assert by_field["unit_price"]["before"] == ORDER.lines[0].unit_price
    assert by_field["name"]["before"] is None
    assert by_field["ext"]["after_hash"] is None
    assert all(row["before_hash"] != row["after_hash"] for row in recorded)
    (first, _) = [row for row in table(tmp_path, "lines") if row["order_row"] == 1]
    assert first["unit_price"] == 12_500_000
    (person,) = [row for row in table(tmp_path, "contacts") if row["order_row"] == 1]
    assert person["name"] == "Zoë"


@pytest.mark.parametrize("number", ["2147483648", "9" * 30])
def test_a_line_number_that_staging_cannot_hold_refuses_the_order_alone(tmp_path, number):
    _, judged = cleaned(tmp_path, [order(1), ORDER], Decisions(edits={"A3": (Edit("lines.1.number", number),)}))
    assert judged.reasons == {"EDIT_MISPLACED": 1}
    assert judged.counts.accepted == 1


def test_an_edit_that_leads_nowhere_refuses_the_order_and_no_other(tmp_path):
    edits = {"A3": (Edit("lines.9.sku", "x"),), "nobody": (Edit("currency", "EUR"),)}
    _, judged = cleaned(tmp_path, [order(1), ORDER, order(2)], Decisions(edits=edits))
    assert judged.reasons == {"EDIT_MISPLACED": 1}
    (verdict,) = [row for row in table(tmp_path, "verdicts") if row["code"] == "EDIT_MISPLACED"]
    assert (verdict["order_id"], verdict["field"], verdict["severity"]) == ("A3", "lines.9.sku", "refuse")


def test_edits_find_their_order_behind_records_of_wrong_types(tmp_path):
    records = [{"order_id": "W1", "wrong": 7}, order(1), {"order_id": "W1", "wrong": 7}, ORDER]
    batch, _ = cleaned(tmp_path, records, Decisions(edits={"A3": (Edit("order_number", "#neu"),)}))
    assert (batch.counts.cleaned, batch.counts.unreadable) == (2, 2)
    (row,) = [each for each in table(tmp_path, "repairs") if each["rule"] == "EDITED"]
    assert table(tmp_path, "orders")[row["order_row"]]["order_id"] == "A3"


def test_a_waiver_lowers_its_rules_of_its_order_and_content_only(tmp_path):
    broken = [order(number, grand_total="1.00") for number in (1, 2, 3)]
    _, first = cleaned(tmp_path, broken)
    codes = frozenset(first.reasons)
    hashes = {row["order_id"]: row["content_hash"] for row in table(tmp_path, "orders")}
    waived = {"A1": Waiver(codes, hashes["A1"]), "A2": Waiver(codes, b"other"), "A3": Waiver(codes)}
    _, judged = cleaned(tmp_path, broken, Decisions(waived=waived))
    assert (judged.counts.accepted, judged.counts.quarantined) == (2, 1)
    assert {row["order_id"]: row["severity"] for row in table(tmp_path, "verdicts") if row["code"] in codes} == {
        "A1": "warn", "A2": "refuse", "A3": "warn",
    }  # fmt: skip


def test_what_no_channel_can_waive_stays_refused(tmp_path):
    from orderflow.quality.rules import RULES

    never = sorted(code for code, rule in RULES.items() if not rule.waivable)
    bad = order(1, currency=None, lines=[])
    _, first = cleaned(tmp_path, [bad])
    stays = sorted(set(first.reasons) & set(never))
    _, judged = cleaned(tmp_path, [bad], Decisions(waived={"A1": Waiver(frozenset(RULES))}))
    assert sorted(judged.reasons) == stays
    assert judged.counts.quarantined == (1 if stays else 0)


def test_the_counts_of_each_step_add_up_column_by_column(tmp_path):
    records = [
        order(1, tags=[], contacts=[Contact(name=" Zoë ", phone="  ", city="台 北", country="Taiwan")]),
        order(2, contacts=[Contact(name="Ann\u200b", address=["", " a "])]),
        order(3),
    ]
    batch, _ = cleaned(tmp_path, records, Decisions(edits={"A1": (Edit("lines.1.title", None),)}))
    counts = {(each.rule, each.field): (each.before, each.after, each.changed) for each in batch.steps}
    lines = sum(len(each.lines) for each in records)
    assert counts["EDITED", "lines.title"] == (lines, lines - 1, 1)
    names = sum(1 for each in records for person in each.contacts if person.name)
    phones = sum(1 for each in records for person in each.contacts if person.phone)
    assert counts["trimmed", "contacts.phone"] == (phones, phones - 1, 1)
    assert counts["unicode_text", "contacts.name"] == (names, names, 1)
    assert counts["trimmed", "contacts.name"] == (names, names, 1)
    assert counts["countries", "contacts.country"][2] == batch.repairs["countries"]
    assert sum(each.changed for each in batch.steps) == sum(batch.repairs.values())


def test_the_counts_say_how_many_skus_found_their_pair(tmp_path):
    records = [order(number) for number in range(1, 9)]
    shop = channel(clean={"sku": "mapped"})
    skus = {line.sku: f"OMS-{line.sku}" for each in records[:5] for line in each.lines}
    batch = clean(shop, land(tmp_path, records), skus=skus)
    (count,) = [each for each in batch.steps if each.rule == "oms_skus"]
    mapped = sum(line.sku in skus for each in records for line in each.lines)
    assert (count.before, count.after, count.changed) == (16, mapped, mapped)
