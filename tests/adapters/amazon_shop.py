"""Amazon as its sources see it: tokens, pages of orders, items, and refusals."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx

from orderflow.adapters.amazon_sp_api import ADAPTER, Options
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1, microseconds=-1), NOW - timedelta(minutes=30, microseconds=-1))
TOKENS = {"access_token": "first", "refresh_token": "Atzr", "expires_at": (NOW + timedelta(minutes=50)).isoformat()}
EXPIRED = "The access token you provided has expired."


def ids(*numbers):
    return [f"114-0000000-{number:07d}" for number in numbers]


def error(status, code, details="", headers=None):
    body = {"errors": [{"code": code, "message": "Access to requested resource is denied.", "details": details}]}
    return httpx.Response(status, json=body, headers=headers)


class Amazon:
    """Answers requests as Amazon would, out of pages of order ids; `first` goes before everything else."""

    def __init__(self, *pages, first=()):
        self.pages, self.first = pages or ((),), list(first)
        self.access, self.restricted = {"first"}, set()
        self.requests, self.bought, self.items = [], 0, {}

    def __call__(self, request):
        path, token = request.url.path, request.headers.get("x-amz-access-token")
        self.requests.append((request.method, path, dict(request.url.params), token))
        if path == "/auth/o2/token":
            return self.login(dict(parse_qsl(request.content.decode())))
        if self.first:
            return self.first.pop(0)
        if token not in self.access | self.restricted:
            return error(403, "Unauthorized", EXPIRED)
        if path.startswith("/tokens/"):
            assert token in self.access
            self.bought += 1
            self.restricted.add(f"restricted-{self.bought}")
            return httpx.Response(200, json={"restrictedDataToken": f"restricted-{self.bought}", "expiresIn": 3600})
        if path.endswith("/orderItems"):
            return self.items_of(path.split("/")[-2], request.url.params.get("NextToken"))
        return self.list(path, dict(request.url.params))

    def login(self, form):
        assert (form["grant_type"], form["client_id"], form["client_secret"]) == ("refresh_token", "client", "secret")
        if form["refresh_token"] != "Atzr":
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "revoked"})
        self.access.add("second")
        return httpx.Response(200, json={"access_token": "second", "token_type": "bearer", "expires_in": 3600})

    def items_of(self, order_id, token):
        if order_id in self.items:
            return self.items[order_id].pop(0)
        rest = {} if token else {"NextToken": "more"}
        items = [{"OrderItemId": "2" if token else "1"}]
        return httpx.Response(200, json={"payload": {"AmazonOrderId": order_id, "OrderItems": items} | rest})

    def list(self, path, query):
        old = "/v0/" in path
        if path.rpartition("/")[2] != "orders":
            order_id = path.rpartition("/")[2]
            if not any(order_id in page for page in self.pages):
                return error(404, "NotFound")
            return httpx.Response(200, json={"payload": order(order_id)} if old else {"order": order(order_id)})
        place = int(query.get("NextToken" if old else "paginationToken", 0))
        orders = [order(each) for each in self.pages[place]]
        following = str(place + 1) if place + 1 < len(self.pages) else None
        if old:
            rest = {"NextToken": following} if following else {}
            return httpx.Response(200, json={"payload": {"Orders": orders} | rest})
        return httpx.Response(
            200, json={"orders": orders} | ({"pagination": {"nextToken": following}} if following else {})
        )


def order(order_id):
    return {"AmazonOrderId": order_id, "orderId": order_id}


class Time:
    def __init__(self):
        self.now, self.slept = NOW, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def opened(amazon, version="v2026-01-01", *, extra=None, stored=None, time=None, **options):
    told = {"auth_url": "https://login.test/auth/o2/token"} | (TOKENS if extra is None else extra)
    account = Account("amazon_us", "https://sellingpartnerapi.test", "client", Secret("secret"), told)
    time = time or Time()
    runtime = Runtime(
        clock=time.clock,
        sleep=time.sleep,
        transport=httpx.MockTransport(amazon),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(marketplaces=["ATVPDKIKX0DER"], version=version, **options), account, runtime)


def pulled(amazon, version="v2026-01-01", **how):
    return list(opened(amazon, version, **how).fetch(WINDOW))


def numbers(pages):
    return [ADAPTER.order_id(json.loads(record)) for page in pages for record in page.records]
