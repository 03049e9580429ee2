"""A Douyin shop that answers as the platform would: signed, page by page, out of a list that moves."""

import json
from datetime import UTC, datetime, timedelta

import httpx

from orderflow.adapters.douyin import ADAPTER, Options
from orderflow.adapters.douyin.auth import signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
START = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
WINDOW = Window(START + timedelta(microseconds=1), START + timedelta(minutes=30, microseconds=1))
KEY, SECRET = "7000000000000000001", Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(days=3)).isoformat()}
PART = {
    "order_id": "1",
    "order_status": 2,
    "item_num": 1,
    "product_name": "杯",
    "sum_amount": 500,
    "origin_amount": 500,
}


class Shop:
    """Answers requests as Douyin would, out of orders with their modified times (seconds after the start)."""

    def __init__(self, orders, short=(), unknown=(), access="first", refresh="once"):
        self.orders = dict(orders)
        self.short, self.unknown = set(short), set(unknown)
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []
        self.between = []
        """What happens to the list after each page of it."""

    def __call__(self, request):
        query, body = dict(request.url.params), json.loads(request.content)
        method = request.url.path.removeprefix("/gate/").replace("/", ".")
        self.requests.append((method, query, body))
        if self.first:
            return self.first.pop(0)
        assert request.headers["x-open-no-old-err-code"] == "1"
        assert (query["method"], query["v"], query["sign_method"]) == (method, "2", "hmac-sha256")
        if query["sign"] != signature(SECRET, KEY, method, query["timestamp"], request.content.decode()):
            return refusal(40003, "isv.signature-invalid")
        if method.startswith("token."):
            assert "access_token" not in query
            return self.grant(method, body)
        if query["access_token"] != self.access:
            return refusal(40003, "isv.access-token-expired")
        return getattr(self, method.replace(".", "_"))(body)

    def grant(self, method, body):
        if method == "token.refresh" and body != {"grant_type": "refresh_token", "refresh_token": self.refresh}:
            return refusal(50001, "dop.token-generate-failed:token-expired")
        self.access, self.refresh = "second", "twice"
        return done({"access_token": "second", "refresh_token": "twice", "expires_in": "604800", "shop_id": "1"})

    def order_searchList(self, body):  # noqa: N802 -- the platform's name
        field = body["order_by"]
        assert body["order_asc"] is True
        rows = sorted(
            (seconds, number)
            for number, seconds in self.orders.items()
            if body[f"{field}_start"] <= START.timestamp() + seconds < body[f"{field}_end"]
        )
        page = rows[body["page"] * body["size"] : (body["page"] + 1) * body["size"]]
        answer = {"page": str(body["page"]), "total": str(len(rows)), "size": len(page)}
        listed = [self.order(number, self.short) for _, number in page]
        if self.between:
            self.between.pop(0)(self.orders)
        return done({**answer, "shop_order_list": listed or None})

    def order_orderDetail(self, body):  # noqa: N802 -- the platform's name
        number = int(body["shop_order_id"])
        if number in self.unknown:
            return refusal(50002, "isv.business-failed:1", "订单不存在")
        return done({"shop_order_detail": self.order(number, ())})

    def order(self, number, short):
        parts = {} if number in short else {"sku_order_list": [PART]}
        return {
            "order_id": str(number),
            "order_status": 2,
            "create_time": 1773019120,
            "update_time": 1773019267,
        } | parts


def done(data):
    return httpx.Response(200, json={"code": 10000, "msg": "success", "sub_code": "", "data": data})


def refusal(code, sub_code="", message="because"):
    return httpx.Response(200, json={"code": code, "msg": "error", "sub_code": sub_code, "sub_msg": message})


def opened(shop, extra=None, stored=None, slept=None):
    tokens = TOKENS if extra is None else extra
    account = Account("douyin_cn", "https://openapi.douyin.test/gate", KEY, SECRET, tokens)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=(lambda _: None) if slept is None else slept.append,
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def numbers(pages):
    return [int(json.loads(record)["order_id"]) for page in pages for record in page.records]


def asked(shop, method="order.searchList"):
    return [body for name, _, body in shop.requests if name == method]


def each_second(count):
    return {number: number % 1700 for number in range(1, count + 1)}
