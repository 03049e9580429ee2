"""What people do with quarantined orders: release, park, discard, reopen, assign; one by one or in bulk.

Every action is one transaction over the rows that a filter or a list of row numbers names: each row that may take the
step takes it and gets a line in its story; the others are counted with what hinders them. A dry run does the same and
takes it back, so that its counts are exact. Who comes second finds the state changed, and is told by whom.

    open, parked -> released | discarded        open -> parked
    parked, discarded, released (until it has gone on) -> open      superseded: nothing is left to decide
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.errors import ConfigError
from orderflow.staging.backlog import Filter
from orderflow.staging.quarantine import DELIVERED_ELSEWHERE, enqueue_again
from orderflow.staging.session import lock_channel, transaction

Which: TypeAlias = Filter | Sequence[int]
"""The rows an action takes: what a filter finds, or row numbers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did, or would do. `hindered` counts the rows left as they were, by what hinders them."""

    done: int = 0
    values: dict[str, Decimal] = field(default_factory=dict)
    """Value of the orders done, by currency."""
    hindered: dict[str, int] = field(default_factory=dict)


def release(
    connection: Connection,
    which: Which,
    *,
    who: str,
    why: str,
    waive: Collection[str] = (),
    waivable: Collection[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """Let orders go on: after a fix, or with rules waived for the content they have now.

    The next replay judges their raw records again; what is still refused opens again. What the OMS refused is sent to
    it again, with a key of its own. Raises `ConfigError` for a code to waive that is not among the `waivable`.
    """
    if stubborn := sorted(set(waive) - set(waivable)):
        raise ConfigError(
            f"{', '.join(stubborn)} cannot be waived: no such rule, or one without which there is no order "
            "to hand on; correct the order with an edit, or fix the mapping and release it without a waiver"
        )
    codes = sorted(set(waive))
    hindrance = f"""CASE
        WHEN q.state NOT IN ('open', 'parked') THEN {STATE_NOW}
        WHEN q.source = 'oms' AND NOT EXISTS (
            SELECT FROM orderflow.orders AS o WHERE o.channel = q.channel AND o.order_id = q.order_id)
            THEN 'is not staged any more: pull it again first (orderflow backfill)'
        WHEN %(waive)s::text[] <> '{{}}' AND (q.content_hash IS NULL OR q.order_id IS NULL)
            THEN 'cannot be read: no rule can be waived'
        WHEN %(waive)s::text[] <> '{{}}' AND q.source = 'oms' THEN 'the OMS refused it, not a rule of ours'
        WHEN %(waive)s::text[] <> '{{}}' THEN 'breaks other rules as well: ' || (
            SELECT string_agg(DISTINCT r ->> 'code', ', ') FROM jsonb_array_elements(q.reasons) AS r
            WHERE r ->> 'code' <> ALL (%(waive)s::text[] || '{{{DELIVERED_ELSEWHERE}}}')
                AND NOT r @> '{{"taken": true}}') END"""  # noqa: S608 - fixed texts

    def apply(cursor: Cursor, person: dict[str, Any]) -> None:
        if codes:
            cursor.execute(_WAIVE, person)
        cursor.execute(
            "UPDATE orderflow.quarantine AS q SET state = 'released', decided_by = %(who)s, decided_at = now(),"
            " replay_asked_at = CASE WHEN q.source <> 'oms' THEN now() END FROM chosen AS c WHERE c.id = q.id",
            person,
        )
        cursor.execute("SELECT channel, order_id FROM chosen WHERE source = 'oms' ORDER BY channel, order_id")
        for channel, order_id in cursor.fetchall():
            enqueue_again(cursor, channel, order_id)

    detail = {"waived": codes} if codes else {}
    step = Step("released", hindrance, detail, {"waive": codes})
    return act(connection, which, step, apply, who=who, why=why, dry_run=dry_run)


def park(connection: Connection, which: Which, *, who: str, why: str, dry_run: bool = False) -> Outcome:
    """Set orders aside until somebody reopens them or a good version comes."""
    step = Step("parked", f"CASE WHEN q.state <> 'open' THEN {STATE_NOW} END")
    return act(connection, which, step, _to_state("parked"), who=who, why=why, dry_run=dry_run)


def discard(connection: Connection, which: Which, *, who: str, why: str, dry_run: bool = False) -> Outcome:
    """Let these contents of these orders go on never; a changed version is judged as if nothing had been decided."""
    step = Step("discarded", f"CASE WHEN q.state NOT IN ('open', 'parked') THEN {STATE_NOW} END")
    return act(connection, which, step, _to_state("discarded"), who=who, why=why, dry_run=dry_run)


def reopen(connection: Connection, which: Which, *, who: str, why: str, dry_run: bool = False) -> Outcome:
    """Undo: parked, discarded, or released and not gone on yet. Waivers and edits of that release are withdrawn."""
    hindrance = f"""CASE
        WHEN q.state IN ('open', 'superseded') THEN {STATE_NOW}
        WHEN q.state = 'released' AND q.replay_asked_at IS NULL AND NOT (q.source = 'oms' AND EXISTS (
            SELECT FROM orderflow.outbox AS b
            WHERE b.channel = q.channel AND b.order_id = q.order_id AND b.first_sent_at IS NULL))
            THEN 'has gone on already: nothing is left to undo' END"""
    return act(connection, which, Step("reopened", hindrance), _undo, who=who, why=why, dry_run=dry_run)


def assign(
    connection: Connection, which: Which, *, to: str | None, who: str, why: str, dry_run: bool = False
) -> Outcome:
    """Say who looks after these orders; None: nobody."""
    step = Step(
        "assigned",
        "CASE WHEN q.assignee IS NOT DISTINCT FROM %(to)s::text THEN 'has this assignee already' END",
        {"to": to},
        {"to": to},
    )

    def apply(cursor: Cursor, person: dict[str, Any]) -> None:
        cursor.execute(
            "UPDATE orderflow.quarantine AS q SET assignee = %(to)s FROM chosen AS c WHERE c.id = q.id", person
        )

    return act(connection, which, step, apply, who=who, why=why, dry_run=dry_run)


def reveal(connection: Connection, quarantine_id: int, *, who: str, why: str) -> None:
    """Write down that somebody sees the personal data of this row, before they do."""
    step = Step("revealed", "NULL")
    act(connection, [quarantine_id], step, lambda _cursor, _person: None, who=who, why=why, dry_run=False)


def only(outcome: Outcome) -> Outcome:
    """The outcome of an action on one row; raises `ConfigError` with what hindered it."""
    if not outcome.done:
        raise ConfigError(f"the order {next(iter(outcome.hindered))}; nothing was changed")
    return outcome


@dataclass(frozen=True, slots=True)
class Step:
    """What an action is called in the story, what hinders a row (SQL over `q`, null: nothing), and its values."""

    what: str
    hindrance: str
    detail: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


STATE_NOW = """CASE q.state
    WHEN 'superseded' THEN 'was superseded by a newer version: nothing is left to decide'
    ELSE 'is ' || q.state || ' already' || coalesce(', by ' || q.decided_by, '') || CASE
        WHEN q.state IN ('released', 'discarded') THEN ': reopen it first' ELSE '' END END"""


def act(connection: Connection, which: Which, step: Step, apply: Any, *, who: str, why: str, dry_run: bool) -> Outcome:
    """Choose the rows under their channels' locks, move those that nothing hinders, and tell their story."""
    demand_why(who, why)
    if isinstance(which, Filter):
        condition, values = which.where()
    else:
        condition, values = "q.id = ANY(%(ids)s)", {"ids": list(which)}
    person = {**values, **step.values, "who": who, "why": why}
    with transaction(connection) as cursor:
        cursor.execute(f"SELECT DISTINCT channel FROM orderflow.quarantine AS q WHERE {condition} ORDER BY 1", values)  # noqa: S608 - columns and fixed texts
        for (channel,) in cursor.fetchall():
            lock_channel(cursor, channel)
        cursor.execute(
            "CREATE TEMP TABLE chosen ON COMMIT DROP AS SELECT q.id, q.channel, q.order_id, q.source, q.state,"  # noqa: S608 - as above
            f" q.content_hash, q.value, q.currency, q.decided_at, {step.hindrance} AS hindrance"
            f" FROM orderflow.quarantine AS q WHERE {condition}",
            person,
        )
        _demand_known(cursor, which)
        cursor.execute("SELECT hindrance, count(*) FROM chosen WHERE hindrance IS NOT NULL GROUP BY 1 ORDER BY 2 DESC")
        hindered = dict(cursor.fetchall())
        cursor.execute("DELETE FROM chosen WHERE hindrance IS NOT NULL")
        cursor.execute("SELECT currency, count(*), sum(value) FROM chosen GROUP BY currency ORDER BY currency")
        counted = cursor.fetchall()
        apply(cursor, person)
        cursor.execute(
            "INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why, detail)"
            " SELECT id, %s, %s, %s, %s::jsonb || jsonb_build_object('from', state) FROM chosen ORDER BY id",
            (who, step.what, why, msgspec.json.encode(step.detail).decode()),
        )
        if dry_run:
            connection.rollback()
    values_by_currency = {currency: value for currency, _, value in counted if currency and value is not None}
    return Outcome(sum(number for _, number, _ in counted), values_by_currency, hindered)


def demand_why(who: str, why: str) -> None:
    if not who.strip():
        raise ConfigError("nobody is named who decides; say who")
    if not why.strip():
        raise ConfigError("a decision needs its reason; say why, in a few words that others understand in a year")


def _demand_known(cursor: Cursor, which: Which) -> None:
    if isinstance(which, Filter):
        return
    cursor.execute("SELECT n FROM unnest(%s::bigint[]) AS n EXCEPT SELECT id FROM chosen ORDER BY 1", (list(which),))
    if unknown := [str(number) for (number,) in cursor.fetchall()]:
        raise ConfigError(f"quarantine has no row {', '.join(unknown)}; read the list again; nothing was changed")


def _to_state(state: str) -> Any:
    def apply(cursor: Cursor, person: dict[str, Any]) -> None:
        cursor.execute(
            "UPDATE orderflow.quarantine AS q SET state = %(state)s, decided_by = %(who)s, decided_at = now()"
            " FROM chosen AS c WHERE c.id = q.id",
            {**person, "state": state},
        )

    return apply


def _undo(cursor: Cursor, person: dict[str, Any]) -> None:
    cursor.execute(
        """
        UPDATE orderflow.order_waivers AS w SET withdrawn_at = now(), withdrawn_by = %(who)s
        FROM chosen AS c WHERE c.state = 'released' AND w.channel = c.channel AND w.order_id = c.order_id
            AND w.withdrawn_at IS NULL AND w.made_at = c.decided_at;
        UPDATE orderflow.order_edits AS e SET withdrawn_at = now(), withdrawn_by = %(who)s, withdrawn_why = %(why)s
        FROM chosen AS c WHERE c.state = 'released' AND e.channel = c.channel AND e.order_id = c.order_id
            AND e.withdrawn_at IS NULL AND e.made_at = c.decided_at;
        DELETE FROM orderflow.outbox AS b USING chosen AS c
        WHERE c.state = 'released' AND c.source = 'oms' AND b.channel = c.channel AND b.order_id = c.order_id
            AND b.first_sent_at IS NULL;
        UPDATE orderflow.quarantine AS q SET state = 'open', decided_by = %(who)s, decided_at = now(),
            replay_asked_at = NULL
        FROM chosen AS c WHERE c.id = q.id
        """,
        person,
    )


_WAIVE = """
UPDATE orderflow.order_waivers AS w SET withdrawn_at = now(), withdrawn_by = %(who)s
FROM chosen AS c WHERE w.channel = c.channel AND w.order_id = c.order_id AND w.withdrawn_at IS NULL;
INSERT INTO orderflow.order_waivers (channel, order_id, codes, content_hash, who, why)
SELECT channel, order_id, %(waive)s, content_hash, %(who)s, %(why)s FROM chosen
"""
