"""A shop of the sandbox with planted defects, pulled once through the real flow into PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from orderflow import adapters
from orderflow.domain.channel import Channel, Cleaning, Delivery, Schedule, Validation
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.extract import extract
from orderflow.pipeline.load import load
from orderflow.pipeline.validate import validate
from orderflow.sandbox import platforms, truth
from orderflow.sandbox.accounts import WAYS, account
from orderflow.sandbox.platforms.csv_drop import Dropper
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.vocabulary import GIFTS, PRODUCTS
from orderflow.sandbox.world import World, showable
from orderflow.staging.migrate import migrate
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

NOW = datetime.now(UTC).replace(microsecond=0)
HOURS = 40
BUYERS_PAY_IN = ("JPY", "KWD", "TWD", "SEK")
"""What buyers of a shop pay in, among them currencies of no and of three decimals; a marketplace has its one."""


@dataclass
class Pulled:
    """What the truth says of every order, and what became of it: its codes in quarantine, and its warnings."""

    truth: list[truth.Row]
    quarantined: dict[str, set[str]]
    warned: dict[str, set[str]]
    loaded: dict[str, dict[str, Any]]
    """The documents of the loaded orders."""


def csv_options() -> dict[str, Any]:
    """The columns that the demo's channel of files declares."""
    text = (Path(__file__).resolve().parents[2] / "include" / "channels" / "demo_csv.yml").read_text()
    source = yaml.safe_load(text)["source"]
    return {name: value for name, value in source.items() if name not in {"adapter", "connection"}} | {"settle": "0s"}


def pulled(platform: str, folder: Path, dsn: str, *, orders: int, **more: Any) -> Pulled:
    """About so many orders of a shop with defects, in one run: extract, clean, validate, load."""
    started, way = NOW - timedelta(hours=HOURS), WAYS.get(platform)
    currency = way and way.currency
    settings = {
        "rate": orders / HOURS, "pace": 0.2, "late": 0.0, "bursts": 0.02, "long": 0.0, "defects": 0.16,
        "currency": currency or "EUR", "currencies": () if currency else BUYERS_PAY_IN,
    } | more  # fmt: skip
    shop = Shop(name="planted", platform=platform, start=started, **settings)
    adapter = adapters.find(platform)
    options = adapter.options(**(way.options if way else csv_options()))
    channel = Channel(
        name="planted", title="Planted 壞單 🧨", owner="tests", adapter_name=platform, adapter=adapter, connection="c",
        options=options, schedule=Schedule(cron="0 * * * *", start=started.date(), settle="0s"),
        oms=Delivery(target="demo"), clean=Cleaning(sku="mapped"), validate=Validation(guards="warn"),
    )  # fmt: skip
    spelled = platforms.find(platform)
    world = World(shop, showable(spelled.unshown))
    with serve(platforms_app([shop], clock=_now)) as url:
        if way:
            reached = account(platform, "c", f"{url}/{shop.name}")
        else:
            reached = Account("c", str(folder / "drop"))
            dropper = Dropper(world, folder / "drop")
            for _ in range(2):  # the second time finishes what was left half-written
                dropper.drop(int(NOW.timestamp()))
        runtime = Runtime(clock=_now, sleep=lambda _: None)
        source = adapter.open(options, reached, runtime)
        window = Window(started, NOW + timedelta(seconds=1))
        batch = extract(channel, window, source, folder / "landing", run_id="r", runtime=runtime)
    skus = {product.sku: f"OMS-{product.sku}" for product in [*PRODUCTS, *GIFTS]}
    batch = validate(channel, clean(channel, batch, skus=skus))
    with closing(connect(dsn)) as connection:
        migrate(connection)
        load(channel, batch, Store(connection, Vault.parse(Secret("k1:" + "A" * 43 + "="))))
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT order_id, reasons FROM orderflow.quarantine WHERE state IN ('open', 'parked')")
            quarantined = {order_id: {reason["code"] for reason in reasons} for order_id, reasons in cursor.fetchall()}
            cursor.execute("SELECT order_id, document FROM orderflow.orders")
            loaded = dict(cursor.fetchall())
    warned: dict[str, set[str]] = {}
    for chunk in files.chunks(folder / "landing"):
        for row in files.read(folder / "landing", "verdicts", chunk).to_pylist():
            if row["severity"] == "warn":
                warned.setdefault(row["order_id"], set()).add(row["code"])
    return Pulled(truth.ledger(world, spelled, int(NOW.timestamp()) + 1), quarantined, warned, loaded)


def _now() -> datetime:
    return NOW
