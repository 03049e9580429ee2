"""The endpoints of one shop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import Version
from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.magento.auth import Doorman, Refused
from orderflow.sandbox.platforms.magento.criteria import Criteria, Wrong, choose, cut, read, selected, selection
from orderflow.sandbox.platforms.magento.documents import document, index_of, order_id, stamp_of
from orderflow.sandbox.platforms.magento.parts import memos_of, shipments_of
from orderflow.sandbox.quota import Quota

ORDER_FIELDS = ("entity_id", "created_at", "updated_at")
PART_FIELDS = (*ORDER_FIELDS, "order_id")


class Api:
    """One shop's endpoints, its door and its quota."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.door = Doorman(site)
        self.quota = Quota(float(site.shop.options.get("per_second", 0)), site.ticks)
        self.most = int(site.shop.options.get("max_page_size", 0))

    def routes(self) -> list[BaseRoute]:
        root = "/rest/V1"
        return [
            Route(f"{root}/integration/admin/token", self.token, methods=["POST"]),
            Route(f"{root}/orders", self._guarded(self.orders)),
            Route(f"{root}/orders/{{id:int}}", self._guarded(self.order)),
            Route(f"{root}/shipments", self._guarded(self.shipments)),
            Route(f"{root}/creditmemos", self._guarded(self.memos)),
        ]

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            fault = fault_of(request)
            if (fault and fault.kind == "throttled") or not self.quota.take():
                return _problem(429, "Too Many Requests")
            try:
                self.door.check(request)
                return _json(answer(request))
            except Refused as refused:
                return _problem(401, str(refused), {"resources": "Magento_Sales::actions_view"})
            except Wrong as wrong:
                return _problem(400, wrong.message, wrong.parameters)
            except KeyError:
                wanted = {"fieldName": "orderId", "fieldValue": request.path_params["id"]}
                return _problem(404, "No such entity with %fieldName = %fieldValue", wanted)

        return endpoint

    async def token(self, request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body(), type=dict[str, str])
            return _json(self.door.grant(given.get("username", ""), given.get("password", "")))
        except Refused as refused:
            return _problem(401, str(refused))
        except msgspec.MsgspecError:
            return _problem(400, "Decoding error.")

    def orders(self, request: Request) -> Any:
        asked = read(request.query_params, ORDER_FIELDS, self.most)
        found = self._orders(request, asked)
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and found:
            self.site.shift(request, [found[0]["version"].order.index])
            found = self._orders(request, asked)
        rows = [document(self.site.world.snapshot(row["version"])) for row in cut(asked, found)]
        return self._listed(request, rows, len(found))

    def order(self, request: Request) -> Any:
        """One order by its id; raises `KeyError` where there is none."""
        index = index_of(request.path_params["id"])
        version = None if index is None else self.site.world.listed(self.site.moment(request)).current.get(index)
        if version is None or version.order.trashed:
            raise KeyError(index)
        return document(self.site.world.snapshot(version))

    def shipments(self, request: Request) -> Any:
        return self._parts(request, lambda version: shipments_of(self.site.world.snapshot(version)))

    def memos(self, request: Request) -> Any:
        return self._parts(request, lambda version: memos_of(self.site.world.snapshot(version)))

    def _parts(self, request: Request, render: Callable[[Version], list[dict[str, Any]]]) -> Any:
        """A list of what belongs to orders, by order or by time."""
        asked = read(request.query_params, PART_FIELDS, self.most)
        shelf = self.site.world.listed(self.site.moment(request))
        versions: Iterable[Version] = shelf.current.values()
        if ids := asked.only("order_id", "in"):
            indexes = map(index_of, map(int, ids.split(",")))
            versions = [shelf.current[index] for index in indexes if index in shelf.current]
        found = choose(asked, [row for version in versions if not version.order.trashed for row in render(version)])
        return self._listed(request, cut(asked, found), len(found))

    def _orders(self, request: Request, asked: Criteria) -> list[dict[str, Any]]:
        shelf = self.site.world.listed(self.site.moment(request))
        span = (_second(asked.only("updated_at", "gteq")), _second(asked.only("updated_at", "lt")))
        return choose(
            asked,
            [
                {
                    "entity_id": order_id(version.order.index),
                    "created_at": stamp_of(version.order.placed_at),
                    "updated_at": stamp_of(version.modified_at),
                    "version": version,
                }
                for version in shelf.modified(*span)
            ],
        )

    def _listed(self, request: Request, rows: list[dict[str, Any]], total: int) -> Any:
        whole = {"items": rows, "search_criteria": {"filter_groups": []}, "total_count": total}
        fields = request.query_params.get("fields")
        if fields is None:
            return whole
        plain = msgspec.json.decode(msgspec.json.encode(whole))
        return selected(plain, selection(fields))


def _second(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json; charset=utf-8")


def _problem(status: int, message: str, parameters: Any = None) -> Response:
    """Magento's shape of an error, its places not filled."""
    return _json({"message": message, **({"parameters": parameters} if parameters else {}), "trace": None}, status)
