"""Which raw record stands for which order, and what in quarantine is worth judging again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.decision import Decisions
from orderflow.domain.errors import ConfigError
from orderflow.domain.replay import Choice, Copy, Known, Place, Version, Waiting
from orderflow.domain.window import Window
from orderflow.staging import skus
from orderflow.staging.decisions import decisions
from orderflow.staging.session import transaction
from orderflow.staging.vault import Vault

log = logging.getLogger(__name__)

AT_ONCE = 1_000
"""Copies that are read from quarantine at once."""

AT_MOST = 5_000
"""Waiting rows that one run of a channel judges again; the next run takes the rest."""


def choose(connection: Connection, channel: str, choice: Choice, fingerprint: str) -> list[Place]:
    """Where the chosen raw records lie, the oldest first."""
    if choice.window:
        return _of_window(connection, channel, choice.window)
    if choice.order_ids:
        return _of_orders(connection, channel, choice.order_ids)
    if choice.rows:
        return _places(connection, "id = ANY(%(rows)s)", {"channel": channel, "rows": list(choice.rows)})
    if choice.waiting:
        rows = list(waiting_on(connection, channel, fingerprint).causes)
        return _places(connection, "id = ANY(%(rows)s)", {"channel": channel, "rows": rows})
    return _places(
        connection,
        """(state IN ('open', 'parked') OR replay_asked_at IS NOT NULL)
        AND (%(code)s::text IS NULL OR %(code)s = ANY(codes))
        AND (%(sku)s::text IS NULL OR %(sku)s = ANY(skus))""",
        {"channel": channel, "code": choice.code, "sku": choice.sku},
    )


def _places(connection: Connection, condition: str, values: dict[str, Any]) -> list[Place]:
    with transaction(connection) as cursor:
        cursor.execute(
            f"""
            SELECT landing, raw_sha256, order_id, id FROM orderflow.quarantine
            WHERE channel = %(channel)s AND {condition} ORDER BY window_start, id
            """,  # noqa: S608 - text of this module, no input
            values,
        )
        return [_place(row) for row in cursor.fetchall()]


def _of_orders(connection: Connection, channel: str, order_ids: Sequence[str]) -> list[Place]:
    """The record that stands for each order: the one that waits in quarantine, else the staged one."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (order_id) landing, raw_sha256, order_id, id FROM (
                SELECT landing, raw_sha256, order_id, id FROM orderflow.quarantine
                WHERE channel = %(channel)s AND subject = ANY(%(order_ids)s)
                    AND (state IN ('open', 'parked') OR replay_asked_at IS NOT NULL)
                UNION ALL
                SELECT landing, raw_sha256, order_id, NULL FROM orderflow.orders
                WHERE channel = %(channel)s AND order_id = ANY(%(order_ids)s)
            ) AS found ORDER BY order_id, id NULLS LAST
            """,
            {"channel": channel, "order_ids": list(order_ids)},
        )
        return [_place(row) for row in cursor.fetchall()]


def _of_window(connection: Connection, channel: str, within: Window) -> list[Place]:
    """The folders of everything that was pulled for a span, by window or by id."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT landing FROM (
                SELECT landing, window_start FROM orderflow.windows
                WHERE channel = %(channel)s AND landing IS NOT NULL AND loaded_at IS NOT NULL
                    AND window_start < %(end)s AND window_end > %(start)s
                UNION ALL
                SELECT landing, window_start FROM orderflow.extra_batches
                WHERE channel = %(channel)s AND purpose <> 'replay'
                    AND window_start < %(end)s AND window_end > %(start)s
            ) AS found GROUP BY landing ORDER BY min(window_start), landing
            """,
            {"channel": channel, "start": within.start, "end": within.end},
        )
        return [Place(landing) for (landing,) in cursor.fetchall()]


def span(connection: Connection, channel: str, places: Sequence[Place]) -> Window | None:
    """The span of time that brought these records; None where there is none."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT min(window_start), max(window_end) FROM (
                SELECT window_start, window_end FROM orderflow.quarantine
                WHERE channel = %(channel)s AND id = ANY(%(rows)s)
                UNION ALL
                SELECT window_start, window_end FROM orderflow.orders
                WHERE channel = %(channel)s AND order_id = ANY(%(orders)s)
            ) AS found
            """,
            {
                "channel": channel,
                "rows": [each.quarantine_id for each in places if each.quarantine_id is not None],
                "orders": [each.order_id for each in places if each.quarantine_id is None and each.order_id],
            },
        )
        start, end = cursor.fetchone() or (None, None)
        return None if start is None else Window(start, end)


def waiting_on(connection: Connection, channel: str, fingerprint: str, *, at_most: int = AT_MOST) -> Waiting:
    """What is worth judging again, the longest waiting first, at most so many rows."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            WITH found AS (
                SELECT id, 1 AS rank, 'asked' AS cause, replay_asked_at AS since FROM orderflow.quarantine
                WHERE channel = %(channel)s AND replay_asked_at IS NOT NULL AND state <> 'superseded'
                UNION ALL
                SELECT id, 2, 'skus', last_seen_at FROM orderflow.quarantine AS q
                WHERE channel = %(channel)s AND state IN ('open', 'parked') AND unmapped <> '{}'
                    AND EXISTS (
                        SELECT FROM orderflow.sku_map AS m WHERE m.channel = q.channel AND m.sku = ANY(q.unmapped)
                        AND orderflow.ordered_at(q.document, q.fetched_at) <@ tstzrange(m.valid_from, m.valid_to))
                UNION ALL
                SELECT id, 3, 'code', last_seen_at FROM orderflow.quarantine
                WHERE channel = %(channel)s AND state IN ('open', 'parked') AND source <> 'oms'
                    AND (judged_by < %(fingerprint)s OR judged_by > %(fingerprint)s OR judged_by IS NULL)
            )
            SELECT id, (array_agg(cause ORDER BY rank))[1] FROM found
            GROUP BY id ORDER BY min(rank), min(since), id LIMIT %(at_most)s
            """,
            {"channel": channel, "fingerprint": fingerprint, "at_most": at_most},
        )
        return Waiting(dict(cursor.fetchall()))


def remember(
    connection: Connection, channel: str, quarantine_ids: Sequence[int], fingerprint: str, *, asked_at: datetime
) -> None:
    """Write down that these rows were judged by this fingerprint, whatever came of it; see `Records.remember`."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            WITH before AS (
                SELECT id, state = 'released' AND replay_asked_at <= %(asked_at)s AS lost FROM orderflow.quarantine
                WHERE channel = %(channel)s AND id = ANY(%(ids)s)
                    AND (judged_by IS DISTINCT FROM %(fingerprint)s OR replay_asked_at <= %(asked_at)s)
            ), after AS (
                UPDATE orderflow.quarantine AS q SET judged_by = %(fingerprint)s,
                    replay_asked_at = CASE WHEN replay_asked_at > %(asked_at)s THEN replay_asked_at END,
                    state = CASE WHEN lost THEN 'open' ELSE state END,
                    decided_by = CASE WHEN NOT coalesce(lost, false) THEN decided_by END
                FROM before AS b WHERE b.id = q.id RETURNING q.id, lost
            )
            INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)
            SELECT id, 'replay', 'open', 'no raw record is left that could be judged again' FROM after WHERE lost
            """,
            {"channel": channel, "ids": list(quarantine_ids), "fingerprint": fingerprint, "asked_at": asked_at},
        )


@dataclass(frozen=True, slots=True)
class Raws:
    """The `Records` of one channel."""

    connection: Connection
    vault: Vault
    channel: str

    def moment(self) -> datetime:
        with transaction(self.connection) as cursor:
            cursor.execute("SELECT now()")
            ((moment,),) = cursor.fetchall()
        return cast(datetime, moment)

    def choose(self, choice: Choice, fingerprint: str) -> list[Place]:
        return choose(self.connection, self.channel, choice, fingerprint)

    def waiting_on(self, fingerprint: str) -> Waiting:
        return waiting_on(self.connection, self.channel, fingerprint)

    def remember(self, quarantine_ids: Sequence[int], fingerprint: str, *, asked_at: datetime) -> None:
        remember(self.connection, self.channel, quarantine_ids, fingerprint, asked_at=asked_at)

    def span(self, places: Sequence[Place]) -> Window | None:
        return span(self.connection, self.channel, places)

    def skus(self) -> Mapping[str, str]:
        return skus.current(self.connection, self.channel)

    def decisions(self) -> Decisions:
        return decisions(self.connection, self.channel, self.vault)

    def in_landing(self, landing: str) -> list[Place]:
        with transaction(self.connection) as cursor:
            cursor.execute(
                """
                SELECT landing, raw_sha256, order_id, id FROM orderflow.quarantine
                WHERE channel = %(channel)s AND landing = %(landing)s AND source <> 'oms' AND state <> 'superseded'
                UNION ALL
                SELECT landing, raw_sha256, order_id, NULL FROM orderflow.orders
                WHERE channel = %(channel)s AND landing = %(landing)s
                """,
                {"channel": self.channel, "landing": landing},
            )
            return [_place(row) for row in cursor.fetchall()]

    def copies(self, quarantine_ids: Sequence[int]) -> Iterator[Copy]:
        for at in range(0, len(quarantine_ids), AT_ONCE):
            yield from self._copies(quarantine_ids[at : at + AT_ONCE])

    def _copies(self, quarantine_ids: Sequence[int]) -> Iterator[Copy]:
        with transaction(self.connection) as cursor:
            cursor.execute(
                "SELECT id, fetched_at, raw_sha256, sealed_raw, key_id FROM orderflow.quarantine"
                " WHERE channel = %s AND id = ANY(%s) AND sealed_raw IS NOT NULL ORDER BY id",
                (self.channel, list(quarantine_ids)),
            )
            for number, fetched_at, sha256, sealed, key_id in cursor:
                try:
                    data = self.vault.open(bytes(sealed), key_id, self.channel, bytes(sha256).hex())
                except ConfigError as error:
                    log.warning("copy not readable quarantine_id=%d: %s", number, error)
                    continue
                yield Copy(number, fetched_at, data)

    def known(self, order_ids: Sequence[str]) -> dict[str, Known]:
        with transaction(self.connection) as cursor:
            cursor.execute(
                """
                SELECT w.order_id, o.document::text AS document, o.contacts_hash, o.content_hash,
                    o.channel_updated_at, o.fetched_at, o.raw_sha256, o.masking, q.codes,
                    q.document::text AS waiting, q.channel_updated_at AS q_updated_at,
                    q.fetched_at AS q_fetched_at, q.raw_sha256 AS q_raw_sha256
                FROM unnest(%(order_ids)s::text[]) AS w(order_id)
                LEFT JOIN orderflow.orders AS o ON o.channel = %(channel)s AND o.order_id = w.order_id
                LEFT JOIN orderflow.quarantine AS q ON q.channel = %(channel)s AND q.subject = w.order_id
                    AND (q.state IN ('open', 'parked') OR q.replay_asked_at IS NOT NULL)
                WHERE o.order_id IS NOT NULL OR q.id IS NOT NULL
                """,
                {"channel": self.channel, "order_ids": list(order_ids)},
            )
            names = [column.name for column in cursor.description or ()]
            rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
            return {row["order_id"]: _known(row) for row in rows}

    def contacts(self, order_ids: Sequence[str]) -> dict[str, bytes]:
        with transaction(self.connection) as cursor:
            cursor.execute(
                "SELECT order_id, sealed, key_id FROM orderflow.order_contacts"
                " WHERE channel = %s AND order_id = ANY(%s) AND sealed IS NOT NULL",
                (self.channel, list(order_ids)),
            )
            return {
                order_id: self.vault.open(bytes(sealed), key_id, self.channel, order_id)
                for order_id, sealed, key_id in cursor.fetchall()
            }

    def nameless(self, raw_sha256s: Sequence[bytes]) -> frozenset[bytes]:
        with transaction(self.connection) as cursor:
            cursor.execute(
                "SELECT raw_sha256 FROM orderflow.quarantine"
                " WHERE channel = %s AND subject = ANY(%s) AND state IN ('open', 'parked')",
                (self.channel, [f"sha256:{each.hex()}" for each in raw_sha256s]),
            )
            return frozenset(bytes(sha256) for (sha256,) in cursor.fetchall())


def _place(row: Sequence[Any]) -> Place:
    landing, sha256, order_id, number = row
    return Place(landing, bytes(sha256), order_id, number)


def _known(row: Mapping[str, Any]) -> Known:
    staged = row["fetched_at"] and Version(row["channel_updated_at"], row["fetched_at"], _bytes(row["raw_sha256"]))
    waits = row["q_fetched_at"] and Version(row["q_updated_at"], row["q_fetched_at"], _bytes(row["q_raw_sha256"]))
    return Known(
        document=row["document"] and row["document"].encode(),
        version=staged,
        contacts_hash=_bytes(row["contacts_hash"]),
        content_hash=_bytes(row["content_hash"]),
        masking=row["masking"],
        waiting=None if row["codes"] is None else tuple(row["codes"]),
        waiting_document=row["waiting"] and row["waiting"].encode(),
        waiting_version=waits,
    )


def _bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
