"""The endpoints of one seller: who may ask, how often, which orders, and eBay's errors."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version, moment
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.ebay.documents import document, index_of, order_id, parcel_of
from orderflow.sandbox.quota import Quota

ORDERS, TOKENS = "/sell/fulfillment/v1/order", "/identity/v1/oauth2/token"
LARGEST_PAGE, DEFAULT_PAGE, MOST_IDS = 200, 50, 50
YEARS = 2
_RANGE = re.compile(r"(creationdate|lastmodifieddate):\[([^\]]*?)\.\.([^\]]*)\]")
_STATUSES = re.compile(r"orderfulfillmentstatus:\{([A-Z_]+)\|([A-Z_]+)\}")
STATUSES = frozenset({("NOT_STARTED", "IN_PROGRESS"), ("FULFILLED", "IN_PROGRESS")})


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with one error."""

    def __init__(self, status: int, number: int, message: str, domain: str = "API_FULFILLMENT") -> None:
        super().__init__(message)
        self.status = status
        category = "APPLICATION" if status >= 500 else "REQUEST"
        error = {"errorId": number, "domain": domain, "category": category, "message": message, "longMessage": message}
        self.body = {"errors": [error]}


class Api:
    """One seller's endpoints, tokens and quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        name, secret = options.get("client_id", "Demo-PRD-1"), options.get("client_secret", "demo-client-secret")
        self.login = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
        self.life = float(options.get("token_seconds", 7200))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = str(options.get("refresh_token", "demo-refresh-token"))
        self.deepest = int(options.get("deepest", 0))
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)

    def route(self, path: str, answer: Callable[[Request], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._check(request)
                return _json(answer(request))
            except Refused as refused:
                return _json(refused.body, refused.status)

        return Route(path, endpoint)

    def _check(self, request: Request) -> None:
        fault = fault_of(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refused(400, 1002, "Missing access token", "OAuth")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused(401, 1001, "Invalid access token", "OAuth")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(429, 2001, "The request limit has been reached for the resource.", "ACCESS")

    async def renew(self, request: Request) -> Response:
        """Another access token for the one refresh token, which goes on serving."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if request.headers.get("authorization") != self.login:
            return _json({"error": "invalid_client", "error_description": "client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh:
            return _json({"error": "invalid_grant", "error_description": "the refresh token is invalid"}, 400)
        self.renewals += 1
        token = f"demo-access-{self.renewals}-{self.site.shop.name}"
        self.access[token] = self.site.ticks() + self.life
        return _json({"access_token": token, "expires_in": int(self.life), "token_type": "User Access Token"})

    def listed(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        breakdown = self._breakdown(request)
        if "orderIds" in query:
            return self._by_ids(request, query["orderIds"].split(","))
        limit, offset = query.get("limit", str(DEFAULT_PAGE)), query.get("offset", "0")
        if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_PAGE:
            raise Refused(400, 31100, f"Invalid limit: {limit}")
        if not offset.isdigit() or (self.deepest and int(offset) > self.deepest):
            raise Refused(400, 31000, f"Invalid offset: {offset}")
        found = self._found(request)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0].order.index])
            found = self._found(request)
        first = int(offset)
        page, end = found[first : first + int(limit)], first + int(limit)
        answer = {
            "href": str(request.url),
            "total": len(found),
            "limit": int(limit),
            "offset": first,
            "orders": [self._document(request, version, breakdown=breakdown) for version in page],
        }
        return answer | ({"next": str(request.url.include_query_params(offset=end))} if end < len(found) else {})

    def _by_ids(self, request: Request, names: list[str]) -> dict[str, Any]:
        """The newest state of these orders, without any breakdown: all other parameters are ignored."""
        if len(names) > MOST_IDS:
            raise Refused(400, 30900, f"Exceeded maximum number of order IDs (the current limit is {MOST_IDS})")
        versions = [version for name in names if (version := self._held(request, name))]
        orders = [self._document(request, version, breakdown=False) for version in versions]
        return {"href": str(request.url), "total": len(orders), "limit": len(orders), "offset": 0, "orders": orders}

    def _found(self, request: Request) -> list[Version]:
        """Orders of a range, both its ends included; of the last 90 days where no range was asked for."""
        text = request.query_params.get("filter", "")
        shelf = self.site.world.listed(self.site.moment(request))
        now = self.site.platform_time(request).timestamp()
        ranges = {kind: (start, end) for kind, start, end in _RANGE.findall(text)}
        rest = _RANGE.sub("", text)
        statuses = _STATUSES.search(rest)
        if _STATUSES.sub("", rest).strip(", "):
            raise Refused(400, 30700, f"Invalid filter name: {rest}")
        if statuses and statuses.groups() not in STATUSES:
            raise Refused(400, 30800, f"Invalid filter value {statuses[0]}")
        kind = "creationdate" if "creationdate" in ranges or not ranges else "lastmodifieddate"
        start, end = self._ends(ranges[kind], now) if ranges else (math.ceil(now) - 90 * 86400, None)
        behind = None if end is None else end + 1
        found = shelf.created(start, behind) if kind == "creationdate" else shelf.modified(start, behind)
        if statuses:
            found = [each for each in found if self._document(request, each)["orderFulfillmentStatus"] in statuses[0]]
        return found

    def _ends(self, asked: tuple[str, str], now: float) -> tuple[int, int | None]:
        if not asked[0]:
            raise Refused(400, 30820, "Start date is missing")
        try:
            start, end = (datetime.fromisoformat(each).timestamp() if each else None for each in asked)
        except ValueError:
            raise Refused(400, 30810, "Invalid date format") from None
        if start is None or start > now or (end or 0) > now:
            raise Refused(400, 30850, "Start and end dates can't be in the future")
        if end is not None and start > end:
            raise Refused(400, 30840, "Start date should be before end date")
        if (end or now) - start > YEARS * 366 * 86400:
            raise Refused(400, 30830, f"Time range between start date and end date must be within '{YEARS}' years.")
        return math.ceil(start), None if end is None else math.floor(end)

    def one(self, request: Request) -> dict[str, Any]:
        breakdown = self._breakdown(request)
        return self._document(request, self._asked(request), breakdown=breakdown, detail=True)

    def parcels(self, request: Request) -> dict[str, Any]:
        snap = self.site.world.snapshot(self._asked(request))
        return {"fulfillments": [parcel_of(snap, parcel) for parcel in snap.parcels], "total": len(snap.parcels)}

    def _asked(self, request: Request) -> Version:
        name = request.path_params["name"]
        if index_of(name) is None:
            raise Refused(400, 32100, f"Invalid order ID: {name}")
        version = self._held(request, name)
        if version is None:
            raise Refused(404, 32100, f"Invalid order ID: {name}")
        return version

    def _held(self, request: Request, name: str) -> Version | None:
        """The newest state of one order, whatever the lists show yet."""
        index = index_of(name)
        at = moment(self.site.clock())
        self.site.world.listed(self.site.moment(request))
        version = None if index is None else self.site.world.held(index, at)
        return None if version is None or version.order.trashed else version

    def _breakdown(self, request: Request) -> bool:
        group = request.query_params.get("fieldGroups")
        if group not in {None, "TAX_BREAKDOWN"}:
            raise Refused(400, 32800, f"Invalid field group: {group}")
        return group is not None

    def _document(
        self, request: Request, version: Version, *, breakdown: bool = False, detail: bool = False
    ) -> dict[str, Any]:
        snap = self.site.world.snapshot(version)
        url = f"{str(request.base_url).rstrip('/')}{ORDERS}/{order_id(snap.index)}"
        return document(snap, breakdown=breakdown, detail=detail, url=url)


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
