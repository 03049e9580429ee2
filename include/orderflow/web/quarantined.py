"""One order in quarantine: its raw record, what cleaning made of it, the rules it breaks, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from croniter import croniter
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError
from orderflow.domain.order import PARTS, Order
from orderflow.quality.ownership import WAIVABLE, owners
from orderflow.quality.raw_view import in_order, masked_document, masked_raw, personal
from orderflow.quality.rules import RULES
from orderflow.staging import actions, backlog, edits, quarantine
from orderflow.staging.backlog import Row, Whole
from orderflow.staging.edits import Held
from orderflow.staging.session import alone
from orderflow.web.access import demand_editor, demand_reader
from orderflow.web.decisions import DONE, Action, Wanted, act
from orderflow.web.page import Page, Reading
from orderflow.web.quarantine import Asked
from orderflow.web.written import Number

router = APIRouter()

LONGEST_RAW = 200_000
"""Characters of a raw record that a page shows."""
MOST_FIELDS = 2000
"""Fields of a cleaned order that a page shows; as many that a rule names stand behind them."""
MOST_PLACES = 50
"""Places of an order at which one rule is shown to be broken, and fields that the form to correct them begins with."""
REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the cleaned order, by the path that an edit takes; `codes` are the rules that name it."""

    path: str
    value: str
    codes: tuple[str, ...]


@router.get("/quarantine/{row}")
def quarantined(page: Reading, row: Number, asked: str = "") -> Response:
    with page.reading() as connection:
        return _page(page, connection, row, Asked.parsed(asked))


@router.post("/quarantine/{row}/reveal")
def reveal(
    page: Reading, row: Number, why: Annotated[str, Form()] = "", asked: Annotated[str, Form()] = ""
) -> Response:
    """The same page with personal data, once; who saw it and why is in its story before anything is shown."""
    with page.writing(_channel_of(page, row)) as connection:
        actions.reveal(connection, row, who=page.user.name, why=why)
        return _page(page, connection, row, Asked.parsed(asked), revealed=True)


@router.post("/quarantine/{row}/decide")
def decide(
    page: Reading,
    row: Number,
    action: Annotated[Action, Form()],
    why: Annotated[str, Form()] = "",
    to: Annotated[str, Form()] = "",
    waive: Annotated[list[str] | None, Form()] = None,
    asked: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
) -> Response:
    wanted = Wanted(action, why or ("assigned" if action == "assign" else ""), to)
    channel = _channel_of(page, row)
    with page.writing(channel) as connection, _as_seen(connection, channel, row, seen):
        actions.only(act(connection, [row], wanted, waive or [], who=page.user.name))
    return page.go(f"quarantine/{row}", asked=asked, said=page.t(DONE[action], n=1))


@router.post("/quarantine/{row}/edit")
def edit(
    page: Reading,
    row: Number,
    path: Annotated[list[str] | None, Form()] = None,
    value: Annotated[list[str] | None, Form()] = None,
    empty: Annotated[list[int] | None, Form()] = None,
    why: Annotated[str, Form()] = "",
    asked: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
) -> Response:
    """Correct values and release. `empty` are the numbers of the lines whose field is to be emptied."""
    drafts = _drafts(path or [], value or [], empty or [])
    channel = _channel_of(page, row)
    with page.writing(channel) as connection:
        try:
            with _as_seen(connection, channel, row, seen):
                edits.edit(
                    connection, page.site.vault(), row, drafts, who=page.user.name, why=why,
                    personal=[each.path for each in drafts if personal(each.path)],
                )  # fmt: skip
        except ConfigError as error:
            return _page(page, connection, row, Asked.parsed(asked), fault=str(error), drafts=drafts, why=why)
    said = page.t("Corrected and released. Later versions get the same values until they are withdrawn.")
    return page.go(f"quarantine/{row}", asked=asked, said=said)


@router.post("/quarantine/{row}/withdraw")
def withdraw(
    page: Reading, row: Number, edit: Annotated[int, Form()], why: Annotated[str, Form()] = "",
    asked: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    with page.writing(_channel_of(page, row)) as connection:
        found = backlog.whole(connection, row).row
        if edit not in {each.id for each in _held(connection, found)}:
            raise ConfigError(f"edit {edit} does not belong to this order, or was withdrawn; open the order again")
        edits.withdraw(connection, [edit], who=page.user.name, why=why)
    return page.go(
        f"quarantine/{row}", asked=asked, said=page.t("Withdrawn: the next run judges the order without it.")
    )


@router.post("/quarantine/{row}/replay")
def replay(page: Reading, row: Number, asked: Annotated[str, Form()] = "") -> Response:
    """Judge what can leave quarantine of this order's channel now, instead of with its next run."""
    channel = _channel_of(page, row)
    demand_editor(page.user, channel)
    conf = {"channel": channel, "what": "could leave quarantine", "dry_run": False}
    page.site.trigger(REPLAY, f"pages__{page.now:%Y%m%dT%H%M%S%f}", conf, page.user.name)
    said = page.t("The replay of {channel} has been started; load this page again in a minute.", channel=channel)
    return page.go(f"quarantine/{row}", asked=asked, said=said)


def _channel_of(page: Page, row: int) -> str:
    with page.reading() as connection:
        channel = backlog.whole(connection, row).row.channel
    demand_reader(page.user, channel)
    return channel


@contextmanager
def _as_seen(connection: Connection, channel: str, row: int, seen: str) -> Iterator[None]:
    """While this lasts the row holds the content that the form was shown with; raises `ConfigError` when it does not.

    Waits for a run that is writing the channel's orders, and lets none begin: it may bring another content.
    """
    with alone(connection, "load", channel):
        if seen and seen != _content(backlog.whole(connection, row)):
            raise ConfigError(
                "the channel has sent another version of this order since you opened it, so that nothing was done; "
                "look at it again, then decide"
            )
        yield


def _content(found: Whole) -> str:
    """What tells one content of a row from another."""
    return "unreadable" if found.content_hash is None else found.content_hash.hex()


def _page(
    page: Page,
    connection: Connection,
    number: int,
    asked: Asked,
    *,
    revealed: bool = False,
    fault: str = "",
    drafts: Sequence[Edit] = (),
    why: str = "",
) -> HTMLResponse:
    found = backlog.whole(connection, number)
    row = found.row
    demand_reader(page.user, row.channel)
    key = f"{row.last_seen_at.isoformat()}~{row.id}"
    behind = backlog.page(connection, asked.filter(page.user), after=key, size=1).rows
    raw, fault_of_raw = _raw(page, connection, found, revealed=revealed)
    fields = list(_fields(found, revealed=revealed))
    shown = fields[:MOST_FIELDS] + [each for each in fields[MOST_FIELDS:] if each.codes][:MOST_FIELDS]
    channel = next((each for each in page.channels() if each.name == row.channel), None)
    return page.html(
        "quarantined.html",
        status=400 if fault else 200,
        here="quarantine",
        asked=asked,
        row=row,
        whole=found,
        seen=_content(found),
        next=behind[0].id if behind else None,
        raw=raw,
        fault_of_raw=fault_of_raw,
        fields=shown,
        more=len(fields) > len(shown),
        broken=_by_rule(row),
        places=MOST_PLACES,
        rules=RULES,
        owners=owners(row.codes),
        waivable=row.source != "oms" and row.order_id is not None and set(row.codes) <= WAIVABLE,
        edits=_held(connection, row),
        revealed=revealed,
        fault=fault,
        drafts=drafts or _suggested(fields)[:MOST_PLACES],
        why=why,
        next_run=None if channel is None else _next_run(channel, page.now),
        channel=channel,
        may_decide=page.user.decides(row.channel),
    )


def _by_rule(row: Row) -> dict[str, list[Mapping[str, Any]]]:
    """What each broken rule says, in its order: one fault of an article may stand in every line."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for reason in row.reasons:
        found.setdefault(reason["code"], []).append(reason)
    return found


def _held(connection: Connection, row: Row) -> list[Held]:
    return edits.held(connection, channel=row.channel, order_id=row.order_id) if row.order_id else []


def _raw(page: Page, connection: Connection, found: Whole, *, revealed: bool) -> tuple[str | None, str]:
    """The raw record as indented JSON, and why it cannot be shown."""
    try:
        data = quarantine.raw(connection, page.site.vault(), found.row.id)
    except ConfigError as error:
        return None, str(error)
    if data is None:
        return None, ""
    shown = _decoded(data) if revealed else masked_raw(data, found.document)
    text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
    return text[:LONGEST_RAW] + ("\n…" if len(text) > LONGEST_RAW else ""), ""


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data.decode(errors="replace")


def _fields(found: Whole, *, revealed: bool) -> Iterator[Field]:
    """Every field of the cleaned order in its order, then those that a rule misses."""
    if found.document is None:
        return
    named: dict[str, tuple[str, ...]] = {}
    for reason in found.row.reasons:
        if path := reason.get("field"):
            named[path] = (*named.get(path, ()), reason["code"])
    document = in_order(found.document) if revealed else masked_document(found.document)
    for path, value in _leaves(document, ""):
        yield Field(path, value, named.pop(path, ()))
    for path, codes in named.items():
        yield Field(path, "", codes)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths as edits spell them: lists count from 1."""
    pairs: Any = ()
    if isinstance(value, Mapping):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value, start=1)
    else:
        yield path, "" if value is None else str(value)
    for name, each in pairs:
        yield from _leaves(each, f"{path}.{name}" if path else str(name))


def _drafts(paths: Sequence[str], values: Sequence[str], empty: Sequence[int]) -> list[Edit]:
    """The lines of the form that say something."""
    lines = zip(paths, values, strict=False)
    return [
        Edit(path.strip(), None if number in empty else value)
        for number, (path, value) in enumerate(lines)
        if path.strip() and (value or number in empty)
    ]


def _suggested(fields: Sequence[Field]) -> list[Edit]:
    """Fields that a rule names and a person can correct, as empty lines of the form."""
    return [Edit(field.path, "") for field in fields if field.codes and _editable(field.path)]


def _editable(path: str) -> bool:
    name, *rest = path.split(".")
    return name in Order.__struct_fields__ and name != "order_id" and (name not in PARTS or len(rest) > 1)


def _next_run(channel: Channel, now: datetime) -> datetime:
    """When the channel's next run is due, in the channel's zone."""
    moment: datetime = croniter(channel.schedule.cron, now.astimezone(ZoneInfo(channel.schedule.timezone))).get_next(
        datetime
    )
    return moment
