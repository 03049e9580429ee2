"""The platforms that the sandbox can play, one module each, found by name.

A module (or package) `orderflow.sandbox.platforms.<name>` exports one value, `PLATFORM`. To add a platform, write such
a module: say how it spells order ids, which defects it cannot show, and give the routes of a shop, whose handlers ask
`site.world` for versions and snapshots and render them; and export `WAY` (`sandbox.accounts.Way`), how to get in.
Nothing else needs to be told.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.routing import BaseRoute

from orderflow.domain.errors import ConfigError
from orderflow.sandbox.clock import Clock
from orderflow.sandbox.defects import Planted
from orderflow.sandbox.faults import fault_of
from orderflow.sandbox.generator import moment
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot
from orderflow.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Site:
    """One shop on the server: its world, its clock, and `ticks`, the real seconds that rate limits are counted in."""

    world: World
    clock: Clock
    ticks: Callable[[], float]

    @property
    def shop(self) -> Shop:
        return self.world.shop

    def moment(self, request: Request) -> int:
        """The world's second for this request; the fault `late` makes the lists lag."""
        fault = fault_of(request)
        return moment(self.clock()) - int(fault.seconds if fault and fault.kind == "late" else 0)

    def platform_time(self, request: Request) -> datetime:
        """What the platform believes the time is; the fault `skew` puts it ahead."""
        fault = fault_of(request)
        now = self.clock()
        return (
            datetime.fromtimestamp(now.timestamp() + fault.seconds, now.tzinfo)
            if fault and fault.kind == "skew"
            else now
        )

    def shift(self, request: Request, listed: list[int]) -> None:
        """Act out the fault `shifted-page`: the first order of the pages read so far is modified now."""
        fault = fault_of(request)
        if fault and fault.kind == "shifted-page" and listed:
            self.world.change_order(listed[0], "touch", moment(self.clock()))


@dataclass(frozen=True, slots=True)
class Platform:
    """How one platform is played.

    `spell(index)` gives the spellings of an order's id, the usual one first. `shown(snapshot)` tells how many lines its
    document has and what total it comes to (after edits, before refunds). `routes(site)` are paths below `/{shop}`.
    `unshown` are the defects that its documents have no place for; `codes` says which rules others break here, where
    these are not the usual ones; `foreign(shop, index)` whether another shop sold the order. `welcome(shop, url)` tells
    a person how to get in, given the server's address.
    """

    name: str
    spell: Callable[[int], list[str]]
    shown: Callable[[Snapshot], tuple[int, Bag]]
    routes: Callable[[Site], list[BaseRoute]]
    unshown: frozenset[str]
    welcome: Callable[[Shop, str], str]
    codes: Mapping[str, Planted] = field(default_factory=dict)
    foreign: Callable[[Shop, int], bool] = lambda _shop, _index: False


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def module(name: str) -> str:
    """The import path of the platform's module: `sandbox` in the package of an adapter of somebody else's."""
    return f"{name}.sandbox" if "." in name else f"{__name__}.{name}"


def plays(name: str) -> bool:
    """Whether there is such a platform."""
    return importlib.util.find_spec(module(name)) is not None


def find(name: str) -> Platform:
    """The platform called `name`; raises `ConfigError` naming those there are."""
    if not plays(name):
        raise ConfigError(f"the sandbox cannot play {name!r}; it can play {', '.join(names())}")
    platform: Platform = importlib.import_module(module(name)).PLATFORM
    return platform
