"""Decisions about many quarantined orders at once: counted first, then confirmed, then done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Form
from fastapi.responses import Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from pydantic import Field

from orderflow.domain.errors import ConfigError
from orderflow.quality.ownership import WAIVABLE
from orderflow.quality.rules import RULES
from orderflow.staging import actions
from orderflow.staging.actions import Outcome, Which
from orderflow.staging.breakdown import channels_of, rows_of
from orderflow.web.access import demand_editor, demand_some_editor
from orderflow.web.page import Page, Reading
from orderflow.web.quarantine import Asked

router = APIRouter()

Action: TypeAlias = Literal["release", "park", "discard", "assign", "reopen"]
Scope: TypeAlias = Literal["selected", "all", "decision"]
"""The orders that were ticked, all that the list's filter finds, or those of one earlier decision."""

COUNTING = "counted before a decision"
"""The reason that a dry run is given, which keeps it nowhere."""
DONE = {
    "release": "Released: {n}. The next run of the channel judges again; what is still wrong opens again.",
    "park": "Parked: {n}, until a good version comes or somebody reopens.",
    "discard": "Discarded: {n}. They never go on as they are; a changed version is judged anew.",
    "assign": "Handed over: {n}.",
    "reopen": "Open again: {n}.",
}
"""What is said after a decision."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision as a form asks for it. `to` is who looks after the orders from now on; empty: nobody."""

    action: Action
    why: str
    to: str


def act(
    connection: Connection, which: Which, wanted: Wanted, waive: Sequence[str], *, who: str, dry_run: bool = False
) -> Outcome:
    """The action that the command line knows by the same name."""
    person: dict[str, Any] = {"who": who, "why": COUNTING if dry_run else wanted.why, "dry_run": dry_run}
    match wanted.action:
        case "release":
            return actions.release(connection, which, waive=waive, waivable=WAIVABLE, **person)
        case "park":
            return actions.park(connection, which, **person)
        case "discard":
            return actions.discard(connection, which, **person)
        case "assign":
            return actions.assign(connection, which, to=wanted.to.strip() or None, **person)
        case "reopen":
            return actions.reopen(connection, which, **person)


@router.post("/quarantine/decide")
def decide(
    page: Reading,
    action: Annotated[Action, Form()],
    scope: Annotated[Scope, Form()] = "selected",
    row: Annotated[list[Annotated[int, Field(lt=2**63)]] | None, Form()] = None,
    asked: Annotated[str, Form()] = "",
    decision: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
    to: Annotated[str, Form()] = "",
    waive: Annotated[list[str] | None, Form()] = None,
    counted: Annotated[int | None, Form()] = None,
) -> Response:
    """Without `counted` the page that counts and asks; with it the decision, unless the count is another by now."""
    demand_some_editor(page.user)
    wanted, looking = Wanted(action, why, to), Asked.parsed(asked)
    with page.site.database.writing() as connection:
        which = _which(page, connection, scope, row or [], looking, decision)
        channels = channels_of(connection, which)
        for channel in channels:
            demand_editor(page.user, channel)
        found = act(connection, which, wanted, waive or [], who=page.user.name, dry_run=True)
        if counted is not None and counted == found.done and why.strip():
            done = act(connection, which, wanted, waive or [], who=page.user.name)
            return page.go("quarantine", **looking.query(), said=page.t(DONE[action], n=f"{done.done:,}"))
    answer = page.html(
        "quarantine_decide.html",
        here="quarantine",
        wanted=wanted,
        scope=scope,
        row=row or [],
        asked=looking,
        decision=decision,
        waive=waive or [],
        waivable=_waivable(looking),
        found=found,
        channels=channels,
        changed=counted is not None and counted != found.done,
        unsaid=counted is not None and not why.strip(),
    )
    answer.headers["Cache-Control"] = "private, no-cache"  # a browser that goes back to a form's answer has no other
    return answer


def _which(page: Page, connection: Connection, scope: Scope, rows: Sequence[int], asked: Asked, decision: str) -> Which:
    """The rows; of a filter over all channels those that the user may decide about."""
    if scope == "all":
        which = asked.filter(page.user)
        if which.channels is None:
            return which
        return replace(which, channels=frozenset(name for name in which.channels if page.user.decides(name)))
    if scope == "decision":
        rows = rows_of(connection, *_decision(decision))
    if not rows:
        raise ConfigError(
            "nothing of that decision can be undone any more"
            if scope == "decision"
            else "no order is selected; tick some, or choose all that the list finds"
        )
    return rows


def _decision(text: str) -> tuple[str, datetime]:
    at, _, who = text.partition("~")
    try:
        return who, datetime.fromisoformat(at)
    except ValueError as error:
        raise ConfigError(f"{text!r} names no decision; open the list again") from error


def _waivable(asked: Asked) -> list[str]:
    """Rules that may be let pass for all of them: the one that the list is narrowed to."""
    return [asked.reason] if asked.reason in WAIVABLE and asked.reason in RULES else []
