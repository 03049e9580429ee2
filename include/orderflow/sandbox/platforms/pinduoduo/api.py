"""The one address of a shop: who may ask, how often, which orders, and errors with status 200."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.pinduoduo.documents import detail_of, fees_of, index_of, row_of
from orderflow.sandbox.quota import Quota

LARGEST_PAGE, CLOCK_SKEW = 100, 600
RENEWAL = "pdd.pop.auth.token.refresh"


class _Kind(NamedTuple):
    """One list: what its range is called, how long it may be (seconds), and where its rows stand."""

    field: str
    longest: int
    envelope: str
    rows: str


LISTS = {
    "pdd.order.number.list.increment.get": _Kind("updated", 1_800, "order_sn_increment_get_response", "order_sn_list"),
    "pdd.order.list.get": _Kind("confirm", 86_400, "order_list_get_response", "order_list"),
}


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error code."""

    def __init__(self, code: int, message: str, sub: str = "") -> None:
        super().__init__(message)
        said = {"error_code": code, "error_msg": message, "sub_code": str(code), "sub_msg": sub or message}
        self.answer = {"error_response": said | {"request_id": "sandbox"}}


class Api:
    """One shop's address, its tokens and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.client = str(options.get("client_id", "demo_client"))
        self.secret = str(options.get("client_secret", "demo-secret"))
        self.life = float(options.get("token_seconds", 86_400))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = {str(options.get("refresh_token", "demo-refresh-token"))}
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)

    def route(self) -> Route:
        async def endpoint(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
            try:
                return _json(self._answer(request, form))
            except Refused as refused:
                return _json(refused.answer)

        return Route("/api/router", endpoint, methods=["POST"])

    def _answer(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        kind = form.get("type", "")
        self._check(request, form, public=kind == RENEWAL)
        if kind in LISTS:
            return self._listed(request, form, LISTS[kind])
        if kind == "pdd.order.information.get":
            return self._detail(request, form)
        if kind == RENEWAL:
            return self._renewed(form)
        raise Refused(10001, "公共参数错误:type")

    def _check(self, request: Request, form: Mapping[str, str], *, public: bool) -> None:
        fault = fault_of(request)
        if form.get("client_id") != self.client:
            raise Refused(10016, "client下线或者clientId不正确")
        if abs(_whole(form.get("timestamp", "")) - self.site.platform_time(request).timestamp()) > CLOCK_SKEW:
            raise Refused(10001, "公共参数错误:timestamp")
        inner = "".join(name + form[name] for name in sorted(form) if form[name] and name != "sign")
        text = self.secret + inner + self.secret
        sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
        if not hmac.compare_digest(sign.encode(), form.get("sign", "").encode()):
            raise Refused(20004, "签名sign校验失败")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(52101, "当前接口被限流,请稍后重试")
        if public:
            return
        token = form.get("access_token", "")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused(10019, "access_token已过期")

    def _renewed(self, form: Mapping[str, str]) -> dict[str, Any]:
        if form.get("refresh_token") not in self.refresh:
            raise Refused(10019, "refresh_token已过期")
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        self.refresh.add(f"demo-refresh-{name}")
        self.access[f"demo-access-{name}"] = self.site.ticks() + self.life
        granted = {
            "access_token": f"demo-access-{name}",
            "refresh_token": f"demo-refresh-{name}",
            "expires_in": int(self.life),
            "owner_id": "1",
            "owner_name": "sandbox",
        }
        return {"pop_auth_token_refresh_response": granted}

    def _listed(self, request: Request, form: Mapping[str, str], kind: _Kind) -> dict[str, Any]:
        start, end = (_whole(form.get(f"{place}_{kind.field}_at", "")) for place in ("start", "end"))
        page, size = _whole(form.get("page", "1")), _whole(form.get("page_size", "100"))
        if form.get("order_status") not in {"1", "2", "3", "5"} or form.get("refund_status") not in set("12345"):
            raise Refused(10000, "参数错误", "order_status和refund_status必填")
        if not start < end <= start + kind.longest or page < 1 or not 1 <= size <= LARGEST_PAGE:
            raise Refused(10000, "参数错误", "时间跨度或分页参数错误")
        found = self._found(request, form, kind, start, end)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0].order.index])
            found = self._found(request, form, kind, start, end)
        shown = found[(page - 1) * size : page * size]
        rows = [row_of(self.site.world.snapshot(version)) for version in shown]
        more = {"has_next": page * size < len(found)}
        paging = more if form.get("use_has_next") == "true" else more | {"total_count": len(found)}
        return {kind.envelope: {kind.rows: rows, "request_id": "sandbox", **paging}}

    def _found(self, request: Request, form: Mapping[str, str], kind: _Kind, start: int, end: int) -> list[Version]:
        """The orders of a range, both its ends included, newest first."""
        shelf = self.site.world.listed(self.site.moment(request))
        found = shelf.modified(start, end + 1) if kind.field == "updated" else shelf.created(start, end + 1)
        wanted = {name: form[name] for name in ("order_status", "refund_status") if form[name] != "5"}
        if wanted:
            rows = [(version, row_of(self.site.world.snapshot(version))) for version in found]
            found = [version for version, row in rows if all(str(row[name]) == value for name, value in wanted.items())]
        return found[::-1]

    def _detail(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        """The newest state of one order."""
        index = index_of(form.get("order_sn", ""))
        version = None if index is None else self.site.world.held(index, self.site.moment(request))
        if version is None or version.order.trashed:
            raise Refused(50001, "业务服务错误", "订单不存在")
        snap = self.site.world.snapshot(version)
        return {
            "order_info_get_response": {"order_info": detail_of(snap), "request_id": "sandbox"},
            "service_fee_detail": fees_of(snap),
        }


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
