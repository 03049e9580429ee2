"""The gateway of one shop: who may ask, how often, which trades, and errors with status 200."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.adapters.taobao_tmall.values import TIME, ZONE
from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.taobao_tmall.documents import HIDDEN, index_of, row_of, trade_of, type_of
from orderflow.sandbox.quota import Quota

LONGEST_SPAN, LARGEST_PAGE, CLOCK_SKEW = 86_400, 100, 600
USUAL = frozenset({"guarantee_trade", "auto_delivery", "ec", "cod", "step"})
"""Kinds of trade that a list shows where the question names none; `guarantee_trade` holds all at a fixed price."""


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an `error_response`."""

    def __init__(self, code: int, msg: str, sub_code: str | None = None, sub_msg: str | None = None) -> None:
        super().__init__(msg)
        said = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "sandbox"}
        self.answer = {"error_response": {name: value for name, value in said.items() if value is not None}}


class Api:
    """One shop's gateway, its sessions and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.key, self.secret = str(options.get("app_key", 12345678)), str(options.get("app_secret", "demo-app-secret"))
        self.life = float(options.get("token_seconds", 86_400))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = str(options.get("refresh_token", "demo-refresh-token"))
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))
        self.methods = {
            "taobao.trades.sold.increment.get": self.changed,
            "taobao.trades.sold.get": self.created,
            "taobao.trade.fullinfo.get": self.one,
            "taobao.top.auth.token.refresh": self.renew,
        }

    def route(self) -> Route:
        async def endpoint(request: Request) -> Response:
            body = parse_qsl((await request.body()).decode(), keep_blank_values=True)
            asked = dict(request.query_params) | dict(body)
            try:
                return _json(self._answer(request, asked))
            except Refused as refused:
                return _json(refused.answer)

        return Route("/router/rest", endpoint, methods=["POST"])

    def _answer(self, request: Request, asked: dict[str, str]) -> dict[str, Any]:
        method = asked.get("method", "")
        if method not in self.methods:
            raise Refused(22, "Invalid Method")
        self._check(request, asked, public="token" in method)
        name = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return {name: self.methods[method](request, asked) | {"request_id": "sandbox"}}

    def _check(self, request: Request, asked: Mapping[str, str], *, public: bool) -> None:
        fault = fault_of(request)
        if asked.get("app_key") != self.key:
            raise Refused(29, "Invalid App Key", "isv.appkey-not-exists")
        if abs(_moment(asked.get("timestamp", ""), 31) - self.site.platform_time(request).timestamp()) > CLOCK_SKEW:
            raise Refused(31, "Invalid Timestamp")
        text = "".join(name + asked[name] for name in sorted(asked) if name != "sign" and asked[name])
        kind = asked.get("sign_method")
        sign = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
        if kind != "hmac-sha256" or not hmac.compare_digest(sign, asked.get("sign", "")):
            raise Refused(25, "Invalid Signature")
        if (fault and fault.kind == "throttled") or not self.quota.take():
            words = "This ban will last for 1 more seconds"
            raise Refused(7, "App Call Limited", "accesscontrol.limited-by-api-access-count", words)
        if public:
            return
        session = asked.get("session", "")
        if fault and fault.kind == "expired-token":
            self.access.pop(session, None)
        if self.access.get(session, 0) <= self.site.ticks():
            raise Refused(27, "Invalid session", "invalid-sessionkey", "SessionKey非法")

    def renew(self, _: Request, asked: Mapping[str, str]) -> dict[str, Any]:
        """A refresh token serves once."""
        if asked.get("refresh_token") != self.refresh:
            raise Refused(15, "Remote service error", "isv.refresh-token-invalid", "refresh_token is expired")
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        self.refresh = f"demo-refresh-{name}"
        self.access[f"demo-access-{name}"] = self.site.ticks() + self.life
        result = {
            "access_token": f"demo-access-{name}",
            "refresh_token": self.refresh,
            "expires_in": int(self.life),
            "taobao_user_nick": "測試旗艦店",
        }
        return {"token_result": msgspec.json.encode(result).decode()}

    def changed(self, request: Request, asked: Mapping[str, str]) -> dict[str, Any]:
        if not asked.get("start_modified") or not asked.get("end_modified"):
            raise Refused(40, "Missing required arguments:start_modified", "isv.missing-parameter")
        start, end = _moment(asked["start_modified"]), _moment(asked["end_modified"])
        if not 0 < end - start <= LONGEST_SPAN:
            raise Refused(41, "Invalid arguments:end_modified", "isv.invalid-parameter", "more than one day")
        return self._listed(request, asked, "modified", start, end)

    def created(self, request: Request, asked: Mapping[str, str]) -> dict[str, Any]:
        start, end = (_moment(asked[name]) if asked.get(name) else None for name in ("start_created", "end_created"))
        return self._listed(request, asked, "created", start, end)

    def _listed(
        self, request: Request, asked: Mapping[str, str], field: str, start: int | None, end: int | None
    ) -> dict[str, Any]:
        """A page of a list, the newest first; nothing but the fields that were named, and no empty list."""
        fields, size, page = _fields(asked), int(asked.get("page_size", 40)), int(asked.get("page_no", 1))
        if not 1 <= size <= LARGEST_PAGE or page < 1:
            raise Refused(41, "Invalid arguments:page_size", "isv.invalid-parameter")
        kinds = frozenset(asked["type"].split(",")) if asked.get("type") else USUAL
        found = self._found(request, field, start, end, kinds)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[-1].order.index])
            found = self._found(request, field, start, end, kinds)
        behind = page * size
        cut = [_only(row_of(self.site.world.snapshot(each)), fields) for each in found[behind - size : behind]]
        told: dict[str, Any] = (
            {"has_next": behind < len(found)} if asked.get("use_has_next") == "true" else {"total_results": len(found)}
        )
        return told | ({"trades": {"trade": cut}} if cut else {})

    def _found(
        self, request: Request, field: str, start: int | None, end: int | None, kinds: frozenset[str]
    ) -> list[Version]:
        """The trades of a range, both its ends included."""
        shelf = self.site.world.listed(self.site.moment(request))
        behind = None if end is None else end + 1
        found = shelf.modified(start, behind) if field == "modified" else shelf.created(start, behind)
        return [each for each in reversed(found) if type_of(each.order.index) != HIDDEN or HIDDEN in kinds]

    def one(self, request: Request, asked: Mapping[str, str]) -> dict[str, Any]:
        """The newest state of a trade, which lists may show later."""
        index = index_of(asked.get("tid", ""))
        version = None if index is None else self.site.world.held(index, self.site.moment(request))
        if version is None or version.order.trashed:
            raise Refused(15, "Remote service error", "isv.trade-not-exist", "交易订单不存在")
        return {"trade": _only(trade_of(self.site.world.snapshot(version), mask=self.mask), _fields(asked))}


def _only(found: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """What was asked for; TOP leaves out what is not named, and what has no value."""
    return {name: value for name, value in found.items() if name in fields and value is not None}


def _fields(asked: Mapping[str, str]) -> frozenset[str]:
    if not asked.get("fields"):
        raise Refused(40, "Missing required arguments:fields", "isv.missing-parameter")
    return frozenset(asked["fields"].split(","))


def _moment(text: str, code: int = 41) -> int:
    try:
        return int(datetime.strptime(text, TIME).replace(tzinfo=ZONE).timestamp())
    except ValueError:
        raise Refused(code, "Invalid Timestamp" if code == 31 else "Invalid arguments:date") from None


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
