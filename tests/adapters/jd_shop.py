"""A JD shop that answers as the platform would: signed, page by page, out of a list that moves."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx

from orderflow.adapters.jd import ADAPTER, Options
from orderflow.adapters.jd.auth import signature
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
START = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
WINDOW = Window(START + timedelta(microseconds=1), START + timedelta(minutes=30, microseconds=1))
SECRET = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(days=3)).isoformat()}
GOOD = {"success": True, "numberCode": 0, "chineseErrCode": "成功"}


class JD:
    """Answers requests as JD would, out of order ids in the order of the list."""

    def __init__(self, orders, access="first", refresh="once"):
        self.orders = list(orders)
        self.access, self.refresh = access, refresh
        self.requests = []
        """Host, method (or path), and business parameters."""
        self.first = []
        self.between = []
        """What happens to the list before each page of it but the first."""

    def __call__(self, request):
        query = dict(request.url.params)
        if request.url.path == "/oauth2/refresh_token":
            self.requests.append((request.url.host, "refresh", query))
            if query["refresh_token"] != self.refresh or query["app_secret"] != SECRET.reveal():
                return httpx.Response(200, json={"code": 405, "msg": "refresh_token已过期", "request_id": "r"})
            self.access, self.refresh = "second", "twice"
            grant = {"access_token": "second", "refresh_token": "twice", "expires_in": 86400, "code": 0}
            return httpx.Response(200, json=grant)
        assert request.url.path == "/routerjson"
        form = dict(parse_qsl(request.read().decode()))
        params = json.loads(form["360buy_param_json"])
        self.requests.append((request.url.host, query["method"], params))
        if self.first:
            return self.first.pop(0)
        if query["sign"] != signature(SECRET, query | form):
            return gateway("12", "Invalid Signature")
        if query["access_token"] != self.access:
            return gateway("19", "Invalid access_token")
        return self.search(params) if query["method"].endswith("search") else self.get(params)

    def search(self, params):
        page, size = int(params["page"]), int(params["page_size"])
        if page != 1 and self.between:
            self.between.pop(0)(self.orders)
        rows = self.orders[(page - 1) * size : page * size]
        return found([{"orderId": str(each)} for each in rows], len(self.orders))

    def get(self, params):
        known = params["order_id"] in map(str, self.orders)
        return detail({"orderId": params["order_id"]} if known else None)


def gateway(code, text):
    return httpx.Response(200, json={"error_response": {"code": code, "zh_desc": "错误", "en_desc": text}})


def found(rows, total, result=None):
    inner = {"apiResult": result or GOOD, "orderTotal": total, "orderInfoList": rows}
    body = {"jingdong_pop_order_search_responce": {"code": "0", "searchorderinfo_result": inner}}
    return httpx.Response(200, json=body)


def detail(order, result=None):
    inner = {"apiResult": result or GOOD, "orderInfo": order}
    return httpx.Response(200, json={"jingdong_pop_order_get_responce": {"code": "0", "orderDetailInfo": inner}})


def failed(code, text):
    return {"success": "false", "numberCode": code, "chineseErrCode": text}


def opened(shop, extra=None, stored=None, slept=None, **options):
    account = Account("jd", "https://api.jd.test", "DEMOJDAPPKEY", SECRET, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=(slept if slept is not None else []).append,
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(**options), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def numbers(pages):
    return [int(json.loads(record)["orderId"]) for page in pages for record in page.records]


def asked_pages(shop):
    return [int(params["page"]) for _, method, params in shop.requests if method.endswith("search")]
