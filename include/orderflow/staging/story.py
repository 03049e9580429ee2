"""The story of one order: every fact that staging holds of it, as a timeline. Reads only, and shows no buyer's data.

Its sentences are `Message`s, so that a page may tell them in another language.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.message import Message
from orderflow.staging import story_sql
from orderflow.staging.session import transaction

MOST_PLACES = 20
_NEAR = 500
"""Ids on either side of a missing one, in their order, among which similar ones are looked for."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened, at a time in UTC."""

    at: datetime
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Span:
    """A window whose question to the channel spans a moment of the order; `moment` names which."""

    moment: str
    start: datetime
    end: datetime
    state: str
    run_id: str
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The order's row in quarantine."""

    id: int
    source: str
    state: str
    reasons: list[dict[str, Any]]
    window_start: datetime
    window_end: datetime
    decided: tuple[str, datetime, str] | None = None
    """Who brought it into its state, when and why; None where the flow itself did."""

    @property
    def codes(self) -> dict[str, int]:
        """Every rule that it breaks, and how often."""
        return dict(Counter(str(reason["code"]) for reason in self.reasons))

    @property
    def named(self) -> str:
        """The same in one line: `TAX_NEGATIVE ×4, TOTAL_DIFFERS`."""
        return ", ".join(f"{code} ×{times}" if times > 1 else code for code, times in self.codes.items())

    @property
    def messages(self) -> list[str]:
        """What its reasons say, each once."""
        return list(dict.fromkeys(str(reason.get("message")) for reason in self.reasons))


@dataclass(frozen=True, slots=True)
class Pending:
    """The order's row in the outbox."""

    version: int
    enqueued_at: datetime
    attempts: int
    last_error: str | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the OMS answered last."""

    version: int
    outcome: str
    oms_id: str | None
    reason: str | None
    stage: str | None
    at: datetime


@dataclass(slots=True)
class Story:
    """All that staging knows of one order; empty parts where it knows nothing."""

    channel: str
    order_id: str
    order_number: str | None = None
    version: int | None = None
    """Our version of it; None where the order is not staged."""
    status: str | None = None
    value: Decimal | None = None
    """Its grand total in `currency`; of a quarantined order what is at risk."""
    currency: str | None = None
    lines: int | None = None
    moments: dict[str, datetime] = field(default_factory=dict)
    """`created` and `updated` as the channel says them."""
    quarantine: Waiting | None = None
    pending: Pending | None = None
    answer: Answer | None = None
    spans: list[Span] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @property
    def known(self) -> bool:
        return self.version is not None or self.quarantine is not None


def tell(connection: Connection, channel: str, asked: str, *, lookback: timedelta, settle: timedelta) -> Story:
    """The story of the order with this id, or with this number where no order has such an id."""
    with transaction(connection) as cursor:
        story = Story(channel, _resolved(cursor, channel, asked))
        of = {"channel": channel, "order_id": story.order_id}
        _read_staged(cursor, of, story)
        _read_quarantine(cursor, of, story)
        _read_erasure(cursor, of, story)
        _read_delivery(cursor, of, story)
        _read_notices(cursor, of, story)
        _read_certificates(cursor, of, story)
        _read_hints(cursor, of, story)
        for name, moment in story.moments.items():
            story.spans += spans(cursor, channel, name, moment, lookback=lookback, settle=settle)
    story.facts.sort(key=lambda fact: fact.at)
    return story


def spans(
    cursor: Cursor, channel: str, name: str, moment: datetime, *, lookback: timedelta, settle: timedelta
) -> list[Span]:
    """The windows in the ledger that asked the channel for this moment: those that should have held the order."""
    cursor.execute(
        """
        SELECT window_start, window_end, state, run_id, attempts, error FROM orderflow.windows
        WHERE channel = %(channel)s AND window_start <= %(moment)s + %(late)s AND window_end > %(moment)s + %(settle)s
        ORDER BY window_start LIMIT 20
        """,
        {"channel": channel, "moment": moment, "late": settle + lookback, "settle": settle},
    )
    return [Span(name, *row) for row in cursor.fetchall()]


def places(connection: Connection, channels: Sequence[str], asked: str) -> list[tuple[str, str]]:
    """Channel and id of what these channels have with this id or number, in quarantine, too; at most `MOST_PLACES`."""
    with transaction(connection) as cursor:
        cursor.execute(story_sql.PLACES, {"channels": list(channels), "asked": asked, "most": MOST_PLACES})
        return cursor.fetchall()


def similar(connection: Connection, channel: str, asked: str, most: int = 5) -> list[str]:
    """Ids and numbers of staged or quarantined orders that look like this one, the likest first."""
    with transaction(connection) as cursor:
        cursor.execute(story_sql.SIMILAR, {"channel": channel, "asked": asked, "near": _NEAR})
        found = {text for row in cursor.fetchall() for text in row if text}
    return difflib.get_close_matches(asked, sorted(found), n=most, cutoff=0.6)


def _resolved(cursor: Cursor, channel: str, asked: str) -> str:
    cursor.execute(story_sql.RESOLVE, {"channel": channel, "asked": asked})
    row = cursor.fetchone()
    return asked if row is None else str(row[0])


def _read_staged(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.ORDER, of)
    row = cursor.fetchone()
    if row is None:
        return
    story.order_number, story.version, story.status, created, updated, first_seen, landing, ordinal = row[:8]
    story.value, story.currency, story.lines = row[8:]
    story.moments = {name: at for name, at in (("created", created), ("updated", updated)) if at is not None}
    story.facts += [
        Fact(at, Message("{what} on the channel", what=Message(name)), "") for name, at in story.moments.items()
    ]
    newest = Message("newest raw record: {landing}, record {ordinal}", landing=landing, ordinal=ordinal)
    story.facts.append(Fact(first_seen, Message("first seen"), newest))
    cursor.execute(story_sql.VERSIONS, of)
    for version, loaded_at, start, end, changed, changes, purpose, run in cursor.fetchall():
        what = _change(changed, changes)
        window = _span(start, end)
        batch = Message("{what}; window {window}", what=what, window=window)
        if purpose:
            batch = Message("{what}; window {window}, {purpose} {run}", **batch.values, purpose=purpose, run=run)
        elif run:
            batch = Message("{what}; window {window}, run {run}", **batch.values, run=run)
        story.facts.append(Fact(loaded_at, Message("version {n} staged", n=version), batch))
    cursor.execute(story_sql.EDITS, of)
    for at, path, value, sealed, who, why, withdrawn in cursor.fetchall():
        shown = "***" if sealed else repr(value)
        told = Message("{path} = {value} by {who}: {why}", path=path, value=shown, who=who, why=why)
        if withdrawn:
            told = Message("{told}; withdrawn {at}", told=told, at=f"{withdrawn:%Y-%m-%d %H:%M}Z")
        story.facts.append(Fact(at, Message("edited"), told))
    cursor.execute(story_sql.WAIVERS, of)
    for at, codes, who, why in cursor.fetchall():
        told = Message("{codes} by {who}: {why}", codes=", ".join(codes), who=who, why=why)
        story.facts.append(Fact(at, Message("rules waived"), told))


def _change(changed: Sequence[str] | None, changes: Sequence[str] | None) -> Message:
    if changed is None:
        return Message("first version")
    if not changed:
        return Message("changed: nothing that we name")
    meaning = f" ({', '.join(changes)})" if changes else ""
    return Message("changed: {fields}", fields=f"{', '.join(changed)}{meaning}")


def _read_quarantine(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.QUARANTINE, of)
    row = cursor.fetchone()
    if row is None:
        return
    number, source, state, reasons, start, end, order_number, created, updated, value, currency, who, decided = row
    story.quarantine = Waiting(number, source, state, reasons, start, end)
    story.order_number = story.order_number or order_number
    if story.version is None:
        story.value, story.currency = value, currency
    for name, at in (("created", created), ("updated", updated)):
        if at is not None and story.version is None:
            story.moments.setdefault(name, at)
    cursor.execute(story_sql.QUARANTINE_EVENTS, (number,))
    named = story.quarantine.named
    for at, by, what, why in cursor.fetchall():
        if who and (what, by) == (state, who):
            story.quarantine = replace(story.quarantine, decided=(by, decided, why or ""))
        because: str = Message(why or "")
        if what == "open":
            because = Message("{codes}; {why}", codes=named, why=because) if why else named
        told = (
            Message("{why} ({who})", why=because, who=Message(by)) if because else Message("by {who}", who=Message(by))
        )
        story.facts.append(Fact(at, Message("quarantine: {what}", what=Message(what)), told))


def _read_erasure(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.ERASURE, of)
    for at, who, why in cursor.fetchall():
        told = Message("by {who}: {why}", who=who, why=why) if who else ""
        story.facts.append(Fact(at, Message("buyer's data erased"), told))


def _read_delivery(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.RECEIPTS, of)
    for version, outcome, oms_id, reason, stage, at in cursor.fetchall():
        told = Message("as {oms_id}", oms_id=oms_id) if oms_id else reason or ""
        if stage:
            told = Message("{told}; it was {stage} there", told=told, stage=Message(stage))
        story.facts.append(Fact(at, Message("OMS {outcome} version {n}", outcome=Message(outcome), n=version), told))
        story.answer = Answer(version, outcome, oms_id, reason, stage, at)
    cursor.execute(story_sql.OUTBOX, of)
    if (row := cursor.fetchone()) is not None:
        version, enqueued_at, attempts, last_error, not_before, first_sent_at = row
        story.pending = Pending(version, enqueued_at, attempts, last_error, not_before)
        tried = Message("{n} attempt|{n} attempts", n=attempts)
        story.facts.append(Fact(enqueued_at, Message("version {n} owed to the OMS", n=version), tried))
        if first_sent_at is not None:
            answer = last_error or Message("no answer yet")
            story.facts.append(Fact(first_sent_at, Message("version {n} first sent", n=version), answer))


def _read_notices(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    """What the channel was told, or is still to be told, of the order."""
    cursor.execute(story_sql.NOTICES, of)
    for kind, subject, noted_at, attempts, last_error, outcome, reason, reference, settled_at, differs in cursor:
        what = Message("parcel {id}", id=subject) if kind == "shipment" else Message("answer of the OMS")
        told: str = Message("{n} attempt|{n} attempts", n=attempts)
        if last_error and outcome is None:
            told = Message("{told}; waits: {error}", told=told, error=last_error)
        story.facts.append(Fact(noted_at, Message("{what} to be told", what=what), told))
        if settled_at is not None:
            told = reason or (Message("as {oms_id}", oms_id=reference) if reference else "")
            if differs:
                told = Message("{told}; the OMS changed it afterwards: correct it on the channel by hand", told=told)
            end = Message("channel {outcome} {what}", outcome=Message(outcome), what=what)
            story.facts.append(Fact(settled_at, end, told))


def _read_hints(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.HINTS, of)
    for at, closed, given_up, error in cursor.fetchall():
        end = (
            Message("left to the windows")
            if given_up
            else Message("looked at")
            if closed
            else Message("waits for a look")
        )
        told = Message("{told}: {error}", told=end, error=error) if error else end
        story.facts.append(Fact(at, Message("webhook received"), told))


def _read_certificates(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(story_sql.CERTIFICATES, of)
    for at, day, cause, field_name, ours, theirs, repaired in cursor.fetchall():
        told = cause
        if field_name:
            values = {"field": field_name, "ours": ours, "theirs": theirs}
            told = Message("{cause} ({field}: {ours} here, {theirs} there)", cause=cause, **values)
        if repaired:
            told = Message("{told}; repaired", told=told)
        story.facts.append(Fact(at, Message("certificate of {day}", day=day), told))


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}"
