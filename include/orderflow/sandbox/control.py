"""The platforms' server: every shop below its name, and the sandbox's own switches below `/_sandbox`.

`GET /_sandbox` lists the shops. `GET /_sandbox/{shop}/truth` (`?until=` ISO moment, default now) is the ledger of what
the channel really holds, as `orders`; `GET /_sandbox/{shop}/summary` its counts and sums; `GET
/_sandbox/{shop}/parcels` (`?order_id=`) what was sent. `POST /_sandbox/{shop}/orders` puts in new orders: `{"count": 1,
"defect": null, "late": 0}`. `POST /_sandbox/{shop}/changes` changes one: `{"order_id": ..., "change": "cancel", "late":
0}`. `POST /_sandbox/{shop}/compare` holds a JSON list of order ids against the truth. Put-in orders and changes happen
now.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from orderflow.domain.errors import ConfigError
from orderflow.sandbox import platforms, truth
from orderflow.sandbox.clock import Clock
from orderflow.sandbox.defects import DEFECTS
from orderflow.sandbox.events import CHANGES
from orderflow.sandbox.generator import moment
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.csv_drop import Dropper
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.world import Injection, World, showable


class NewOrders(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 1
    defect: str | None = None
    late: int = 0
    """Seconds after which the lists show them."""


class NewChange(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    change: str
    late: int = 0


def app(
    shops: Sequence[Shop],
    *,
    clock: Clock,
    ticks: Callable[[], float],
    state: Path | None,
    drop: Path | None,
    drop_every: float,
    extra: Sequence[BaseRoute] = (),
) -> Starlette:
    """See `server.platforms_app`. Raises `ConfigError` for two shops of one name, or a state file of other shops."""
    names = [shop.name for shop in shops]
    if len(set(names)) < len(names):
        raise ConfigError(f"two shops have the same name: {', '.join(sorted(names))}; a shop's name is its URL")
    sites: dict[str, tuple[Platform, Site]] = {}
    for shop in shops:
        platform = platforms.find(shop.platform)
        world = World(shop, showable(platform.unshown), _recorder(state, shop))
        for injection in _recorded(state, shop):
            world.replay(injection)
        sites[shop.name] = platform, Site(world, clock, ticks)
    control = _Control(sites, clock)
    routes: list[BaseRoute] = [
        *extra,
        Route("/_sandbox", control.shops),
        Route("/_sandbox/shops", control.shops),
        Route("/_sandbox/defects", control.defects),
        Route("/_sandbox/{shop}/truth", control.truth),
        Route("/_sandbox/{shop}/parcels", control.parcels),
        Route("/_sandbox/{shop}/summary", control.summary),
        Route("/_sandbox/{shop}/orders", control.add, methods=["POST"]),
        Route("/_sandbox/{shop}/changes", control.change, methods=["POST"]),
        Route("/_sandbox/{shop}/compare", control.compare, methods=["POST"]),
    ]
    routes += [Mount(f"/{name}", routes=platform.routes(site)) for name, (platform, site) in sites.items()]

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        worlds = [site.world for platform, site in sites.values() if platform.name == "csv_drop"]
        if drop is None or not worlds:
            yield
            return
        folders = {world: drop if len(worlds) == 1 else drop / world.shop.name for world in worlds}
        task = asyncio.create_task(_drop([Dropper(*each) for each in folders.items()], clock, drop_every))
        yield
        task.cancel()

    return Starlette(routes=routes, exception_handlers={ConfigError: _refused}, lifespan=life)


async def _drop(droppers: list[Dropper], clock: Clock, every: float) -> None:
    while True:
        for dropper in droppers:
            dropper.drop(moment(clock()))
        await asyncio.sleep(every)


class _Control:
    def __init__(self, sites: dict[str, tuple[Platform, Site]], clock: Clock) -> None:
        self.sites = sites
        self.clock = clock

    def _site(self, request: Request) -> tuple[Platform, Site]:
        name = request.path_params["shop"]
        if name not in self.sites:
            raise ConfigError(f"no shop {name!r}; there are {', '.join(sorted(self.sites))}")
        return self.sites[name]

    def _rows(self, request: Request) -> list[truth.Row]:
        platform, site = self._site(request)
        text = request.query_params.get("until")
        until = moment(self.clock()) + 1 if text is None else moment(_aware(text))
        return truth.ledger(site.world, platform, until)

    async def shops(self, _: Request) -> Response:
        now = self.clock()
        return _json({"now": now, "shops": [site.shop for _, site in self.sites.values()]})

    async def defects(self, _: Request) -> Response:
        return _json({kind: {"meaning": each.meaning, "outcome": each.outcome} for kind, each in DEFECTS.items()})

    async def truth(self, request: Request) -> Response:
        return _json({"shop": request.path_params["shop"], "orders": self._rows(request)})

    async def summary(self, request: Request) -> Response:
        return _json(truth.summary(self._rows(request)))

    async def compare(self, request: Request) -> Response:
        found = msgspec.json.decode(await request.body(), type=list[str])
        return _json(truth.compare(self._rows(request), found))

    async def parcels(self, request: Request) -> Response:
        platform, site = self._site(request)
        wanted = request.query_params.get("order_id")
        found = [
            {
                "order_id": platform.spell(version.order.index)[0],
                "number": parcel.number,
                "carrier": parcel.carrier,
                "tracking": parcel.tracking,
                "units": parcel.units,
            }
            for version in site.world.all_held(moment(self.clock()))
            for parcel in version.order.shipments
            if wanted is None or wanted in platform.spell(version.order.index)
        ]
        return _json({"parcels": found})

    async def add(self, request: Request) -> Response:
        platform, site = self._site(request)
        wanted = _read(await request.body(), NewOrders)
        at = moment(self.clock())
        made = [site.world.add_order(at, defect=wanted.defect, late=wanted.late) for _ in range(wanted.count)]
        return _json({"order_ids": [platform.spell(index)[0] for index in made]}, 201)

    async def change(self, request: Request) -> Response:
        platform, site = self._site(request)
        wanted = _read(await request.body(), NewChange)
        at = moment(self.clock())
        index = next(
            (v.order.index for v in site.world.all_held(at) if wanted.order_id in platform.spell(v.order.index)), None
        )
        if index is None:
            raise ConfigError(f"shop {site.shop.name} holds no order {wanted.order_id!r} now")
        site.world.change_order(index, wanted.change, at, late=wanted.late)
        held = site.world.held(index, at)
        return _json(truth.row(site.world, platform, held, at + 1) if held else None, 201)


def _read(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{error}; changes: {', '.join(CHANGES)}; defects: GET /_sandbox/defects") from error


def _aware(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise ConfigError(f"until={text!r} is no ISO 8601 moment, such as 2026-03-01T09:00:00Z") from error
    if found.tzinfo is None:
        raise ConfigError(f"until={text!r} has no time zone; add Z or an offset")
    return found


async def _refused(_: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400)


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


_STATE = "create table if not exists injections (number integer primary key, shop text not null, body text not null)"


def _recorder(state: Path | None, shop: Shop) -> Callable[[Injection], None]:
    def record(injection: Injection) -> None:
        if state is None:
            return
        with closing(sqlite3.connect(state)) as database, database:
            body = msgspec.json.encode(injection).decode()
            database.execute("insert into injections (shop, body) values (?, ?)", (shop.name, body))

    return record


def _recorded(state: Path | None, shop: Shop) -> list[Injection]:
    """What was put into this shop before; the state file knows the shop's parameters, and refuses others.

    Only its end and its rests may be others: they change nothing of what was.
    """
    if state is None:
        return []
    with closing(sqlite3.connect(state)) as database, database:
        database.execute(_STATE)
        database.execute("create table if not exists shops (name text primary key, body text not null)")
        body = msgspec.json.encode(replace(shop, ends=None, rests=()), order="sorted").decode()
        database.execute("insert or ignore into shops values (?, ?)", (shop.name, body))
        (kept,) = database.execute("select body from shops where name = ?", (shop.name,)).fetchone()
        if kept != body:
            raise ConfigError(
                f"{state} holds the shop {shop.name} with other parameters ({kept}); "
                f"start with those again, or with another state file"
            )
        rows = database.execute("select body from injections where shop = ? order by number", (shop.name,)).fetchall()
    return [msgspec.json.decode(row[0], type=Injection) for row in rows]
