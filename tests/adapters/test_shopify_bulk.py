"""A window read by a bulk operation gives the same orders as one that is paged, and nothing half."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from orderflow import adapters
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Runtime
from orderflow.domain.window import Window
from orderflow.sandbox.accounts import account
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop

ADAPTER = adapters.find("shopify")
DECODE = msgspec.json.Decoder(float_hook=str).decode
START = datetime(2026, 11, 20, tzinfo=UTC)
NOW = START + timedelta(hours=12)
WINDOW = Window(START, START + timedelta(hours=9))
SHOPS = {
    "plain": {},
    "failing": {"bulk_ends": "FAILED CANCELED COMPLETED"},
    "busy": {"bulk_at_once": 0},
    "again": {},
    "denied": {},
    "stale": {"bulk_expires": -1},
    "slow": {"bulk_looks": 100_000, "bulk_at_once": 1},
}


@pytest.fixture(scope="module")
def url():
    shops = [
        Shop(
            name=name, platform="shopify", seed=3, start=START, ends=START + timedelta(hours=8), late=0,
            bursts=0, pace=0.05, long=0.1, edits=0.3, refunds=0.3, currencies=("JPY",), options=options,
            rate=20 if name == "plain" else 4,
        )
        for name, options in SHOPS.items()
    ]  # fmt: skip
    with serve(platforms_app(shops, clock=lambda: NOW)) as address:
        yield address


def shop(url, name, *, bulk_from=1, transport=None):
    options = ADAPTER.options(bulk_from=bulk_from)
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None, transport=transport)
    return ADAPTER.open(options, account("shopify", name, f"{url}/{name}"), runtime)


def orders(source, window=WINDOW):
    """Canonical orders by id; an order that came twice counts."""
    found = [ADAPTER.to_order(DECODE(record), None) for page in source.fetch(window) for record in page.records]
    assert len({order.order_id for order in found}) == len(found)
    return {order.order_id: order for order in found}


def asked(url, name):
    return [each["path"] for each in httpx.get(f"{url}/_sandbox/log").json()["requests"] if f"/{name}/" in each["path"]]


def test_both_ways_give_equal_orders(url):
    paged, bulked = orders(shop(url, "plain", bulk_from=None)), orders(shop(url, "plain"))
    assert bulked == paged
    assert len(bulked) > 100
    assert any(order.refunds for order in bulked.values())
    assert any(len(order.lines) > 10 for order in bulked.values())
    assert any(order.discounts for order in bulked.values())
    assert any("/bulk/" in path for path in asked(url, "plain"))


def test_an_empty_window_and_a_small_one_need_no_operation(url):
    before = len([path for path in asked(url, "plain") if "/bulk/" in path])
    assert orders(shop(url, "plain"), Window(START - timedelta(days=2), START - timedelta(days=1))) == {}
    assert len(orders(shop(url, "plain", bulk_from=100_000))) > 100
    assert len([path for path in asked(url, "plain") if "/bulk/" in path]) == before


def test_an_operation_that_fails_or_is_cancelled_is_asked_again_and_its_part_is_not_read(url):
    for ending in ("FAILED", "CANCELED"):
        with pytest.raises(TransientError, match=f"ended as {ending}"):
            orders(shop(url, "failing"))
    assert orders(shop(url, "failing")) == orders(shop(url, "failing", bulk_from=None))


def test_a_shop_that_is_busy_and_a_result_that_is_gone_are_tried_again(url):
    with pytest.raises(TransientError, match="as many bulk operations run"):
        orders(shop(url, "busy"))
    with pytest.raises(TransientError, match="its address lives for seven days"):
        orders(shop(url, "stale"))


def test_a_run_that_was_killed_finds_its_operation_again(url):
    with pytest.raises(TransientError, match="runs for long"):
        orders(shop(url, "slow"))
    with pytest.raises(TransientError, match="runs for long"):  # a second one would be refused: one at a time
        orders(shop(url, "slow"))


class Changed(httpx.BaseTransport):
    """The network, but answers, or the results of bulk operations, come as these functions make them."""

    def __init__(self, answer=lambda body: body, result=lambda body: body):
        self.network, self.answer, self.result = httpx.HTTPTransport(), answer, result

    def handle_request(self, request):
        is_result = "/bulk/" in request.url.path
        assert not is_result or "x-shopify-access-token" not in request.headers, "credentials stay with Shopify"
        body = self.network.handle_request(request).read()
        return httpx.Response(200, content=self.result(body) if is_result else self.answer(body))


def test_a_result_that_is_cut_gives_nothing(url):
    cut = Changed(result=lambda body: b"\n".join(body.splitlines()[:-3]))
    with pytest.raises(TransientError, match="lines came"):
        orders(shop(url, "plain", transport=cut))


def test_an_order_that_changed_and_was_listed_again_is_asked_for_by_its_id(url):
    def again(result):
        lines = result.splitlines()
        quiet = next(line for line in lines if b'"refunds":[]' in line and b'"fulfillments":[]' in line)
        return b"\n".join([*lines, quiet])

    def one_more(answer):
        return re.sub(rb'(?<="objectCount":")[1-9]\d*', lambda found: b"%d" % (int(found[0]) + 1), answer)

    listed = Changed(one_more, again)
    assert orders(shop(url, "again", transport=listed)) == orders(shop(url, "again", bulk_from=None))


def test_an_operation_that_may_not_see_a_buyers_field_is_paged(url):
    denied = b'"status":"FAILED","errorCode":"ACCESS_DENIED"'
    failing = Changed(lambda answer: answer.replace(b'"status":"COMPLETED","errorCode":null', denied))
    assert orders(shop(url, "denied", transport=failing)) == orders(shop(url, "denied", bulk_from=None))


def test_a_query_that_shopify_will_not_run_is_paged(url, monkeypatch):
    from orderflow.adapters.shopify import queries

    monkeypatch.setattr(queries, "bulk", lambda search: "{ shop { nothing } }")
    assert orders(shop(url, "plain")) == orders(shop(url, "plain", bulk_from=None))
