"""The endpoints of one shop: who may ask, how often, which orders, and errors with status 200."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.jd.documents import BEIJING, STATES, index_of, order_info, state_of
from orderflow.sandbox.quota import Quota

LARGEST_PAGE, LAST_PAGE, CLOCK_SKEW = 100, 100, 360
LONGEST, REACH = timedelta(days=31), timedelta(days=92)
DAY = 86_400
GOOD = {"success": True, "numberCode": 0, "chineseErrCode": "成功", "englishErrCode": "success"}
SEARCH, ONE = "jingdong.pop.order.search", "jingdong.pop.order.get"


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """The gateway refuses the request."""

    def __init__(self, code: str, chinese: str, english: str) -> None:
        super().__init__(code)
        self.answer = {"error_response": {"code": code, "zh_desc": chinese, "en_desc": english}}


class Failed(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """The service behind the gateway fails, which looks like an empty list."""

    def __init__(self, code: int, chinese: str) -> None:
        super().__init__(code)
        self.result = {"success": False, "numberCode": code, "chineseErrCode": chinese, "englishErrCode": ""}


class Api:
    """One shop's endpoints, its tokens and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.key, self.secret = (
            str(options.get("app_key", "DEMOJDKEY")),
            str(options.get("app_secret", "demo-jd-secret")),
        )
        self.life = float(options.get("token_seconds", DAY))
        access = options.get("access_token", "demo-access-token")
        refresh = options.get("refresh_token", "demo-refresh-token")
        self.access = {str(access): site.ticks() + self.life}
        self.refresh = {str(refresh): str(access)}
        """The access token that each refresh token belongs to."""
        self.ends = dict(self.access)
        """When each access token ends, or would have, had it not been withdrawn."""
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))
        self.container = options.get("container")

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/routerjson", self.router, methods=["POST"]),
            Route("/oauth2/refresh_token", self.renew, methods=["GET"]),
        ]

    async def router(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        try:
            method, params = self._checked(request, dict(request.query_params) | form)
            answer = self._search(request, params) if method == SEARCH else self._get(request, params)
        except Refused as refused:
            return _json(refused.answer)
        return _json({method.replace(".", "_") + "_responce": {"code": "0", "request_id": "sandbox", **answer}})

    def _checked(self, request: Request, sent: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The method and its parameters, from a request that may pass the gateway."""
        fault = fault_of(request)
        if sent.get("v") != "2.0":
            raise Refused("5", "不支持的版本号", "Unsupported Version")
        if sent.get("app_key") != self.key:
            raise Refused("21", "无效app_key", "Invalid app_key")
        try:
            moment = datetime.strptime(sent.get("timestamp", ""), "%Y-%m-%d %H:%M:%S.%f%z")
        except ValueError:
            raise Refused("8", "非法的时间戳参数", "Invalid Timestamp") from None
        if abs((moment - self.site.platform_time(request)).total_seconds()) > CLOCK_SKEW:
            raise Refused("8", "非法的时间戳参数", "Invalid Timestamp")
        text = self.secret + "".join(name + sent[name] for name in sorted(sent) if name != "sign") + self.secret
        sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
        if not hmac.compare_digest(sign, sent.get("sign", "")):
            raise Refused("12", "无效签名", "Invalid Signature")
        if not self.quota.take():
            raise Refused("66", "平台连接后端服务不可用", "platform to connect to the back-end service not available")
        if fault and fault.kind == "throttled":
            raise Refused("2", "限制时间内调用失败次数", "App Call Limited")
        token = sent.get("access_token", "")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused("19", "无效access_token", "Invalid access_token")
        if sent.get("method") not in {SEARCH, ONE}:
            raise Refused("15", "不存在的方法名", "Invalid Method")
        return sent["method"], msgspec.json.decode(sent.get("360buy_param_json", "{}"))

    async def renew(self, request: Request) -> Response:
        """A new pair of tokens, in the last day of the old one or after it was withdrawn, and never after its end."""
        query, now = request.query_params, self.site.ticks()
        token = self.refresh.get(query.get("refresh_token", ""))
        known = query.get("app_key") == self.key and query.get("app_secret") == self.secret
        if not known or token is None or self.ends[token] <= now:
            return _json({"code": 405, "msg": "refresh_token已过期", "request_id": "sandbox"})
        if token in self.access and self.ends[token] - now > DAY:
            return _json({"code": 407, "msg": "refresh_token暂不可用", "request_id": "sandbox"})
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        access = f"demo-access-{name}"
        self.refresh[f"demo-refresh-{name}"] = access
        self.access[access] = self.ends[access] = now + self.life
        grant = {"access_token": access, "refresh_token": f"demo-refresh-{name}", "expires_in": int(self.life)}
        return _json({**grant, "scope": "snsapi_base", "xid": "sandbox-xid"})

    def _search(self, request: Request, params: dict[str, Any]) -> dict[str, Any]:
        asked = params.get(str(self.container), {}) if self.container else params
        try:
            found, page, size = self._found(request, asked)
        except Failed as failed:
            return {"searchorderinfo_result": {"apiResult": failed.result, "orderTotal": 0, "orderInfoList": []}}
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0].order.index])
            found, page, size = self._found(request, asked)
        rows = found[(page - 1) * size : page * size] if page <= LAST_PAGE else []
        success = GOOD if page % 2 else {**GOOD, "success": "true"}
        orders = [self._info(version, asked["optional_fields"]) for version in rows]
        return {"searchorderinfo_result": {"apiResult": success, "orderTotal": len(found), "orderInfoList": orders}}

    def _found(self, request: Request, asked: dict[str, Any]) -> tuple[list[Version], int, int]:
        """The orders of a search as they are to be sorted, the page and its size; both ends of a range belong to it."""
        states = str(asked.get("order_state", "")).split(",")
        if unknown := set(states) - STATES:
            raise Failed(10_100_021, f"订单状态不合法: {min(unknown)}")
        if not asked.get("optional_fields"):
            raise Failed(10_100_022, "optional_fields不能为空")
        page, size = _whole(asked.get("page")), _whole(asked.get("page_size"))
        if not 1 <= size <= LARGEST_PAGE or page < 1:
            raise Failed(10_100_023, "分页参数不合法")
        start, end = _moment(asked.get("start_date")), _moment(asked.get("end_date"))
        by_creation = asked.get("dateType") == 1
        if end - start > LONGEST or start > end:
            raise Failed(10_100_024, "开始时间和结束时间不得相差超过1个月")
        if not by_creation and start < self.site.platform_time(request) - REACH:
            raise Failed(10_100_025, "只能查询三个月内的订单")
        shelf = self.site.world.listed(self.site.moment(request))
        low, high = int(start.timestamp()), int(end.timestamp()) + 1
        versions = shelf.created(low, high) if by_creation else shelf.modified(low, high)
        kept = [version for version in versions if state_of(self.site.world.snapshot(version)) in states]
        return (kept[::-1] if asked.get("sortType") == 1 else kept), page, size

    def _get(self, request: Request, params: dict[str, Any]) -> dict[str, Any]:
        index = index_of(str(params.get("order_id", "")))
        version = None if index is None else self.site.world.held(index, self.site.moment(request))
        if version is None or version.order.trashed:
            return {"orderDetailInfo": {"apiResult": Failed(10_100_030, "订单不存在").result}}
        info = self._info(version, str(params.get("optional_fields", "")))
        return {"orderDetailInfo": {"apiResult": GOOD, "orderInfo": info}}

    def _info(self, version: Version, fields: str) -> dict[str, Any]:
        wanted = {"orderId", *fields.split(",")}
        whole = order_info(self.site.world.snapshot(version), mask=self.mask)
        return {name: value for name, value in whole.items() if name in wanted}


def _whole(text: Any) -> int:
    return int(text) if str(text).isdigit() else -1


def _moment(text: Any) -> datetime:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise Failed(10_100_026, "时间格式不合法") from None


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
