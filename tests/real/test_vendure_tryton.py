"""A real shop, the real scheduler, a real ERP: what Vendure's own database holds is in staging, and once in Tryton."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import tryton_server
import vendure_shop
from tryton_server import Server
from vendure_shop import Shop, told

from orderflow.command.airflow import AirflowApi
from orderflow.sandbox import postgres
from orderflow.sandbox.demo.layout import PROJECT, Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        not (vendure_shop.wanted() and tryton_server.wanted()),
        reason="ORDERFLOW_REAL=1 installs Vendure (Node.js) and Tryton, and runs this",
    ),
]

PORT = 18690
ORDERS = int(os.environ.get("ORDERS", "200"))
TRYTON = """\
title: Tryton
kind: tryton
connection: erp
database: {database}
until: quotation                   # an edit of the shop may still change it
charges: {{shipping: SHIP}}
"""


@dataclass
class Loop:
    """What runs: the shop, Airflow with one channel, and the ERP."""

    shop: Shop
    erp: Server
    dsn: str
    api: AirflowApi

    def staged(self) -> dict[str, tuple[str, int, Decimal]]:
        """The shop's state, units and total, by order id."""
        rows = ask(
            self.dsn,
            """
            SELECT o.order_id, o.document -> 'raw_status' ->> 'order_status', sum(l.quantity)::int, o.grand_total
            FROM orderflow.orders AS o JOIN orderflow.order_lines AS l USING (channel, order_id)
            GROUP BY o.channel, o.order_id
            """,
        )
        return {order_id: (state, units, total.normalize()) for order_id, state, units, total in rows}

    def pending(self) -> int:
        ((count,),) = ask(self.dsn, "SELECT count(*) FROM orderflow.outbox")
        return int(count)

    def quarantined(self) -> list[tuple[Any, ...]]:
        return ask(self.dsn, "SELECT order_id, reasons FROM orderflow.quarantine WHERE state IN ('open', 'parked')")

    def sales(self) -> list[tuple[str, str, Decimal]]:
        """`(order id, state, sum of its lines)` of every sale of the ERP."""
        rows = ask(
            self.erp.dsn,
            """
            SELECT s.web_id, s.state, coalesce(sum(round(l.quantity::numeric * l.unit_price, 2)), 0)
            FROM sale_sale AS s LEFT JOIN sale_line AS l ON l.sale = s.id GROUP BY s.id
            """,
        )
        return [(web_id.removeprefix("vendure/"), state, total.normalize()) for web_id, state, total in rows]


def ask(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, what
        time.sleep(1)
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def project(folder: Path, erp: Server) -> Path:
    """A project of its own with one channel, that a file describes, and one target; the code is ours."""
    shutil.copytree(PROJECT / "dags", folder / "dags")
    for name in ("channels", "targets"):
        (folder / "include" / name).mkdir(parents=True)
    (folder / "include" / "orderflow").symlink_to(PROJECT / "include" / "orderflow")
    today = datetime.now(UTC).date() - timedelta(days=1)
    text = (PROJECT / "docs/examples/vendure.yml").read_text()
    for before, after in (
        ('cron: "*/15 * * * *"', 'cron: "* * * * *"'), ("start: 2026-01-01", f"start: {today}"),
        ("target: demo", "target: erp"), ("lookback: 5m", "lookback: 10s"),  # else windows themselves bring the parcels
    ):  # fmt: skip
        assert before in text
        text = text.replace(before, after)
    (folder / "include/channels/vendure.yml").write_text(text)
    (folder / "include/targets/erp.yml").write_text(TRYTON.format(database=erp.database))
    return folder


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    layout = Layout(tmp_path / "home", PORT)
    layout.prepare()
    layout.demand_free_ports()
    with vendure_shop.running() as shop, tryton_server.running() as erp:
        server = postgres.start(layout.home / "pg")
        try:
            server.create("airflow")
            dsn = server.create("orderflow")
            with contextlib.closing(connect(dsn)) as connection:
                migrate(connection)
            own = project(tmp_path / "project", erp)
            superadmin = {"login": "superadmin", "password": "superadmin"}
            person = {"login": tryton_server.LOGIN, "password": tryton_server.PASSWORD}
            environment = layout.environment(server) | {
                "AIRFLOW__CORE__DAGS_FOLDER": str(own / "dags"),
                "AIRFLOW_CONN_VENDURE": json.dumps({"conn_type": "http", "host": shop.url, **superadmin}),
                "AIRFLOW_CONN_ERP": json.dumps({"conn_type": "http", "host": erp.url, **person}),
            }
            with Processes(layout.logs, environment) as processes:
                processes.start("airflow", ["orderflow.orchestration.serve"])
                yield Loop(shop, erp, dsn, AirflowApi(layout.airflow_url, "admin", "admin"))
        finally:
            server.stop()


def test_two_hundred_orders_and_their_later_life_reach_the_erp_once(loop: Loop):
    until(loop.api.answers, 180, "Airflow answers")
    until(lambda: "orders.vendure" in loop.api.dags(tag="orders"), 180, "Airflow knows the channel")
    loop.api.pause("orders.vendure", paused=False)
    ids = [loop.shop.buy(number) for number in range(ORDERS)]
    until(lambda: told(loop.shop) == loop.staged(), 600, f"{ORDERS} orders are in staging, by the schedule alone")
    until(lambda: not loop.pending(), 300, "and in the ERP")

    tenth = ORDERS // 10
    fewer = [order_id for number, order_id in enumerate(ids[:tenth]) if number % 4]  # others have single units
    cancelled, shipped = ids[tenth : 3 * tenth], ids[3 * tenth : 7 * tenth]
    for order_id in fewer:
        loop.shop.lower(order_id)
    for order_id in cancelled:
        loop.shop.cancel(order_id)
    for order_id in shipped:
        loop.shop.ship(order_id)
    hidden = {*fewer, *shipped}

    def seen() -> bool:
        staged, truth = loop.staged(), told(loop.shop)
        return all(staged[order_id] == truth[order_id] for order_id in ids if order_id not in hidden)

    until(seen, 300, "cancellations came by the schedule")
    assert told(loop.shop) != loop.staged(), "the modified time shows parcels and edits now: `blind` is wrong"
    loop.api.trigger("sweep", "of_the_test", {"channel": "vendure", "everything": True})
    until(lambda: told(loop.shop) == loop.staged(), 300, "the sweep brought parcels and edits")
    until(lambda: not loop.pending(), 300, "all of it is in the ERP")

    assert loop.quarantined() == []
    sales, truth = loop.sales(), told(loop.shop)
    assert Counter(order_id for order_id, _, _ in sales) == Counter(ids)
    states = {order_id: state for order_id, state, _ in sales}
    assert {states[order_id] for order_id in cancelled} == {"cancelled"}
    assert {states[order_id] for order_id in ids if order_id not in cancelled} == {"quotation"}
    assert {order_id: total for order_id, _, total in sales if order_id not in cancelled} == {
        order_id: truth[order_id][2] for order_id in ids if order_id not in cancelled
    }
