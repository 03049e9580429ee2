"""What a channel file says of an API: how to sign in, what to ask, how to page, how to tell an answer from an error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from orderflow.adapters.described.headers import wrong_headers
from orderflow.adapters.described.mapping import Block, Mapped, MistakesError
from orderflow.adapters.described.sheet import Sheet
from orderflow.adapters.described.values import PathText, within
from orderflow.adapters.described.webhook import Hook
from orderflow.domain import source
from orderflow.domain.channel import Duration
from orderflow.domain.source import Limits

Scalar: TypeAlias = str | bool | int
Params: TypeAlias = dict[str, Any]


FORMS = frozenset({"iso", "iso_ms", "epoch", "epoch_ms"})
"""How a time can be written in UTC; every other form is signs of strftime."""


def unit(form: str) -> timedelta:
    """The shortest time that signs of strftime tell apart; nothing where they write every day the same."""
    moment = datetime(2026, 1, 1)  # noqa: DTZ001 -- any moment will do
    units = (timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(1))
    return next((each for each in units if moment.strftime(form) != (moment + each).strftime(form)), timedelta())


def _writes_time(form: str) -> str:
    if form not in FORMS and (not unit(form) or "%s" in form):  # %s counts in the zone of this machine
        raise ValueError(
            f"{form!r} is none of {', '.join(sorted(FORMS))}, nor signs of strftime that name a day; "
            "write one of these, or signs such as %Y-%m-%d %H:%M:%S"
        )
    return form


Form = Annotated[str, AfterValidator(_writes_time)]


def _fits_a_header(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError(f"{text!r} is no value that HTTP allows in a header; write ASCII without blanks around it")
    return text


HeaderText = Annotated[str, AfterValidator(_fits_a_header)]


class Open(Block):
    """No credentials at all."""

    kind: Literal["none"]


class Basic(Block):
    """HTTP Basic with the connection's login and password, one of which may be empty where the platform has it so."""

    kind: Literal["basic"]


class Fixed(Block):
    """The connection's password in one header, or in one parameter of the address."""

    kind: Literal["header", "query"]
    name: str = "Authorization"
    prefix: str = ""


class Login(Block):
    """A token that is bought with login and password, and bought again before it ends."""

    kind: Literal["token"]
    path: str
    """Behind the connection's address; a whole address where another host gives tokens."""
    send: Literal["json", "form"] = "json"
    constants: Params = Field(default={})
    """What the request holds besides (`grant_type: client_credentials`)."""
    login_as: str | None = None
    """Name of the parameter that takes the connection's login; dots lead into objects of JSON."""
    password_as: str | None = None
    refresh_as: str | None = None
    """Name of the parameter that takes the refresh token, where the platform gives one."""
    basic: bool = False
    """Login and password go into an HTTP Basic header instead."""
    token: str
    """Where the answer holds the token: a path, or `header:<name>`."""
    refresh: PathText | None = None
    expires_in: PathText | None = None
    """Where the answer tells how many seconds the token is good for."""
    lifetime: Duration | None = None
    """How long a token is good for, where the answer does not tell."""
    header: str = "Authorization"
    prefix: str = "Bearer "


Auth: TypeAlias = Annotated[Open | Basic | Fixed | Login, Field(discriminator="kind")]


class Moment(Block):
    """One end of the window in the request."""

    name: str | list[str]
    """Name of the parameter, or of several; in JSON, dots lead into objects and `[0]` into a list that stands there."""
    form: Form = "iso"
    """`iso`, `iso_ms`, `epoch`, `epoch_ms`, or the signs of strftime."""
    quoted: bool = False
    """An epoch as text, where numbers would stand in JSON."""

    @property
    def names(self) -> list[str]:
        return [self.name] if isinstance(self.name, str) else self.name


class Sentence(Block):
    """Both ends in one parameter: `{start}` and `{end}` stand for them."""

    name: str
    text: Annotated[str, Field(pattern=r"\{start\}")]
    form: Form = "iso"


class Between(Block):
    """The filter on a time. Without `end` everything since `start` comes, and more than was asked for is no harm."""

    start: Moment | None = None
    end: Moment | None = None
    sentence: Sentence | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Between:
        if (self.start is None) == (self.sentence is None) or (self.sentence and self.end):
            raise ValueError("say either start (and end), or sentence")
        return self


class Size(Block):
    name: str
    value: Annotated[int, Field(ge=1, le=10_000)]


class Numbered(Block):
    """Pages by number, or by how many orders to leave out; where offset and size have one name, as `offset,size`."""

    kind: Literal["page", "offset"]
    name: str
    first: Annotated[int, Field(ge=0, le=1)] = 1
    """Number of the first page. Where the file does not say it, and no total would tell, page 0 is asked for once a
    run: orders that stand there alone would never be read.
    """
    size: Size
    total: str | None = None
    """Where the answer tells how many orders there are: a path, or `header:<name>`.

    With it pages are read from the last to the first: an order that leaves the list while one reads hides no other.
    """


class Cursor(Block):
    """Each answer names the next page, in its body or in a header."""

    kind: Literal["cursor"]
    name: str
    at: str
    """Where the answer holds the cursor: a path, or `header:<name>`; an empty one ends the list."""
    more: PathText | None = None
    """Where the answer says whether more follows, if it gives a cursor even with the last page."""
    size: Size | None = None
    total: str | None = None


class Linked(Block):
    """Each answer holds the whole address of the next page: `header:link` (RFC 8288), or a path."""

    kind: Literal["link"]
    at: str = "header:link"
    size: Size | None = None
    total: str | None = None


class Whole(Block):
    """Everything comes in one answer."""

    kind: Literal["none"]
    amounts: list[str] = Field(default=[])
    """What stands beside the list, is called a `total`, and is money: it does not count orders."""


Page: TypeAlias = Annotated[Numbered | Cursor | Linked | Whole, Field(discriminator="kind")]


class Success(Block):
    """How a good answer looks, beyond its status: many platforms tell errors in a 200."""

    at: PathText | None = None
    """Where the code stands."""
    good: list[Scalar] = Field(default=[])
    """Codes of success; where none is named, every code is one that no other key names."""
    denied: list[Scalar] = Field(default=[])
    """Codes that mean: the credentials are wrong or lack a right."""
    again: list[Scalar] = Field(default=[])
    """Codes that mean: too many requests, or busy."""
    expired: list[Scalar] = Field(default=[])
    """Codes that mean: buy a new token."""
    errors: PathText | None = None
    """A list that must be missing or empty."""
    message: PathText | None = None
    """Where the platform says what is wrong."""

    @model_validator(mode="after")
    def _codes_stand_somewhere(self) -> Success:
        if self.at is None and (self.good or self.denied or self.again or self.expired):
            raise ValueError("codes are named, but not where they stand; add at, the path of the code in the answer")
        return self


class Call(Block):
    """One kind of request."""

    path: str = ""
    """Behind the connection's address, with a query if need be; `{id}` stands for an order's id."""
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Scalar] = Field(default={})
    """In the address."""
    body: Params | None = None
    """Sent as JSON."""
    at: PathText = ""
    """Where the answer holds what was asked for."""


class Listing(Call):
    """A list of orders."""

    window: Between | None = None
    """The filter on modified time; without it every run reads the whole list."""
    page: Page


class ByIds(Call):
    """Orders by their ids: one call each where the path holds `{id}`, else several ids in one parameter."""

    name: str | None = None
    many: Annotated[int, Field(ge=1, le=1000)] = 50
    """Ids in one call."""
    joined: bool = True
    """Ids as one text with commas; else as a list (in JSON) or as a repeated parameter."""


class Described(source.Options):
    """A platform that the channel file describes: facts only, nothing in it is ever evaluated."""

    auth: Auth
    headers: dict[str, HeaderText] = Field(default_factory=dict)
    """Fixed headers of every request; no secrets."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Headers with a secret beside what `auth` sends, and what holds each: `login`, `password`, or an extra field."""
    limits: Sheet = Sheet()
    orders: Listing
    created: Between | None = None
    """The filter on creation time, for reconciliation: the same list with this filter in the window's place."""
    detail: Call | None = None
    """One more call for each order; records then are `{"row": ..., "detail": ...}`, and so paths begin."""
    by_id: ByIds | None = None
    success: Success = Success()
    webhook: Hook | None = None
    """What the platform sends by itself when an order changes; windows stay the truth."""
    id: PathText
    """Where a row of the list holds the order's id."""
    map: Mapped

    @model_validator(mode="before")
    @classmethod
    def _same_list(cls, told: Any) -> Any:
        """`by_id` with a parameter's name and no path asks the list of orders: what it does not say, that says."""
        orders, by_id = (told.get("orders"), told.get("by_id")) if isinstance(told, dict) else (None, None)
        if not isinstance(orders, dict) or not isinstance(by_id, dict) or "name" not in by_id or "path" in by_id:
            return told
        shared = {key: orders[key] for key in Call.model_fields if key in orders}
        merged = {
            key: {**shared[key], **by_id[key]}
            for key in ("params", "body")
            if isinstance(shared.get(key), dict) and isinstance(by_id.get(key), dict)
        }
        return {**told, "by_id": {**shared, **by_id, **merged}}

    @model_validator(mode="after")
    def _possible(self) -> Described:
        if found := dict(_impossible(self)):
            raise MistakesError(found)
        return self

    def sheet(self) -> Limits:
        page = self.orders.page
        size = 1000 if isinstance(page, Whole) or page.size is None else page.size.value
        return self.limits.limits(size, repeatable=bool(self.orders.window and self.by_id))


def _impossible(told: Described) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Requests that could only be wrong, by the keys that lead there."""
    yield from wrong_headers(told)
    page = told.orders.page
    size = None if isinstance(page, Whole) else page.size
    names = [page.name] if isinstance(page, Numbered | Cursor) else []
    if size and size.name in names and page.kind != "offset":
        yield ("orders", "page", "name"), f"{size.name!r} names both the page and its size; name one for each"
    names += [size.name] if size else []
    names += [*_names_of(told.orders.window), *_names_of(told.created)]
    ids = [told.by_id.name] if told.by_id and told.by_id.name else []
    for call, asked, placed in (("orders", told.orders, names), ("by_id", told.by_id, ids)):
        for name in placed:
            if asked and not _has_place(asked, name):
                said = f"{name!r} leads nowhere in it; dots lead into objects, [0] to the first element of a list"
                yield (call, "body"), said
    if told.detail and not _takes_id(told.detail):
        yield ("detail",), "neither its path nor its params or body hold {id}; put it there"
    if told.by_id and not _takes_id(told.by_id) and not ids:
        yield ("by_id",), "it does not say where the ids go; put {id} in its path, or add `name`"


def _names_of(between: Between | None) -> list[str]:
    if between is None:
        return []
    ends = [name for moment in (between.start, between.end) if moment for name in moment.names]
    return [between.sentence.name] if between.sentence else ends


def _has_place(call: Call, name: str) -> bool:
    """Whether a value of this name can be put into the request; a body of JSON may have no place for it."""
    try:
        within(copy.deepcopy(call.body or {}), name, "")
    except (LookupError, TypeError, AttributeError, ValueError):
        return call.body is None
    return True


def _takes_id(call: Call) -> bool:
    return "{id}" in call.path or "{id}" in str(call.params) or "{id}" in str(call.body)
