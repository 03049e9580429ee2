"""Our full flow, or one stage of it, as a process of its own.

    python -m benchmarks.flow URL DSN FOLDER since/until [--stage extract|clean|validate|load] [--at-once 1]

Prints one JSON line: the stages' CPU seconds in this process, after its imports, and the batch's counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orderflow import adapters
from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

if TYPE_CHECKING:
    from orderflow.staging.store import Store

STAGES = ("extract", "clean", "validate", "load")


SHOPS = ("woocommerce", "shopify")


def channel(at_once: int = 1, *, shop: str = "woocommerce", batch: int = 100, concurrency: int = 4) -> Channel:
    adapter = adapters.find(shop)
    options = {"bulk_from": None} if shop == "shopify" else {"at_once": at_once, "timezone": "UTC", "auth": "basic"}
    return Channel(
        name="bench", title="Bench", owner="bench", adapter_name=shop, adapter=adapter, connection="bench",
        options=adapter.options(**options),
        schedule=Schedule(cron="0 0 * * *", start=date(2026, 1, 1)),
        oms=Delivery(target="demo", batch=batch, concurrency=concurrency),
    )  # fmt: skip


def extracted(shop: Channel, window: Window, url: str, folder: Path) -> Batch:
    from orderflow.pipeline.extract import extract

    runtime = Runtime(clock=lambda: datetime.now(UTC), sleep=time.sleep)
    login = None if shop.adapter_name == "shopify" else "ck"
    account = Account("bench", url, login=login, password=Secret("cs"))
    source = shop.adapter.open(shop.options, account, runtime)
    return extract(shop, window, source, folder, run_id="bench", runtime=runtime)


@contextmanager
def staging(dsn: str) -> Iterator[Store]:
    from orderflow.staging.migrate import migrate
    from orderflow.staging.store import Store, connect
    from orderflow.staging.vault import Vault

    with closing(connect(dsn)) as connection:
        migrate(connection)
        yield Store(connection, Vault({"bench": bytes(32)}))


def run(stage: str, shop: Channel, window: Window, url: str, dsn: str, folder: Path) -> Batch:
    """One stage; the batch travels in a file, as it does between Airflow's tasks."""
    receipt = folder / "batch.json"
    if stage == "extract":
        batch = extracted(shop, window, url, folder)
    else:
        batch = Batch.from_json(json.loads(receipt.read_text()))
        if stage == "clean":
            from orderflow.pipeline.clean import clean

            with staging(dsn) as store:
                batch = clean(shop, batch, known=store.known)
        elif stage == "validate":
            from orderflow.pipeline.validate import validate

            batch = validate(shop, batch)
        else:
            from orderflow.pipeline.load import load

            with staging(dsn) as store:
                batch = load(shop, batch, store)
    receipt.write_text(json.dumps(batch.to_json()))
    return batch


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "dsn", "folder"):
        arguments.add_argument(name)
    arguments.add_argument("windows", nargs="+")
    arguments.add_argument("--stage", choices=STAGES)
    arguments.add_argument("--at-once", type=int, default=1, help="on loopback there is nothing to wait for")
    arguments.add_argument("--shop", choices=SHOPS, default="woocommerce")
    given = arguments.parse_args()
    shop = channel(given.at_once, shop=given.shop)
    seconds: dict[str, float] = {}
    inserted = updated = unchanged = quarantined = 0
    for window in map(Window.parse, given.windows):
        folder = Path(given.folder) / window.name
        folder.mkdir(parents=True, exist_ok=True)
        for stage in [given.stage] if given.stage else STAGES:
            before = time.process_time()
            batch = run(stage, shop, window, given.url, given.dsn, folder)
            seconds[stage] = seconds.get(stage, 0.0) + time.process_time() - before
        inserted += batch.counts.inserted
        updated += batch.counts.updated
        unchanged += batch.counts.unchanged
        quarantined += batch.counts.quarantined + batch.counts.unreadable
    counts = {"inserted": inserted, "updated": updated, "unchanged": unchanged, "quarantined": quarantined}
    json.dump({"seconds": seconds, **counts}, sys.stdout)


if __name__ == "__main__":
    main()
