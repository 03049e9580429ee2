"""The endpoints of one shop: who may ask, how often, which orders, and errors in the body."""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.shopee.documents import detail, escrow, index_of, never_paid, order_sn, status_of
from orderflow.sandbox.quota import Quota

LONGEST_SPAN, LARGEST_PAGE, LARGEST_BATCH, CLOCK_SKEW = 1_296_000, 100, 50, 300
ALWAYS = {
    "order_sn", "region", "currency", "cod", "order_status", "message_to_seller", "create_time", "update_time",
    "days_to_ship", "ship_by_date", "pending_terms",
}  # fmt: skip
"""What a detail holds without being asked."""


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error code."""

    def __init__(self, error: str, message: str = "", status: int = 200) -> None:
        super().__init__(error)
        self.answer = {"error": error, "message": message, "request_id": "sandbox"}
        self.status = status


class Api:
    """One shop's endpoints, its tokens and its budget."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.partner = str(options.get("partner_id", 2001887))
        self.key = str(options.get("partner_key", "demo-partner-key"))
        self.shop_id = str(options.get("shop_id", 14701711))
        self.life = float(options.get("token_seconds", 14_400))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = str(options.get("refresh_token", "demo-refresh-token"))
        self.renewals = 0
        self.served: dict[str, str] = {}
        """The newest pair, and the refresh token that it was given for."""
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))

    def route(
        self, path: str, answer: Callable[[Request, Any], Any], *, method: str = "GET", public: bool = False
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._check(request, path, public=public)
                body = msgspec.json.decode(await request.body()) if method == "POST" else None
                return _json({"error": "", "message": "", "request_id": "sandbox", **answer(request, body)})
            except Refused as refused:
                return _json(refused.answer, refused.status)
            except msgspec.DecodeError:
                return _json(Refused("error_param", "body not valid json").answer)

        return Route(path, endpoint, methods=[method])

    def _check(self, request: Request, path: str, *, public: bool) -> None:
        query, fault = request.query_params, fault_of(request)
        stamp, token, shop = query.get("timestamp", ""), query.get("access_token", ""), query.get("shop_id", "")
        if query.get("partner_id") != self.partner:
            raise Refused("error_param", "There is no partner_id in query.", 403)
        if abs(_whole(stamp) - self.site.platform_time(request).timestamp()) > CLOCK_SKEW:
            raise Refused("error_param", "Timestamp is expired.", 403)
        base = self.partner + path + stamp + ("" if public else token + shop)
        sign = hmac.new(self.key.encode(), base.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(sign, query.get("sign", "")):
            raise Refused("error_sign", "Wrong sign.", 403)
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused("error_rate_limit", "Too many requests.")
        if public:
            return
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if shop != self.shop_id or self.access.get(token, 0) <= self.site.ticks():
            raise Refused("invalid_acceess_token", "Invalid access_token.", 403)

    def renew(self, _: Request, body: Any) -> dict[str, Any]:
        """A new pair of tokens for the refresh token, which serves once; the last one gives the same pair again."""
        given = body.get("refresh_token")
        if str(body.get("shop_id")) != self.shop_id or given not in {self.refresh, self.served.get("for")}:
            raise Refused("error_auth", "Invalid refresh_token.", 403)
        if given == self.refresh:
            self.renewals += 1
            name = f"{self.renewals}-{self.site.shop.name}"
            self.served = {"for": given, "access_token": f"demo-access-{name}", "refresh_token": f"demo-refresh-{name}"}
            self.refresh = self.served["refresh_token"]
            self.access[self.served["access_token"]] = self.site.ticks() + self.life
        return {name: text for name, text in self.served.items() if name != "for"} | {"expire_in": int(self.life)}

    def listed(self, request: Request, _: Any) -> dict[str, Any]:
        """A page of order numbers, oldest first; its cursor is the place of its last row."""
        query = request.query_params
        field, size = query.get("time_range_field", ""), _whole(query.get("page_size", ""))
        start, end = _whole(query.get("time_from", "")), _whole(query.get("time_to", ""))
        if field not in {"create_time", "update_time"} or not 1 <= size <= LARGEST_PAGE:
            raise Refused("error_param", "time_range_field or page_size is invalid.")
        if start >= end or end - start > LONGEST_SPAN:
            raise Refused("order.order_list_invalid_time", "Start time must be before end time, within 15 days.")
        after = _place(query["cursor"]) if query.get("cursor") else (0, 0)
        found = self._found(request, field, start, end)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and after > (0, 0) and found:
            self.site.shift(request, [found[0][1].order.index])
            found = self._found(request, field, start, end)
        first = bisect_right(found, after, key=lambda each: each[0])
        page = found[first : first + size]
        more = first + size < len(found)
        answer: dict[str, Any] = {"more": more, "next_cursor": "{}-{}".format(*page[-1][0]) if more else ""}
        if page:
            answer["order_list"] = list(self._rows(page, "order_status" in query.get("response_optional_fields", "")))
        return {"response": answer}

    def _found(self, request: Request, field: str, start: int, end: int) -> list[tuple[tuple[int, int], Version]]:
        """The orders of a range with their places in the list, both ends of the range included."""
        shelf = self.site.world.listed(self.site.moment(request))
        modified = field == "update_time"
        versions = shelf.modified(start, end + 1) if modified else shelf.created(start, end + 1)
        if request.query_params.get("request_order_status_pending") != "true":
            versions = [each for each in versions if status_of(self.site.world.snapshot(each)) != "PENDING"]
        return [
            ((version.modified_at if modified else version.order.placed_at, version.order.index), version)
            for version in versions
        ]

    def _rows(self, page: list[tuple[tuple[int, int], Version]], with_status: bool) -> Iterator[dict[str, str]]:
        for _, version in page:
            row = {"order_sn": order_sn(version.order.index)}
            if with_status:
                row["order_status"] = status_of(self.site.world.snapshot(version))
            yield row

    def details(self, request: Request, _: Any) -> dict[str, Any]:
        query = request.query_params
        wanted = ALWAYS | set(query.get("response_optional_fields", "").split(","))
        orders = [
            {name: value for name, value in detail(snap, mask=self.mask).items() if name in wanted}
            for snap in self._held(request, query.get("order_sn_list", "").split(","))
        ]
        return {"response": {"order_list": orders}, "warning": []}

    def settlements(self, request: Request, body: Any) -> dict[str, Any]:
        snaps = list(self._held(request, body["order_sn_list"]))
        if any(map(never_paid, snaps)):
            raise Refused("common.error_not_found", "The order income is not found.")
        return {"response": [{"escrow_detail": escrow(snap)} for snap in snaps]}

    def _held(self, request: Request, order_ids: list[str]) -> Iterator[Any]:
        """The newest state of these orders; one that is unknown spoils the whole request."""
        if len(order_ids) > LARGEST_BATCH:
            raise Refused("error_param", f"Your request exceeds the max limit of {LARGEST_BATCH} orders.")
        moment = self.site.moment(request)
        for order_id in order_ids:
            index = index_of(order_id)
            version = None if index is None else self.site.world.held(index, moment)
            if version is None or version.order.trashed:
                raise Refused("error_not_found", "The order is not found.")
            yield self.site.world.snapshot(version)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _place(cursor: str) -> tuple[int, int]:
    moment, _, index = cursor.partition("-")
    return _whole(moment), _whole(index)


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
