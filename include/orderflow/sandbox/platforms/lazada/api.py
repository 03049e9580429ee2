"""The endpoints of one shop: who may ask, how often, which orders, and errors with status 200."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.lazada.documents import index_of, items_of, order_id, order_of
from orderflow.sandbox.quota import Quota
from orderflow.sandbox.snapshot import Snapshot

LARGEST_PAGE, LARGEST_OFFSET, LARGEST_BATCH, CLOCK_SKEW = 100, 5000, 50, 7200


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error code."""

    def __init__(self, code: str, message: str, kind: str = "ISV") -> None:
        super().__init__(code)
        self.answer = {"code": code, "type": kind, "message": message, "request_id": "sandbox"}


class Api:
    """One shop's endpoints, its tokens and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.key, self.secret = str(options.get("app_key", 123456)), str(options.get("app_secret", "demo-app-secret"))
        self.life = float(options.get("token_seconds", 604_800))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = {str(options.get("refresh_token", "demo-refresh-token"))}
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))

    def route(self, path: str, answer: Callable[[Request], Any], *, public: bool = False) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._check(request, path, public=public)
                return _json({"code": "0", "request_id": "sandbox", **answer(request)})
            except Refused as refused:
                return _json(refused.answer)

        return Route(f"/rest{path}", endpoint, methods=["GET", "POST"])

    def _check(self, request: Request, path: str, *, public: bool) -> None:
        query, fault = dict(request.query_params), fault_of(request)
        if query.get("app_key") != self.key:
            raise Refused("InvalidAppKey", "The app key is invalid")
        moment = query.get("timestamp", "")
        if not moment.isdigit() or abs(int(moment) / 1000 - self.site.platform_time(request).timestamp()) > CLOCK_SKEW:
            raise Refused("InvalidTimestamp", "The timestamp differs from ours by more than 7200 seconds")
        text = path + "".join(name + query[name] for name in sorted(query) if name != "sign")
        sign = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
        if not hmac.compare_digest(sign, query.get("sign", "")):
            raise Refused("IncompleteSignature", "The request signature does not conform to platform standards")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(
                "ApiCallLimit", "The call frequency limit is reached, this ban will last for 1 seconds", "SYSTEM"
            )
        if public:
            return
        token = query.get("access_token", "")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused("IllegalAccessToken", "The specified access token is invalid or expired")

    def renew(self, request: Request) -> dict[str, Any]:
        if request.query_params.get("refresh_token") not in self.refresh:
            raise Refused("IllegalRefreshToken", "The specified refresh token is invalid or expired")
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        self.refresh.add(f"demo-refresh-{name}")
        self.access[f"demo-access-{name}"] = self.site.ticks() + self.life
        return {
            "access_token": f"demo-access-{name}",
            "refresh_token": f"demo-refresh-{name}",
            "expires_in": int(self.life),
            "refresh_expires_in": 2_592_000,
            "country": "sg",
        }

    def listed(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        field = "update" if "update_after" in query else "created"
        if f"{field}_after" not in query:
            raise Refused("MissingParameter", "The input parameter created_after or update_after is mandatory")
        limit, offset = _whole(query.get("limit", "100")), _whole(query.get("offset", "0"))
        if not 1 <= limit <= LARGEST_PAGE:
            raise Refused("19", f"E019: {limit} Invalid Limit")
        if not 0 <= offset <= LARGEST_OFFSET:
            raise Refused("14", f"E014: {offset} Invalid Offset")
        start, end = _moment(query[f"{field}_after"]), _moment(query.get(f"{field}_before", ""))
        found = self._found(request, field, start, end)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0].order.index])
            found = self._found(request, field, start, end)
        page = found[offset : offset + limit]
        orders = [order_of(self.site.world.snapshot(version), self.site.shop.zone, mask=self.mask) for version in page]
        return {"data": {"count": len(orders), "countTotal": len(found), "orders": orders}}

    def _found(self, request: Request, field: str, start: int | None, end: int | None) -> list[Version]:
        """The orders of a range, both its ends included, as they are to be sorted."""
        shelf = self.site.world.listed(self.site.moment(request))
        behind = None if end is None else end + 1
        found = shelf.modified(start, behind) if field == "update" else shelf.created(start, behind)
        by_update = request.query_params.get("sort_by", "created_at") == "updated_at"
        newest_first = request.query_params.get("sort_direction", "DESC") == "DESC"

        def place(version: Version) -> tuple[int, int]:
            return version.modified_at if by_update else version.order.placed_at, version.order.index

        return sorted(found, key=place, reverse=newest_first)

    def items(self, request: Request) -> dict[str, Any]:
        try:
            ids = msgspec.json.decode(request.query_params.get("order_ids", ""), type=list[int])
        except msgspec.MsgspecError:
            raise Refused("56", "E056: Invalid OrdersIdList format. Must use array format [1,2]") from None
        if len(ids) > LARGEST_BATCH:
            raise Refused("38", "E038: Too many orders were requested")
        return {
            "data": [
                {
                    "order_id": order_id(snap.index),
                    "order_number": order_id(snap.index),
                    "order_items": items_of(snap, self.site.shop.zone),
                }
                for snap in self._held(request, ids, "37", "E037: One or more order id in the list are incorrect")
            ]
        }

    def one(self, request: Request) -> dict[str, Any]:
        ids = [_whole(request.query_params.get("order_id", ""))]
        snap = next(self._held(request, ids, "16", f"E016: {ids[0]} Invalid Order ID"))
        return {"data": order_of(snap, self.site.shop.zone, mask=self.mask)}

    def _held(self, request: Request, ids: list[int], code: str, message: str) -> Iterator[Snapshot]:
        """The newest state of these orders; one that is unknown spoils the whole request."""
        moment = self.site.moment(request)
        for each in ids:
            index = index_of(each)
            version = None if index is None else self.site.world.held(index, moment)
            if version is None or version.order.trashed:
                raise Refused(code, message)
            yield self.site.world.snapshot(version)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        return math.floor(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise Refused("17", f"E017: {text} Invalid Date Format") from None


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
