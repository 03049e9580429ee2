"""An eBay account that answers as the platform would: tokens, a list that moves, single orders."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx

from orderflow.adapters.ebay import ADAPTER, Options
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
SECRET = Secret("PRD-secret-5678")
BASIC = "Basic TXlBcHAtUFJELTEyMzQ6UFJELXNlY3JldC01Njc4"
TOKENS = {"access_token": "first", "refresh_token": "forever", "expires_at": (NOW + timedelta(hours=1)).isoformat()}
ORDERS = "/sell/fulfillment/v1/order"


class Ebay:
    """Answers requests as eBay would, out of orders in the order of their list."""

    def __init__(self, count=0, access="first", refresh="forever"):
        self.orders = [f"10-00000-{number:05d}" for number in range(count)]
        self.more = {}
        """What single orders hold beside their times."""
        self.details, self.parcels = {}, {}
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []
        self.between = []
        """What happens to the list after each page of it."""

    def __call__(self, request):
        self.requests.append(request)
        if self.first:
            return self.first.pop(0)
        if request.url.path == "/identity/v1/oauth2/token":
            return self.token(request)
        if request.headers["authorization"] != f"Bearer {self.access}":
            return refusal(1001, 401, "Invalid access token")
        name = request.url.path.removeprefix(ORDERS).strip("/")
        return self.single(name) if name else self.page(dict(request.url.params))

    def token(self, request):
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert request.headers["authorization"] == BASIC
        if form["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "expired"})
        self.access = "second"
        return httpx.Response(
            200, json={"access_token": "second", "expires_in": 7200, "token_type": "User Access Token"}
        )

    def row(self, name):
        stamp = "2026-03-01T09:30:00.000Z"
        return {"orderId": name, "lastModifiedDate": stamp, "creationDate": stamp} | self.more.get(name, {})

    def page(self, query):
        offset, limit = int(query.get("offset", "0")), int(query["limit"])
        rows = [self.row(name) for name in self.orders[offset : offset + limit]]
        answer = httpx.Response(200, json={"total": len(self.orders), "orders": rows, "limit": limit, "offset": offset})
        if self.between:
            self.between.pop(0)(self.orders)
        return answer

    def single(self, name):
        name, _, parcels = name.partition("/")
        found = (self.parcels if parcels else self.details).get(name)
        return refusal(32100, 404, "Invalid order ID") if found is None else httpx.Response(200, json=found)

    def paths(self):
        return [request.url.path.removeprefix(ORDERS) for request in self.requests]


def refusal(number, status, message, category="REQUEST", **more):
    error = {"errorId": number, "domain": "ACCESS", "category": category, "message": message, "longMessage": message}
    return httpx.Response(status, json={"errors": [error]}, **more)


def opened(shop, extra=None, stored=None, slept=None, **options):
    account = Account("ebay_us", "https://api.ebay.test", "MyApp-PRD-1234", SECRET, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=lambda seconds: None if slept is None else slept.append(seconds),
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(**options), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def names(pages):
    return [json.loads(record)["order"]["orderId"] for page in pages for record in page.records]
