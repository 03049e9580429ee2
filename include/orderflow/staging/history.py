"""What earlier batches of a channel looked like: orders of comparable windows, and the shape of recent records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import cast
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.domain.routing import Special
from orderflow.domain.window import Window
from orderflow.staging.session import transaction

PROFILE = "profile.json"
"""Clean leaves it in the landing folder of a batch."""
MOST_PROFILES = 30
"""Profiles that are kept of one channel, the newest ones."""
MOST_WINDOWS = 24
ENOUGH = 8
"""So many windows of the same weekday and hour, or of the same hour, are compared with before any others."""


@dataclass(frozen=True, slots=True)
class Recent:
    """`orders` of comparable windows, newest first; `profiles` (JSON) by the end of their window, newest first.

    `special`: the window begins on a day like no other, so that nobody knows how many orders to expect.
    """

    orders: tuple[int, ...]
    profiles: tuple[tuple[datetime, str], ...]
    special: Special | None = None


def recent(
    connection: Connection,
    channel: str,
    window: Window,
    timezone: str = "UTC",
    *,
    special: Mapping[date, Special] = MappingProxyType({}),
) -> Recent:
    """What to compare the batch of `window` with; `timezone` (IANA) is the one of the channel's business hours.

    Windows are comparable when they are proven, as long as this one, before it, and not on one of the `special` days.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT coalesce((counts ->> 'cleaned')::bigint, 0) + coalesce((counts ->> 'unreadable')::bigint, 0),
                extract(hour FROM window_start AT TIME ZONE %(zone)s)
                    = extract(hour FROM %(start)s AT TIME ZONE %(zone)s) AS same_hour,
                extract(isodow FROM window_start AT TIME ZONE %(zone)s)
                    = extract(isodow FROM %(start)s AT TIME ZONE %(zone)s) AS same_day
            FROM orderflow.windows
            WHERE channel = %(channel)s AND loaded_at IS NOT NULL AND window_start < %(start)s
                AND window_end - window_start = %(end)s - %(start)s
                AND window_start > %(start)s - interval '70 days'
                AND (window_start AT TIME ZONE %(zone)s)::date <> ALL (%(special)s::date[])
            ORDER BY window_start DESC
            """,
            {
                "channel": channel,
                "start": window.start,
                "end": window.end,
                "zone": timezone,
                "special": list(special),
            },
        )
        rows = cursor.fetchall()
        cursor.execute(
            """
            SELECT window_end, profile::text FROM orderflow.profiles
            WHERE channel = %s AND (window_start, window_end) <> (%s, %s)
            ORDER BY window_end DESC LIMIT %s
            """,
            (channel, window.start, window.end, MOST_PROFILES),
        )
        profiles = tuple(cursor.fetchall())
    by_likeness = (
        [orders for orders, same_hour, same_day in rows if same_hour and same_day],
        [orders for orders, same_hour, _ in rows if same_hour],
    )
    chosen = next((each for each in by_likeness if len(each) >= ENOUGH), [orders for orders, _, _ in rows])
    own_day = window.start.astimezone(ZoneInfo(timezone)).date()
    return Recent(tuple(chosen[:MOST_WINDOWS]), profiles, special=special.get(own_day))


def learn(cursor: Cursor, batch: Batch) -> None:
    """Keep the shape of a loaded window's records; only in the transaction that loads it.

    A batch that proves no window teaches nothing: single orders are no fair sample of a channel.
    """
    path = cast(Path, UPath(batch.landing)) / PROFILE
    if batch.purpose != "window" or not batch.counts.fetched or not path.exists():
        return
    cursor.execute(
        """
        INSERT INTO orderflow.profiles (channel, window_start, window_end, profile) VALUES (%s, %s, %s, %s)
        ON CONFLICT (channel, window_start, window_end) DO UPDATE SET profile = excluded.profile, loaded_at = now()
        """,
        (batch.channel, batch.window_start, batch.window_end, path.read_text()),
    )
    cursor.execute(
        """
        DELETE FROM orderflow.profiles WHERE channel = %(channel)s AND window_end < (
            SELECT window_end FROM orderflow.profiles WHERE channel = %(channel)s
            ORDER BY window_end DESC OFFSET %(kept)s LIMIT 1)
        """,
        {"channel": batch.channel, "kept": MOST_PROFILES - 1},
    )
