"""Certificates: one row per channel, day and revision, chained by their hashes, never changed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.errors import ConfigError
from orderflow.domain.reconciliation import Certificate, Difference, Head, Side
from orderflow.domain.window import Window
from orderflow.staging.day_figures import Counted, Figures
from orderflow.staging.session import transaction

log = logging.getLogger(__name__)

ROWS = 5000
"""Differences that are held in memory at once."""

COLUMNS = "order_id, cause, field, ours, theirs, note, repaired"
FOUND = f"SELECT {COLUMNS} FROM pg_temp.sides_differences ORDER BY order_id, cause, field, ours, theirs, note, repaired"  # noqa: S608 - text of this module
_KEPT = f"""
SELECT {COLUMNS} FROM orderflow.certificate_differences
WHERE channel = %(channel)s AND number = %(number)s ORDER BY position
"""  # noqa: S608 - text of this module, no input

_decode = msgspec.json.Decoder(Certificate).decode


def certify(cursor: Cursor, head: Head, counted: Counted, *, keep: bool) -> Certificate:
    """The certificate of a compared day; with `keep` it becomes the newest of the channel's chain."""
    number, revision, previous = 0, 0, None
    if keep:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.certificate'), hashtext(%s))", (head.channel,))
        number, revision, previous = _next(cursor, head.channel, head.day)
    certificate = Certificate(
        channel=head.channel,
        title=head.title,
        platform=head.platform,
        target=head.target,
        day=head.day,
        timezone=head.timezone,
        start=head.window.start,
        end=head.window.end,
        number=number,
        revision=revision,
        made_at=head.now,
        run_id=head.run_id,
        state="provisional" if counted.open else "settled",
        open=counted.open,
        sides={name: _side(name, head, figures) for name, figures in counted.sides.items()},
        agreed=counted.agreed,
        differing=counted.differing,
        unexplained=counted.unexplained,
        repaired=counted.repaired,
        causes=counted.causes,
        coverage=counted.coverage,
        notes=list(head.notes),
        differences_sha256=digest(walk(cursor, FOUND, {})),
        previous_sha256=previous,
    )
    if keep:
        _write(cursor, certificate)
        log.info("certified channel=%s day=%s number=%d sha256=%s", head.channel, head.day, number, certificate.sha256)
    return certificate


def newest(connection: Connection, channel: str, day: date | None = None) -> Certificate | None:
    """The newest certificate of a day, or of the channel."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT body::text FROM orderflow.certificates "
            "WHERE channel = %s AND (%s::date IS NULL OR day = %s) ORDER BY number DESC LIMIT 1",
            (channel, day, day),
        )
        row = cursor.fetchone()
    return None if row is None else _decode(row[0])


def revision(connection: Connection, channel: str, day: date, number: int) -> Certificate | None:
    """One revision of a day, counted from 1."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT body::text FROM orderflow.certificates WHERE (channel, day, revision) = (%s, %s, %s)",
            (channel, day, number),
        )
        row = cursor.fetchone()
    return None if row is None else _decode(row[0])


@dataclass(frozen=True, slots=True)
class Standing:
    """How a day stands by its newest certificate."""

    channel: str
    day: date
    number: int
    revision: int
    state: str
    unexplained: int
    differing: int
    repaired: int
    agreed: int
    made_at: datetime


def standings(connection: Connection, channels: Sequence[str], first: date, last: date) -> list[Standing]:
    """The newest certificate of each day of a span (both ends included), by channel and day."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (channel, day) channel, day, number, revision, state, unexplained,
                (body ->> 'differing')::bigint, (body ->> 'repaired')::bigint, (body ->> 'agreed')::bigint, made_at
            FROM orderflow.certificates
            WHERE channel = ANY(%s) AND day BETWEEN %s AND %s ORDER BY channel, day, revision DESC
            """,
            (list(channels), first, last),
        )
        return [Standing(*row) for row in cursor.fetchall()]


def provisional(connection: Connection, channel: str, since: date) -> list[date]:
    """Days from `since` on whose newest certificate is not settled, or not all explained; oldest first."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT day FROM (
                SELECT DISTINCT ON (day) day, state, unexplained FROM orderflow.certificates
                WHERE channel = %s AND day >= %s ORDER BY day, number DESC
            ) AS newest WHERE state = 'provisional' OR unexplained > 0 ORDER BY day
            """,
            (channel, since),
        )
        return [day for (day,) in cursor.fetchall()]


def clean_span(connection: Connection, channel: str, window: Window) -> Window:
    """The longest span around `window` whose days all have a settled, wholly explained newest certificate."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT lower(part), upper(part) FROM (
                SELECT unnest(range_agg(span)) AS part FROM (
                    SELECT DISTINCT ON (day) state, unexplained,
                        tstzrange((body ->> 'start')::timestamptz, (body ->> 'end')::timestamptz) AS span
                    FROM orderflow.certificates WHERE channel = %s ORDER BY day, number DESC
                ) AS newest WHERE state = 'settled' AND unexplained = 0
            ) AS parts WHERE part @> %s::timestamptz
            """,
            (channel, window.start),
        )
        row = cursor.fetchone()
    return window if row is None else Window(*row)


def differences(connection: Connection, channel: str, number: int) -> Iterator[Difference]:
    """What a kept certificate says of single orders, in its order."""
    with transaction(connection) as cursor:
        yield from walk(cursor, _KEPT, {"channel": channel, "number": number})


def walk(cursor: Cursor, sql: str, values: Mapping[str, Any]) -> Iterator[Difference]:
    """Differences row by row, by a cursor of the server, so that a million of them need no memory."""
    with cursor.connection.cursor(f"differences_{id(values)}") as rows:
        rows.itersize = ROWS
        rows.execute(sql, values)
        for order_id, cause, field, ours, theirs, note, repaired in rows:
            yield Difference(
                order_id=order_id, cause=cause, field=field, ours=ours, theirs=theirs, note=note, repaired=repaired
            )


def digest(found: Iterator[Difference]) -> str:
    """SHA-256 over the differences, one JSON line each."""
    total = hashlib.sha256()
    for difference in found:
        total.update(msgspec.json.encode(difference, order="deterministic") + b"\n")
    return total.hexdigest()


def verify(connection: Connection, channel: str) -> tuple[Certificate | None, list[str]]:
    """Walk the channel's chain from its beginning; returns its newest certificate and everything that is wrong.

    A chain cannot show that its newest certificates were cut off: compare the newest hash with one that was kept
    elsewhere (a printed page, a log).
    """
    wrong: list[str] = []
    last: Certificate | None = None
    previous, after = None, 0
    while True:
        with transaction(connection) as cursor:
            cursor.execute(
                "SELECT number, day, revision, state, unexplained, made_at, sha256, body::text "
                "FROM orderflow.certificates WHERE channel = %s AND number > %s ORDER BY number LIMIT 1",
                (channel, after),
            )
            row = cursor.fetchone()
        if row is None:
            break
        number, day, revision, state, unexplained, made_at, sha256, body = row
        name = f"certificate {number} of {channel} ({day}, revision {revision})"
        if number != after + 1:
            wrong.append(f"{name}: certificates {after + 1} to {number - 1} are gone")
        if hashlib.sha256(body.encode()).hexdigest() != sha256:
            wrong.append(f"{name}: its content is not what was signed")
        try:
            last = _decode(body)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{name} cannot be read: {error}; restore it from a backup") from error
        told = (last.number, last.day, last.revision, last.state, last.unexplained, last.made_at)
        if told != (number, day, revision, state, unexplained, made_at) or last.channel != channel:
            wrong.append(f"{name}: its row says something else than its content")
        if last.previous_sha256 != previous:
            wrong.append(f"{name}: the certificate before it is not the one that it was chained to")
        if digest(differences(connection, channel, number)) != last.differences_sha256:
            wrong.append(f"{name}: its differences were changed")
        previous, after = sha256, number
    return last, wrong


def _next(cursor: Cursor, channel: str, day: date) -> tuple[int, int, str | None]:
    """Number, revision and the hash before it, of the next certificate."""
    cursor.execute(
        """
        SELECT coalesce(max(number), 0) + 1, coalesce(max(revision) FILTER (WHERE day = %(day)s), 0) + 1,
            (SELECT sha256 FROM orderflow.certificates WHERE channel = %(channel)s ORDER BY number DESC LIMIT 1)
        FROM orderflow.certificates WHERE channel = %(channel)s
        """,
        {"channel": channel, "day": day},
    )
    ((number, revision, previous),) = cursor.fetchall()
    return number, revision, previous


def _write(cursor: Cursor, certificate: Certificate) -> None:
    body = certificate.body()
    cursor.execute(
        """
        INSERT INTO orderflow.certificates
            (channel, number, day, revision, state, unexplained, made_at, body, sha256)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            certificate.channel,
            certificate.number,
            certificate.day,
            certificate.revision,
            certificate.state,
            certificate.unexplained,
            certificate.made_at,
            body.decode(),
            hashlib.sha256(body).hexdigest(),
        ),
    )
    cursor.execute(
        f"""
        INSERT INTO orderflow.certificate_differences (channel, number, position, {COLUMNS})
        SELECT %s, %s, row_number() OVER (), {COLUMNS} FROM ({FOUND}) AS found
        """,  # noqa: S608 - text of this module, no input
        (certificate.channel, certificate.number),
    )


def _side(name: str, head: Head, figures: Figures) -> Side:
    if name in head.absent:
        return Side(compared=False, how=head.absent[name])
    return Side(
        compared=True,
        how=head.how[name],
        orders=figures.orders,
        without_amount=figures.without_amount,
        sums=figures.sums,
    )
