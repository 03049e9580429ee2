"""How the Shopify source asks: filters in whole seconds, tokens, and lists inside of orders."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from http_server import Time, account
from pydantic import ValidationError
from shopify_orders import ADAPTER, order, with_odd

from orderflow.adapters.shopify import LIMITS, Options
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import ById, Countable, Counting, Secret
from orderflow.domain.window import Window

ASKED = "gid://shopify/Order/6123456789012"
HOUR = Window(datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC))


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


def test_an_id_that_shopify_would_refuse_keeps_no_other_from_being_asked_for():
    def answer(variables: dict[str, Any]) -> dict[str, Any]:
        return (
            {"data": {"nodes": [order()]}} if variables["ids"] == [ASKED] else {"errors": [{"message": "Invalid id"}]}
        )

    odd = [f"{ASKED}/x", "gid://shopify/Order/", "gid://shopify/Order/#1001", "1001"]
    (page,) = Platform(OrdersById=answer).open().fetch_ids([*odd, ASKED])
    assert len(page.records) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"message": "Access denied for customer field. Required access: `read_customers`"}, DeniedError),
        ({"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}, TransientError),
        (
            {"message": "This app is not approved to use the note field.", "path": ["orders", "edges", 0, "node"]},
            DeniedError,
        ),
    ],
)
def test_withheld_buyers_excuse_no_other_error(fault: dict[str, Any], kind: type[Exception]):
    path = ["orders", "edges", 0, "node", "email"]
    withheld = {"message": "This app is not approved to use the email field.", "path": path}
    platform = Platform(Orders={**page(order() | {"email": None}), "errors": [withheld, fault]})
    with pytest.raises(kind):
        list(platform.open().fetch(HOUR))


def test_a_shop_whose_protection_refuses_us_is_tried_again():
    runtime = Time().runtime(transport=httpx.MockTransport(lambda _: httpx.Response(430, html="<h1>Rejected</h1>")))
    shop = account("https://zoe.myshopify.com", login=None, password=Secret("shpat_0001"))
    with pytest.raises(TransientError, match="status 430"):
        list(ADAPTER.open(Options(), shop, runtime).fetch(HOUR))


def test_an_address_that_is_no_shops_is_a_mistake_of_the_connection():
    runtime = Time().runtime(transport=httpx.MockTransport(lambda _: httpx.Response(404, html="<h1>404</h1>")))
    shop = account("https://zo.myshopify.com", login="client", password=Secret("shpss_0001"))
    with pytest.raises(ConfigError, match="there is no such shop"):
        list(ADAPTER.open(Options(), shop, runtime).fetch(HOUR))


def test_a_list_that_goes_on_without_a_cursor_is_not_taken_for_whole():
    going_on = page(order())
    going_on["data"]["orders"]["pageInfo"] = {"hasNextPage": True, "endCursor": None}
    with pytest.raises(DriftError, match="no cursor"):
        list(Platform(Orders=going_on).open().fetch(HOUR))


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


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
@pytest.mark.parametrize(
    "path", ["totalPriceSet.presentmentMoney.amount", "totalCashRoundingAdjustment.paymentSet", "totalRefundedSet"]
)
def test_a_total_that_cannot_be_read_is_not_told_to_reconciliation_and_stops_no_list(path: str, value: Any):
    raw = with_odd(order() | {"edited": False}, path, value)
    (stub,) = Platform(OrderStubs=page(raw, count=1)).open().identify(HOUR)
    assert stub.order_id == raw["id"]
    assert stub.total is None or Decimal(stub.total) >= 0
