"""Shopify: filters in whole seconds, tokens, lists inside of orders, and money that balances whatever happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_server import Time, account
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orderflow import adapters
from orderflow.adapters.shopify import LIMITS, Options
from orderflow.domain.errors import ConfigError, RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import ById, Countable, Counting, Secret
from orderflow.domain.window import Window

ADAPTER = adapters.find("shopify")
PAGE = json.loads((Path(__file__).parents[1] / "contract/cases/shopify/one_page/page.json").read_text())
HOUR = Window(datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC))


def order() -> dict[str, Any]:
    return json.loads(json.dumps(PAGE["data"]["orders"]["edges"][0]["node"]))


class Platform:
    """Answers by what a query asks for; keeps the variables of every query."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth/access_token"):
            self.asked.append(("token", {}, None))
            return httpx.Response(200, json={"access_token": f"t{len(self.asked)}", "expires_in": 86399})
        said = json.loads(request.content)
        name = said["query"].split("(")[0].split()[1]
        self.asked.append((name, said["variables"], request.headers.get("x-shopify-access-token")))
        answer = self.answers[name]
        return httpx.Response(200, json=answer(said["variables"]) if callable(answer) else answer)

    def open(self, time: Time | None = None, **more: Any) -> Any:
        given = {"login": None, "password": Secret("shpat_0001"), **more}
        runtime = (time or Time()).runtime(transport=httpx.MockTransport(self))
        return ADAPTER.open(Options(), account("https://zoe.myshopify.com", **given), runtime)


def page(*nodes: dict[str, Any], count: int | None = None) -> dict[str, Any]:
    edges = [{"cursor": "c", "node": node} for node in nodes]
    data: dict[str, Any] = {"orders": {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": "c"}}}
    return {"data": data | ({"ordersCount": {"count": count}} if count is not None else {})}


def test_opening_talks_to_nobody_and_the_source_can_count_list_and_fetch_by_id():
    platform = Platform()
    source = platform.open()
    assert isinstance(source, Countable)
    assert isinstance(source, Counting)
    assert isinstance(source, ById)
    assert platform.asked == []


def test_a_window_is_widened_to_whole_seconds():
    platform = Platform(Orders=page())
    fine = Window(datetime(2026, 3, 1, 9, 0, 0, 1, UTC), datetime(2026, 3, 1, 9, 59, 59, 1, UTC))
    list(platform.open().fetch(fine))
    assert platform.asked[0][1]["query"] == (
        "updated_at:>='2026-03-01T09:00:00Z' AND updated_at:<'2026-03-01T10:00:00Z'"
    )


def test_a_window_of_another_zone_is_asked_for_in_utc():
    taipei = Window.parse("2026-03-01T17:00:00+08:00/2026-03-01T18:00:00+08:00")
    platform = Platform(Orders=page())
    list(platform.open().fetch(taipei))
    assert "updated_at:>='2026-03-01T09:00:00Z'" in platform.asked[0][1]["query"]


def test_a_cursor_is_good_for_its_own_window_only_and_a_drained_one_asks_nothing():
    platform = Platform(Orders=page(order(), count=1))
    source = platform.open()
    (only,) = source.fetch(HOUR)
    assert list(source.fetch(HOUR, after=only.cursor)) == []
    assert len(platform.asked) == 1
    later = Window(HOUR.start, HOUR.end + timedelta(seconds=1))
    with pytest.raises(ConfigError, match="good for its window only"):
        list(source.fetch(later, after=only.cursor))


def test_a_record_is_handed_on_byte_for_byte():
    body = '{"data": {"orders": {"edges": [{"node": %s}], "pageInfo": {"hasNextPage": false}}}}'
    spaced = json.dumps(order(), ensure_ascii=False, indent=1).replace("0.2", "0.20")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(body % spaced).encode())

    runtime = Time().runtime(transport=httpx.MockTransport(answer))
    source = ADAPTER.open(Options(), account("https://zoe.myshopify.com", login=None), runtime)
    (only,) = source.fetch(HOUR)
    assert only.records == [spaced.encode()]


def test_a_token_is_bought_once_and_again_before_it_ends():
    time = Time()
    platform = Platform(Orders=page())
    source = platform.open(time, login="client", password=Secret("shpss_1"))
    list(source.fetch(HOUR))
    list(source.fetch(HOUR))
    time.now += timedelta(hours=23, minutes=59, seconds=30)
    list(source.fetch(HOUR))
    assert [(name, token) for name, _, token in platform.asked] == [
        ("token", None), ("Orders", "t1"), ("Orders", "t1"), ("token", None), ("Orders", "t4"),
    ]  # fmt: skip


def test_a_connection_without_secret_is_refused():
    with pytest.raises(ConfigError, match="no password; put the access token there"):
        Platform().open(password=None)


@pytest.mark.parametrize("version", ["2026-7", "2026-05", "unstable", "latest", ""])
def test_a_version_that_cannot_be_is_refused(version: str):
    with pytest.raises(ValidationError):
        Options(version=version)


def test_lists_inside_of_an_order_are_read_to_their_end():
    node = order()
    node["lineItems"]["pageInfo"] = {"hasNextPage": True, "endCursor": "l1"}
    node["transactions"] *= 5
    node["refunds"] = [
        {"id": "gid://shopify/Refund/1", "refundLineItems": {"nodes": [], "pageInfo": {"hasNextPage": False}},
         "refundShippingLines": {"nodes": [{"n": 1}], "pageInfo": {"hasNextPage": True, "endCursor": "s1"}}}
    ]  # fmt: skip
    following = {"l1": ([{"id": "l2"}], "l2"), "l2": ([{"id": "l3"}], None), "s1": ([{"n": 2}], None)}

    def more(variables: dict[str, Any]) -> dict[str, Any]:
        name = "lineItems" if variables["id"].startswith("gid://shopify/Order/") else "refundShippingLines"
        nodes, end = following[variables["after"]]
        info = {"hasNextPage": end is not None, "endCursor": end}
        return {"data": {"node": {name: {"nodes": nodes, "pageInfo": info}}}}

    platform = Platform(
        Orders=page(node, count=1), More=more, Whole={"data": {"node": {"transactions": [{"t": n} for n in range(7)]}}}
    )
    (only,) = platform.open().fetch(HOUR)
    whole = json.loads(only.records[0])
    assert [each["id"] for each in whole["lineItems"]["nodes"]][2:] == ["l2", "l3"]
    assert [each["t"] for each in whole["transactions"]] == list(range(7))
    assert whole["refunds"][0]["refundShippingLines"]["nodes"] == [{"n": 1}, {"n": 2}]
    assert whole["customer"] == node["customer"]
    assert [name for name, _, _ in platform.asked] == ["Orders", "Whole", "More", "More", "More"]


def test_an_order_that_vanished_while_its_lines_were_read_on_stays_as_it_was():
    node = order()
    node["lineItems"]["pageInfo"] = {"hasNextPage": True, "endCursor": "l1"}
    platform = Platform(Orders=page(node, count=1), More={"data": {"node": None}})
    (only,) = platform.open().fetch(HOUR)
    assert len(json.loads(only.records[0])["lineItems"]["nodes"]) == 2


def test_orders_by_id_are_asked_for_in_portions_that_fit():
    ids = [f"gid://shopify/Order/{number}" for number in range(120)]

    def nodes(variables: dict[str, Any]) -> dict[str, Any]:
        if len(variables["ids"]) > 20:
            extra = {"code": "MAX_COST_EXCEEDED", "cost": 2000, "maxCost": 1000}
            return {"errors": [{"message": "too much", "extensions": extra}]}
        return {"data": {"nodes": [order() | {"id": each} if each[-1] != "7" else None for each in variables["ids"]]}}

    pages = list(Platform(OrdersById=nodes).open().fetch_ids([*ids, "", "4711"]))
    found = [json.loads(record)["id"] for each in pages for record in each.records]
    assert found == [each for each in ids if each[-1] != "7"]


def test_windows_older_than_the_horizon_need_the_scope_which_is_asked_for_once():
    scopes = {"data": {"currentAppInstallation": {"accessScopes": [{"handle": "read_all_orders"}]}}}
    platform = Platform(Orders=page(), Scopes=scopes)
    source = platform.open()
    old = Window(HOUR.start - timedelta(days=90), HOUR.end - timedelta(days=90))
    list(source.fetch(old))
    list(source.fetch(old))
    list(source.fetch(HOUR))
    assert [name for name, _, _ in platform.asked] == ["Scopes", "Orders", "Orders", "Orders"]


def test_the_capability_sheet_says_what_the_platform_allows():
    assert LIMITS.ceiling == 25_000
    assert LIMITS.personal_data == "restricted"
    assert LIMITS.lookback >= LIMITS.settle > timedelta(0)


def bag(amount: Decimal) -> dict[str, Any]:
    money = {"amount": f"{amount:f}", "currencyCode": "EUR"}
    return {"shopMoney": money, "presentmentMoney": money}


Cents = st.integers(0, 50_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """An order with what became of its units: kept, cancelled, returned, or refunded without coming back."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        units = draw(st.integers(1, 5))
        fate = draw(
            st.lists(
                st.sampled_from(["keep", "sent", "CANCEL", "RETURN", "NO_RESTOCK"]), min_size=units, max_size=units
            )
        )
        price, off, tax = draw(Cents), draw(Cents), draw(Cents)
        lines.append({"fate": fate, "price": price, "off": min(off, price), "tax": min(tax, price)})
    return {
        "lines": lines,
        "included": draw(st.booleans()),
        "freight": draw(Cents),
        "freight_back": draw(st.booleans()),
    }


def played(history: dict[str, Any]) -> dict[str, Any]:
    """The record that Shopify would show: `off` and `tax` are per unit, so that every share is exact."""
    raw = order() | {"taxesIncluded": history["included"], "totalTipReceivedSet": bag(Decimal(0)), "edited": False}
    raw["discountApplications"]["nodes"] = []
    nodes, back, sent = [], [], []
    ever = now = ever_tax = now_tax = Decimal(0)
    for number, line in enumerate(history["lines"]):
        fate, units = line["fate"], len(line["fate"])
        net, tax = line["price"] - line["off"], line["tax"]
        gross_up = Decimal(0) if history["included"] else tax
        gone = [kind for kind in fate if kind in {"CANCEL", "RETURN", "NO_RESTOCK"}]
        left = units - len(gone)
        shipped = sum(kind in {"sent", "RETURN"} for kind in fate)
        ever, now = ever + units * (net + gross_up), now + left * (net + gross_up)
        ever_tax, now_tax = ever_tax + units * tax, now_tax + left * tax
        line_id = f"gid://shopify/LineItem/{number}"
        nodes.append({
            "id": line_id, "sku": "A", "name": "a", "quantity": units, "currentQuantity": left,
            "unfulfilledQuantity": fate.count("keep"), "requiresShipping": True, "isGiftCard": False,
            "product": {"id": "p"}, "variant": None, "originalUnitPriceSet": bag(line["price"]),
            "originalTotalSet": bag(units * line["price"]),
            "discountAllocations": [
                {"allocatedAmountSet": bag(units * line["off"]), "discountApplication": {"index": 0}}
            ],
            "taxLines": [{"priceSet": bag(units * tax)}],
        })  # fmt: skip
        back += [
            {"quantity": 1, "restockType": kind, "lineItem": {"id": line_id}, "subtotalSet": bag(net),
             "totalTaxSet": bag(tax)} for kind in gone
        ]  # fmt: skip
        if shipped:
            sent.append({"quantity": shipped, "lineItem": {"id": line_id}})
    freight = history["freight"]
    ships_back = (
        [{"subtotalAmountSet": bag(freight), "taxAmountSet": bag(Decimal(0))}] if history["freight_back"] else []
    )
    raw["lineItems"]["nodes"] = nodes
    raw["shippingLines"]["nodes"] = [
        {"id": "s", "title": "t", "code": "c", "originalPriceSet": bag(freight), "discountedPriceSet": bag(freight),
         "taxLines": []}
    ]  # fmt: skip
    raw["refunds"] = [
        {"id": "r", "createdAt": "2026-03-01T09:00:00Z", "note": None, "totalRefundedSet": bag(ever - now),
         "refundLineItems": {"nodes": back}, "refundShippingLines": {"nodes": ships_back}}
    ] if back or ships_back else []  # fmt: skip
    raw["fulfillments"] = [
        {"id": "f", "status": "SUCCESS", "createdAt": "2026-03-01T09:00:00Z", "deliveredAt": None, "trackingInfo": [],
         "fulfillmentLineItems": {"nodes": sent}}
    ] if sent else []  # fmt: skip
    raw |= {
        "totalPriceSet": bag(ever + freight), "totalTaxSet": bag(ever_tax), "currentTotalTaxSet": bag(now_tax),
        "currentTotalPriceSet": bag(now + (Decimal(0) if history["freight_back"] else freight)),
        "currentTotalDiscountsSet": bag(Decimal(0)), "taxLines": [], "currentTaxLines": [],
    }  # fmt: skip
    return raw


def residue(mapped: Order) -> Decimal:
    total = sum((Decimal(part.total or 0) for part in [*mapped.lines, *mapped.charges]), Decimal(0))
    tax = Decimal(0) if mapped.taxes_included else Decimal(mapped.tax_total or 0)
    return total + tax + Decimal(mapped.rounding or 0) - Decimal(mapped.grand_total or 0)


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whatever_became_of_its_units_an_order_balances_and_says_what_is_still_to_be_shipped(history: dict[str, Any]):
    mapped = ADAPTER.to_order(played(history), Options())
    assert residue(mapped) == 0
    for line, told in zip(mapped.lines, history["lines"], strict=True):
        fate = told["fate"]
        assert Decimal(line.quantity) * Decimal(line.unit_price) - Decimal(line.discount) == Decimal(line.total)
        to_ship = int(line.quantity) - int(line.quantity_fulfilled)
        assert to_ship == fate.count("keep"), "what was cancelled or given back before it was sent is not shipped"
        assert int(line.quantity_ordered) == len(fate)
        assert int(line.quantity_returned) == fate.count("RETURN")


@pytest.mark.parametrize("field", ["id", "totalPriceSet", "lineItems", "transactions", "customer", "taxesIncluded"])
def test_a_record_without_a_field_is_refused_by_that_fields_name(field: str):
    raw = order()
    del raw[field]
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(raw, Options())
    assert (caught.value.code, caught.value.field) == ("RAW_SHAPE", field)
    assert "Zoë" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
@pytest.mark.parametrize(
    "field", ["totalPriceSet", "lineItems", "shippingAddress", "transactions", "presentmentCurrencyCode"]
)
def test_a_field_of_another_shape_refuses_the_order_or_is_left_to_cleaning_but_never_breaks_the_run(field, value):
    try:
        ADAPTER.to_order(order() | {field: value}, Options())
    except RecordError as error:
        assert error.code in {"RAW_SHAPE", "AMOUNT_MALFORMED"}  # noqa: PT017 -- either outcome is allowed


def with_odd(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The record with another value at a place of it."""
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = raw
    for part in way:
        place = place[part]
    place[last] = value
    return raw


UNITS = {"price": Decimal(5), "off": Decimal(0), "tax": Decimal(1)}
REFUNDED = {
    "lines": [{"fate": ["keep", "CANCEL"], **UNITS}],
    "included": False,
    "freight": Decimal(0),
    "freight_back": False,
}


def test_a_liability_that_nobody_knows_refuses_the_order():
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(with_odd(order(), "taxLines.0.channelLiable", 7), Options())
    assert caught.value.code == "RAW_SHAPE"


def test_a_refund_of_a_line_that_the_order_does_not_have_refuses_the_order():
    raw = with_odd(played(REFUNDED), "refunds.0.refundLineItems.nodes.0.lineItem.id", "gid://shopify/LineItem/404")
    with pytest.raises(RecordError) as caught:
        ADAPTER.to_order(raw, Options())
    assert caught.value.code == "RAW_SHAPE"


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
@pytest.mark.parametrize(
    "path", ["totalPriceSet.presentmentMoney.amount", "totalCashRoundingAdjustment.paymentSet", "totalRefundedSet"]
)
def test_a_total_that_cannot_be_read_is_not_told_to_reconciliation_and_stops_no_list(path: str, value: Any):
    raw = with_odd(order() | {"edited": False}, path, value)
    (stub,) = Platform(OrderStubs=page(raw, count=1)).open().identify(HOUR)
    assert stub.order_id == raw["id"]
    assert stub.total is None or Decimal(stub.total) >= 0
