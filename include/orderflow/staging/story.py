"""The story of one order: every fact that staging holds of it, as a timeline. Reads only, and shows no buyer's data."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.staging.session import transaction

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

    @property
    def codes(self) -> list[str]:
        return [str(reason["code"]) for reason in self.reasons]


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
        WHERE channel = %(channel)s AND window_start <= %(latest)s AND window_end > %(settled)s
        ORDER BY window_start LIMIT 20
        """,
        {"channel": channel, "latest": moment + settle + lookback, "settled": moment + settle},
    )
    return [Span(name, *row) for row in cursor.fetchall()]


def places(connection: Connection, channels: Sequence[str], asked: str) -> list[tuple[str, str]]:
    """Channel and id of every staged or quarantined order of these channels with this id or number, at most twenty."""
    with transaction(connection) as cursor:
        cursor.execute(_PLACES, {"channels": list(channels), "asked": asked})
        return cursor.fetchall()


def similar(connection: Connection, channel: str, asked: str, most: int = 5) -> list[str]:
    """Ids and numbers of staged or quarantined orders that look like this one, the likest first."""
    with transaction(connection) as cursor:
        cursor.execute(_SIMILAR, {"channel": channel, "asked": asked, "near": _NEAR})
        found = {text for row in cursor.fetchall() for text in row if text}
    return difflib.get_close_matches(asked, sorted(found), n=most, cutoff=0.6)


def _resolved(cursor: Cursor, channel: str, asked: str) -> str:
    cursor.execute(_RESOLVE, {"channel": channel, "asked": asked})
    row = cursor.fetchone()
    return asked if row is None else str(row[0])


def _read_staged(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(_ORDER, of)
    row = cursor.fetchone()
    if row is None:
        return
    story.order_number, story.version, story.status, created, updated, first_seen, landing, ordinal = row
    story.moments = {name: at for name, at in (("created", created), ("updated", updated)) if at is not None}
    story.facts += [Fact(at, f"{name} on the channel", "") for name, at in story.moments.items()]
    story.facts.append(Fact(first_seen, "first seen", f"newest raw record: {landing}, record {ordinal}"))
    cursor.execute(_VERSIONS, of)
    for version, loaded_at, start, end, changed, changes, run in cursor.fetchall():
        what = "first version" if changed is None else f"changed: {', '.join(changed) or 'nothing that we name'}"
        meaning = f" ({', '.join(changes)})" if changes else ""
        batch = f"window {_span(start, end)}{f', {run}' if run else ''}"
        story.facts.append(Fact(loaded_at, f"version {version} staged", f"{what}{meaning}; {batch}"))
    cursor.execute(_EDITS, of)
    for at, path, value, sealed, who, why, withdrawn in cursor.fetchall():
        shown = "***" if sealed else repr(value)
        taken_back = f"; withdrawn {withdrawn:%Y-%m-%d %H:%M}Z" if withdrawn else ""
        story.facts.append(Fact(at, "edited", f"{path} = {shown} by {who}: {why}{taken_back}"))
    cursor.execute(_WAIVERS, of)
    for at, codes, who, why in cursor.fetchall():
        story.facts.append(Fact(at, "rules waived", f"{', '.join(codes)} by {who}: {why}"))


def _read_quarantine(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(_QUARANTINE, of)
    row = cursor.fetchone()
    if row is None:
        return
    number, source, state, reasons, start, end, order_number, created, updated = row
    story.quarantine = Waiting(number, source, state, reasons, start, end)
    story.order_number = story.order_number or order_number
    for name, at in (("created", created), ("updated", updated)):
        if at is not None and story.version is None:
            story.moments.setdefault(name, at)
    cursor.execute(_QUARANTINE_EVENTS, (number,))
    named = ", ".join(story.quarantine.codes)
    for at, who, what, why in cursor.fetchall():
        story.facts.append(
            Fact(at, f"quarantine: {what}", f"{named if what == 'open' else ''} {why or ''} ({who})".strip())
        )


def _read_delivery(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(_RECEIPTS, of)
    for version, outcome, oms_id, reason, stage, at in cursor.fetchall():
        told = f"as {oms_id}" if oms_id else ""
        far = f"; it was {stage} there" if stage else ""
        story.facts.append(Fact(at, f"OMS {outcome} version {version}", f"{told}{reason or ''}{far}"))
        story.answer = Answer(version, outcome, oms_id, reason, stage, at)
    cursor.execute(_OUTBOX, of)
    if (row := cursor.fetchone()) is not None:
        version, enqueued_at, attempts, last_error, not_before, first_sent_at = row
        story.pending = Pending(version, enqueued_at, attempts, last_error, not_before)
        story.facts.append(Fact(enqueued_at, f"version {version} owed to the OMS", f"{attempts} attempts"))
        if first_sent_at is not None:
            story.facts.append(Fact(first_sent_at, f"version {version} first sent", last_error or "no answer yet"))


def _read_notices(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    """What the channel was told, or is still to be told, of the order."""
    cursor.execute(_NOTICES, of)
    for kind, subject, noted_at, attempts, last_error, outcome, said, settled_at, differs in cursor.fetchall():
        what = f"parcel {subject}" if kind == "shipment" else "answer of the OMS"
        waits = f"; waits: {last_error}" if last_error and outcome is None else ""
        story.facts.append(Fact(noted_at, f"{what} to be told", f"{attempts} attempts{waits}"))
        if settled_at is not None:
            changed = "; the OMS changed it afterwards: correct it on the channel by hand" if differs else ""
            story.facts.append(Fact(settled_at, f"channel {outcome} {what}", f"{said or ''}{changed}"))


def _read_hints(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(_HINTS, of)
    for at, closed, given_up, error in cursor.fetchall():
        end = "left to the windows" if given_up else "looked at" if closed else "waits for a look"
        story.facts.append(Fact(at, "webhook received", f"{end}{f': {error}' if error else ''}"))


def _read_certificates(cursor: Cursor, of: dict[str, str], story: Story) -> None:
    cursor.execute(_CERTIFICATES, of)
    for at, day, cause, field_name, ours, theirs, repaired in cursor.fetchall():
        values = f" ({field_name}: {ours} here, {theirs} there)" if field_name else ""
        end = "; repaired" if repaired else ""
        story.facts.append(Fact(at, f"certificate of {day}", f"{cause}{values}{end}"))


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}"


_RESOLVE = """
SELECT order_id FROM (
    SELECT order_id, 0 AS place FROM orderflow.orders WHERE channel = %(channel)s AND order_id = %(asked)s
    UNION ALL SELECT subject, 1 FROM orderflow.quarantine WHERE channel = %(channel)s AND subject = %(asked)s
    UNION ALL SELECT order_id, 2 FROM orderflow.orders WHERE channel = %(channel)s
        AND order_number IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
    UNION ALL SELECT subject, 3 FROM orderflow.quarantine WHERE channel = %(channel)s
        AND left(document ->> 'order_number', 200) IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
) AS found ORDER BY place LIMIT 1
"""

_PLACES = """
SELECT o.channel, o.order_id FROM unnest(%(channels)s::text[]) AS asked(channel)
    JOIN orderflow.orders AS o ON o.channel = asked.channel COLLATE "C" AND o.order_id = %(asked)s
UNION SELECT channel, order_id FROM orderflow.orders
    WHERE order_number IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#')) AND channel = ANY(%(channels)s)
UNION SELECT channel, subject FROM orderflow.quarantine WHERE subject = %(asked)s AND channel = ANY(%(channels)s)
UNION SELECT channel, subject FROM orderflow.quarantine
    WHERE left(document ->> 'order_number', 200) IN (%(asked)s, '#' || %(asked)s, ltrim(%(asked)s, '#'))
        AND channel = ANY(%(channels)s)
ORDER BY 1, 2 LIMIT 20
"""

_SIMILAR = """
(SELECT order_id, order_number FROM orderflow.orders WHERE channel = %(channel)s AND order_id >= %(asked)s
 ORDER BY order_id LIMIT %(near)s)
UNION (SELECT order_id, order_number FROM orderflow.orders WHERE channel = %(channel)s AND order_id < %(asked)s
 ORDER BY order_id DESC LIMIT %(near)s)
UNION (SELECT order_id, document ->> 'order_number' FROM orderflow.quarantine
 WHERE channel = %(channel)s AND state IN ('open', 'parked') ORDER BY last_seen_at DESC LIMIT %(near)s)
"""

_ORDER = """
SELECT order_number, version, order_status, channel_created_at, channel_updated_at, first_seen_at, landing, ordinal
FROM orderflow.orders WHERE channel = %(channel)s AND order_id = %(order_id)s
"""

# A batch's rows all carry the moment of its transaction, which is how a version finds a batch that proves no window.
_VERSIONS = """
SELECT v.version, v.loaded_at, v.window_start, v.window_end, v.changed, v.changes,
    coalesce((SELECT e.purpose || ' ' || e.run_id FROM orderflow.extra_batches AS e
              WHERE (e.channel, e.window_start, e.window_end) = (v.channel, v.window_start, v.window_end)
                AND e.loaded_at = v.loaded_at LIMIT 1),
             (SELECT 'run ' || w.run_id FROM orderflow.windows AS w
              WHERE (w.channel, w.window_start, w.window_end) = (v.channel, v.window_start, v.window_end)))
FROM orderflow.order_versions AS v WHERE v.channel = %(channel)s AND v.order_id = %(order_id)s ORDER BY v.version
"""

_EDITS = """
SELECT made_at, path, value, sealed IS NOT NULL, who, why, withdrawn_at
FROM orderflow.order_edits WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY id
"""

_WAIVERS = """
SELECT made_at, codes, who, why FROM orderflow.order_waivers
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY id
"""

_QUARANTINE = """
SELECT id, source, state, reasons, window_start, window_end, document ->> 'order_number',
    (document ->> 'channel_created_at')::timestamptz, channel_updated_at
FROM orderflow.quarantine WHERE channel = %(channel)s AND subject = %(order_id)s
"""

_QUARANTINE_EVENTS = "SELECT at, who, what, why FROM orderflow.quarantine_events WHERE quarantine_id = %s ORDER BY id"

_RECEIPTS = """
SELECT version, outcome, oms_id, reason, stage, accepted_at FROM orderflow.receipts
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY accepted_at, version
"""

_OUTBOX = """
SELECT version, enqueued_at, attempts, last_error, not_before, first_sent_at FROM orderflow.outbox
WHERE channel = %(channel)s AND order_id = %(order_id)s
"""

_NOTICES = """
SELECT kind, subject, noted_at, attempts, last_error, outcome, coalesce(reason, 'as ' || reference), settled_at,
    differs
FROM orderflow.notices WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY number
"""

_HINTS = """
SELECT received_at, closed_at, given_up, last_error FROM orderflow.hints
WHERE channel = %(channel)s AND order_id = %(order_id)s ORDER BY received_at LIMIT 50
"""

_CERTIFICATES = """
SELECT c.made_at, c.day, d.cause, d.field, d.ours, d.theirs, d.repaired
FROM orderflow.certificate_differences AS d JOIN orderflow.certificates AS c USING (channel, number)
WHERE d.channel = %(channel)s AND d.order_id = %(order_id)s ORDER BY c.number
"""
