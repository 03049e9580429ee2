"""The shelf: collects what a batch refuses and writes it to quarantine, in the transaction that loads the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
import pyarrow as pa
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.batch import Batch
from orderflow.domain.errors import BalanceError
from orderflow.domain.staging import RawRecord, Refused
from orderflow.staging import erasure
from orderflow.staging.copying import copy, decimals, storable
from orderflow.staging.quarantine import ELSEWHERE, LASTING
from orderflow.staging.vault import Vault

_AT_ONCE = 1000
"""Sealed raw records copied at once."""
_CURRENCY = 32
"""Characters that are kept of a currency; what is longer is none, and no index takes it."""


class Shelf:
    """Collects what a batch refuses and writes it to quarantine, within the transaction that loads the batch."""

    def __init__(self, cursor: Cursor, vault: Vault, batch: Batch) -> None:
        self._cursor, self._vault, self._batch = cursor, vault, batch
        self._wanted = bytearray()
        self._count = 0

    def add(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        if not self._count:
            self._cursor.execute(_TEMPORARY)
        self._count += len(refused)
        last = max(each.ordinal for each in refused)
        self._wanted.extend(bytes(max(0, last + 1 - len(self._wanted))))
        for each in refused:
            self._wanted[each.ordinal] = 1
        named = [order_id for each in refused if (order_id := _text(each.order_id))]
        erased = erasure.erased(self._cursor, self._batch.channel, named)
        copy(self._cursor, "refused", _table(refused, erased))

    def close(self, records: Iterable[RawRecord], *, expected: int) -> None:
        """Add the raw records and write the rows; raises `BalanceError` unless exactly `expected` were added."""
        if self._count != expected:
            raise BalanceError(
                f"{self._batch.channel} {self._batch.window}: {expected} orders were refused but {self._count} came to "
                "quarantine; nothing was written; run clean and validate of this batch again"
            )
        if not self._count:
            return
        self._add_raw(records)
        values = {
            "channel": self._batch.channel,
            "key_id": self._vault.key_id,
            "landing": self._batch.landing,
            "start": self._batch.window_start,
            "end": self._batch.window_end,
            "window": str(self._batch.window),
            "judged_by": self._batch.judged_by,
            "replay": self._batch.purpose == "replay",
            "until": self._batch.decided_until,
            "elsewhere": ELSEWHERE,
            "lasting": LASTING,
        }
        self._cursor.execute(_UPSERT, values)
        self._cursor.execute(_NAMED, values)

    def _add_raw(self, records: Iterable[RawRecord]) -> None:
        rows: list[tuple[int, datetime, bytes, bytes]] = []
        found, wanted = 0, sum(self._wanted)
        for record in records:
            if record.ordinal < len(self._wanted) and self._wanted[record.ordinal]:
                sha256 = hashlib.sha256(record.data)
                (sealed,) = self._vault.seal([record.data], [sha256.hexdigest()], self._batch.channel)
                rows.append((record.ordinal, record.fetched_at, sha256.digest(), sealed))
                found += 1
            if len(rows) == _AT_ONCE:
                self._copy_raw(rows)
            if found == wanted:
                break
        self._copy_raw(rows)
        if found != wanted:
            raise BalanceError(
                f"{self._batch.channel} {self._batch.window}: {wanted} raw records were refused but {found} of them "
                f"are in {self._batch.landing}; nothing was written; pull the window again"
            )

    def _copy_raw(self, rows: list[tuple[int, datetime, bytes, bytes]]) -> None:
        if rows:
            names = ("ordinal", "fetched_at", "raw_sha256", "sealed_raw")
            copy(self._cursor, "raw", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
            rows.clear()


def _table(refused: Sequence[Refused], erased: Collection[str]) -> pa.Table:
    """What is refused; of buyers who were forgotten the documents say nothing."""
    documents = [
        each.document
        and storable(erasure.without_buyer(each.document) if _text(each.order_id) in erased else each.document)
        for each in refused
    ]
    return pa.table(
        {
            "ordinal": [each.ordinal for each in refused],
            "source": [each.source for each in refused],
            "order_id": pa.array([_text(each.order_id) for each in refused], pa.string()),
            "reasons": [storable(msgspec.json.encode(list(each.reasons))) for each in refused],
            "document": pa.array(documents, pa.string()),
            "content_hash": pa.array([each.content_hash for each in refused], pa.binary()),
            "channel_updated_at": pa.array([each.channel_updated_at for each in refused], pa.timestamp("us", "UTC")),
            "value": decimals(pa.array([each.value for each in refused], pa.int64())),
            "currency": pa.array([each.currency and each.currency[:_CURRENCY] for each in refused], pa.string()),
        }
    )


def _text(value: str | None) -> str | None:
    return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}")


_TEMPORARY = """
CREATE TEMP TABLE refused (
    ordinal bigint, source text, order_id text, reasons text, document text, content_hash bytea,
    channel_updated_at timestamptz, value numeric(20,6), currency text
) ON COMMIT DROP;
CREATE TEMP TABLE raw (ordinal bigint, fetched_at timestamptz, raw_sha256 bytea, sealed_raw bytea) ON COMMIT DROP
"""

# An order that is staged in a newer or the same version is not held back: its row is born superseded, and takes no
# place of what the OMS refused or took too late. What it took too late stays among the reasons until somebody settles
# it; that another channel delivers it stays even when it was discarded, until it is released. What lacks nothing but
# pairs of the SKU map is parked: adding the pairs judges it again, and nobody has to look. What another shop sold
# comes discarded, unless it is staged already: then the OMS may have it twice. A row that a person moved stays where
# they put it; one that they decided opens again when the record or the order is not the one they decided on. A
# released one stays released until its replay; when that refuses it still, it opens again. Of an order whose buyer
# was forgotten no raw record is kept here.
_UPSERT = """
WITH seen AS (
    SELECT DISTINCT ON (subject)
        CASE WHEN r.order_id IS NULL OR length(r.order_id) > 500 THEN 'sha256:' || encode(w.raw_sha256, 'hex')
             ELSE r.order_id END AS subject,
        r.ordinal, r.source, r.order_id, r.reasons::jsonb, r.document::jsonb, r.content_hash, r.channel_updated_at,
        r.value, r.currency, w.fetched_at, w.raw_sha256, w.sealed_raw
    FROM refused AS r JOIN raw AS w USING (ordinal)
    ORDER BY subject, r.channel_updated_at DESC NULLS LAST, r.ordinal DESC
), judged AS (
    SELECT s.*, EXISTS (
        SELECT FROM orderflow.order_contacts AS c
        WHERE c.channel = %(channel)s AND c.order_id BETWEEN s.order_id AND s.order_id AND c.erased_at IS NOT NULL
    ) AS erased, CASE
        WHEN o.order_id IS NULL THEN orderflow.waiting_state(s.reasons)
        WHEN s.content_hash = o.content_hash OR s.channel_updated_at < o.channel_updated_at THEN 'superseded'
        WHEN s.channel_updated_at > o.channel_updated_at THEN orderflow.waiting_state(s.reasons)
        WHEN o.fetched_at > s.fetched_at THEN 'superseded'
        WHEN orderflow.waiting_state(s.reasons) = 'discarded' THEN 'open'
        ELSE orderflow.waiting_state(s.reasons) END AS state
    FROM seen AS s
    LEFT JOIN LATERAL (
        SELECT * FROM orderflow.orders AS o
        WHERE o.channel = %(channel)s AND o.order_id BETWEEN s.order_id AND s.order_id ORDER BY o.order_id LIMIT 1
    ) AS o ON true
), before AS (
    SELECT q.id, q.state FROM seen AS s CROSS JOIN LATERAL (
        SELECT * FROM orderflow.quarantine
        WHERE channel = %(channel)s AND subject BETWEEN s.subject AND s.subject ORDER BY subject LIMIT 1
    ) AS q
), written AS (
    INSERT INTO orderflow.quarantine AS q (
        channel, subject, order_id, source, state, reasons, raw_sha256, sealed_raw, key_id, document, content_hash,
        channel_updated_at, value, currency, landing, ordinal, fetched_at, window_start, window_end, judged_by
    )
    SELECT %(channel)s, subject, order_id, source, state, reasons, raw_sha256, CASE WHEN NOT erased THEN sealed_raw END,
        CASE WHEN NOT erased THEN %(key_id)s END, document, content_hash, channel_updated_at, value, currency,
        %(landing)s, ordinal, fetched_at, %(start)s, %(end)s, %(judged_by)s
    FROM judged
    ON CONFLICT (channel, subject) DO UPDATE SET
        order_id = excluded.order_id, source = excluded.source,
        reasons = excluded.reasons || CASE
            WHEN q.state IN ('open', 'parked') OR q.state = 'released' AND q.source <> 'oms'
                OR q.state = 'discarded' AND q.reasons @> %(elsewhere)s
            THEN jsonb_path_query_array(q.reasons, %(lasting)s) ELSE '[]' END,
        raw_sha256 = excluded.raw_sha256, sealed_raw = excluded.sealed_raw, key_id = excluded.key_id,
        document = excluded.document, content_hash = excluded.content_hash,
        channel_updated_at = excluded.channel_updated_at, value = excluded.value, currency = excluded.currency,
        landing = excluded.landing, ordinal = excluded.ordinal, fetched_at = excluded.fetched_at,
        window_start = excluded.window_start, window_end = excluded.window_end, last_seen_at = now(),
        judged_by = excluded.judged_by,
        times_seen = q.times_seen + CASE
            WHEN (q.window_start, q.window_end) = (excluded.window_start, excluded.window_end)
                OR (q.raw_sha256, q.fetched_at) = (excluded.raw_sha256, excluded.fetched_at) THEN 0 ELSE 1 END,
        replay_asked_at = CASE WHEN NOT %(replay)s OR q.replay_asked_at > %(until)s THEN q.replay_asked_at END,
        (state, decided_by) = (
            SELECT next, CASE WHEN next = q.state THEN q.decided_by END FROM (SELECT CASE
                WHEN excluded.state = 'superseded' THEN
                    CASE WHEN q.state IN ('open', 'parked') THEN 'superseded' ELSE q.state END
                WHEN q.state IN ('open', 'parked') AND q.decided_by IS NOT NULL THEN q.state
                WHEN q.state = 'discarded' AND q.reasons @> %(elsewhere)s THEN q.state
                WHEN q.state = 'discarded' OR q.state = 'released' AND q.replay_asked_at IS NOT NULL
                    AND (NOT %(replay)s OR q.replay_asked_at > %(until)s)
                    THEN CASE WHEN q.raw_sha256 = excluded.raw_sha256 OR q.content_hash = excluded.content_hash
                        THEN q.state ELSE excluded.state END
                ELSE excluded.state END AS next) AS decided)
    WHERE NOT (excluded.state = 'superseded'
            AND (q.source = 'oms' OR q.reasons @> '[{"taken": true}]' OR q.reasons @> %(elsewhere)s))
        AND ((coalesce(excluded.channel_updated_at, '-infinity'), excluded.fetched_at)
        >= (coalesce(q.channel_updated_at, '-infinity'), q.fetched_at)
        OR excluded.channel_updated_at IS NULL AND excluded.fetched_at >= q.fetched_at
        OR (excluded.raw_sha256, excluded.fetched_at) = (q.raw_sha256, q.fetched_at))
    RETURNING q.id, q.state
)
INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)
SELECT w.id, 'load', w.state, 'refused in ' || %(window)s
FROM written AS w LEFT JOIN before AS b ON b.id = w.id
WHERE b.state IS DISTINCT FROM w.state
"""

# A record that named no order when it was refused first, and does now, waits as that order.
_NAMED = """
WITH named AS (
    UPDATE orderflow.quarantine SET state = 'superseded', decided_by = NULL, replay_asked_at = NULL
    WHERE id = ANY(ARRAY(
        SELECT q.id FROM refused AS r JOIN raw AS w USING (ordinal)
        CROSS JOIN LATERAL (SELECT 'sha256:' || encode(w.raw_sha256, 'hex') AS subject) AS record
        CROSS JOIN LATERAL (
            SELECT * FROM orderflow.quarantine
            WHERE channel = %(channel)s AND subject BETWEEN record.subject AND record.subject ORDER BY subject LIMIT 1
        ) AS q
        WHERE length(r.order_id) <= 500 AND q.state IN ('open', 'parked', 'released')))
    RETURNING id
)
INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)
SELECT id, 'load', 'superseded', 'its record names an order now, refused in ' || %(window)s FROM named
"""
