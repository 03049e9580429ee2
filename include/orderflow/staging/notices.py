"""What a channel is still to be told of its orders, who tells it, and what it said.

A parcel is noted once, by the OMS's own number for it; an answer once per order. An attempt is recorded before it is
made, and what an attempt left without an outcome rests for some minutes: a request of a process that died may still be
on its way, and only when it has arrived does asking the channel tell the truth.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.fulfilment import Kind, Notice, Parcel, Response, Told, key_of
from orderflow.domain.order import Shipment
from orderflow.staging.copying import storable
from orderflow.staging.session import alone, transaction

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Notices read, and parcels written, in one transaction."""
OVERLAP = timedelta(hours=1)
"""How far behind the newest answer the OMS's receipts are looked through again."""
REST = timedelta(minutes=2)
"""How long an attempt without an outcome rests: longer than any request of ours may take."""

_LONGEST_WAIT = "10min"

_CONTENT: dict[Kind, type[Shipment | Response]] = {"shipment": Shipment, "response": Response}


@dataclass(frozen=True, slots=True)
class ChannelNotices:
    """One channel's `Notices`. The connection is this value's own: it commits and rolls back on it."""

    connection: Connection
    channel: str
    rest: timedelta = REST

    def newest(self) -> datetime | None:
        found: datetime | None = self._ask(
            "SELECT max(recorded_at) FROM orderflow.notices WHERE channel = %s AND kind = 'shipment'", self.channel
        )[0][0]
        return found

    def note(self, parcels: Iterable[Parcel]) -> int:
        """Parcels in doubt are the OMS's word: one that was not tried yet is replaced, one that was is marked."""
        new, walk = 0, iter(parcels)
        while some := list(islice(walk, AT_ONCE)):
            rows = [(p.shipment.shipment_id, p.order_id, p.shipment, p.recorded_at) for p in some]
            found = self._ask(_NOTE, self.channel, storable(msgspec.json.encode(rows)))
            new += sum(fresh for (fresh,) in found)
        return new

    def note_responses(self) -> int:
        return len(self._ask(_RESPONSES, {"channel": self.channel, "overlap": OVERLAP}))

    @contextmanager
    def teller(self) -> Iterator[None]:
        """Hold the channel's teller lock; a process that dies loses it with its connection.

        Raises `TransientError` when another one holds it for ten minutes.
        """
        with alone(self.connection, "fulfil", self.channel, longest_wait=_LONGEST_WAIT):
            yield

    def untold(self, *, due: bool = True) -> Iterator[Sequence[Notice]]:
        after = 0
        while rows := self._ask(_OPEN, {"channel": self.channel, "after": after, "due": due, "size": AT_ONCE}):
            after = rows[-1][0]
            unknown = [number for number, *_, document in rows if document is None]
            if unknown:
                log.warning("notices of unknown orders channel=%s notices=%d", self.channel, len(unknown))
                self._ask(_HOLD, "the order is not staged here; has its channel been pulled?", unknown)
            yield [self._notice(*row) for row in rows if row[-1] is not None]

    def _notice(
        self, number: int, kind: Kind, subject: str, order_id: str, content: str, at: datetime, document: str
    ) -> Notice:
        return Notice(
            number=number,
            key=key_of(self.channel, kind, subject),
            channel=self.channel,
            order_id=order_id,
            content=msgspec.json.decode(content, type=_CONTENT[kind]),
            at=at,
            document=document.encode(),
        )

    def claim(self, notice: Notice) -> None:
        self._ask(_CLAIM, self.rest, notice.number)

    def settle(self, notice: Notice, told: Told) -> None:
        self._ask(_SETTLE, told.outcome, told.reference, told.reason and told.reason[:1000], notice.number)

    def hold(self, notice: Notice, why: str) -> None:
        self._ask(_HOLD, why, [notice.number])

    def postpone(self, notice: Notice, error: str) -> None:
        self._ask(_POSTPONE, error[:1000], self.rest, notice.number)

    def count_untold(self) -> int:
        sql = "SELECT count(*) FROM orderflow.notices WHERE channel = %s AND outcome IS NULL"
        return int(self._ask(sql, self.channel)[0][0])

    def again(self, order_id: str) -> int:
        """Open what this order's channel refused, for another attempt; returns how many notices."""
        return len(self._ask(_AGAIN, self.channel, order_id))

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with transaction(self.connection) as cursor:
            cursor.execute(sql, values[0] if values and isinstance(values[0], dict) else values)
            return cursor.fetchall() if cursor.description else []


_NOTE = """
INSERT INTO orderflow.notices AS known (channel, kind, subject, order_id, content, recorded_at)
SELECT DISTINCT ON (r ->> 0) %s, 'shipment', r ->> 0, r ->> 1, r -> 2, (r ->> 3)::timestamptz
FROM json_array_elements(%s::json) AS r ORDER BY r ->> 0, (r ->> 3)::timestamptz DESC
ON CONFLICT (channel, kind, subject) DO UPDATE SET
    differs = known.differs OR known.first_sent_at IS NOT NULL,
    content = CASE WHEN known.first_sent_at IS NULL THEN excluded.content ELSE known.content END,
    recorded_at = excluded.recorded_at
WHERE known.content::text IS DISTINCT FROM excluded.content::text
RETURNING xmax = 0
"""

# An order's first receipt is the answer; one that was given up before the OMS took it is declined. A receipt is looked
# for from the newest answer on, by the time at which it was stored, so that a run costs what is new.
_RESPONSES = """
WITH since AS (
    SELECT coalesce(max(recorded_at) - %(overlap)s, '-infinity') AS at
    FROM orderflow.notices WHERE channel = %(channel)s AND kind = 'response'
), answer AS (
    SELECT r.order_id, 'accepted' AS outcome, r.oms_id, NULL AS reason, r.accepted_at AS at
    FROM orderflow.receipts AS r
    WHERE r.channel = %(channel)s AND r.outcome = 'accepted' AND r.accepted_at >= (SELECT at FROM since)
    UNION ALL
    SELECT q.order_id, 'rejected', NULL, q.reasons -> 0 ->> 'code', e.at
    FROM orderflow.quarantine AS q
    CROSS JOIN LATERAL (
        SELECT max(at) AS at FROM orderflow.quarantine_events WHERE quarantine_id = q.id
    ) AS e
    WHERE q.channel = %(channel)s AND q.state = 'discarded' AND q.order_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM orderflow.receipts AS r
        WHERE r.channel = q.channel AND r.order_id = q.order_id AND r.outcome = 'accepted'
    )
)
INSERT INTO orderflow.notices (channel, kind, subject, order_id, content, recorded_at)
SELECT DISTINCT ON (order_id) %(channel)s, 'response', order_id, order_id,
    json_strip_nulls(json_build_object('outcome', outcome, 'oms_id', oms_id, 'reason', reason)), at
FROM answer ORDER BY order_id, at
ON CONFLICT DO NOTHING RETURNING number
"""

_OPEN = """
SELECT n.number, n.kind, n.subject, n.order_id, n.content::text, n.recorded_at,
    coalesce(
        (SELECT o.document::text FROM orderflow.orders AS o
         WHERE o.channel = n.channel AND o.order_id = n.order_id),
        (SELECT q.document::text FROM orderflow.quarantine AS q
         WHERE q.channel = n.channel AND q.subject = n.order_id)
    )
FROM orderflow.notices AS n
WHERE n.channel = %(channel)s AND n.outcome IS NULL AND n.number > %(after)s
    AND (NOT %(due)s OR n.not_before IS NULL OR n.not_before <= now())
ORDER BY n.number LIMIT %(size)s
"""

_CLAIM = """
UPDATE orderflow.notices
SET attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, now()), not_before = now() + %s, last_error = NULL
WHERE number = %s
"""

_SETTLE = """
UPDATE orderflow.notices
SET outcome = %s, reference = %s, reason = %s, settled_at = now(), not_before = NULL, last_error = NULL
WHERE number = %s
"""

_HOLD = "UPDATE orderflow.notices SET last_error = %s WHERE number = ANY(%s)"

_POSTPONE = """
UPDATE orderflow.notices
SET last_error = %s, not_before = now() + %s * least(30, power(2, least(attempts - 1, 5)))
WHERE number = %s
"""

_AGAIN = """
UPDATE orderflow.notices
SET outcome = NULL, settled_at = NULL, reason = NULL, reference = NULL, not_before = NULL
WHERE channel = %s AND order_id = %s AND outcome = 'refused' RETURNING number
"""
