"""Alerts and the messages that tell of them: raised once, told once per way out, taken back once.

Who looks, and who reports a failed run, take a lock per channel, and a unique index lets one alert per channel and kind
be open: however many look at once, it is told once. A message is claimed and committed before it is sent, and marked
after: a process that dies in between leaves a claim that grows old, and is sent again: at least once, never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.alert import covered
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Routing
from orderflow.domain.snapshot import Condition, Seen, Severity
from orderflow.domain.telling import Alert, Message, Says, Telling
from orderflow.staging.session import transaction

Tags: TypeAlias = Callable[[Severity], Sequence[str]]
"""Who is told of an alert of this severity: ways out by their tags."""

CLAIM_LIVES = timedelta(minutes=5)
"""A message that was claimed so long ago and is not sent was claimed by a process that died."""
LONGEST_PAUSE = timedelta(hours=1)
"""Between two attempts to send a message; the first pause is a minute, and each one after is twice as long."""


_COLUMNS = ", ".join(f"a.{name}" for name in Alert.__dataclass_fields__)


def judged(
    connection: Connection,
    channel: str,
    found: Sequence[Condition],
    before: Mapping[str, Seen],
    tags: Tags,
    routing: Routing,
    now: datetime,
) -> int:
    """Raise what was found, and take back what is over: of `before` (what was open at the look) the kinds not found.

    Returns how many messages are to be sent.
    """
    with _alone(connection, channel) as cursor:
        messages = sum(_raise(cursor, each, tags, routing, now) for each in found)
        for kind in before.keys() - {each.kind for each in found}:
            messages += _recover(cursor, channel, kind, before[kind].last_at, routing, now)
        return messages


def report(connection: Connection, condition: Condition, tags: Tags, routing: Routing, now: datetime) -> int:
    """Raise one condition that an event tells of; returns how many messages are to be sent."""
    with _alone(connection, condition.channel) as cursor:
        return _raise(cursor, condition, tags, routing, now)


def acknowledge(connection: Connection, number: int, who: str, why: str, now: datetime) -> Alert:
    """Somebody looks after it: it is not repeated, and stays until it is over."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            UPDATE orderflow.alerts SET state = 'acknowledged', acknowledged_at = %s, acknowledged_by = %s,
                acknowledged_why = %s WHERE id = %s AND state = 'open'
            """,
            (now, who, why, number),
        )
    return read(connection, number)


def read(connection: Connection, number: int) -> Alert:
    with transaction(connection) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM orderflow.alerts AS a WHERE a.id = %s", (number,))  # noqa: S608 - names of this module
        row = cursor.fetchone()
    if row is None:
        raise ConfigError(f"there is no alert {number}; orderflow alerts lists those that are open")
    return _alert(row)


def listed(connection: Connection, *, channel: str | None = None, over: bool = False, most: int = 200) -> list[Alert]:
    """Alerts that are not over, the newest first; with `over` the recovered ones as well."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM orderflow.alerts AS a
            WHERE (%(over)s OR a.state <> 'recovered') AND (%(channel)s::text IS NULL OR a.channel = %(channel)s)
            ORDER BY a.last_seen_at DESC, a.id DESC LIMIT %(most)s
            """,  # noqa: S608 - names of this module
            {"over": over, "channel": channel, "most": most},
        )
        return [_alert(row) for row in cursor.fetchall()]


def messages_of(
    connection: Connection, number: int
) -> list[tuple[str, str, datetime, int, datetime | None, str | None]]:
    """Everything that was, or will be, told of an alert: says, route, due, attempts, sent, error."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT says, route, due_at, attempts, sent_at, error FROM orderflow.alert_messages"
            " WHERE alert_id = %s ORDER BY id",
            (number,),
        )
        return cursor.fetchall()


def opened(cursor: Cursor) -> dict[str, dict[str, Seen]]:
    """What is not over, by channel and kind."""
    cursor.execute(
        "SELECT channel, kind, severity, what, facts, first_seen_at, last_seen_at FROM orderflow.alerts"
        " WHERE state <> 'recovered'"
    )
    found: dict[str, dict[str, Seen]] = {}
    for channel, kind, severity, what, facts, first, last in cursor.fetchall():
        found.setdefault(channel, {})[kind] = Seen(Condition(channel, kind, severity, what, facts), first, last)
    return found


def beat(connection: Connection, tags: Sequence[str], due: datetime, now: datetime) -> int:
    """Plan the heartbeat that was due at `due` on every way out that has not had it; returns how many."""
    with _alone(connection, "") as cursor:
        cursor.execute(
            """
            INSERT INTO orderflow.alert_messages (route, says, due_at, planned_at)
            SELECT route, 'heartbeat', %(due)s, %(now)s FROM unnest(%(tags)s::text[]) AS route
            WHERE NOT EXISTS (
                SELECT FROM orderflow.alert_messages AS m
                WHERE m.route = route.route AND m.says = 'heartbeat' AND m.planned_at >= %(due)s)
            """,
            {"tags": list(tags), "due": due, "now": now},
        )
        return int(cursor.rowcount)


def failing(cursor: Cursor, attempts: int) -> dict[str, str]:
    """Ways out on which a message failed so often and still waits, with what the last attempt said."""
    cursor.execute(
        """
        SELECT DISTINCT ON (route) route, error FROM orderflow.alert_messages
        WHERE sent_at IS NULL AND attempts >= %s ORDER BY route, id DESC
        """,
        (attempts,),
    )
    return dict(cursor.fetchall())


def claim(connection: Connection, now: datetime, group: timedelta) -> Message | None:
    """Take the next message to send, whole: what is due for one way out, and what will be within `group`."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT m.id, m.route FROM orderflow.alert_messages AS m
            WHERE m.sent_at IS NULL AND m.due_at <= %(now)s AND (m.claimed_at IS NULL OR m.claimed_at < %(dead)s)
            ORDER BY m.due_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            {"now": now, "dead": now - CLAIM_LIVES},
        )
        first = cursor.fetchone()
        if first is None:
            return None
        cursor.execute(
            f"""
            WITH mine AS (
                SELECT id FROM orderflow.alert_messages
                WHERE route = %(route)s AND sent_at IS NULL AND due_at <= %(soon)s
                    AND (claimed_at IS NULL OR claimed_at < %(dead)s)
                ORDER BY id FOR UPDATE SKIP LOCKED
            ), taken AS (
                UPDATE orderflow.alert_messages AS m SET claimed_at = %(now)s, attempts = m.attempts + 1
                FROM mine WHERE m.id = mine.id RETURNING m.id, m.says, m.alert_id, m.attempts
            )
            SELECT t.id, t.says, t.attempts, {_COLUMNS}
            FROM taken AS t LEFT JOIN orderflow.alerts AS a ON a.id = t.alert_id ORDER BY t.id
            """,  # noqa: S608 - names of this module
            {"route": first[1], "now": now, "soon": now + group, "dead": now - CLAIM_LIVES},
        )
        rows = cursor.fetchall()
    tellings = tuple(Telling(row[0], row[1], None if row[3] is None else _alert(row[3:])) for row in rows)
    return Message(first[1], tellings, max(row[2] for row in rows))


def sent(connection: Connection, message: Message, error: str | None, now: datetime) -> None:
    """Note how sending a claimed message went; what failed is tried again, with growing pauses."""
    ids = [each.id for each in message.tellings]
    with transaction(connection) as cursor:
        if error is None:
            cursor.execute(
                """
                WITH done AS (
                    UPDATE orderflow.alert_messages SET sent_at = %(now)s, error = NULL WHERE id = ANY(%(ids)s)
                    RETURNING alert_id
                )
                UPDATE orderflow.alerts AS a SET told_at = coalesce(a.told_at, %(now)s)
                FROM done WHERE a.id = done.alert_id
                """,
                {"now": now, "ids": ids},
            )
            return
        pause = min(timedelta(minutes=2 ** min(message.attempts - 1, 16)), LONGEST_PAUSE)
        cursor.execute(
            "UPDATE orderflow.alert_messages SET claimed_at = NULL, error = %s, due_at = %s WHERE id = ANY(%s)",
            (error, now + pause, ids),
        )


@contextmanager
def _alone(connection: Connection, channel: str) -> Iterator[Cursor]:
    """One transaction in which nobody else judges this channel."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.alerts'), hashtext(%s))", (channel,))
        yield cursor


def _raise(cursor: Cursor, found: Condition, tags: Tags, routing: Routing, now: datetime) -> int:
    """Open the alert, or see it again; told anew only when it got worse or has stayed for long."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM orderflow.alerts AS a WHERE a.channel = %s AND a.state <> 'recovered'",  # noqa: S608 - names of this module
        (found.channel,),
    )
    known = {alert.kind: alert for alert in map(_alert, cursor.fetchall())}
    facts = msgspec.json.encode(dict(found.facts)).decode()
    seen = known.get(found.kind)
    if seen is None:
        if covered(found.kind, known):
            return 0
        cursor.execute(
            """
            INSERT INTO orderflow.alerts
                (channel, kind, severity, what, facts, first_seen_at, last_seen_at, tell_again_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (found.channel, found.kind, found.severity, found.what, facts, now, now, now + routing.repeat),
        )
        row = cursor.fetchone()
        assert row is not None, "an inserted row has an id"
        return _plan(cursor, row[0], "raised", tags(found.severity), routing.due(found.severity, now), now)
    worse = found.severity == "critical" and seen.severity == "warning"
    again = worse or (seen.state == "open" and seen.tell_again_at is not None and seen.tell_again_at <= now)
    cursor.execute(
        """
        UPDATE orderflow.alerts SET severity = %s, what = %s, facts = %s, last_seen_at = %s, count = count + 1,
            state = CASE WHEN %s THEN 'open' ELSE state END, tell_again_at = CASE WHEN %s THEN %s ELSE tell_again_at END
        WHERE id = %s
        """,
        (found.severity, found.what, facts, now, worse, again, now + routing.repeat, seen.id),
    )
    if not again:
        return 0
    says: Says = "raised" if worse else "repeated"
    return _plan(cursor, seen.id, says, tags(found.severity), routing.due(found.severity, now), now)


def _recover(cursor: Cursor, channel: str, kind: str, looked: datetime, routing: Routing, now: datetime) -> int:
    """Take an alert back, unless an event told of it since the look; who was told of it is told of its end."""
    cursor.execute(
        """
        UPDATE orderflow.alerts SET state = 'recovered', recovered_at = %s
        WHERE channel = %s AND kind = %s AND state <> 'recovered' AND last_seen_at <= %s RETURNING id, severity
        """,
        (now, channel, kind, looked),
    )
    row = cursor.fetchone()
    if row is None:
        return 0
    number, severity = row
    cursor.execute("DELETE FROM orderflow.alert_messages WHERE alert_id = %s AND attempts = 0", (number,))
    cursor.execute("SELECT DISTINCT route FROM orderflow.alert_messages WHERE alert_id = %s", (number,))
    told = [route for (route,) in cursor.fetchall()]
    return _plan(cursor, number, "recovered", told, routing.due(severity, now), now)


def _plan(cursor: Cursor, number: int, says: Says, routes: Sequence[str], due: datetime, now: datetime) -> int:
    """One message per way out; one that still waits to be told of the same alert is not told twice."""
    cursor.execute(
        """
        INSERT INTO orderflow.alert_messages (alert_id, route, says, due_at, planned_at)
        SELECT %(alert)s, route, %(says)s, %(due)s, %(now)s FROM unnest(%(routes)s::text[]) AS route
        WHERE %(says)s <> 'repeated' OR NOT EXISTS (
            SELECT FROM orderflow.alert_messages AS m
            WHERE m.alert_id = %(alert)s AND m.route = route.route AND m.sent_at IS NULL)
        """,
        {"alert": number, "says": says, "due": due, "now": now, "routes": list(routes)},
    )
    return int(cursor.rowcount)


def _alert(row: Sequence[Any]) -> Alert:
    return Alert(**dict(zip(Alert.__dataclass_fields__, row, strict=True)))


def failure(connection: Connection, channel: str, run_id: str) -> str | None:
    """What stopped this run, as the ledger has it."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT error FROM orderflow.windows WHERE channel = %s AND run_id = %s AND error IS NOT NULL"
            " ORDER BY failed_at DESC NULLS LAST LIMIT 1",
            (channel, run_id),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def proven(connection: Connection, channel: str, until: datetime) -> bool:
    """Whether the orders of the time just before `until` are staged."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM orderflow.windows WHERE channel = %s AND loaded_at IS NOT NULL"
            " AND window_start < %s AND window_end >= %s)",
            (channel, until, until),
        )
        row = cursor.fetchone()
    return bool(row and row[0])
