"""WooCommerce's REST API v3, as far as orders go: `/{shop}/wp-json/wc/v3/orders`, one order, its refunds, system
status.

Options of a shop: `key`, `secret`; `is_ssl` (true: Basic and query credentials are looked at, as behind TLS; false:
OAuth 1.0a alone); `old_site` (cannot sort by modified time); `hpos` (true: orders have tables of their own; matters
for times with an offset); `shipment_tracking` (false: without the extension of that name). The shop's `timezone` is the
site's, and its wall-clock columns follow it. `trash` of a shop deletes orders; they vanish from `any`. Signatures are
judged by the world's clock.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orderflow.sandbox.defects import with_discount
from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.woocommerce.auth import Doorman, Refused
from orderflow.sandbox.platforms.woocommerce.documents import document, index_of, local, order_id
from orderflow.sandbox.platforms.woocommerce.listing import Wrong, choose, read
from orderflow.sandbox.platforms.woocommerce.refunds import refund_documents
from orderflow.sandbox.platforms.woocommerce.sending import Desk
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot, counted, stamp

API = "/wp-json/wc/v3"
TRACKINGS = "/wp-json/wc-shipment-tracking/v3/orders/{id:int}/shipment-trackings"
Handler = Callable[[Request], Awaitable[Response]]


class _Shop:
    """One site's endpoints."""

    def __init__(self, site: Site) -> None:
        options = site.shop.options
        self.site = site
        key, secret = str(options.get("key", "ck_demo")), str(options.get("secret", "cs_demo"))
        self.desk = Desk(site)
        self.door = Doorman(key, secret, is_ssl=bool(options.get("is_ssl", True)))
        self._kept: dict[tuple[int, int | None], tuple[Version, msgspec.Raw]] = {}

    def guarded(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            fault = fault_of(request)
            try:
                if fault and fault.kind == "expired-token":
                    raise Refused("Consumer key is invalid.")  # noqa: TRY301 -- acted out here, told as any other
                known = self.door.knows(request, self.site.platform_time(request))
            except Refused as refused:
                return problem(401, "woocommerce_rest_authentication_error", str(refused))
            if not known:
                return problem(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
            return await handler(request)

        return checked

    async def orders(self, request: Request) -> Response:
        """A page of the list."""
        params: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            params.setdefault(name, []).append(value)
        world = self.site.world
        try:
            asked = read(params, world)
        except Wrong as wrong:
            details = {
                name: {"code": "rest_invalid_param", "message": text, "data": None}
                for name, text in wrong.params.items()
            }
            data = {"status": 400, "params": wrong.params, "details": details}
            message = f"Invalid parameter(s): {', '.join(wrong.params)}"
            return _json({"code": "rest_invalid_param", "message": message, "data": data}, 400)
        start = asked.size * (asked.page - 1) if asked.offset is None else asked.offset
        moment = self.site.moment(request)
        versions = choose(asked, world.listed(moment), world)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and start and versions:
            self.site.shift(request, [versions[0].order.index])
            versions = choose(asked, world.listed(moment), world)
        url = _site_url(request)
        rows: list[Any] = [self._row(version, asked.places, url) for version in versions[start : start + asked.size]]
        if asked.fields is not None:
            rows = [{k: v for k, v in msgspec.json.decode(row).items() if k in asked.fields} for row in rows]
        pages = math.ceil(len(versions) / asked.size)
        headers = {"X-WP-Total": str(len(versions)), "X-WP-TotalPages": str(pages)}
        links = []
        if asked.page > 1:
            links.append(f'<{request.url.include_query_params(page=asked.page - 1)}>; rel="prev"')
        if asked.page < pages:
            links.append(f'<{request.url.include_query_params(page=asked.page + 1)}>; rel="next"')
        if links:
            headers["Link"] = ", ".join(links)
        return _json(rows, headers=headers)

    async def order(self, request: Request) -> Response:
        """One order by its id; one in the trash is shown with that status."""
        version = self._version(request)
        if version is None:
            return problem(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        if request.method == "PUT":
            await self.desk.put(request, version.order.index)
            version = self._version(request) or version
        return _json(self._row(version, None, _site_url(request)))

    async def trackings(self, request: Request) -> Response:
        """The extension Shipment Tracking; a site without it has no such route."""
        version = self._version(request)
        if not self.desk.extension:
            return await _no_route(request)
        if version is None:
            return problem(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
        if request.method == "POST":
            return _json(await self.desk.track(request, version.order.index), 201)
        return _json(self.desk.trackings.get(version.order.index, []))

    async def refunds(self, request: Request) -> Response:
        """The refunds of one order, newest first."""
        version = self._version(request)
        if version is None:
            return problem(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
        snap, dp = self.site.world.snapshot(version), request.query_params.get("dp", "")
        places = int(dp) if dp.isdigit() else None
        zone = self.site.shop.zone
        found = refund_documents(snap, zone, places)
        size, page = (
            int(request.query_params.get(name, default)) for name, default in (("per_page", "10"), ("page", "1"))
        )
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(math.ceil(len(found) / size))}
        return _json(found[size * (page - 1) : size * page], headers=headers)

    async def status(self, request: Request) -> Response:
        """What an adapter asks once, to know the site."""
        shop = self.site.shop
        now = stamp(int(self.site.clock().timestamp()))
        return _json({
            "environment": {"home_url": _site_url(request), "version": "9.8.1", "wp_version": "6.8"},
            "settings": {"currency": shop.currency, "number_of_decimals": 2, "timezone": shop.timezone},
            "server_time": local(now, shop.zone),
        })  # fmt: skip

    def _version(self, request: Request) -> Version | None:
        index = index_of(request.path_params["id"])
        if index is None:
            return None
        moment = self.site.moment(request)
        self.site.world.listed(moment)
        return self.site.world.shown(index, moment)

    def _row(self, version: Version, places: int | None, url: str) -> msgspec.Raw:
        key = version.order.index, places
        found = self._kept.get(key)
        if found is not None and found[0] is version:
            return msgspec.Raw(self.desk.shown(key[0], bytes(found[1])))
        row = document(self.site.world.snapshot(version), self.site.shop.zone, places, url)
        rendered = msgspec.Raw(msgspec.json.encode(row))
        if len(self._kept) > 20_000:
            self._kept.clear()
        self._kept[key] = version, rendered
        return msgspec.Raw(self.desk.shown(key[0], bytes(rendered)))


def problem(status: int, code: str, message: str) -> Response:
    """WordPress's shape of an error."""
    return _json({"code": code, "message": message, "data": {"status": status}}, status)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json; charset=UTF-8")


def _site_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


async def _no_route(_: Request) -> Response:
    return problem(404, "rest_no_route", "No route was found matching the URL and request method.")


def _routes(site: Site) -> list[BaseRoute]:
    shop = _Shop(site)
    return [
        Route(f"{API}/orders", shop.guarded(shop.orders)),
        Route(f"{API}/orders/{{id:int}}", shop.guarded(shop.order), methods=["GET", "PUT"]),
        Route(f"{API}/orders/{{id:int}}/refunds", shop.guarded(shop.refunds)),
        Route(f"{API}/system_status", shop.guarded(shop.status)),
        Route(TRACKINGS, shop.guarded(shop.trackings), methods=["GET", "POST"]),
        Route("/wp-json/{rest:path}", _no_route),
    ]


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(counted(snap)), snap.total


def _welcome(shop: Shop, url: str) -> str:
    key, secret = shop.options.get("key", "ck_demo"), shop.options.get("secret", "cs_demo")
    return f"{url}/{shop.name}{API}/orders   key {key}, secret {secret}"


PLATFORM = Platform(
    name="woocommerce",
    spell=lambda index: [str(order_id(index))],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {"shop_money_imbalance", "currency_mixed", "time_naive", "cancelled_without_time", "shipped_exceeds_ordered"}
    ),
    welcome=_welcome,
    codes={
        "amount_empty": ("AMOUNT_MISSING",),
        "quantity_absurd": ("QUANTITY_HUGE",),  # an order says what a line costs, not what a unit does
        "quantity_negative": ("QUANTITY_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
        "total_missing": ("AMOUNT_MISSING",),
        "unit_price_negative": lambda snap: (
            *(("DISCOUNT_NEGATIVE",) if with_discount(snap) else ()),
            "GRAND_TOTAL_MISMATCH",
            "LINE_TOTAL_NEGATIVE",
            "UNIT_PRICE_NEGATIVE",
        ),
    },
)
