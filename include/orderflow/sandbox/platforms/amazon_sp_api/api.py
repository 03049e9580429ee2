"""The endpoints of one seller: who may ask, how often, which orders, and Amazon's error bodies."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version, moment
from orderflow.sandbox.order import Shipment
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.amazon_sp_api import v0, v2026
from orderflow.sandbox.platforms.amazon_sp_api.states import (
    foreign,
    index_of,
    item_id,
    marketplace_of,
    order_id,
    status_of,
)
from orderflow.sandbox.quota import Quota
from orderflow.sandbox.snapshot import Snapshot

LARGEST_PAGE = 100
YOUNGEST = timedelta(minutes=2)
EXPIRED = "The access token you provided has expired."


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.answer = {"errors": [{"code": code, "message": message, "details": details}]}


class Names(NamedTuple):
    """How one version spells what a list may be asked for."""

    marketplaces: str
    updated: str
    created: str
    size: str
    token: str


V0 = Names("MarketplaceIds", "LastUpdated", "Created", "MaxResultsPerPage", "NextToken")
V2026 = Names("marketplaceIds", "lastUpdated", "created", "maxResultsPerPage", "paginationToken")


class Found(NamedTuple):
    page: list[Snapshot]
    token: str | None
    until: str


class PackedItem(msgspec.Struct):
    item: str = msgspec.field(name="orderItemId")
    quantity: int


class Package(msgspec.Struct):
    reference: str = msgspec.field(name="packageReferenceId")
    carrier: str = msgspec.field(name="carrierCode")
    tracking: str = msgspec.field(name="trackingNumber")
    shipped: datetime = msgspec.field(name="shipDate")
    items: list[PackedItem] = msgspec.field(name="orderItems")


class Confirmation(msgspec.Struct):
    marketplace: str = msgspec.field(name="marketplaceId")
    package: Package = msgspec.field(name="packageDetail")


class Api:
    """One seller's endpoints, tokens and quota."""

    def __init__(self, site: Site) -> None:
        told = site.shop.options.get
        self.site = site
        self.client = str(told("client_id", "amzn1.demo-client")), str(told("client_secret", "demo-client-secret"))
        self.refresh = str(told("refresh_token", "demo-refresh-token"))
        self.marketplace = marketplace_of(site.shop)
        self.life = float(told("token_seconds", 3600))
        self.role = bool(told("role", True))
        self.items_at_once = int(told("items_at_once", 50))
        self.access = {str(told("access_token", "demo-access-token")): site.ticks() + self.life}
        self.restricted: dict[str, float] = {}
        self.packages: set[tuple[int, str]] = set()
        self.quota = Quota(float(told("per_second", 0)), site.ticks)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/auth/o2/token", self.login, methods=["POST"]),
            Route("/tokens/2021-03-01/restrictedDataToken", self._checked(self.restrict), methods=["POST"]),
            Route("/orders/v0/orders", self._checked(self.list_v0)),
            Route("/orders/v0/orders/{id}", self._checked(self.one_v0)),
            Route("/orders/v0/orders/{id}/orderItems", self._checked(self.items_v0)),
            Route("/orders/v0/orders/{id}/shipmentConfirmation", self.confirm, methods=["POST"]),
            Route("/orders/2026-01-01/orders", self._checked(self.list_2026)),
            Route("/orders/2026-01-01/orders/{id}", self._checked(self.one_2026)),
        ]

    def _checked(self, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self._check(request)
                return _json(answer(request))
            except Refused as refused:
                return _json(refused.answer, refused.status)

        return endpoint

    def _check(self, request: Request) -> None:
        fault, token = fault_of(request), request.headers.get("x-amz-access-token", "")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
            self.restricted.pop(token, None)
        if (self.access | self.restricted).get(token, 0) <= self.site.ticks():
            raise Refused(403, "Unauthorized", "Access to requested resource is denied.", EXPIRED)

    async def login(self, request: Request) -> Response:
        """Login with Amazon: the refresh token stays the same."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            return _json({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh:
            return _json({"error": "invalid_grant", "error_description": "The request has an invalid grant"}, 400)
        token = f"Atza-{self.site.shop.name}-{len(self.access)}-{self.site.ticks()}"
        self.access[token] = self.site.ticks() + self.life
        granted = {"access_token": token, "token_type": "bearer", "expires_in": int(self.life)}
        return _json(granted | {"refresh_token": self.refresh})

    def restrict(self, request: Request) -> dict[str, Any]:
        if not self.role or request.headers["x-amz-access-token"] in self.restricted:
            raise Refused(
                403, "Unauthorized", "Application does not have access to one or more requested data elements."
            )
        token = f"Atz.sprdt-{self.site.shop.name}-{len(self.restricted)}-{self.site.ticks()}"
        self.restricted[token] = self.site.ticks() + self.life
        return {"restrictedDataToken": token, "expiresIn": int(self.life)}

    def list_v0(self, request: Request) -> dict[str, Any]:
        wanted = set(filter(None, request.query_params.get("OrderStatuses", "").split(",")))
        found = self._found(request, V0, wanted)
        answer: dict[str, Any] = {"Orders": [self._row(request, snap) for snap in found.page]}
        return {"payload": answer | {"LastUpdatedBefore": found.until} | _token("NextToken", found.token)}

    def one_v0(self, request: Request) -> dict[str, Any]:
        return {"payload": self._row(request, self._held(request))}

    def items_v0(self, request: Request) -> dict[str, Any]:
        snap = self._held(request)
        items = v0.items_of(snap, people=self._people(request))
        start = int(request.query_params.get("NextToken") or 0)
        end = start + self.items_at_once
        rest = str(end) if end < len(items) else None
        payload = {"AmazonOrderId": order_id(snap.index), "OrderItems": items[start:end]}
        return {"payload": payload | _token("NextToken", rest)}

    async def confirm(self, request: Request) -> Response:
        """Take word of a package; one whose reference is known is edited, which changes nothing here."""
        try:
            self._check(request)
            self._pack(self._held(request), msgspec.json.decode(await request.body(), type=Confirmation))
        except msgspec.MsgspecError as error:
            return _json({"errors": [{"code": "InvalidInput", "message": str(error), "details": ""}]}, 400)
        except Refused as refused:
            return _json(refused.answer, refused.status)
        return Response(status_code=204)

    def _pack(self, snap: Snapshot, told: Confirmation) -> None:
        package = told.package
        if not package.reference.isdigit() or told.marketplace != self.marketplace:
            raise Refused(400, "InvalidInput", "packageReferenceId is no positive number, or marketplaceId is wrong.")
        if (snap.index, package.reference) in self.packages:
            return
        lines = {item_id(snap, line): line.line_id for line in snap.lines}
        units = tuple((lines.get(item.item, 0), item.quantity) for item in package.items)
        at = moment(self.site.clock())
        parcel = Shipment(number=0, carrier=package.carrier, tracking=package.tracking, units=units, at=at)
        if self.site.world.dispatch(snap.index, parcel) is None:
            raise Refused(400, "InvalidInput", "The quantity of an order item exceeds what is left to ship.")
        self.packages.add((snap.index, package.reference))

    def list_2026(self, request: Request) -> dict[str, Any]:
        found = self._found(request, V2026, set())
        data = set(request.query_params.get("includedData", "").split(","))
        answer: dict[str, Any] = {"orders": [self._new(snap, data) for snap in found.page]}
        pagination = {"pagination": {"nextToken": found.token}} if found.token else {}
        return answer | pagination | {"lastUpdatedBefore": found.until}

    def one_2026(self, request: Request) -> dict[str, Any]:
        data = set(request.query_params.get("includedData", "").split(","))
        return {"order": self._new(self._held(request), data)}

    def _row(self, request: Request, snap: Snapshot) -> dict[str, Any]:
        row = v0.order_of(snap, self.marketplace, people=self._people(request))
        return v0.of_another_shop(row, snap) if foreign(self.site.shop, snap.index) else row

    def _new(self, snap: Snapshot, data: set[str]) -> dict[str, Any]:
        order = v2026.order_of(snap, self.marketplace, data)
        return v2026.of_another_shop(order, snap) if foreign(self.site.shop, snap.index) else order

    def _people(self, request: Request) -> bool:
        return request.headers["x-amz-access-token"] in self.restricted

    def _held(self, request: Request) -> Snapshot:
        index = index_of(request.path_params["id"])
        version = None if index is None else self.site.world.held(index, self.site.moment(request))
        if version is None or version.order.trashed:
            raise Refused(404, "NotFound", "The requested resource could not be found.")
        return self.site.world.snapshot(version)

    def _found(self, request: Request, names: Names, statuses: set[str]) -> Found:
        """A page of a list, oldest first; its token is the place of its last row, good for this query alone."""
        query = dict(request.query_params)
        if not query.get(names.marketplaces):
            raise Refused(400, "InvalidInput", f"Missing required parameter: {names.marketplaces}")
        size = int(query.get(names.size, LARGEST_PAGE))
        fields = [field for field in (names.updated, names.created) if f"{field}After" in query]
        if len(fields) != 1 or not 1 <= size <= LARGEST_PAGE:
            raise Refused(400, "InvalidInput", "Invalid Input")
        start, end = self._range(request, fields[0])
        token = query.pop(names.token, None)
        asked = hashlib.sha256(repr(sorted(query.items())).encode()).hexdigest()[:16]
        after = _place(token, asked) if token else None
        rows = self._rows(request, names, fields[0], start, end)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and after and rows:
            self.site.shift(request, [rows[0][1].order.index])
            rows = self._rows(request, names, fields[0], start, end)
        if self.marketplace not in query[names.marketplaces].split(","):
            rows = []
        if statuses:
            rows = [row for row in rows if self._is(row[1], statuses)]
        begin = bisect_right([place for place, _ in rows], after) if after else 0
        page = rows[begin : begin + size]
        more = begin + size < len(rows)
        following = urlsafe_b64encode(msgspec.json.encode([asked, *page[-1][0]])).decode() if more else None
        return Found([self.site.world.snapshot(version) for _, version in page], following, end.isoformat())

    def _is(self, version: Version, statuses: set[str]) -> bool:
        """Whether the order has one of these statuses; one that nobody knows cannot be asked for, and is shown."""
        status = status_of(self.site.world.snapshot(version))
        return status in statuses or status == "Teleported"

    def _range(self, request: Request, field: str) -> tuple[datetime, datetime]:
        query, latest = request.query_params, self.site.platform_time(request) - YOUNGEST
        try:
            start = datetime.fromisoformat(query[f"{field}After"])
            end = datetime.fromisoformat(query.get(f"{field}Before", latest.isoformat()))
        except ValueError:
            raise Refused(400, "InvalidInput", "Invalid Input") from None
        if end > latest or end < start:
            raise Refused(400, "InvalidInput", "Invalid Input")
        return start, end

    def _rows(
        self, request: Request, names: Names, field: str, start: datetime, end: datetime
    ) -> list[tuple[tuple[int, int], Version]]:
        shelf = self.site.world.listed(self.site.moment(request))
        low, high = int(start.timestamp()), int(end.timestamp()) + 1
        if field == names.updated:
            return [((each.modified_at, each.order.index), each) for each in shelf.modified(low, high)]
        return [((each.order.placed_at, each.order.index), each) for each in shelf.created(low, high)]


def _place(token: str, asked: str) -> tuple[int, int]:
    try:
        query, moment, index = msgspec.json.decode(urlsafe_b64decode(token), type=tuple[str, int, int])
    except (ValueError, msgspec.MsgspecError):
        raise Refused(400, "InvalidInput", "Invalid token") from None
    if query != asked:
        raise Refused(400, "InvalidInput", "The token belongs to another query")
    return moment, index


def _token(name: str, token: str | None) -> dict[str, str]:
    return {name: token} if token else {}


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
