"""What a target file of kind `http` may say."""

from __future__ import annotations

from datetime import timedelta
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from orderflow.domain.channel import Block, Duration
from orderflow.domain.life import Stage

Place = Annotated[str, Field(min_length=1)]
"""A dotted path into JSON, such as `result.orders`."""


def _with(*names: str) -> AfterValidator:
    """Lets through a path that holds no other `{name}` than these."""

    def check(path: str) -> str:
        found = [name for _, name, _, _ in Formatter().parse(path) if name is not None]
        if unknown := [name for name in found if name not in names]:
            allowed = " and ".join(f"{{{name}}}" for name in names)
            raise ValueError(
                f"{{{unknown[0]}}} means nothing in this path; " + (f"known: {allowed}" if names else "remove it")
            )
        return path

    return AfterValidator(check)


Path = Annotated[str, Field(pattern="^/")]


class Single(Block):
    """How one order is sent: its document is the body."""

    method: Literal["PUT", "POST"] = "PUT"
    path: Annotated[Path, _with("channel", "order_id", "key")]
    """With `{channel}`, `{order_id}` and `{key}` where they belong."""


class Batch(Block):
    """How several orders are sent: a list of objects that hold key and document."""

    method: Literal["POST", "PUT"] = "POST"
    path: Annotated[Path, _with()]
    orders: str = "orders"
    """Name of the list in the body."""
    key: str = "key"
    document: str = "document"
    largest: Annotated[int, Field(ge=1)] = 1000
    """Most orders that the OMS takes at once."""


class Answer(Block):
    """Where an answer says what became of an order. The answer to a single order is read in the same way."""

    results: Place = "results"
    """The list of answers, in the answer to a batch."""
    key: Place = "key"
    outcome: Place | None = "outcome"
    """None: the HTTP status alone tells."""
    accepted: tuple[str, ...] = ("accepted",)
    refused: tuple[str, ...] = ("refused",)
    oms_id: Place = "oms_id"
    reason: tuple[Place, ...] = ("code", "reason")
    """Joined by a colon: codes first, words last."""
    status: Place = "status"
    """Where the order stood in the OMS when the version came, in the OMS's own words; see `stages`."""


class LookUp(Block):
    """How to ask what the OMS holds: many orders at once, or one by one where the path names `{order_id}`."""

    method: Literal["POST", "GET"] = "POST"
    path: Annotated[Path, _with("channel", "order_id")]
    channel: str = "channel"
    """Name of the channel in the body."""
    order_ids: str = "order_ids"
    """Name of the list of ids in the body."""
    orders: Place = "orders"
    """Where the list of orders stands in the answer (not read where one order is asked for)."""
    largest: Annotated[int, Field(ge=1)] = 500
    order_id: Place = "order_id"
    oms_id: Place = "oms_id"
    version: Place = "version"
    key: Place = "key"
    status: Place = "status"
    total: Place = "total"
    currency: Place = "currency"
    lines: Place = "lines"

    @model_validator(mode="after")
    def _can_ask(self) -> LookUp:
        if self.method == "GET" and "{order_id}" not in self.path:
            raise ValueError("GET carries no list of ids; name {order_id} in the path, or use POST")
        return self


class Shipments(Block):
    """How to ask what the OMS shipped for a channel: a list, oldest first, with the names of places in each entry."""

    path: Annotated[Path, _with()]
    """Asked with GET and the query that `channel`, `since` and `after` name."""
    channel: str = "channel"
    since: str = "since"
    """Name of the parameter with the moment, in ISO 8601 with offset, from which on parcels are wanted."""
    after: str = "after"
    """Name of the parameter that goes on where an answer ended."""
    shipments: Place = "shipments"
    """Where the list stands in the answer."""
    next: Place = "next"
    """What `after` has to be for more; empty in the last answer."""
    shipment_id: Place = "shipment_id"
    """The OMS's own number of the parcel, which never changes."""
    order_id: Place = "order_id"
    carrier: Place = "carrier"
    tracking_numbers: Place = "tracking_numbers"
    """A list, or one text."""
    shipped_at: Place = "shipped_at"
    recorded_at: Place = "recorded_at"
    """When the OMS wrote it down, in ISO 8601 with offset."""
    lines: Place = "lines"
    """What is inside; where it is absent, everything that was left of the order."""
    line_id: Place = "line_id"
    quantity: Place = "quantity"


class HttpOptions(Block):
    """The target file's part for kind `http`."""

    auth: Literal["bearer", "basic", "header", "none"] = "bearer"
    auth_header: str | None = None
    """Name of the header that carries the connection's password, for `auth: header`."""
    idempotency_header: str = "Idempotency-Key"
    connect_timeout: Duration = timedelta(seconds=10)
    timeout: Duration = timedelta(seconds=30)
    """How long to wait for an answer."""
    single: Single | None = None
    batch: Batch | None = None
    answer: Answer = Answer()
    refused_statuses: tuple[int, ...] = (409, 422)
    """HTTP statuses of an answer to one order that mean: not this order, however often it is sent."""
    look_up: LookUp
    shipments: Shipments | None = None
    """How to ask what was shipped; without it channels are told of no parcel."""
    stages: dict[str, Stage] = Field({})
    """What the OMS's words for an order in work mean to us: `{in_progress: picking, sent: shipped, done: closed}`."""

    @model_validator(mode="after")
    def _can_send(self) -> HttpOptions:
        if self.single is None and self.batch is None:
            raise ValueError("nothing says how to send an order; write single, batch or both")
        if (self.auth == "header") != (self.auth_header is not None):
            raise ValueError("auth: header and auth_header belong together; write both or neither")
        return self
