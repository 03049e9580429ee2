"""The endpoints of one shop: who may ask, how often, which orders, and errors with status 200."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.douyin.documents import DAY, index_of, order_of
from orderflow.sandbox.quota import Quota

LARGEST_PAGE, CLOCK_SKEW, REACH = 100, 600, 90 * DAY


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error code."""

    def __init__(self, code: int, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.answer = {"code": code, "msg": "error", "sub_code": sub_code, "sub_msg": sub_msg, "log_id": "sandbox"}


class Api:
    """One shop's endpoints, its tokens and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.key = str(options.get("app_key", "7000000000000000001"))
        self.secret = str(options.get("app_secret", "demo-app-secret"))
        self.shop_id = int(options.get("shop_id", 100001))
        self.life = float(options.get("token_seconds", 604_800))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = {str(options.get("refresh_token", "demo-refresh-token"))}
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))
        self.short = int(options.get("short", 0))

    def route(self, path: str, answer: Callable[[Request, dict[str, Any]], Any], *, public: bool = False) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await request.body()
                self._check(request, path.replace("/", "."), body, public=public)
                done = {"code": 10000, "msg": "success", "sub_code": "", "sub_msg": "", "log_id": "sandbox"}
                return _json({**done, "data": answer(request, msgspec.json.decode(body, type=dict[str, Any]))})
            except Refused as refused:
                return _json(refused.answer)
            except msgspec.MsgspecError:
                return _json(Refused(40003, "isv.parameter-format-invalid", "param_json is no JSON").answer)

        return Route(f"/{path}", endpoint, methods=["POST"])

    def _check(self, request: Request, method: str, body: bytes, *, public: bool) -> None:
        query, fault = request.query_params, fault_of(request)
        stamp = query.get("timestamp", "")
        if query.get("app_key") != self.key:
            raise Refused(40003, "isv.app-id-invalid", "app_key is wrong")
        if not stamp.isdigit() or abs(int(stamp) - self.site.platform_time(request).timestamp()) > CLOCK_SKEW:
            raise Refused(40003, "isv.timestamp-invalid", "the timestamp is too far from ours")
        text = f"app_key{self.key}method{method}param_json{body.decode()}timestamp{stamp}v2"
        sign = hmac.new(self.secret.encode(), f"{self.secret}{text}{self.secret}".encode(), hashlib.sha256).hexdigest()
        if query.get("method") != method or query.get("v") != "2" or query.get("sign_method") != "hmac-sha256":
            raise Refused(40001, "isv.parameter-missing", "method, v or sign_method is missing")
        if not hmac.compare_digest(sign, query.get("sign", "")):
            raise Refused(40003, "isv.signature-invalid", "the signature is wrong")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(60000, "isv.traffic-limited", "too many requests, try again later")
        if public:
            return
        token = query.get("access_token", "")
        if not token:
            raise Refused(40001, "isv.access-token-missing", "access_token is missing")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused(40003, "isv.access-token-expired", "access_token has expired")

    def renew(self, _: Request, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("grant_type") != "refresh_token" or body.get("refresh_token") not in self.refresh:
            raise Refused(50001, "dop.token-generate-failed:token-invalid", "the refresh token does not exist")
        return self._grant()

    def create(self, _: Request, body: dict[str, Any]) -> dict[str, Any]:
        """A token for an app of the seller's own."""
        if body != {"code": "", "grant_type": "authorization_self", "shop_id": self.shop_id}:
            raise Refused(50001, "dop.token-generate-failed:no-authorization", "no authorisation for this shop")
        return self._grant()

    def _grant(self) -> dict[str, Any]:
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        self.refresh.add(f"demo-refresh-{name}")
        self.access[f"demo-access-{name}"] = self.site.ticks() + self.life
        return {
            "access_token": f"demo-access-{name}",
            "refresh_token": f"demo-refresh-{name}",
            "expires_in": int(self.life),
            "shop_id": str(self.shop_id),
        }

    def listed(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        size, page = body.get("size"), body.get("page")
        if not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE or not isinstance(page, int) or page < 0:
            raise Refused(40004, "isv.parameter-invalid", "size is 1 to 100 and page counts from 0")
        found = self._found(request, body)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0].order.index])
            found = self._found(request, body)
        rows = found[page * size : (page + 1) * size]
        orders = [self._document(version, listed=True) for version in rows]
        return {"page": page, "size": len(orders), "total": len(found), "shop_order_list": orders or None}

    def _found(self, request: Request, body: dict[str, Any]) -> list[Version]:
        """The orders of both ranges, starts included, as they are to be sorted."""
        moment = self.site.moment(request)
        shelf = self.site.world.listed(moment)
        by_update = body.get("order_by", "create_time") == "update_time"
        field = "update_time" if "update_time_start" in body else "create_time"
        range_ = _whole(body, f"{field}_start"), _whole(body, f"{field}_end")
        found = shelf.modified(*range_) if field == "update_time" else shelf.created(*range_)

        def place(version: Version) -> tuple[int, int]:
            return version.modified_at if by_update else version.order.placed_at, version.order.index

        young = [version for version in found if version.order.placed_at >= moment - REACH]
        return sorted(young, key=place, reverse=body.get("order_asc") is not True)

    def one(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """The newest state of one order, however old it is."""
        index = index_of(str(body.get("shop_order_id", "")))
        version = None if index is None else self.site.world.held(index, self.site.moment(request))
        if version is None or version.order.trashed:
            raise Refused(50002, "isv.business-failed:2100001", "订单不存在")
        return {"shop_order_detail": self._document(version, listed=False)}

    def _document(self, version: Version, *, listed: bool) -> dict[str, Any]:
        snap = self.site.world.snapshot(version)
        short = listed and bool(self.short) and snap.index % self.short == 0
        return order_of(snap, mask=self.mask, short=short)


def _whole(body: dict[str, Any], name: str) -> int | None:
    """Epoch seconds; a range may be open."""
    found = body.get(name)
    if found is not None and not isinstance(found, int):
        raise Refused(40003, "isv.parameter-format-invalid", f"{name} is no number")
    return found


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
