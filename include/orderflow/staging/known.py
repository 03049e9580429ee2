"""Which raw records staging holds already, so that nobody has to judge them again."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.window import Window
from orderflow.staging.session import BY_KEY, transaction

AT_MOST = 200_000
"""Records that are told of; what a longer list would hold is judged again, and memory stays bounded."""

_SIZE = 32


def known(connection: Connection, channel: str, basis: str, asked: Window) -> frozenset[bytes]:
    """SHA-256 of the raw records that stand for orders modified within `asked` and were judged on this basis (hex).

    An order that quarantine has ever seen is not among them: decisions of people may have brought it here.
    """
    with transaction(connection) as cursor:
        cursor.execute(BY_KEY)
        cursor.execute(
            """
            SELECT string_agg(raw_sha256, '') FROM (
                SELECT o.raw_sha256 FROM orderflow.orders AS o
                WHERE o.channel = %(channel)s AND o.channel_updated_at >= %(start)s AND o.channel_updated_at < %(end)s
                    AND o.basis = decode(%(basis)s, 'hex')
                    AND (
                        SELECT q.id FROM orderflow.quarantine AS q
                        WHERE q.channel = %(channel)s AND q.subject BETWEEN o.order_id AND o.order_id
                        ORDER BY q.subject LIMIT 1) IS NULL
                LIMIT %(most)s
            ) AS found
            """,
            {"channel": channel, "start": asked.start, "end": asked.end, "basis": basis, "most": AT_MOST},
        )
        row = cursor.fetchone()
    hashes = bytes(row[0]) if row and row[0] is not None else b""
    return frozenset(hashes[at : at + _SIZE] for at in range(0, len(hashes), _SIZE))
