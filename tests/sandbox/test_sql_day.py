"""Six hours of a shop whose platform pushes its orders into a database: edits, rows that come late, an outage."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from orderflow import adapters
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract
from orderflow.sandbox.generator import moment
from orderflow.sandbox.platforms.csv_drop import PLATFORM, changed, line_columns, order_columns
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import counted
from orderflow.sandbox.truth import ledger
from orderflow.sandbox.world import World

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 6
DECODE = msgspec.json.Decoder(float_hook=str).decode
TABLES = """
CREATE TABLE pushed (tid TEXT PRIMARY KEY, seller TEXT, modified TEXT NOT NULL, created TEXT, response TEXT);
CREATE INDEX pushed_modified ON pushed (modified, tid);
CREATE TABLE pushed_lines (tid TEXT, number INTEGER, sku TEXT, quantity TEXT, total TEXT);
"""
OPTIONS = {
    "table": "pushed", "id": "tid", "modified": {"column": "modified", "form": "%Y-%m-%dT%H:%M:%S"},
    "where": {"seller": "旗艦店"}, "json_columns": ["response"], "batch": 37,
    "children": {"lines": {"table": "pushed_lines", "key": "tid", "order_by": "number"}},
    "map": {
        "order": {
            "order_id": "tid", "channel_updated_at": "modified", "currency": "response.currency",
            "grand_total": "response.grand_total",
        },
        "lines": {"each": "lines", "fields": {"sku": "sku", "quantity": "quantity", "total": "total"}},
    },
}  # fmt: skip


def push(connection, seller, world, since, until):
    """What the platform writes: the newest state of every order whose change it shows since the last time."""
    for snap in changed(world, since, until):
        order = order_columns(snap)
        tid = order["order_id"] if seller == "旗艦店" else f"x{order['order_id']}"
        row = (tid, seller, order["modified_at"][:19], order["created_at"], json.dumps(order, ensure_ascii=False))
        connection.execute("DELETE FROM pushed_lines WHERE tid = ?", (tid,))
        connection.execute("REPLACE INTO pushed VALUES (?, ?, ?, ?, ?)", row)
        for number, line in enumerate(counted(snap), 1):
            found = line_columns(snap, number, line)
            told = (tid, number, found["sku"], found["quantity"], found["line_total"])
            connection.execute("INSERT INTO pushed_lines VALUES (?, ?, ?, ?, ?)", told)
    connection.commit()


def shop(seed):
    return Shop(
        name=f"shop{seed}", platform="csv_drop", seed=seed, start=START, rate=40, pace=0.02, edits=0.4, refunds=0.4,
        late=0.3, late_by=90, ends=START + timedelta(hours=HOURS - 1),
    )  # fmt: skip


def test_hours_of_pushes_end_with_every_order_in_its_last_state(tmp_path):
    adapter = adapters.find("sql")
    options = adapter.options(**OPTIONS)
    channel = Channel(
        name="pushed", title="旗艦店", owner="asia", adapter_name="sql", adapter=adapter.described(options),
        connection="pushed", options=options, schedule=Schedule(cron="0 * * * *", start=START.date()),
        oms=Delivery(target="demo"),
    )  # fmt: skip
    file = tmp_path / "店.db"
    source = adapter.open(options, Account("pushed", f"sqlite://{file}"), Runtime(lambda: START, lambda _: None))
    worlds = {"旗艦店": World(shop(1), ()), "另一家": World(shop(2), ())}
    newest = {}

    def pull(hour):
        window = Window(START + timedelta(hours=hour), START + timedelta(hours=hour + 1))
        runtime = Runtime(lambda: window.end, lambda _: None)
        extract(channel, window, source, tmp_path / str(hour), run_id="r", runtime=runtime)
        for record in landing.records(tmp_path / str(hour)):
            order = channel.adapter.to_order(DECODE(record.data), options)
            if order.channel_updated_at >= newest.get(order.order_id, order).channel_updated_at:
                newest[order.order_id] = order

    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(TABLES)
        for tick in range(1, (HOURS + 1) * 15 + 1):  # the platform pushes every four minutes
            since, until = (moment(START + timedelta(minutes=4 * (tick - back))) for back in (1, 0))
            for seller, world in worlds.items():
                push(connection, seller, world, since - (tick == 1), until)
            if tick % 15 == 0:
                if tick == 45:
                    file.rename(tmp_path / "away")
                    with pytest.raises(TransientError):
                        pull(tick // 15 - 1)
                    (tmp_path / "away").rename(file)
                pull(tick // 15 - 1)
    end = moment(START + timedelta(hours=HOURS))
    truth = {row.order_id: row for row in ledger(worlds["旗艦店"], PLATFORM, end) if row.listed}
    assert len(truth) > 150
    assert set(newest) == set(truth), "none missing, none of the other shop"
    for name, row in truth.items():
        order = newest[name]
        assert order.channel_updated_at == row.modified_at[:19], f"{name} is stale"
        assert order.grand_total == row.totals[order.currency]
        assert len(order.lines) == row.lines
