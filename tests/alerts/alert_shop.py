"""A channel's rows in staging, as its runs would leave them, and the watch that looks at them."""

import json
from datetime import UTC, datetime, timedelta

from orderflow.domain.routing import Routing

CHANNEL = """\
title: 旗艦店 🏬 متجر
owner: asia <asia@shop.example>
source: {adapter: shopify, connection: shop_tw, version: "2026-07"}
schedule: {cron: "*/15 * * * *", timezone: Asia/Taipei, start: 2026-01-01, deadline: 25m, settle: 0s}
oms: {target: demo}
alerts: [mail, hook]
"""
NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
"""A Wednesday, 14:05 in Taipei; every look of these tests is at or after it."""
QUARTER = timedelta(minutes=15)


class Shop:
    def __init__(self, staging, dsn, channel, ways):
        self.staging, self.dsn, self.channel, self.ways = staging, dsn, channel, ways
        self.routing = Routing(group=timedelta(0))
        self.now = NOW

    def sql(self, text, *values):
        with self.staging, self.staging.cursor() as cursor:
            cursor.execute(text, values)

    def ran(self, until, *, since=None, orders=10, refused=0, state="synced", error=None, reasons=None):
        """A window that ended at `until` went through a minute later, or got into `state`."""
        at = until + timedelta(minutes=1)
        done = state == "synced"
        self.sql(
            """
            INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, counts, error, planned_at,
                loaded_at, synced_at, failed_at, reasons) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (channel, window_start, window_end) DO UPDATE SET state = excluded.state,
                error = excluded.error, loaded_at = excluded.loaded_at, synced_at = excluded.synced_at,
                failed_at = excluded.failed_at
            """,
            self.channel.name, since or until - QUARTER, until, state, f"scheduled__{until:%H%M}",
            json.dumps({"cleaned": orders, "quarantined": refused}), error, at, at if done else None,
            at if done else None, None if done else at, json.dumps(reasons or {}),
        )  # fmt: skip

    def runs_until(self, moment):
        """Every quarter of an hour of the eight hours before went through."""
        last = moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)
        self.ran(last - 32 * QUARTER, since=NOW - timedelta(weeks=8))
        for back in range(32):
            self.ran(last - back * QUARTER)

    def sold(self, start, end, every=timedelta(minutes=5), total="120.5"):
        """One order every so often, each seen two minutes later."""
        self.sql(
            """
            INSERT INTO orderflow.orders (channel, order_id, version, content_hash, contacts_hash, order_status,
                payment_status, fulfilment_status, return_status, channel_created_at, currency, grand_total, line_count,
                document, landing, ordinal, raw_sha256, fetched_at, window_start, window_end, first_seen_at)
            SELECT %s, '訂單-' || at, 1, ''::bytea, ''::bytea, 'open', 'paid', 'unfulfilled', 'none', at, 'TWD', %s, 1,
                '{}', 'landing', 0, ''::bytea, at, at, at, at + interval '2 minutes'
            FROM generate_series(%s, %s - interval '1 second', %s) AS at
            """,
            self.channel.name, total, start, end, every,
        )  # fmt: skip

    def look(self, now=None, **settings):
        """One look of the watch; returns what it says."""
        from orderflow.orchestration import notify, watch

        self.now = now or self.now + timedelta(minutes=5)
        deployment = notify.Deployment(self.dsn, self.ways, self.routing, {self.channel.name: self.channel})
        return watch.watch(self.staging, [self.channel], self.now, deployment)

    def alerts(self, *, over=False):
        from orderflow.staging import alerts

        return alerts.listed(self.staging, over=over)
