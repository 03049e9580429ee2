"""A real Vendure shop as a channel, by a channel file alone: staging holds what the shop's own database holds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
import vendure_shop
from vendure_shop import Shop, told

from orderflow import config
from orderflow.domain.channel import Channel
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract, extract_ids
from orderflow.pipeline.flow import staged
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store
from orderflow.staging.vault import Vault

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not vendure_shop.wanted(), reason="ORDERFLOW_REAL=1 installs Vendure (Node.js) and runs these"),
]
ORDERS = int(os.environ.get("ORDERS", "200"))


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with vendure_shop.running() as running:
        yield running


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    (tmp_path / "channels").mkdir()
    (tmp_path / "targets").mkdir()
    shutil.copy(ROOT / "docs/examples/vendure.yml", tmp_path / "channels/vendure.yml")
    shutil.copy(ROOT / "include/targets/demo.yml", tmp_path / "targets/demo.yml")
    reading = config.read(tmp_path / "channels")
    assert not reading.problems
    return reading.channels[0]


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with closing(psycopg2.connect(dsn)) as connection:
        migrate(connection)
        yield Store(connection, Vault.parse(Secret("k1:" + "A" * 43 + "=")))


def test_two_hundred_orders_with_their_later_life(shop: Shop, channel: Channel, store: Store, tmp_path: Path):
    begun = datetime.now(UTC)
    ids = [shop.buy(number) for number in range(ORDERS)]
    runtime = Runtime(clock=lambda: datetime.now(UTC), sleep=lambda _: None)
    account = Account("vendure", shop.url, "superadmin", Secret("superadmin"))
    source = channel.adapter.open(channel.options, account, runtime)

    def pull(number: int, since: datetime = begun) -> dict[str, int]:
        window = Window(since, datetime.now(UTC) + timedelta(minutes=1))
        folder = landing.folder(tmp_path / "landing", channel.name, window, f"run {number}")
        batch = extract(exact(channel), window, source, folder, run_id=f"run {number}", runtime=runtime)
        counts = staged(channel, batch, store).counts
        return {name: getattr(counts, name) for name in ("fetched", "inserted", "updated", "quarantined")}

    assert pull(1) == {"fetched": ORDERS, "inserted": ORDERS, "updated": 0, "quarantined": 0}
    assert staged_orders(store) == told(shop)
    assert pull(2)["updated"] == 0

    later = datetime.now(UTC)
    for order_id in ids[:20]:
        shop.cancel(order_id)
    for order_id in ids[20:60]:
        shop.ship(order_id)
    pull(3, since=later)
    seen = staged_orders(store)
    missed = [order_id for order_id, (state, *_) in told(shop).items() if state != seen[order_id][0]]
    assert missed == ids[20:60], "a parcel does not move the modified time; if it does now, the file's `blind` is wrong"
    folder = tmp_path / "landing" / "sweep"
    span = Window(begun, datetime.now(UTC))
    batch = extract_ids(channel, ids, source, folder, span=span, run_id="sweep", runtime=runtime, purpose="sweep")
    staged(channel, batch, store)
    assert staged_orders(store) == told(shop)
    stubs = list(source.identify(Window(begun - timedelta(minutes=1), datetime.now(UTC))))  # type: ignore[attr-defined] # the file says how
    assert sorted(stub.order_id for stub in stubs) == sorted(ids)


def staged_orders(store: Store) -> dict[str, tuple[str, int, Decimal]]:
    """The shop's state, units and total of every staged order, by its id."""
    with store.connection, store.connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.order_id, o.document -> 'raw_status' ->> 'order_status', sum(l.quantity)::int, o.grand_total
            FROM orderflow.orders AS o JOIN orderflow.order_lines AS l USING (channel, order_id)
            GROUP BY o.channel, o.order_id ORDER BY o.order_id::int
            """
        )
        return {order_id: (state, units, total.normalize()) for order_id, state, units, total in cursor.fetchall()}


def exact(channel: Channel) -> Channel:
    """The channel asking for its windows and nothing before: what modified time does not show stays unseen."""
    limits = replace(channel.adapter.limits, lookback=timedelta(0), settle=timedelta(0))
    return channel.model_copy(update={"adapter": replace(channel.adapter, limits=limits)})
