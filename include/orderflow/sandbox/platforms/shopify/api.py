"""The endpoint: who may ask, what it costs, which orders, and the answer."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.shopify import sending
from orderflow.sandbox.platforms.shopify.bucket import Bucket
from orderflow.sandbox.platforms.shopify.bulk import BULK, Bulk
from orderflow.sandbox.platforms.shopify.fields import ORDER
from orderflow.sandbox.platforms.shopify.parts import PARTS, refunds, typename
from orderflow.sandbox.platforms.shopify.search import anything, parse
from orderflow.sandbox.platforms.shopify.values import InOrder, Page, cursor, gid, index_of, order_number, part_of
from orderflow.sandbox.query_plan import Invalid, Plan, Schema, Step, connection_factor, run

LARGEST_PAGE, LARGEST_COST = 250, 1000
_VERSION = re.compile(r"20\d\d-(01|04|07|10)|unstable")
_OLDEST = "2025-10"
_FREE = frozenset({"MoneyBag", "MoneyV2", "MailingAddress", "PageInfo", "Attribute", "Count", "CashRoundingAdjustment"})
"""Value objects, which Shopify does not charge for."""
_DENIED = {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


class Query(msgspec.Struct):
    query: str
    variables: dict[str, Any] | None = None
    operation: str | None = msgspec.field(default=None, name="operationName")


class Ask:
    """One request while it is answered: the shop, the moment, and the warnings about its search terms."""

    def __init__(self, api: Api, request: Request) -> None:
        self.api = api
        self.site = api.site
        self.request = request
        self.moment = api.site.moment(request)
        self.search: list[dict[str, Any]] = []

    def found(self, field: str, text: str | None, key: Callable[[Version], tuple[int, int]] | None) -> list[Version]:
        """All listed orders that the search holds for, sorted by `key` (None: by creation, as they come)."""
        world = self.site.world
        search = parse(text, world)
        if search.warnings:
            self.search.append({"path": [field], "query": text, "warnings": search.warnings})
        shelf = world.listed(self.moment)
        modified = "updated_at" in search.bounds or (not search.bounds and key is _by_modified)
        if modified:
            versions = shelf.modified(*search.bounds.get("updated_at", (None, None)))
        else:
            versions = shelf.created(*search.bounds.get("created_at", search.bounds.get("processed_at", (None, None))))
        if search.test is not anything:
            versions = [version for version in versions if search.test(version)]
        if reach := int(self.site.shop.options.get("reach_days", 0)):
            oldest = self.moment - reach * 86_400
            versions = [version for version in versions if version.order.placed_at >= oldest]
        if key is None or key is (_by_modified if modified else _by_created):
            return versions
        return sorted(versions, key=key)


def _by_modified(version: Version) -> tuple[int, int]:
    return version.modified_at, order_number(version.order.index)


def _by_created(version: Version) -> tuple[int, int]:
    return version.order.placed_at, order_number(version.order.index)


def _by_id(version: Version) -> tuple[int, int]:
    number = order_number(version.order.index)
    return number, number


_SORTS = {
    "UPDATED_AT": _by_modified,
    "CREATED_AT": _by_created,
    "PROCESSED_AT": _by_created,
    "ID": _by_id,
    "ORDER_NUMBER": _by_id,
}


def _orders(ask: Ask, args: Any) -> Page:
    size = args.get("first") if args.get("first") is not None else args.get("last")
    if size is None:
        raise Invalid({"message": "you must provide one of first or last", "extensions": {"code": "BAD_REQUEST"}})
    if not 0 <= size <= LARGEST_PAGE:
        raise Invalid(
            {"message": f"first and last must be between 0 and {LARGEST_PAGE}", "extensions": {"code": "BAD_REQUEST"}}
        )
    key = _SORTS.get(args.get("sortKey") or "PROCESSED_AT")
    if key is None:
        raise Invalid({"message": f"the sandbox does not sort by {args['sortKey']}; it sorts by {', '.join(_SORTS)}"})
    versions = ask.found("orders", args.get("query"), key)
    after, before = _place(args.get("after")), _place(args.get("before"))
    fault = fault_of(ask.request)
    if fault and fault.kind == "shifted-page" and after and versions:
        ask.site.shift(ask.request, [versions[0].order.index])
        versions = ask.found("orders", args.get("query"), key)
    if args.get("reverse"):
        after, before = before, after
    start = bisect_right(versions, after, key=key) if after else 0
    end = bisect_left(versions, before, key=key) if before else len(versions)
    backwards = (args.get("first") is None) != bool(args.get("reverse"))
    low, high = (max(start, end - size), end) if backwards else (start, min(end, start + size))
    ceiling = int(ask.site.shop.options.get("ceiling", 25_000))
    if (len(versions) - low if args.get("reverse") else high) > ceiling:
        raise Invalid({"message": f"Pagination is limited to {ceiling} objects", "extensions": {"code": "BAD_REQUEST"}})
    chosen = versions[low:high]
    cursors = [cursor(number, value) for value, number in map(key, chosen)]
    more, earlier = high < len(versions), low > 0
    if args.get("reverse"):
        chosen.reverse()
        cursors.reverse()
        more, earlier = earlier, more
    return Page(chosen, cursors, more, earlier)


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        place = msgspec.json.decode(b64decode(text, validate=True))
        return int(place["last_value"]), int(place["last_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid({"message": f"Invalid cursor: {text}", "extensions": {"code": "BAD_REQUEST"}}) from error


def _order(ask: Ask, args: Any) -> Version | None:
    index = index_of(args["id"])
    version = None if index is None else ask.site.world.held(index, ask.moment)
    return None if version is None or version.order.trashed else version


def _node(ask: Ask, args: Any) -> Any:
    """An order, or a refund or parcel of one."""
    kind, _, digits = args["id"].removeprefix("gid://shopify/").partition("/")
    if kind == "Order" or not digits.isdigit():
        return _order(ask, args)
    index, number = part_of(int(digits))
    version = ask.site.world.held(index, ask.moment)
    if version is None or kind not in {"Refund", "Fulfillment"}:
        return None
    order = ask.site.world.snapshot(version)
    parts = refunds(order) if kind == "Refund" else [InOrder(order, each, n) for n, each in enumerate(order.parcels)]
    return next((part for part in parts if part.part.number == number), None)


def _nodes(ask: Ask, args: Any) -> list[Version | None]:
    count = len(args["ids"])
    if count > LARGEST_PAGE:
        raise Invalid(
            {"message": f"The input array size of {count} is greater than the maximum allowed of {LARGEST_PAGE}."}
        )
    return [_node(ask, {"id": each}) for each in args["ids"]]


def _count(ask: Ask, args: Any) -> tuple[int, str]:
    count = len(ask.found("ordersCount", args.get("query"), None))
    limit = args.get("limit") or int(ask.site.shop.options.get("ceiling", 25_000)) + 1
    return min(count, limit), "EXACT" if count <= limit else "AT_LEAST"


_ROOT: dict[str, dict[str, Callable[[Any, Any], Any]]] = {
    "Mutation": {
        "fulfillmentCreate": lambda ask, args: sending.create(ask.site, args),
        "bulkOperationRunQuery": lambda ask, args: ask.api.bulk.begin(ask, SCHEMA, args["query"]),
    },
    "QueryRoot": {
        "bulkOperation": lambda ask, args: ask.api.bulk.one(ask, args),
        "bulkOperations": lambda ask, args: ask.api.bulk.recent(ask, args),
        "orders": _orders,
        "order": _order,
        "node": _node,
        "nodes": _nodes,
        "ordersCount": _count,
        "shop": lambda ask, _: ask,
        "currentAppInstallation": lambda ask, _: ask,
    },
    "AppInstallation": {
        "id": lambda ask, _: gid("AppInstallation", ask.site.shop.seed),
        "accessScopes": lambda ask, _: _scopes(ask.site),
    },
    "AccessScope": {"handle": lambda scope, _: scope, "description": lambda scope, _: scope},
    "Count": {"count": lambda count, _: count[0], "precision": lambda count, _: count[1]},
    "Shop": {
        "id": lambda ask, _: gid("Shop", ask.site.shop.seed),
        "name": lambda ask, _: ask.site.shop.name,
        "email": lambda ask, _: f"owner@{ask.site.shop.name}.test",
        "myshopifyDomain": lambda ask, _: f"{ask.site.shop.name}.myshopify.test",
        "currencyCode": lambda ask, _: ask.site.shop.currency,
        "enabledPresentmentCurrencies": lambda ask, _: sorted({ask.site.shop.currency, *ask.site.shop.currencies}),
        "ianaTimezone": lambda ask, _: ask.site.shop.timezone,
        "timezoneOffset": lambda ask, _: f"{ask.site.clock().astimezone(ask.site.shop.zone):%z}",
        "timezoneOffsetMinutes": lambda ask, _: int(
            ask.site.clock().astimezone(ask.site.shop.zone).utcoffset().total_seconds() // 60
        ),
        "taxesIncluded": lambda *_: False,
    },
}


def _scopes(site: Site) -> list[str]:
    """What the app may read: all orders, or those of the last days only."""
    return ["read_orders"] if site.shop.options.get("reach_days") else ["read_orders", "read_all_orders"]


def _typename(value: Any) -> str:
    return "Order" if isinstance(value, Version) else typename(value)


SCHEMA: Schema = Schema(
    (Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"),
    {**PARTS, **sending.SENDING, **BULK, "Order": ORDER, **_ROOT},
    _typename,
    _FREE,
)


class Api:
    """One shop's endpoints."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site, self.bulk = site, Bulk(site)
        self.token = str(options.get("token", "shpat_demo"))
        self.client = str(options.get("client_id", "demo-client")), str(options.get("client_secret", "demo-secret"))
        self.life = float(options.get("token_seconds", 86_399))
        self.bucket = Bucket(float(options.get("bucket", 20_000)), float(options.get("restore", 1_000)), site.ticks)
        self.minted: dict[str, float] = {}
        self.mints = 0
        self._kept: dict[str, dict[int, tuple[Version, msgspec.Raw]]] = {}

    async def mint(self, request: Request) -> Response:
        """A new access token for client id and secret (client credentials grant)."""
        body = await request.body()
        try:
            given = msgspec.json.decode(body, type=dict[str, str])
        except msgspec.MsgspecError:
            given = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if (given.get("client_id"), given.get("client_secret")) != self.client:
            return _json({"error": "invalid_client"}, 401)
        if given.get("grant_type") != "client_credentials":
            return _json({"error": "unsupported_grant_type"}, 400)
        self.mints += 1
        token = "shpca_" + blake2b(f"{self.site.shop.name} {self.mints}".encode(), digest_size=16).hexdigest()
        self.minted[token] = self.site.ticks() + self.life
        return _json({"access_token": token, "scope": ",".join(_scopes(self.site)), "expires_in": int(self.life)})

    def _may(self, request: Request) -> bool:
        token = request.headers.get("x-shopify-access-token", "")
        fault = fault_of(request)
        if fault and fault.kind == "expired-token":
            self.minted.pop(token, None)
            return False
        return hmac.compare_digest(token.encode(), self.token.encode()) or self.minted.get(token, 0) > self.site.ticks()

    async def graphql(self, request: Request) -> Response:
        """Answer one query."""
        version = request.path_params["version"]
        if not _VERSION.fullmatch(version):
            return _json({"errors": "Not Found"}, 404)
        if not self._may(request):
            return _json(_DENIED, 401)
        try:
            query = msgspec.json.decode(await request.body(), type=Query)
        except msgspec.MsgspecError:
            return _json({"errors": "Required parameter missing or invalid"}, 400)
        headers = {"X-Shopify-API-Version": max(version, _OLDEST)}
        try:
            plan = SCHEMA.compile(query.query, query.operation, query.variables or {})
            return _json(self._answer(plan, request), headers=headers)
        except Invalid as invalid:
            return _json({"errors": invalid.errors}, headers=headers)

    def _answer(self, plan: Plan, request: Request) -> dict[str, Any]:
        if plan.cost > LARGEST_COST:
            message = f"Query cost is {plan.cost}, which exceeds the single query max cost limit ({LARGEST_COST})."
            details = {"code": "MAX_COST_EXCEEDED", "cost": plan.cost, "maxCost": LARGEST_COST}
            raise Invalid({"message": message, "extensions": details})
        fault = fault_of(request)
        if (fault and fault.kind == "throttled") or not self.bucket.take(plan.cost):
            cost = {"requestedQueryCost": plan.cost, "actualQueryCost": None, "throttleStatus": self.bucket.status()}
            return {
                "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                "extensions": {"cost": cost},
            }
        ask = Ask(self, request)
        data: dict[str, Any] = {}
        actual = 0
        for step in plan.steps:
            value = step.resolve(ask, step.args)
            actual += _actual(step, value)
            data |= run(
                Plan("QueryRoot", (step._replace(resolve=lambda *_, v=value: v),), "", 0), ask, {"Order": self._keep}
            )
        self.bucket.give_back(max(0, plan.cost - actual))
        cost = {"requestedQueryCost": plan.cost, "actualQueryCost": actual, "throttleStatus": self.bucket.status()}
        extensions: dict[str, Any] = {"cost": cost}
        if ask.search:
            extensions["search"] = ask.search
        return {"data": data, "extensions": extensions}

    def _keep(self, plan: Plan, version: Version) -> msgspec.Raw:
        """An order's JSON for this selection, rendered once."""
        kept = self._kept.setdefault(plan.key, {})
        found = kept.get(version.order.index)
        if found is not None and found[0] is version:
            return found[1]
        rendered = msgspec.Raw(msgspec.json.encode(run(plan, self.site.world.snapshot(version), {})))
        if len(kept) > 20_000 or len(self._kept) > 8:
            self._kept.clear()
        kept[version.order.index] = version, rendered
        return rendered


def _actual(step: Step, value: Any) -> int:
    """What a field of the root really cost: connections and lists by what they hold."""
    if step.plan is None:
        return 0
    if isinstance(value, Page):
        items = step.plan(value).cost
        return 2 + (connection_factor(len(value.nodes)) * items if value.nodes else 0)
    if isinstance(value, list):
        return sum(1 if each is None else 1 + step.plan(each).cost for each in value)
    return 1 if value is None or isinstance(value, tuple) else 1 + step.plan(value).cost


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json; charset=utf-8")
