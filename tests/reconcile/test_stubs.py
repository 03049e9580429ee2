"""The channel's independent list: a value that cannot be read is not told, and never stops the listing."""

from datetime import UTC, datetime

import httpx
import pytest

from orderflow import adapters
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), NOW)
BAD = [None, "", "0000-00-00T00:00:00", "昨天", "2026-02-30T00:00:00", 10**18, -5, {"at": "noon"}]
"""Times that are none."""
GOOD_TIME = datetime(2026, 3, 9, 12, tzinfo=UTC)


def listed(name, answer, options=None, account=None):
    adapter = adapters.find(name)
    tokens = {
        "access_token": "a", "refresh_token": "r", "expires_at": "2026-04-01T00:00:00Z",
        "refresh_expires_at": "2026-04-01T00:00:00Z", "shop_cipher": "c",
    }  # fmt: skip
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None, transport=httpx.MockTransport(answer))
    reached = account or Account("shop", "https://shop.test", "123456", Secret("secret"), tokens)
    return list(adapter.open(adapter.options(**(options or {})), reached, runtime).identify(WINDOW))


def woocommerce(field, value):
    fine = {
        "id": 1, "status": "processing", "total": "24.50", "currency": "TWD", "refunds": [], "line_items": [{}, {}],
        "date_created_gmt": "2026-03-09T11:00:00", "date_modified_gmt": "2026-03-09T12:00:00",
    }  # fmt: skip
    rows = [fine, fine | {"id": 2, field: value}, fine | {"id": 3}]
    headers = {"x-wp-total": "3", "x-wp-totalpages": "1"}
    return listed("woocommerce", lambda _: httpx.Response(200, json=rows, headers=headers))


def shopify(field, value):
    def money(amount):
        both = {"amount": amount, "currencyCode": "EUR"}
        return {"presentmentMoney": both, "shopMoney": both}

    fine = {
        "id": "gid://shopify/Order/1", "updatedAt": "2026-03-09T12:00:00Z", "cancelledAt": None, "closedAt": None,
        "edited": False, "displayFulfillmentStatus": "UNFULFILLED", "presentmentCurrencyCode": "EUR",
        "totalPriceSet": money("24.50"), "totalRefundedSet": money("0"),
        "totalCashRoundingAdjustment": {"paymentSet": money("0")},
    }  # fmt: skip
    rows = [fine, fine | {"id": "gid://shopify/Order/2", field: value}, fine | {"id": "gid://shopify/Order/3"}]
    edges = [{"cursor": row["id"], "node": row} for row in rows]
    body = {"data": {"orders": {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
    return listed("shopify", lambda _: httpx.Response(200, json=body))


def lazada(field, value):
    fine = {
        "order_id": 1, "updated_at": "2026-03-09 20:00:00 +0800", "created_at": "2026-03-09 19:00:00 +0800",
        "statuses": ["delivered"], "items_count": 2,
    }  # fmt: skip
    rows = [fine, fine | {"order_id": 2, field: value}, fine | {"order_id": 3}]
    body = {"code": "0", "request_id": "r", "data": {"count": 3, "countTotal": 3, "orders": rows}}
    return listed("lazada", lambda _: httpx.Response(200, json=body))


def tiktok_shop(field, value):
    fine = {
        "id": "1", "status": "AWAITING_SHIPMENT", "update_time": int(GOOD_TIME.timestamp()), "create_time": 1,
        "payment": {"currency": "USD", "total_amount": "24.50"}, "line_items": [{}, {}],
    }  # fmt: skip
    rows = [fine, fine | {"id": "2", field: value}, fine | {"id": "3"}]
    data = {"next_page_token": "", "total_count": 3, "orders": rows}
    body = {"code": 0, "message": "Success", "request_id": "r", "data": data}
    return listed("tiktok_shop", lambda _: httpx.Response(200, json=body), {"shop_cipher": "c"})


def shopee(field, value):
    fine = {"order_sn": "A1", "order_status": "READY_TO_SHIP", "update_time": 1, "create_time": 1}
    rows = [fine, fine | {"order_sn": "A2", field: value}, fine | {"order_sn": "A3"}]
    body = {"error": "", "message": "", "response": {"more": False, "next_cursor": "", "order_list": rows}}
    return listed("shopee", lambda _: httpx.Response(200, json=body), {"shop_id": 1})


@pytest.mark.parametrize("value", BAD, ids=repr)
@pytest.mark.parametrize(
    ("ask", "field"),
    [(woocommerce, "date_modified_gmt"), (shopify, "updatedAt"), (lazada, "updated_at"), (tiktok_shop, "update_time")],
)
def test_a_changed_time_that_is_none_is_not_told_and_stops_nobody(ask, field, value):
    stubs = ask(field, value)
    assert [stub.updated_at for stub in stubs] == [GOOD_TIME, None, GOOD_TIME]


@pytest.mark.parametrize("value", BAD, ids=repr)
@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (woocommerce, "date_created_gmt"),
        (lazada, "created_at"),
        (tiktok_shop, "create_time"),
        (shopee, "create_time"),
        (shopee, "update_time"),
    ],
)
def test_a_created_time_that_is_none_stops_nobody(ask, field, value):
    assert len({stub.order_id for stub in ask(field, value)}) == 3


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (woocommerce, "total"),
        (woocommerce, "line_items"),
        (woocommerce, "status"),
        (shopify, "totalPriceSet"),
        (shopify, "totalCashRoundingAdjustment"),
        (shopify, "presentmentCurrencyCode"),
        (lazada, "items_count"),
        (lazada, "statuses"),
        (tiktok_shop, "payment"),
        (tiktok_shop, "line_items"),
        (tiktok_shop, "status"),
        (shopee, "order_status"),
    ],
)
def test_a_value_that_is_missing_is_not_compared(ask, field):
    first, second, third = ask(field, None)
    told = [[getattr(stub, name) for name in ("status", "total", "currency", "lines")] for stub in (first, second)]
    assert told[0].count(None) < told[1].count(None)
    assert (first.status, first.total, first.lines) == (third.status, third.total, third.lines)


def test_woocommerce_leaves_out_what_only_its_wider_filter_lists():
    """On nights of clock changes the site is asked for two hours more; those orders belong to the day before."""
    early = woocommerce("date_created_gmt", "2026-03-08T23:30:00")
    assert [stub.order_id for stub in early] == ["1", "3"]


def test_lazada_tells_no_status_while_goods_wait_because_only_items_say_whether_they_are_held():
    assert [stub.status for stub in lazada("statuses", ["pending", "shipped"])] == ["completed", None, "completed"]


def test_tiktok_tells_no_total_where_lines_were_called_off():
    _, partly, _ = tiktok_shop("line_items", [{"display_status": "CANCELLED"}, {"display_status": "AWAITING_SHIPMENT"}])
    assert (partly.total, partly.lines) == (None, 2)
