"""The channel side's ports: what an adapter is, what it is handed, and what it hands back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict

from orderflow.domain.batch import Endpoint
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.window import Window

JsonValue: TypeAlias = Any
"""Whatever JSON can hold."""

Raw: TypeAlias = dict[str, Any]
"""One decoded record. JSON numbers with a fraction arrive as `str`, exactly as the channel spelled them."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer of the platform held.

    `records` are JSON documents as the platform sent them, byte for byte where the platform speaks JSON; other formats
    are wrapped in JSON by their adapter. `origin` is the evidence: URL path and query, file name, interchange number.
    `cursor` handed back as `after` goes on behind this page.
    """

    records: Sequence[bytes]
    origin: str
    cursor: JsonValue = None


class Source(Protocol):
    """An open channel. Asking twice for the same window gives at least the same orders."""

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Every order modified within `window`, whatever its status. The caller has applied lookback and settle lag."""
        ...


@runtime_checkable
class Acknowledging(Protocol):
    """A mailbox, queue or folder that wants to be told what arrived. May be called twice with the same origins."""

    def acknowledge(self, origins: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class OrderStub:
    """What the channel's independent list says of an order. Times in UTC, `total` as decimal text."""

    order_id: str
    status: str | None = None
    total: str | None = None
    currency: str | None = None
    lines: int | None = None
    updated_at: datetime | None = None


@runtime_checkable
class Countable(Protocol):
    """A channel that can list its orders a second way, for reconciliation."""

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders *created* within `window`, whatever their status."""
        ...


@runtime_checkable
class ById(Protocol):
    """A channel whose orders can be fetched by their ids: for sweeps, hints and repairs."""

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids; ids that the channel does not know are simply absent."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A channel that tells how many orders a window holds without sending them."""

    def count(self, window: Window) -> int: ...


class Secret:
    """A credential that never shows itself: neither in `repr`, nor in a log, nor in a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach one account: the content of one Airflow connection, without Airflow.

    `url` is scheme, host, port and base path, without a trailing slash; for files it is a folder or an fsspec URL.
    """

    name: str
    url: str
    login: str | None = None
    password: Secret | None = None
    extra: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)


WAY_OUT = frozenset({"proxy", "verify", "cert"})
"""Extra fields that say how a server is reached (`wire`), and nothing of who asks."""


class Throttle(Protocol):
    """The budget of one account, shared by all that talk to it."""

    def take(self, cost: float = 1.0) -> float:
        """Wait until `cost` may be spent; returns the seconds waited."""
        ...


class Meter:
    """Adds up what every endpoint cost; thread-safe enough for counters (each update is one dictionary operation)."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}

    def endpoint(self, name: str) -> Endpoint:
        return self.endpoints.setdefault(name, Endpoint())


Renewing: TypeAlias = Callable[[], AbstractContextManager[Mapping[str, JsonValue] | None]]
"""Be the only process that renews an account's token while the context lasts; it gives the token that was kept
last, by whichever process, or None."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the outside hands an adapter; tests hand their own.

    `transport` replaces the network (an `httpx.BaseTransport`); `throttle` is the account's shared budget, if any;
    `on_token` stores a refreshed token before it is used; `renewing` makes this process the only one that renews.
    """

    clock: Callable[[], datetime]
    """The current moment, aware; needed for signatures and for files' settle time only."""
    sleep: Callable[[float], None]
    meter: Meter = field(default_factory=Meter)
    throttle: Throttle | None = None
    transport: Any = None
    on_token: Callable[[Mapping[str, JsonValue]], None] | None = None
    renewing: Renewing | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """One request to the webhook inbox. Header names are in lower case; `url` is the address it was sent to."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook names: orders to look at now. None of them: a test delivery, or news of something else.

    `delivery` is the platform's own id of this news, the same when it is sent again; None where it gives none.
    """

    order_ids: Sequence[str] = ()
    delivery: str | None = None
    answer: str = ""
    """What the platform wants to read; most are content with status 200."""


Webhook: TypeAlias = Callable[[Posted, Account, Any, datetime], Hint]
"""`webhook(posted, account, options, now)`: what a request of the platform names; pure.

Raises `DeniedError` unless the bytes are signed with the account's secret, or where the platform's rule says that they
are too old.
"""


class Options(BaseModel):
    """An adapter's part of the channel file's `source` block. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


WriteBack: TypeAlias = Literal["shipments", "responses"]
"""What a channel can be told of its orders: parcels with their tracking, and whether an order is taken."""

Blind: TypeAlias = Literal["fulfilment", "payment", "refund", "status", "tracking", "deletion", "address", "lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """An adapter's capability sheet: what the platform allows, and where it lies."""

    longest_window: timedelta | None = None
    """Longest span one request may ask for; None: any."""
    settle: timedelta = timedelta(0)
    """How long after a change the platform's list may still not show it."""
    lookback: timedelta = timedelta(0)
    """Overlap to read again: at least the clock's resolution, plus what the platform is known to show late."""
    resolution: timedelta = timedelta(seconds=1)
    """Resolution of the platform's modified time."""
    page_size: int = 100
    ceiling: int | None = None
    """Most orders one query can page through; a window that holds more is halved."""
    reach: timedelta | None = None
    """How far back the account may read; None: for ever. Older windows are unreachable, never proven."""
    timezone: str = "UTC"
    """Zone of times that come without an offset (IANA name)."""
    blind: frozenset[Blind] = frozenset()
    """Changes that do not move the platform's modified time, so that only a sweep finds them."""
    rate: float | None = None
    """Requests per second that one account may make; None: not documented."""
    burst: int = 1
    personal_data: Literal["plain", "restricted", "masked"] = "plain"
    acknowledges: bool = False
    """True where orders are taken out of a mailbox and windows follow arrival instead of modified time."""
    writes_back: frozenset[WriteBack] = frozenset()
    """What its source, being `Fulfilling`, can tell the channel; nothing: it only reads."""


_MISSING = re.compile(r"missing required field `([^`]+)`")


def misshapen(error: msgspec.ValidationError) -> RecordError:
    """What is wrong with a record that does not fit its adapter's `record`."""
    said, _, path = str(error).partition(" - at `$")
    missing = _MISSING.search(said)
    field = ".".join(filter(None, (path.rstrip("`").lstrip("."), missing and missing[1]))) or "order"
    return RecordError("RAW_SHAPE", field, None, f"not the shape of this platform's orders: {said}")


def _nameless(_: Raw) -> str | None:
    return None


def _unknown(_: Any) -> date | None:
    return None


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one platform, or one file format, speaks: a value, found by name, imported late."""

    options: type[Options]
    limits: Limits
    open: Callable[[Any, Account, Runtime], Source]
    """`open(options, account, runtime)`: an open source. Does not talk to the network yet."""
    to_order: Callable[[Raw, Any], Order]
    """`to_order(raw, options)`: pure; raises `RecordError`. Takes a `Raw`, and a `record` where the adapter has one."""
    order_id: Callable[[Raw], str | None] = _nameless
    """The order's id in a raw record, without mapping it: names a record that cannot be mapped. May raise anything."""
    record: type[msgspec.Struct] | None = None
    """The fields that the mapping looks at, where it reads them from a struct: decoding builds nothing else."""
    webhook: Webhook | None = None
    """For a platform that tells of changes by itself, signed: what such a request names."""
    described: Callable[[Any], Adapter] | None = None
    """For a platform whose facts stand in the channel file: this adapter as these options describe it."""
    sunset: Callable[[Any], date | None] = _unknown
    """Last day on which the platform answers the API version that these options name; None: not known."""
