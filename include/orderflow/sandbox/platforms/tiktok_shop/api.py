"""The endpoints of one shop: who may ask, how often, which orders, and errors in the body."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version, moment
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.tiktok_shop.documents import index_of, order_of, status_of
from orderflow.sandbox.quota import Quota

LARGEST_PAGE, LARGEST_BATCH, BEHIND, AHEAD = 100, 50, 300, 30


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """An answer with an error code."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(code)
        self.answer = {"code": code, "message": message, "request_id": "sandbox"}
        self.status = status


class Filter(msgspec.Struct, forbid_unknown_fields=True):
    """What a search may ask for."""

    create_time_ge: int | None = None
    create_time_lt: int | None = None
    update_time_ge: int | None = None
    update_time_lt: int | None = None
    order_status: str | None = None


class Api:
    """One shop's endpoints, its tokens and its quota."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        self.key, self.secret = (
            str(options.get("app_key", "6abc12def")),
            str(options.get("app_secret", "demo-app-secret")),
        )
        self.cipher = str(options.get("shop_cipher", "GCP_demo"))
        self.life = float(options.get("token_seconds", 604_800))
        self.access = {str(options.get("access_token", "demo-access-token")): site.ticks() + self.life}
        self.refresh = {str(options.get("refresh_token", "demo-refresh-token"))}
        self.renewals = 0
        self.quota = Quota(float(options.get("per_second", 0)), site.ticks)
        self.mask = bool(options.get("mask", False))

    def route(self, path: str, answer: Callable[[Request, bytes], Any], *, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                self._check(request, path, body)
                return _json({"code": 0, "message": "Success", "request_id": "sandbox", "data": answer(request, body)})
            except Refused as refused:
                return _json(refused.answer, refused.status)

        return Route(path, endpoint, methods=[method])

    def _check(self, request: Request, path: str, body: bytes) -> None:
        query, fault = dict(request.query_params), fault_of(request)
        if query.get("app_key") != self.key:
            raise Refused(36009004, "Invalid parameter: app_key", 401)
        age = self.site.platform_time(request).timestamp() - _whole(query.get("timestamp", ""))
        if not -AHEAD <= age <= BEHIND:
            raise Refused(36009004, "Invalid parameter: timestamp", 401)
        names = sorted(name for name in query if name not in {"sign", "access_token"})
        key = self.secret.encode()
        text = key + path.encode() + "".join(name + query[name] for name in names).encode() + body + key
        if not hmac.compare_digest(hmac.new(key, text, hashlib.sha256).hexdigest(), query.get("sign", "")):
            raise Refused(106001, "Invalid credentials. The 'sign' query parameter is invalid.", 401)
        if (fault and fault.kind == "throttled") or not self.quota.take():
            raise Refused(36009002, "Too many requests")
        token = request.headers.get("x-tts-access-token", "")
        if fault and fault.kind == "expired-token":
            self.access.pop(token, None)
        if self.access.get(token, 0) <= self.site.ticks():
            raise Refused(105002, "Expired credentials. The access token has expired.", 401)
        if query.get("shop_cipher") != self.cipher:
            raise Refused(106013, "Invalid shop_cipher")

    async def renew(self, request: Request) -> Response:
        """A new pair of tokens; answers under the refresh token's first use are kept, since the answer may be lost."""
        query = request.query_params
        if (query.get("app_key"), query.get("app_secret")) != (self.key, self.secret):
            return _json({"code": 36004004, "message": "Invalid app_key or app_secret", "request_id": "sandbox"})
        if query.get("refresh_token") not in self.refresh or query.get("grant_type") != "refresh_token":
            return _json({"code": 36004005, "message": "Invalid refresh_token", "request_id": "sandbox"})
        self.renewals += 1
        name = f"{self.renewals}-{self.site.shop.name}"
        self.refresh.add(f"demo-refresh-{name}")
        self.access[f"demo-access-{name}"] = self.site.ticks() + self.life
        now = moment(self.site.clock())
        data = {
            "access_token": f"demo-access-{name}",
            "access_token_expire_in": now + int(self.life),
            "refresh_token": f"demo-refresh-{name}",
            "refresh_token_expire_in": now + 31_536_000,
            "open_id": "sandbox",
            "seller_name": self.site.shop.name,
        }
        return _json({"code": 0, "message": "success", "request_id": "sandbox", "data": data})

    def search(self, request: Request, body: bytes) -> dict[str, Any]:
        """A page of orders; its token is the place of its last row, good for this query alone."""
        query = request.query_params
        try:
            wanted = msgspec.json.decode(body or b"{}", type=Filter)
        except msgspec.MsgspecError as error:
            raise Refused(21001001, f"Invalid parameter: {error}") from None
        size = _whole(query.get("page_size", ""))
        if not 1 <= size <= LARGEST_PAGE:
            raise Refused(36009004, "Invalid parameter: page_size")
        asked = hashlib.sha256(
            body + query.get("sort_field", "").encode() + query.get("sort_order", "").encode()
        ).hexdigest()[:16]
        after = _place(query["page_token"], asked) if query.get("page_token") else None
        found = self._found(request, wanted)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and after and found:
            self.site.shift(request, [found[0][1].order.index])
            found = self._found(request, wanted)
        places = [place for place, _ in found]
        first = bisect_right(places, after) if after else 0
        page = found[first : first + size]
        more = first + size < len(found)
        token = b64encode(msgspec.json.encode([asked, *page[-1][0]])).decode() if more else ""
        answer: dict[str, Any] = {"next_page_token": token, "total_count": len(found)}
        if page:
            answer["orders"] = [self._order(version) for _, version in page]
        return answer

    def _found(self, request: Request, wanted: Filter) -> list[tuple[tuple[int, int], Version]]:
        """The orders of half-open ranges with their places in the list, oldest first, or newest first if asked."""
        query, shelf = request.query_params, self.site.world.listed(self.site.moment(request))
        by_update = query.get("sort_field", "create_time") == "update_time"
        versions = shelf.modified(wanted.update_time_ge, wanted.update_time_lt)
        low, high = wanted.create_time_ge or 0, wanted.create_time_lt or 2**40
        sign = 1 if query.get("sort_order", "DESC") == "ASC" else -1
        return sorted(
            (
                (sign * (version.modified_at if by_update else version.order.placed_at), sign * version.order.index),
                version,
            )
            for version in versions
            if low <= version.order.placed_at < high
            and wanted.order_status in {None, status_of(self.site.world.snapshot(version))}
        )

    def by_id(self, request: Request, _: bytes) -> dict[str, Any]:
        ids = request.query_params.get("ids", "").split(",")
        if len(ids) > LARGEST_BATCH:
            raise Refused(36009004, "Invalid parameter: ids")
        return {"orders": list(self._held(request, ids))}

    def _held(self, request: Request, ids: list[str]) -> Iterator[dict[str, Any]]:
        now = self.site.moment(request)
        for each in ids:
            index = index_of(each)
            version = None if index is None else self.site.world.held(index, now)
            if version is None or version.order.trashed:
                raise Refused(21008111, "The order does not belong to this shop")
            yield self._order(version)

    def _order(self, version: Version) -> dict[str, Any]:
        return order_of(self.site.world.snapshot(version), mask=self.mask)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _place(token: str, asked: str) -> tuple[int, int]:
    try:
        query, moment_, index = msgspec.json.decode(b64decode(token), type=tuple[str, int, int])
    except (ValueError, msgspec.MsgspecError):
        raise Refused(36009004, "Invalid parameter: page_token") from None
    if query != asked:
        raise Refused(36009004, "Invalid parameter: page_token belongs to another query")
    return moment_, index


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
