"""A simulated shop: one account on one platform, with everything its world is made from."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

import msgspec

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Blind
from orderflow.sandbox.vocabulary import RATES

DAY = 86_400


class Shop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of one world. Two shops with equal parameters have equal worlds, in any process, at any moment.

    Shares are fractions of all orders. Raises `ConfigError` for a currency, a time zone or a start that cannot be.
    """

    name: str
    """The first part of the shop's URLs; the channel's name, in the demo."""
    platform: str
    """A module of `orderflow.sandbox.platforms`."""
    seed: int = 1
    start: datetime
    """The first order comes after this moment (aware)."""
    rate: float = 60.0
    """Orders per hour, on average."""
    live_from: datetime | None = None
    live_rate: float = 60.0
    """Orders per hour from `live_from` on."""
    ends: datetime | None = None
    """Nothing happens by itself after this moment; what is put in by hand still does."""
    rests: tuple[tuple[datetime, datetime], ...] = ()
    """Earlier ends, and when the world went on after each: what had been about to happen came so much later."""
    pace: float = 1.0
    """How long things take: 1 means parcels after a day and refunds after a week; 0.01 a week in 100 minutes."""
    currency: str = "EUR"
    """The shop's own currency."""
    currencies: tuple[str, ...] = ()
    """What buyers may pay in; the shop's own currency comes for more than half of all orders."""
    timezone: str = "UTC"
    edits: float = 0.08
    cancellations: float = 0.05
    refunds: float = 0.08
    fulfilments: float = 0.85
    late: float = 0.05
    """Share of changes that the order list shows later than they happened ..."""
    late_by: int = 90
    """... by up to so many seconds."""
    bursts: float = 0.02
    """Share of arrivals that are a crowd of 3 to 25 orders in the same second."""
    long: float = 0.004
    """Share of orders with 30 to 120 lines."""
    tests: float = 0.0
    """Share of orders that the shop marks as tests."""
    trash: float = 0.0
    """Share of orders that the shop deletes."""
    defects: float = 0.0
    """Share of orders with a planted defect."""
    defect_kinds: tuple[str, ...] = ()
    """Plant only these kinds; all that the platform can show, when empty."""
    blind: tuple[Blind, ...] = ()
    """Changes that do not move the modified time."""
    options: dict[str, str | int | float | bool] = {}
    """Switches of the platform; see its module."""

    def __post_init__(self) -> None:
        for moment in (self.start, self.live_from, self.ends, *chain(*self.rests)):
            if moment is not None and moment.tzinfo is None:
                raise ConfigError(
                    f"shop {self.name}: {moment.isoformat()} has no time zone; add an offset such as +00:00"
                )
        for code in (self.currency, *self.currencies):
            if code not in RATES:
                raise ConfigError(f"shop {self.name}: no rate for currency {code!r}; known: {', '.join(sorted(RATES))}")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigError(
                f"shop {self.name}: {self.timezone!r} is no IANA time zone, such as Asia/Taipei"
            ) from error

    def awake(self, at: int, since: float) -> int:
        """When something happens that was to happen at `at`, as it stood at `since`; both in epoch seconds."""
        for ended, went_on in self.rests:
            if since <= ended.timestamp() < at:
                at += int((went_on - ended).total_seconds())
        return at

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)
