"""What one scrape of /metrics costs: 50 channels, ten months of windows, 200,000 pending and 66,000 quarantined orders.

Staged orders themselves are not read by a scrape, however many there are. Times are of one process on an idle machine;
CPU seconds are the figures to trust on a busy one.

    PYTHONPATH=include .venv/bin/python benchmarks/scrape.py
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orderflow import config
from orderflow.domain.batch import DURATIONS
from orderflow.sandbox.postgres import start
from orderflow.staging import measures
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect
from orderflow.web.exposition import text
from orderflow.web.metrics import measured

CHANNELS, SCRAPES = 50, 10
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

ROWS = """
INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)
SELECT 'channel_' || lpad(c::text, 2, '0'), t, t + interval '45 min',
    CASE WHEN t > '2026-11-21' THEN 'loaded' ELSE 'reconciled' END, 'scheduled__x', t + interval '46 min'
FROM generate_series(1, 50) AS c,
    generate_series('2026-01-01'::timestamptz, '2026-11-22 12:00Z'::timestamptz, interval '45 min') AS t
WHERE (c * 7919 + extract(epoch FROM t)::bigint / 2700) % 2000 <> 0;
INSERT INTO orderflow.outbox (channel, order_id, version, key, window_start, window_end, behind, enqueued_at)
SELECT 'channel_' || lpad((1 + i % 50)::text, 2, '0'), 'O-' || i, 1, md5(i::text), now(), now(), i % 3 = 0,
    now() - (i % 600) * interval '1 s'
FROM generate_series(1, 200000) AS i;
INSERT INTO orderflow.quarantine
    (channel, subject, order_id, source, state, reasons, landing, fetched_at, window_start, window_end)
SELECT 'channel_' || lpad((1 + i % 50)::text, 2, '0'), 'O-' || i, 'O-' || i, 'validate',
    (ARRAY['open', 'parked', 'superseded'])[1 + i % 3], '[{"code": "BAD"}]', '/x', now(), now(), now()
FROM generate_series(1, 100000) AS i;
"""


def totals() -> measures.Totals:
    """What a channel that has seen everything has counted."""
    made = measures.Totals(float)
    for endpoint in ("GET /orders", "GET /orders/*", "POST /token"):
        for status in ("200", "429", "500"):
            made["requests", endpoint, status] = 100
        for bound in DURATIONS:
            measures.observe(made, ("request_seconds", endpoint), DURATIONS, [bound])
        for name in ("response_bytes", "request_retries", "throttled_seconds"):
            made[name, endpoint] = 1.5
    for stage in ("extract", "clean", "validate", "load", "sync"):
        for bound in measures.STAGE_SECONDS:
            measures.observe(made, ("stage_seconds", stage), measures.STAGE_SECONDS, [bound])
    for lane in ("live", "behind"):
        for bound in measures.LAG_SECONDS:
            measures.observe(made, ("lag_seconds", lane), measures.LAG_SECONDS, [bound])
    for outcome in measures.OUTCOMES:
        made["orders", outcome] = 5
    for number in range(12):
        made["refusals", f"CODE_{number}"] = 5
    return made


def main() -> None:
    include = Path(__file__).resolve().parents[1] / "include"
    one = config.read(include / "channels", now=NOW).channels[0]
    channels = [one.model_copy(update={"name": f"channel_{n:02}"}) for n in range(1, CHANNELS + 1)]
    reading = config.Reading(channels, [])
    with tempfile.TemporaryDirectory(prefix="orderflow-bench-", ignore_cleanup_errors=True) as folder:
        server = start(Path(folder) / "data", durable=False)
        try:
            with closing(connect(server.create("bench"))) as connection:
                migrate(connection)
                with connection, connection.cursor() as cursor:
                    cursor.execute(ROWS)
                    for each in channels:
                        measures.add(cursor, each.name, totals())
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
                    measured(cursor, reading, NOW)
                    backend = psutil.Process(connection.info.backend_pid)
                    spent = sum(backend.cpu_times()[:2])
                    wall, own = time.perf_counter(), time.process_time()
                    for _ in range(SCRAPES):
                        answer = text(measured(cursor, reading, NOW))
                    wall, own = time.perf_counter() - wall, time.process_time() - own
                    spent = sum(backend.cpu_times()[:2]) - spent
        finally:
            server.stop()
    print(
        f"one scrape: {wall / SCRAPES * 1000:.0f} ms; CPU {own / SCRAPES * 1000:.0f} ms here and "
        f"{spent / SCRAPES * 1000:.0f} ms in PostgreSQL; {len(answer):,} bytes, {answer.count(b'#') // 2} metrics"
    )


if __name__ == "__main__":
    main()
