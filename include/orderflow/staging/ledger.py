"""The ledger: one row per channel and window, the record of what was pulled.

A window is covered once its orders are staged (`loaded_at` is set, in the same transaction); nothing takes that back:
a later attempt at a covered window that fails leaves its error, not a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.batch import Batch, Endpoint, StepCount, tally
from orderflow.domain.channel import Channel
from orderflow.domain.gap import Attempt, Gap, named
from orderflow.domain.window import Window
from orderflow.staging.session import transaction


def begin(connection: Connection, channel: str, window: Window, run_id: str) -> None:
    """Write down that a run sets out to pull this window; each call is one attempt."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            INSERT INTO orderflow.windows AS w (channel, window_start, window_end, state, run_id)
            VALUES (%s, %s, %s, 'planned', %s)
            ON CONFLICT (channel, window_start, window_end) DO UPDATE SET
                run_id = excluded.run_id, attempts = w.attempts + 1, planned_at = now(),
                state = CASE WHEN w.loaded_at IS NULL THEN 'planned' ELSE w.state END
            """,
            (channel, window.start, window.end, run_id),
        )


def asking(connection: Connection, channel: Channel, window: Window) -> Channel:
    """This channel, asking for `window` so that nothing lies between it and the windows that it touches.

    Without it, what changed just before a settle lag was made shorter would be asked for by no window. A window that
    failed or is held counts as well: its batch may yet be loaded as it is.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT min(upper(asked)) FILTER (WHERE window_start < %(start)s AND window_end >= %(start)s),
                max(lower(asked)) FILTER (WHERE window_start <= %(end)s AND window_end > %(end)s)
            FROM orderflow.windows
            WHERE channel = %(channel)s AND asked IS NOT NULL
                AND span && tstzrange(%(start)s - interval '1 microsecond', %(end)s, '[]')
            """,
            {"channel": channel.name, "start": window.start, "end": window.end},
        )
        before, after = cursor.fetchone() or (None, None)
    return channel.meeting(window, before=before, after=after)


def plan(cursor: Cursor, channel: str, window: Window, run_id: str) -> None:
    """Write down that a run will pull this window; no attempt yet. A covered window stays as it is."""
    cursor.execute(
        """
        INSERT INTO orderflow.windows AS w (channel, window_start, window_end, state, run_id, attempts)
        VALUES (%s, %s, %s, 'planned', %s, 0)
        ON CONFLICT (channel, window_start, window_end) DO UPDATE SET
            run_id = excluded.run_id, planned_at = now(), state = 'planned'
        WHERE w.loaded_at IS NULL
        """,
        (channel, window.start, window.end, run_id),
    )


def extracted(connection: Connection, batch: Batch) -> None:
    with transaction(connection) as cursor:
        _write(cursor, batch, "extracted")


def held(connection: Connection, batch: Batch, why: str) -> None:
    """A batch guard wants a person to look before this batch goes on."""
    with transaction(connection) as cursor:
        _write(cursor, batch, "held", error=why)


def failed(connection: Connection, channel: str, window: Window, run_id: str, error: str) -> None:
    _note(connection, "failed", channel, window, run_id, error)


def unreachable(connection: Connection, channel: str, window: Window, run_id: str, why: str) -> None:
    """The account cannot read this far back: no gap to fill, and never proven."""
    _note(connection, "unreachable", channel, window, run_id, why)


def record_load(cursor: Cursor, batch: Batch) -> None:
    """Mark the window as covered; only in the transaction that writes its orders.

    A batch of another purpose covers nothing: it is recorded beside the windows.
    """
    if batch.purpose == "window":
        _write(cursor, _with_earlier(cursor, batch), "loaded")
    else:
        _record_extra(cursor, batch)
    record_calls(cursor, batch.channel, batch.window, batch.run_id, batch.endpoints)


def _with_earlier(cursor: Cursor, batch: Batch) -> Batch:
    """What the window brought first stays its own when it is loaded again, though staging knows these orders by then.

    What was known was not judged again: of each warning, repair and step, the larger count of this window stays.
    """
    cursor.execute(
        """
        SELECT coalesce((counts ->> 'inserted')::bigint, 0), warnings, repairs, steps FROM orderflow.windows
        WHERE (channel, window_start, window_end) = (%s, %s, %s) AND loaded_at IS NOT NULL
        """,
        (batch.channel, batch.window_start, batch.window_end),
    )
    row = cursor.fetchone()
    if row is None:
        return batch
    brought, warnings, repairs, steps = row
    unchanged = min(brought, batch.counts.unchanged)
    stale = min(brought - unchanged, batch.counts.stale)
    batch = batch.counted(
        inserted=batch.counts.inserted + unchanged + stale,
        unchanged=batch.counts.unchanged - unchanged,
        stale=batch.counts.stale - stale,
    )
    if not batch.counts.known:
        return batch
    by_place = {(each.rule, each.field): each for each in msgspec.convert(steps, list[StepCount])}
    for step in batch.steps:
        by_place[step.rule, step.field] = max(step, by_place.get((step.rule, step.field), step), key=_changed)
    return msgspec.structs.replace(
        batch,
        warnings=_larger(warnings, batch.warnings),
        repairs=_larger(repairs, batch.repairs),
        steps=list(by_place.values()),
    )


def _changed(step: StepCount) -> int:
    return step.changed


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return tally({name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}})


def synced(cursor: Cursor, channel: str) -> int:
    """Mark the loaded windows of which the outbox holds nothing any more; returns how many."""
    cursor.execute(
        """
        UPDATE orderflow.windows AS w SET state = 'synced', synced_at = now()
        WHERE w.channel = %s AND w.state = 'loaded' AND NOT EXISTS (
            SELECT FROM orderflow.outbox AS o
            WHERE o.channel = w.channel AND (o.window_start, o.window_end) = (w.window_start, w.window_end))
        """,
        (channel,),
    )
    return int(cursor.rowcount)


def reconciled(connection: Connection, channel: str, within: Window) -> int:
    """Mark the synced windows that lie within the compared span; returns how many."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            UPDATE orderflow.windows SET state = 'reconciled', reconciled_at = now()
            WHERE channel = %s AND state = 'synced' AND window_start >= %s AND window_end <= %s
            """,
            (channel, within.start, within.end),
        )
        return int(cursor.rowcount)


def coverage(connection: Connection, channel: str, within: Window) -> list[Window]:
    """The proven parts of a span, merged, in time order."""
    return _spans(connection, "loaded_at IS NOT NULL", channel, within, inverted=False)


def gaps(connection: Connection, channel: str, within: Window) -> list[Window]:
    """The parts of a span that nothing proves and that the account can reach, merged, in time order."""
    return _spans(connection, "loaded_at IS NOT NULL OR state = 'unreachable'", channel, within, inverted=True)


def named_gaps(connection: Connection, channel: str, within: Window) -> list[Gap]:
    """The unproven parts of a span with their causes, the unreachable ones included, in time order."""
    unproven = _spans(connection, "loaded_at IS NOT NULL", channel, within, inverted=True)
    if not unproven:
        return []
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT window_start, window_end, state, run_id, attempts, error,
                greatest(planned_at, extracted_at, failed_at, held_at, unreachable_at)
            FROM orderflow.windows
            WHERE channel = %s AND loaded_at IS NULL AND window_start < %s AND window_end > %s
            """,
            (channel, within.end, within.start),
        )
        attempts = [
            Attempt(window=Window(start, end), state=state, run_id=run_id, attempts=count, error=error, at=at)
            for start, end, state, run_id, count, error, at in cursor.fetchall()
        ]
    return named(unproven, attempts)


def watermark(connection: Connection, channel: str, start: datetime) -> datetime:
    """End of the unbroken chain of proven (or unreachable) windows from `start`; `start` itself when there is none."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT upper(part) FROM (
                SELECT unnest(settled) AS part FROM orderflow.coverage WHERE channel = %s
            ) AS parts WHERE part @> %s::timestamptz
            """,
            (channel, start),
        )
        row = cursor.fetchone()
    return start if row is None else row[0]


def record_calls(cursor: Cursor, channel: str, window: Window, run_id: str, endpoints: Mapping[str, Endpoint]) -> None:
    """What each endpoint cost in this run; writing it again replaces it."""
    rows = [{"endpoint": name, "statuses": {}, **msgspec.to_builtins(cost)} for name, cost in endpoints.items()]
    if not rows:
        return
    cursor.execute(
        """
        INSERT INTO orderflow.endpoint_calls AS e (
            channel, window_start, window_end, run_id, endpoint, calls, seconds, slowest, bytes, retries,
            throttled_seconds, statuses)
        SELECT %s, %s, %s, %s, endpoint, coalesce(calls, 0), coalesce(seconds, 0), coalesce(slowest, 0),
            coalesce(bytes, 0), coalesce(retries, 0), coalesce(throttled_seconds, 0), statuses
        FROM jsonb_to_recordset(%s::jsonb) AS r(
            endpoint text, calls bigint, seconds float8, slowest float8, bytes bigint, retries bigint,
            throttled_seconds float8, statuses jsonb)
        ON CONFLICT (channel, window_start, window_end, run_id, endpoint) DO UPDATE SET
            calls = excluded.calls, seconds = excluded.seconds, slowest = excluded.slowest, bytes = excluded.bytes,
            retries = excluded.retries, throttled_seconds = excluded.throttled_seconds, statuses = excluded.statuses,
            at = now()
        """,
        (channel, window.start, window.end, run_id, _json(rows)),
    )


def _write(cursor: Cursor, batch: Batch, state: str, error: str | None = None) -> None:
    """The batch's receipt into its row. A covered window keeps state and receipt until it is loaded again."""
    receipt = {
        "counts": _json(batch.counts),
        "reasons": _json(batch.reasons),
        "warnings": _json(batch.warnings),
        "repairs": _json(batch.repairs),
        "steps": _json(batch.steps),
        "endpoints": _json(batch.endpoints),
        "seconds": _json(batch.seconds),
        "bytes": batch.counts.bytes,
        "notes": _json(batch.notes),
        "landing": batch.landing,
        "state": state,
        "asked": batch.asked_end and f"[{batch.asked_start},{batch.asked_end})",
    }
    keeps = "w.loaded_at IS NOT NULL AND excluded.state <> 'loaded'"
    kept = (f"{name} = CASE WHEN {keeps} THEN w.{name} ELSE excluded.{name} END" for name in receipt)
    cursor.execute(
        f"""
        INSERT INTO orderflow.windows AS w
            (channel, window_start, window_end, run_id, error, {state}_at, {", ".join(receipt)})
        VALUES (%(channel)s, %(start)s, %(end)s, %(run_id)s, %(error)s, now(),
            {", ".join(f"%({name})s" for name in receipt)})
        ON CONFLICT (channel, window_start, window_end) DO UPDATE SET
            run_id = excluded.run_id, error = excluded.error, {state}_at = now(), {", ".join(kept)}
        """,  # noqa: S608 - names of this function, no input
        {
            "channel": batch.channel,
            "start": batch.window_start,
            "end": batch.window_end,
            "run_id": batch.run_id,
            "error": error,
            **receipt,
        },
    )


def _record_extra(cursor: Cursor, batch: Batch) -> None:
    parts = ["counts", "reasons", "warnings", "repairs", "steps", "seconds", "notes"]
    columns = ["channel", "purpose", "run_id", "window_start", "window_end", "landing", *parts]
    values = {name: getattr(batch, name) for name in columns} | {name: _json(getattr(batch, name)) for name in parts}
    cursor.execute(
        f"""
        INSERT INTO orderflow.extra_batches ({", ".join(columns)})
        VALUES ({", ".join(f"%({name})s" for name in columns)})
        ON CONFLICT (channel, purpose, run_id, window_start, window_end) DO UPDATE SET
            loaded_at = now(), {", ".join(f"{name} = excluded.{name}" for name in ["landing", *parts])}
        """,  # noqa: S608 - names of this function, no input
        values,
    )


def _note(connection: Connection, state: str, channel: str, window: Window, run_id: str, error: str) -> None:
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            INSERT INTO orderflow.windows AS w (channel, window_start, window_end, state, run_id, error, {state}_at)
            VALUES (%s, %s, %s, %s, %s, %s, now())
            ON CONFLICT (channel, window_start, window_end) DO UPDATE SET
                state = CASE WHEN w.loaded_at IS NULL THEN excluded.state ELSE w.state END,
                run_id = excluded.run_id, error = excluded.error, {state}_at = now()
            """,  # noqa: S608 - one of two states, no input
            (channel, window.start, window.end, state, run_id, error),
        )


def _spans(connection: Connection, proof: str, channel: str, within: Window, *, inverted: bool) -> list[Window]:
    operator = "asked - proven" if inverted else "asked * proven"
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            SELECT lower(part), upper(part) FROM (
                SELECT unnest({operator}) AS part FROM (
                    SELECT tstzmultirange(tstzrange(%(start)s, %(end)s)) AS asked,
                        coalesce(range_agg(span), '{{}}'::tstzmultirange) AS proven
                    FROM orderflow.windows
                    WHERE channel = %(channel)s AND ({proof})
                        AND window_start < %(end)s AND window_end > %(start)s
                ) AS both_sides
            ) AS parts ORDER BY 1
            """,  # noqa: S608 - text of this module, no input
            {"channel": channel, "start": within.start, "end": within.end},
        )
        return [Window(start, end) for start, end in cursor.fetchall()]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
