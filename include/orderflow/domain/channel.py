"""The channel: one shop (account) on one platform, as its file in `include/channels` describes it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, PlainSerializer

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Adapter, Options, WriteBack
from orderflow.domain.window import Window

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def parse_duration(value: object) -> object:
    """Read `30m`, `1h30m`, `2d`, `45s`; a bare number is refused, because it does not say its unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        amounts = [int(group or 0) for group in match.groups()]
        try:
            return timedelta(seconds=sum(a * u for a, u in zip(amounts, _UNITS.values(), strict=True)))
        except OverflowError as error:
            raise ValueError(f"{value!r} is longer than all the time there is; write it like 30m or 2d") from error
    raise ValueError(f"{value!r} is not a duration; write it with its unit, such as 30m, 1h30m, 2d or 45s")


def print_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back."""
    left, text = int(value.total_seconds()), ""
    for unit, seconds in _UNITS.items():
        count, left = divmod(left, seconds)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_share(value: object) -> object:
    """Read `2%` as the fraction 0.02."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", value)):
        return Decimal(match[1]) / 100
    raise ValueError(f"{value!r} is not a share; write it in percent, such as 2%")


_NOWHERE = re.compile("^(localtime|posixrules|Factory|(posix|right)/.*)$")
"""Files beside the zones that mean another time on another machine, or count leap seconds."""


def known_zone(name: str) -> str:
    """An IANA time zone that this machine knows."""
    try:
        ZoneInfo(_NOWHERE.sub("", name))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone; write it like Asia/Taipei or Europe/Stockholm") from error
    return name


def _within_a_year(length: timedelta) -> timedelta:
    if length > timedelta(days=366):
        raise ValueError(f"{print_duration(length)} is more than a year; write at most 366d")
    return length


_DURATION_TEXT = Annotated[str, Field(pattern=r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$")]
_SHARE_TEXT = Annotated[str, Field(pattern=r"^\d{1,3}(\.\d+)?\s*%$")]

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=_DURATION_TEXT),
    PlainSerializer(print_duration),
]
Share = Annotated[Decimal, BeforeValidator(parse_share, json_schema_input_type=_SHARE_TEXT), Field(ge=0, le=1)]
Zone = Annotated[str, AfterValidator(known_zone)]
Whole = Annotated[int, Field(strict=True)]


class Block(BaseModel):
    """A block of a channel file: frozen, and deaf to no key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_Span = Annotated[Duration, AfterValidator(_within_a_year)]


class Schedule(Block):
    cron: str
    """Five fields; each run answers for the span between two ticks."""
    timezone: Zone = "UTC"
    """IANA name; the zone of `cron`, and of the channel's business days."""
    start: date
    """No window before midnight of this day, in `timezone`."""
    lookback: _Span | None = None
    """Read this much before the window again; never less than the adapter's own lookback."""
    settle: _Span | None = None
    """How late the platform shows a change; the adapter's own value unless given."""
    deadline: _Span = timedelta(minutes=30)
    """Tell the owners when a run is not done this long after it was queued."""


class Cleaning(Block):
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """The shop's currency, where the channel does not say it."""
    timezone: Zone | None = None
    """Zone of the channel's times that come without an offset; the adapter's own unless given."""
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    """Country of phone numbers written without a country code, and of addresses without a country."""
    lookups: dict[str, dict[str, str]] = {}
    """Repairs that can be listed, by field: `payment_method: {COD: cash_on_delivery}`."""
    sku: Literal["same", "mapped"] = "same"
    """`same`: the OMS uses the channel's SKUs; `mapped`: every SKU must stand in the SKU map."""


class _OfColumn(Block):
    column: str
    """A column of staged orders (`grand_total`), or of their lines (`lines.gtin`)."""


class Filled(_OfColumn):
    share: Share = Decimal(1)
    """At least so many rows have a value."""


class OneOf(_OfColumn):
    values: Annotated[list[str], Field(min_length=1, max_length=1000)]
    """What may stand there; an empty value is no fault."""
    share: Share = Decimal(1)
    """At least so many of the values are among them."""


class Between(_OfColumn):
    least: Decimal | None = None
    most: Decimal | None = None
    share: Share = Decimal(1)
    """At least so many of the values lie between both ends, which belong to the span."""


class Matches(_OfColumn):
    pattern: Annotated[str, Field(min_length=1, max_length=200)]
    """A regular expression that the value must match, as PostgreSQL and Python read it alike."""
    share: Share = Decimal(1)
    """At least so many of the values match."""


class Mean(_OfColumn):
    least: Decimal | None = None
    most: Decimal | None = None


class Distinct(_OfColumn):
    least: Annotated[int, Field(ge=0)] | None = None
    most: Annotated[int, Field(ge=0)] | None = None


class Unique(Block):
    columns: Annotated[list[str], Field(min_length=1, max_length=8)]
    """Columns of one table whose values together occur once a day."""


class Ordered(Block):
    earlier: str
    later: str
    """Two times of one table: where both are known, the later one is not before the earlier one."""
    share: Share = Decimal(1)
    """At least so many of the rows are in order."""


class Expectations(Block):
    """What analysts expect of a day's staged orders: checked by Great Expectations, shown and never decided upon."""

    after_load: bool = False
    """Check the day of every window that was loaded, besides every night."""
    orders_per_day: tuple[Whole, Whole] | None = None
    """How many orders are created on the channel in a day."""
    filled: list[Filled] = []
    """Columns that have a value."""
    one_of: list[OneOf] = []
    """Columns with a short list of values."""
    between: list[Between] = []
    """Columns whose values lie within a span."""
    matches: list[Matches] = []
    """Columns whose values have a form."""
    mean: list[Mean] = []
    """Columns whose mean of the day lies within a span."""
    distinct: list[Distinct] = []
    """Columns with so many different values in a day."""
    unique: list[Unique] = []
    """Columns whose values together occur once."""
    ordered: list[Ordered] = []
    """Pairs of times that follow each other."""


class Validation(Block):
    quarantine_at_most: Share = Decimal("0.05")
    """A larger share refused means that the platform changed, not the orders."""
    orders_per_window: tuple[Whole, Whole] | None = None
    """What a healthy run brings; outside of it `guards` decides."""
    guards: Literal["warn", "hold", "stop"] = "stop"
    """What a batch guard does: note it, hold the batch for a person, or stop the run (raw data is safe in any case)."""
    waive: list[str] = []
    """Rule codes that only warn on this channel."""
    tolerance: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Decimal(0)
    """Largest explained residue of the money equation, in the order's currency."""
    expectations: Expectations = Expectations()
    """What analysts expect of a day's orders; warns, and decides nothing."""


class Delivery(Block):
    target: str
    """Name of a file in `include/targets`."""
    since: datetime | date | None = None
    """Only orders created on the channel from this day or moment on go to the OMS (in the schedule's zone, where it has
    no offset): something else handed over the earlier ones. What it delivered once, a channel goes on delivering."""
    batch: Annotated[Whole, Field(ge=1, le=1000)] = 100
    """Orders per request, where the target takes several."""
    concurrency: Annotated[Whole, Field(ge=1, le=64)] = 4
    """Requests in flight."""


class Fulfilment(Block):
    """What the channel is told of its orders once the OMS has decided; without this block it is told nothing."""

    tell: Annotated[list[WriteBack], Field(min_length=1)] = ["shipments"]
    """Parcels with their tracking, and answers to orders, as far as the platform takes them."""
    carriers: dict[str, str] = {}
    """The OMS's names of carriers in the platform's words: `{PN: PostNord, dhl: DHL Express}`. A parcel of a carrier
    that is not named here waits."""


class Channel(BaseModel):
    """One channel file, read and checked. `name` is the file's name without `.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    title: str
    owner: str
    adapter_name: str
    adapter: InstanceOf[Adapter] = Field(exclude=True, repr=False)
    connection: str
    """Name of the Airflow connection that holds address and secret."""
    options: InstanceOf[Options]
    """The adapter's own part of the file (an instance of `adapter.options`)."""
    schedule: Schedule
    clean: Cleaning = Cleaning()
    validate_: Validation = Field(default=Validation(), alias="validate")
    oms: Delivery
    fulfilment: Fulfilment | None = None
    alerts: list[str] = []
    shadow: bool = False
    """Runs everything but the delivery to the OMS."""
    text: str = Field(default="", exclude=True, repr=False)
    """The file as it is written: the DAG's documentation."""

    @property
    def lookback(self) -> timedelta:
        """Overlap of two windows: never less than the resolution of the platform's modified time."""
        limits = self.adapter.limits
        return max(self.schedule.lookback or timedelta(0), limits.lookback, limits.resolution)

    @property
    def settle(self) -> timedelta:
        return self.adapter.limits.settle if self.schedule.settle is None else self.schedule.settle

    @property
    def timezone(self) -> str:
        """Zone of the channel's times without offset."""
        return self.clean.timezone or self.adapter.limits.timezone

    @property
    def start(self) -> datetime:
        return datetime.combine(self.schedule.start, datetime.min.time(), ZoneInfo(self.schedule.timezone)).astimezone(
            UTC
        )

    @property
    def delivers_since(self) -> datetime | None:
        """From when on orders that are created go to the OMS; None: whenever they were created."""
        since = self.oms.since
        if since is None:
            return None
        moment = since if isinstance(since, datetime) else datetime.combine(since, datetime.min.time())
        zone = ZoneInfo(self.schedule.timezone)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)

    def asks(self, window: Window) -> Window:
        """The span of modified time to ask the platform for, so that `window` can be proven."""
        return window.asked(lookback=self.lookback, settle=self.settle)

    def meeting(self, window: Window, *, before: datetime | None, after: datetime | None) -> Channel:
        """This channel, asking for `window` so that no modified time lies between it and its neighbours.

        They were asked for up to `before`, and from `after` on (None: not known), maybe with another settle lag.
        """
        asks = self.asks(window)
        settle = window.end - max(asks.end, min(after or asks.end, window.end))
        lookback = window.start - settle - min(asks.start, before or asks.start)
        schedule = self.schedule.model_copy(update={"settle": settle, "lookback": lookback})
        return self.model_copy(update={"schedule": schedule})


def demand_possible(channel: Channel, window: Window, now: datetime, *, slack: timedelta = timedelta(0)) -> None:
    """Raise `ConfigError` when a window begins before the channel's start, or ends more than `slack` after `now`."""
    if window.start < channel.start:
        raise ConfigError(
            f"{channel.name}: window {window} begins before the channel's start {channel.start.isoformat()}; "
            f"choose a later window, or an earlier `schedule.start` in {channel.name}.yml"
        )
    if window.end > now + slack:
        raise ConfigError(
            f"{channel.name}: window {window} is not over yet (now is {now.isoformat(timespec='seconds')}); "
            "orders still to come would count as pulled; choose an end in the past"
        )


def unreachable(channel: Channel, window: Window, now: datetime) -> str | None:
    """Why the account may read nothing of this window any more, so that no answer could prove it; None where it may.

    Raises `ConfigError` for a window of which only the beginning is out of reach.
    """
    reach = channel.adapter.limits.reach
    if reach is None or window.start >= now - reach:
        return None
    edge = (now - reach).isoformat(timespec="minutes")
    why = f"{channel.adapter_name} shows nothing older than {edge}"
    if window.end > now - reach:
        raise ConfigError(f"{channel.name}: {why}, and window {window} begins before; choose a start after {edge}")
    return why
