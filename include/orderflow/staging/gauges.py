"""How things stand: what waits, what is missing and how old the newest of it is, of all channels at once.

Every statement costs the same with a million orders in staging as with none: it goes by index over what waits, or
reads what is kept while loading (see the migration `0018_measures`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

_labels = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class Settled:
    """Of one channel's time since its start: up to where all of it is settled, the newest end of what is settled at
    all, and the holes before that.
    """

    watermark: datetime
    newest: datetime
    holes: int
    hole_seconds: float


def settled(cursor: Cursor, starts: Mapping[str, datetime]) -> dict[str, Settled]:
    """For these channels with their starts (aware). Settled is what is proven, or out of the account's reach."""
    cursor.execute(
        """
        SELECT channel, coalesce((SELECT upper(part) FROM unnest(settled) AS part WHERE part @> start), start),
            greatest(start, upper(settled)), (SELECT count(*) FROM unnest(holes) AS hole),
            (SELECT coalesce(sum(extract(epoch FROM upper(hole) - lower(hole))), 0)::float8 FROM unnest(holes) AS hole)
        FROM (
            SELECT channel, start, settled,
                tstzmultirange(tstzrange(start, greatest(start, upper(settled)))) - settled AS holes
            FROM unnest(%s::text[], %s::timestamptz[]) AS asked(channel, start)
            LEFT JOIN orderflow.coverage USING (channel)
        ) AS known
        """,
        (list(starts), list(starts.values())),
    )
    return {channel: Settled(*rest) for channel, *rest in cursor.fetchall()}


def unfinished(cursor: Cursor) -> list[tuple[str, str, str, int]]:
    """Windows that are not through: channel, state, class of the error (of failed ones, else empty), how many.

    Windows of which everything is delivered or compared are not counted.
    """
    cursor.execute(
        """
        SELECT channel, state, coalesce(substring(error FROM '^([A-Z][A-Za-z]{0,40})[:;]'), ''), count(*)
        FROM orderflow.windows WHERE state = 'failed' GROUP BY 1, 2, 3
        UNION ALL
        SELECT channel, state, '', count(*) FROM orderflow.windows
        WHERE state NOT IN ('synced', 'reconciled') AND state <> 'failed' GROUP BY 1, 2
        """
    )
    return cursor.fetchall()


def outbox(cursor: Cursor) -> list[tuple[str, str, int, datetime]]:
    """What the OMS has not got yet: channel, lane (`live` or `behind`), orders, since when the first one waits."""
    cursor.execute(
        """
        SELECT channel, CASE WHEN behind THEN 'behind' ELSE 'live' END, count(*), min(enqueued_at)
        FROM orderflow.outbox GROUP BY channel, behind
        """
    )
    return cursor.fetchall()


def quarantine(cursor: Cursor) -> list[tuple[str, str, int]]:
    """Orders that wait: channel, state (open or parked), how many."""
    cursor.execute(
        "SELECT channel, state, count(*) FROM orderflow.quarantine WHERE state IN ('open', 'parked') GROUP BY 1, 2"
    )
    return cursor.fetchall()


def held(cursor: Cursor) -> dict[str, int]:
    """Batches that wait for a person, by channel."""
    cursor.execute("SELECT channel, count(*) FROM orderflow.reviews WHERE state = 'held' GROUP BY 1")
    return dict(cursor.fetchall())


def budgets(cursor: Cursor) -> list[tuple[str, float, float, float]]:
    """Account, calls it may make at once (below 0: promised to callers who wait), most at once, refill per second."""
    cursor.execute(
        """
        SELECT account,
            least(burst, tokens + greatest(0, extract(epoch FROM clock_timestamp() - counted_at)) * rate)::float8,
            burst, rate
        FROM orderflow.budgets ORDER BY account
        """
    )
    return cursor.fetchall()


def tokens(cursor: Cursor) -> list[tuple[str, datetime, datetime]]:
    """Account, end and beginning of its access token, where the token has an end."""
    cursor.execute(
        "SELECT account, expires_at, kept_at FROM orderflow.tokens"
        " WHERE expires_at IS NOT NULL AND kept_at IS NOT NULL ORDER BY account"
    )
    return cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Certified:
    """What a channel's newest certificate says."""

    day: date
    made_at: datetime
    unexplained: int
    differences: int


def certified(cursor: Cursor, channels: list[str]) -> dict[str, Certified]:
    """Only channels that have a certificate."""
    cursor.execute(
        """
        SELECT newest.channel, newest.day, newest.made_at, newest.unexplained, (
            SELECT count(*) FROM orderflow.certificate_differences AS d
            WHERE d.channel = newest.channel AND d.number = newest.number)
        FROM unnest(%s::text[]) AS asked(channel)
        CROSS JOIN LATERAL (
            SELECT c.channel, c.number, c.day, c.made_at, c.unexplained FROM orderflow.certificates AS c
            WHERE c.channel = asked.channel COLLATE "C" ORDER BY c.number DESC LIMIT 1
        ) AS newest
        """,
        (channels,),
    )
    return {channel: Certified(*rest) for channel, *rest in cursor.fetchall()}


def totals(cursor: Cursor) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """What only grows: name, channel with the other labels, value; in no order.

    Of thousands of channels there are hundreds of thousands. PostgreSQL would sort them on disk, and a list for each
    would keep Python's garbage collector busy for longer than all the rest.
    """
    cursor.execute("SELECT name, array_to_json(channel || labels)::text, value FROM orderflow.measures")
    return ((name, _labels(labels), value) for name, labels, value in cursor)


def alerts(cursor: Cursor) -> list[tuple[str, str, str, int]]:
    """Alerts that are not over: channel, kind, severity, how many."""
    cursor.execute(
        "SELECT channel, kind, severity, count(*) FROM orderflow.alerts WHERE state <> 'recovered' GROUP BY 1, 2, 3"
    )
    return cursor.fetchall()
