"""WooCommerce as sites really are: plugins, caches, slow clocks, hosts with opinions."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_server import Time, account
from money_equation import residue

from orderflow import adapters
from orderflow.adapters.woocommerce import Options
from orderflow.domain.errors import ConfigError, RecordError, TransientError
from orderflow.domain.fulfilment import Notice
from orderflow.domain.order import Order, Shipment
from orderflow.domain.source import Secret
from orderflow.domain.window import Window

ADAPTER = adapters.find("woocommerce")
CASES = Path(__file__).parents[1] / "contract/cases/woocommerce"
HOUR = Window(datetime(2026, 3, 3, 9, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC))
ONE = {"x-wp-total": "1", "x-wp-totalpages": "1"}
Answer = Callable[[httpx.Request], httpx.Response]


def order(**fields: Any) -> dict[str, Any]:
    return {**json.loads((CASES / "one_page/page.json").read_text())[0], **fields}


def mapped(raw: dict[str, Any], **options: Any) -> Order:
    return ADAPTER.to_order(raw, Options(**options))


def opened(answer: Answer, **options: Any) -> Any:
    runtime = Time(HOUR.end + timedelta(minutes=5)).runtime(transport=httpx.MockTransport(answer))
    keys = {"login": "ck_1", "password": Secret("cs_1")}
    return ADAPTER.open(Options(at_once=1, **options), account("https://shop.example.test", **keys), runtime)


def fetched(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(record) for page in opened(answer).fetch(HOUR) for record in page.records]


def cards(*amounts: Any) -> list[dict[str, Any]]:
    return [{"id": number, "code": f"AAAA-{number}", "amount": each} for number, each in enumerate(amounts, 1)]


@pytest.mark.parametrize(("amounts", "left"), [((18,), "130.80"), (("18.50", "0.30"), "130.00"), (("148.80",), "0.00")])
def test_what_gift_cards_paid_belongs_to_the_order_and_is_a_payment(amounts: tuple[Any, ...], left: str):
    found = mapped(order(total=left, gift_cards=cards(*amounts)))
    assert residue(found) == 0
    assert Decimal(found.grand_total) == Decimal(found.paid) == Decimal("148.80")
    assert [Decimal(each.amount) for each in found.payments if each.kind == "gift_card"] == [*map(Decimal, amounts)]
    assert sum(Decimal(each.amount) for each in found.payments) == Decimal("148.80")
    assert "AAAA" not in repr(found), "the code of a gift card is money"


@pytest.mark.parametrize("other", [cards(5), {"AAAA-1": 5}, ["AAAA-1"], [{"amount": "all of it"}], 7, "x", [None]])
def test_a_list_of_gift_cards_that_does_not_explain_the_total_changes_nothing(other: Any):
    assert mapped(order(gift_cards=other)) == mapped(order())


def test_store_credit_that_came_off_the_total_as_a_coupon_is_a_discount_that_no_line_holds():
    own = [{**each, "discount_type": "percent"} for each in order()["coupon_lines"]]
    credit = {"code": "credit", "discount": "20", "discount_type": "smart_coupon"}
    found = mapped(order(total="128.80", coupon_lines=[*own, credit]))
    assert residue(found) == 0
    assert [found.grand_total, found.discounts[1].amount, found.discounts[1].allocated] == ["128.80", "20", "0"]
    assert found.discounts[0].allocated == found.discounts[0].amount
    inside = mapped(order(coupon_lines=[*own, credit]))
    assert residue(inside) == 0, "one that came off the lines stays there"
    assert residue(mapped(order(total="127.80", coupon_lines=[*own, credit]))) != 0


def test_an_order_with_gift_cards_is_identified_without_total():
    answer = lambda _: httpx.Response(200, headers=ONE, json=[order(gift_cards=cards(5))])  # noqa: E731
    (stub,) = opened(answer).identify(Window(HOUR.start - timedelta(days=3), HOUR.end))
    assert stub.total is None


def test_whole_numbers_where_text_is_due_make_the_same_order_as_text():
    shipping = {"id": 1, "method_title": "a", "method_id": "b"}
    fees = [{"id": 2, "name": "wrap"}, {"id": 3, "name": "loyal"}]
    coupon = {"code": "ten"}

    def order_of(kind: type) -> Order:
        return mapped(order(
            total=kind(149), total_tax=kind(0), discount_total=kind(13), tax_lines=[],
            line_items=[{**each, "total_tax": kind(0)} for each in order()["line_items"]],
            shipping_lines=[{**shipping, "total": kind(30), "total_tax": kind(0)}],
            fee_lines=[{**fees[0], "total": kind(5), "total_tax": kind(0)},
                       {**fees[1], "total": kind(-2), "total_tax": kind(0)}],
            coupon_lines=[{**coupon, "discount": kind(13)}],
        ))  # fmt: skip

    assert order_of(int) == order_of(str)


@pytest.mark.parametrize("lacking", ["email", "first_name", "company"])
def test_an_address_may_lack_anything(lacking: str):
    full = order()["billing"]
    for billing in ({**full, lacking: None}, {key: value for key, value in full.items() if key != lacking}):
        assert mapped(order(billing=billing)).masking == "plain"


def test_cash_on_delivery_is_due_in_a_status_of_the_sites_own_as_well():
    raw = order(payment_method="cod", date_paid_gmt=None, transaction_id="", status="awaiting-shipment")
    assert mapped(raw, statuses={"awaiting-shipment": "open"}).payment_status == "cod_due"


def refund(number: int, meta: Any, units: int = -1) -> dict[str, Any]:
    lines = [{"quantity": units, "total": "-22.05", "total_tax": "-4.41", "meta_data": meta}]
    at = "2026-03-01T09:40:00"
    return {"id": number, "reason": "", "amount": "26.46", "date_created_gmt": at, "line_items": lines}


def naming(line: int) -> list[dict[str, Any]]:
    return [{"id": 1, "key": "_refunded_item_id", "value": str(line)}]


LINE = order()["line_items"][0]["id"]
SUMMARY = [{"id": 901, "reason": "", "total": "-26.46"}]


@pytest.mark.parametrize(
    "meta", [naming(LINE), {"3": naming(LINE)[0]}, [[], {}, *naming(LINE)]], ids=["a list", "an object", "with gaps"]
)
def test_php_may_send_meta_data_in_any_of_its_shapes(meta: Any):
    found = mapped(order(refunds=SUMMARY, refund_details=[refund(901, meta)]))
    assert residue(found) == 0
    assert [line.quantity for line in found.lines] == ["1", "1"]


@pytest.mark.parametrize(
    ("details", "code"),
    [
        (None, "DETAIL_MISSING"),
        ([], "DETAIL_MISSING"),
        ([refund(901, [])], "RAW_SHAPE"),
        ([refund(901, {})], "RAW_SHAPE"),
    ],
)
def test_an_open_order_of_which_nobody_knows_what_was_refunded_is_not_shipped(details: Any, code: str):
    with pytest.raises(RecordError) as caught:
        mapped(order(refunds=SUMMARY, refund_details=details))
    assert caught.value.code == code
    assert mapped(order(refunds=SUMMARY, refund_details=details, status="completed")).lines, "that one left before"


@pytest.mark.parametrize(
    "fields",
    [{"id": "727"}, {"meta_data": [{"id": 1, "key": "ppcp", "value": {"refunds": []}}]}],
    ids=["text id", "meta"],
)
def test_refunds_are_asked_for_whatever_plugins_make_of_the_order(fields: dict[str, Any]):
    def answer(request: httpx.Request) -> httpx.Response:
        asked_for_refunds = request.url.path.endswith("/orders/727/refunds")
        raw = {"meta_data": [], **fields, "refunds": SUMMARY}
        row = {**{key: value for key, value in order().items() if key not in raw}, **raw}
        return httpx.Response(200, headers=ONE, json=[refund(901, naming(LINE))] if asked_for_refunds else [row])

    assert [len(each["refund_details"]) for each in fetched(answer)] == [1]


def test_a_cache_that_keeps_answers_by_their_address_is_not_asked_the_same_twice():
    refunds: list[dict[str, Any]] = []
    kept: dict[str, httpx.Response] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        summary = [{"id": each["id"], "reason": "", "total": "-26.46"} for each in refunds]
        is_list = request.url.path.endswith("/refunds")
        body = list(refunds) if is_list else [order(refunds=summary)]
        return kept.setdefault(str(request.url), httpx.Response(200, headers=ONE, json=body))

    source = opened(answer)
    for number in (901, 902):
        refunds.append(refund(number, naming(LINE)))
        (page,) = source.fetch_ids(["727"])
        assert len(json.loads(page.records[0])["refund_details"]) == len(refunds)
        source._runtime.sleep(60)


@pytest.mark.parametrize("behind", [timedelta(minutes=4), timedelta(minutes=50), timedelta(days=20_000)])
def test_a_window_that_a_slow_site_has_not_lived_through_is_read_when_it_has(behind: timedelta):
    asked = []
    now = HOUR.end + timedelta(minutes=5) - behind

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={**ONE, "date": format_datetime(now, usegmt=True)}, json=[order()])

    if now >= HOUR.end:
        assert len(fetched(answer)) == 1
        return
    with pytest.raises(TransientError, match="the site's clock is slow") as caught:
        fetched(answer)
    assert caught.value.retry_after == min((HOUR.end - now).total_seconds(), 3600), "somebody may set it meanwhile"
    assert len(asked) == 1, "smaller pages do not help"


@pytest.mark.parametrize("status", [429, 503])
def test_a_proxy_that_lets_few_requests_through_is_asked_again_and_not_for_smaller_pages(status: int):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["per_page"])
        return httpx.Response(status) if len(asked) % 6 else httpx.Response(200, headers=ONE, json=[order()])

    assert len(fetched(answer)) == 1
    assert asked == ["100"] * 6


@pytest.mark.parametrize("status", [429, 503])
def test_a_proxy_that_lets_nothing_through_is_left_alone(status: int):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    with pytest.raises(TransientError, match="takes no more requests for now") as raised:
        fetched(answer)
    assert raised.type is TransientError  # the name that people look up in the README
    assert len(asked) < 16


def test_a_site_whose_cache_says_503_of_a_page_that_takes_too_long_is_asked_for_smaller_ones():
    """Varnish ("Backend fetch failed") and LiteSpeed have no other word for it."""

    def answer(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["per_page"]) > 25:
            return httpx.Response(503)
        return httpx.Response(200, headers=ONE, json=[order()])

    assert len(fetched(answer)) == 1


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 03 Mar 2026 09:59:59 GMT"])
def test_only_a_clock_that_is_shown_and_a_window_that_is_over_are_held_against_a_site(date: str):
    answer = lambda _: httpx.Response(200, headers={**ONE, "date": date}, json=[order()])  # noqa: E731
    window = HOUR if date[:1] != "T" else Window(HOUR.start, HOUR.end + timedelta(hours=1))
    assert len([record for page in opened(answer).fetch(window) for record in page.records]) == 1


def test_a_host_that_looks_for_robots_is_tried_again():
    robot = httpx.Response(202, html='<html><head><meta http-equiv="refresh" content="0;/.well-known/captcha/"></html>')
    with pytest.raises(TransientError, match="a web page instead of a page of orders"):
        fetched(lambda _: robot)


def test_a_site_with_plain_permalinks_is_told_where_to_change_them():
    with pytest.raises(ConfigError, match="Settings, Permalinks"):
        fetched(lambda _: httpx.Response(404, html="<h1>Not Found</h1>"))


@pytest.mark.parametrize("meta", [[[], {"key": None}, {"key": 7, "value": "x"}], {"2": {"key": "a", "value": 1}}, None])
@pytest.mark.parametrize("quantity", [1.5, "1.5", 2])
def test_a_parcel_is_told_of_an_order_whatever_plugins_sell_and_keep(meta: Any, quantity: Any):
    told: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            told.append(json.loads(request.content))
        lines = [{"id": 1, "quantity": quantity}]
        return httpx.Response(200, json={"status": "processing", "line_items": lines, "meta_data": meta})

    at = datetime(2026, 3, 3, tzinfo=UTC)
    parcel = Shipment(shipment_id="P-1")
    opened(answer).fulfil(
        Notice(number=1, key="k", channel="shop", order_id="727", content=parcel, at=at, document=b"{}")
    )
    assert told[0]["status"] == "completed"
    assert told[0]["meta_data"][0]["value"][0]["lines"] == {"1": float(quantity)}


@pytest.mark.parametrize(
    ("staged", "status"),
    [
        ([{"line_id": "1", "quantity": "2"}], "completed"),
        ([{"line_id": "1", "quantity": "3"}], None),
        ([{"line_id": "1", "quantity": "many"}, {"line_id": "1"}], None),
        ([], None),
    ],
    ids=["one refunded", "one still to come", "no number", "not known"],
)
def test_an_order_is_completed_although_a_refunded_unit_is_never_sent(staged: list[dict[str, str]], status: str | None):
    """The site counts three units of the line whatever was refunded; the parcel holds two."""
    told: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            told.append(json.loads(request.content))
        return httpx.Response(200, json={"status": "processing", "line_items": [{"id": 1, "quantity": 3}]})

    parcel, at = Shipment(shipment_id="P-1", lines=[("1", "2")]), datetime(2026, 3, 3, tzinfo=UTC)
    document = json.dumps({"lines": staged}).encode()
    opened(answer).fulfil(
        Notice(number=1, key="k", channel="shop", order_id="727", content=parcel, at=at, document=document)
    )
    assert [each.get("status") for each in told] == [status]


@pytest.mark.parametrize(
    ("methods", "by"),
    [(["local_pickup"], "pickup"), (["pickup_location"], "pickup"), (["flat_rate", "local_pickup"], None), ([], None)],
)
def test_what_the_buyer_comes_for_is_not_sent(methods: list[str], by: str | None):
    ways = [{"id": 1, "method_title": "x", "method_id": each, "total": "0", "total_tax": "0"} for each in methods]
    assert {line.fulfilled_by for line in mapped(order(shipping_lines=ways)).lines} == {by}
