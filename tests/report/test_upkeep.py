"""What goes after its days, and what stays because somebody waits for it."""

import os
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec.structs import replace

from good_orders import channel, land, order
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.expiry import Expired, Keep, upkeep
from orderflow.pipeline.load import load
from orderflow.pipeline.validate import validate
from orderflow.staging import erasure
from orderflow.staging import upkeep as rows

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def aged(folder, days):
    for path in [*folder.rglob("*")] if folder.is_dir() else [folder]:
        when = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (when, when))


def run(store, tmp_path, *, dry_run, **days):
    return upkeep(
        Keep(**days),
        landing=tmp_path / "landing",
        reports=tmp_path / "reports",
        rows=lambda kind, age: rows.expire(store.connection, kind, days=age, now=NOW, dry_run=dry_run),
        forget=partial(erasure.again, store.connection, dry_run=dry_run),
        needed=rows.needed_landings(store.connection),
        now=NOW,
        dry_run=dry_run,
    )


def test_old_raw_folders_go_unless_an_order_of_theirs_waits(tmp_path, store, ask):
    shop, made = channel(), {}
    for name, orders in {
        "good": [order(1)],
        "waiting": [order(2), replace(order(3), currency=None)],
        "decided": [replace(order(4), currency=None)],
        "young": [order(5)],
    }.items():
        folder = made[name] = tmp_path / "landing" / "shop_tw" / f"w-{name}" / "run"
        folder.mkdir(parents=True)
        load(shop, validate(shop, clean(shop, land(folder, orders))), store)
        aged(folder, 5 if name == "young" else 100)
    ask("UPDATE orderflow.quarantine SET state = 'discarded', last_seen_at = '2026-01-01' WHERE order_id = 'A4'")
    aged_report, report = tmp_path / "reports" / "2026-01-01", tmp_path / "reports" / "2026-05-31"
    for each in (aged_report, report):
        (each / "data").mkdir(parents=True)
        (each / "index.html").write_text("<p>")
    aged(aged_report, 100)

    counted = run(store, tmp_path, dry_run=True)
    assert (counted["raw landing folders"].count, counted["raw landing folders"].kept) == (2, 1)
    assert counted["raw landing folders"].bytes > 0
    assert counted["raw records of decided orders"] == Expired(1)
    assert counted["reports"].count == 1
    assert all(folder.exists() for folder in made.values()), "a dry run removes nothing"

    gone = run(store, tmp_path, dry_run=False)
    assert {kind: each.count for kind, each in gone.items()} == {kind: each.count for kind, each in counted.items()}
    assert {name for name, folder in made.items() if folder.exists()} == {"waiting", "young"}
    assert not made["good"].parent.exists(), "an empty window folder goes too"
    assert (aged_report.exists(), report.exists()) == (False, True)
    assert ask("SELECT order_id FROM orderflow.quarantine WHERE sealed_raw IS NOT NULL") == [("A3",)]
    assert all(each.count == 0 for each in run(store, tmp_path, dry_run=False).values())


def test_a_forgotten_buyer_whom_a_backup_brought_back_goes_again(tmp_path, store, ask):
    """Also where nothing is loaded any more, so that nothing finds out that staging went back."""
    folder, shop = tmp_path / "landing" / "shop_tw" / "w" / "run", channel()
    folder.mkdir(parents=True)
    load(shop, validate(shop, clean(shop, land(folder, [order(1), order(2)]))), store)
    landing.forget(tmp_path / "landing" / "shop_tw", ["A1", "A9"])
    found = [run(store, tmp_path, dry_run=dry_run)["forgotten buyers"].count for dry_run in (True, False, False)]
    assert found == [1, 1, 0]
    assert ask("SELECT order_id, erased_at IS NOT NULL, sealed IS NULL FROM orderflow.order_contacts ORDER BY 1") == [
        ("A1", True, True),
        ("A2", False, False),
        ("A9", True, True),
    ]


def test_rows_go_by_their_age_in_small_transactions(store, ask, monkeypatch):
    monkeypatch.setattr(rows, "_BATCH", 2)
    ask(
        "INSERT INTO orderflow.expectation_runs (channel, day, run_id, asked_by, started_at, seconds, orders, lines, "
        "partial, engine, expected, failed) SELECT 'shop', '2026-01-01', n::text, 'schedule', "
        "'2026-06-01'::timestamptz - n * interval '50 days', 1, 0, 0, false, 'x', 0, 0 FROM generate_series(1, 8) AS n"
    )
    ask(
        'INSERT INTO orderflow.expectation_results (expectation_run, position, name, kind, "table", origin, meaning, '
        "success, evaluated, unexpected) SELECT id, 1, 'a', 'filled', 'orders', 'contract', 'x', true, 0, 0 "
        "FROM orderflow.expectation_runs"
    )
    assert rows.expire(store.connection, "expectation runs", days=180, now=NOW, dry_run=True) == 5
    assert rows.expire(store.connection, "expectation runs", days=180, now=NOW, dry_run=False) == 5
    assert ask("SELECT count(*) FROM orderflow.expectation_results") == [(3,)]


def test_a_landing_zone_that_is_not_there_is_no_fault(tmp_path, store):
    assert all(each == Expired() for each in run(store, tmp_path, dry_run=False).values())
