"""Magento's mapping: composed products, states, people, and what cannot be read."""

import pytest
from magento_orders import left, mapped, money, only, row, sample

from orderflow.adapters.magento import Options
from orderflow.adapters.magento.stubs import stub
from orderflow.domain.errors import RecordError


@pytest.fixture
def raw():
    return sample()


def test_a_chosen_variant_is_no_line_of_its_own_even_where_it_repeats_the_price(raw):
    first, variant, _ = raw["order"]["items"]
    variant |= {name: first[name] for name in first if name.endswith(("price", "row_total", "tax_amount"))}
    order = mapped(raw)
    assert [(line.line_id, line.variant_id, line.quantity) for line in order.lines] == [
        ("11", "112", "2"),
        ("13", None, "1"),
    ]
    assert left(order) == 0


def test_what_plugins_put_together_keeps_all_of_its_parts(raw):
    kit = row(1, product_type="kit", **money("100", "25"))
    parts = [row(2, parent_item_id=1), row(3, parent_item_id=1, product_type="configurable"), row(4, parent_item_id=3)]
    record = only(raw, kit, *parts, grand="125", tax="25")
    order = mapped(record)
    assert [(line.line_id, line.kind, line.parent_line_id, line.variant_id) for line in order.lines] == [
        ("1", "bundle_parent", None, None), ("2", "bundle_child", "1", None), ("3", "bundle_child", "1", "904"),
    ]  # fmt: skip
    assert left(order) == left(order, "shop_") == 0
    assert stub(record["order"], Options()).lines == len(order.lines)


def test_a_row_that_is_a_part_of_itself_does_not_vanish(raw):
    with pytest.raises(RecordError, match="no row is a part of itself"):
        mapped(only(raw, row(1, **money("100", "25")), row(2, parent_item_id=2), grand="125", tax="25"))


@pytest.mark.parametrize(
    ("whole", "parts", "status"),
    [
        (1, (0, 0), "partial"), (2, (0, 0), "shipped"), (1, (2, 2), "partial"), (2, (4, 2), "shipped"),
        (0, (4, 0), "partial"), (0, (4, 2), "shipped"), (0, (0, 0), "unfulfilled"),
    ],
)  # fmt: skip
def test_a_bundle_is_sent_as_a_whole_or_by_its_parts(raw, whole, parts, status):
    bundle = row(1, product_type="bundle", **{**money("100", "25"), "qty_ordered": 2, "qty_shipped": whole})
    below = [
        row(number, parent_item_id=1, qty_ordered=ordered, qty_shipped=sent)
        for number, ordered, sent in zip((2, 3), (4, 2), parts, strict=True)
    ]
    download = row(4, product_type="downloadable")
    assert mapped(only(raw, bundle, *below, download, grand="125", tax="25")).fulfilment_status == status


@pytest.mark.parametrize(
    ("state", "more", "ours"),
    [
        ("new", {}, "pending"),
        ("new", {"method": "cashondelivery"}, "open"),
        ("pending_payment", {}, "pending"),
        ("processing", {}, "open"),
        ("processing", {"status": "fraud"}, "on_hold"),
        ("processing", {"status": "awaiting_stock"}, "on_hold"),
        ("complete", {}, "completed"),
        ("closed", {}, "cancelled"),
        ("closed", {"qty_shipped": 1}, "completed"),
        ("canceled", {}, "cancelled"),
        ("holded", {}, "on_hold"),
        ("payment_review", {"status": "payment_review"}, "on_hold"),
    ],
)
def test_each_state_has_its_meaning(raw, state, more, ours):
    raw["order"] |= {"state": state, "status": more.get("status", "ours")}
    raw["order"]["payment"]["method"] = more.get("method", "checkmo")
    raw["order"]["items"][0]["qty_shipped"] = more.get("qty_shipped", 0)
    assert mapped(raw, statuses={"awaiting_stock": "on_hold"}).order_status == ours


def test_an_unpaid_order_is_told_from_one_that_pays_on_delivery(raw):
    for name in ("total_paid", "base_total_paid"):
        del raw["order"][name]
    raw["order"]["payment"] = {"method": "checkmo"}
    assert mapped(raw).payment_status == "unpaid"
    assert mapped(raw).paid_at is None
    raw["order"]["payment"] = {"method": "cashondelivery"}
    assert mapped(raw).payment_status == "cod_due"
    raw["order"]["payment"] = {"method": "card", "amount_authorized": "1711.2"}
    assert mapped(raw).payment_status == "authorized"


def test_an_order_made_from_another_names_it(raw):
    raw["order"]["relation_parent_id"] = 2
    assert mapped(raw).parent_id == "2"


def test_a_buyer_without_addresses_is_a_contact(raw):
    raw["order"]["extension_attributes"]["shipping_assignments"] = []
    del raw["order"]["billing_address"]
    contact = mapped(raw).contacts[0]
    assert (contact.role, contact.name, contact.email) == ("sold_to", "Zoë Łukasiewicz-Nuñez", "zoe@example.test")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"state": "teleported"}, "STATUS_UNKNOWN", "state"),
        ({"state": None}, "STATUS_UNKNOWN", "state"),
        ({"grand_total": None}, "AMOUNT_MISSING", "grand_total"),
        ({"tax_amount": "٣٤"}, "AMOUNT_MALFORMED", "tax_amount"),
        ({"items": "none"}, "RAW_SHAPE", "order"),
    ],
)
def test_what_cannot_be_read_says_where(raw, change, code, field):
    raw["order"] |= change
    with pytest.raises(RecordError) as caught:
        mapped(raw)
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize("name", ["creditmemos", "shipments"])
def test_details_that_did_not_come_are_missed(raw, name):
    with pytest.raises(RecordError, match="DETAIL_MISSING"):
        mapped(raw | {name: None})
