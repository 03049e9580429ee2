"""Which staged orders a sweep reads again, and which it has read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.staging.session import transaction

REFUNDED_WITHIN = timedelta(days=14)
"""Where a refund or a deletion does not show, a final order is read again for so long after its last change."""

_READ = "greatest(o.fetched_at, coalesce(s.swept_at, '-infinity'))"

# An order is final when it is cancelled, or completed and with the buyer, and no return is under way.
_OPEN = f"""
FROM orderflow.orders AS o LEFT JOIN orderflow.swept AS s USING (channel, order_id)
WHERE o.channel = %(channel)s
    AND {_READ} < coalesce(%(begun)s, now()) - %(unread)s
    AND (NOT (o.return_status IN ('none', 'received', 'refunded', 'exchanged', 'rejected')
            AND (o.order_status = 'cancelled'
                OR (o.order_status = 'completed'
                    AND o.fulfilment_status IN ('shipped', 'delivered', 'returned_to_sender'))))
        OR coalesce(o.channel_updated_at, o.loaded_at) > now() - %(refunded)s)
    AND coalesce(o.channel_created_at, o.first_seen_at) >= now() - %(reach)s
"""


@dataclass(slots=True)
class Queue:
    """The staged orders of a channel that are not final and were not read for `unread_for`.

    Orders that the account cannot read any more are left out.
    """

    connection: Connection
    channel: Channel
    unread_for: timedelta
    _begun: datetime | None = field(default=None, init=False)
    """When it was asked first: what was read since is not given again, however short `unread_for` is."""

    def next(self, most: int) -> dict[str, datetime | None]:
        """So many of them, longest unread first: id -> modified time."""
        with transaction(self.connection) as cursor:
            cursor.execute("SELECT coalesce(%s, now())", (self._begun,))
            [(self._begun,)] = cursor.fetchall()
            cursor.execute(
                f"SELECT o.order_id, o.channel_updated_at {_OPEN} ORDER BY {_READ}, o.order_id LIMIT %(most)s",
                {**self._asked, "most": most},
            )
            return dict(cursor.fetchall())

    def count(self) -> int:
        with transaction(self.connection) as cursor:
            cursor.execute(f"SELECT count(*) {_OPEN}", self._asked)
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def done(self, order_ids: Iterable[str]) -> None:
        """Write down that the channel was asked for these orders."""
        with transaction(self.connection) as cursor:
            cursor.execute(
                "INSERT INTO orderflow.swept (channel, order_id) SELECT %s, unnest(%s::text[])"
                " ON CONFLICT (channel, order_id) DO UPDATE SET swept_at = now()",
                (self.channel.name, list(order_ids)),
            )

    @property
    def _asked(self) -> dict[str, object]:
        limits = self.channel.adapter.limits
        return {
            "channel": self.channel.name,
            "begun": self._begun,
            "unread": self.unread_for,
            "refunded": REFUNDED_WITHIN if limits.blind & {"refund", "deletion"} else timedelta(0),
            "reach": limits.reach or timedelta(days=36500),
        }
