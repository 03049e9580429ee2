"""Files that a shop drops: all that is true stands in them, and they are complete when their manifest says so."""

import csv
import hashlib
import io
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from orderflow.sandbox.generator import moment
from orderflow.sandbox.platforms.csv_drop import PLATFORM, Dropper, drops, order_id
from orderflow.sandbox.server import platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.truth import compare, ledger
from orderflow.sandbox.world import World, showable

START = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = showable(PLATFORM.unshown)


def shop(**more):
    settings = {"rate": 60, "pace": 0.02, "edits": 0.4, "refunds": 0.4, "late": 0.2, "start": START} | more
    return Shop(name="demo_csv", platform="csv_drop", **settings)


def at(hours):
    return moment(START + timedelta(hours=hours))


def rows(data, form="csv"):
    text = data.decode()
    if form == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter={"csv": ",", "tsv": "\t"}[form]))


def complete(folder):
    """The files that have a manifest, each checked against it."""
    found = {}
    for path in sorted(folder.glob("*.manifest.json")):
        manifest = json.loads(path.read_bytes())
        data = (folder / manifest["file"]).read_bytes()
        assert len(data) == manifest["bytes"]
        assert hashlib.sha256(data).hexdigest() == manifest["sha256"]
        found[manifest["file"]] = rows(data)
        assert len(found[manifest["file"]]) == manifest["rows"]
        assert len({row["order_id"] for row in found[manifest["file"]]}) == manifest["orders"]
    return found


def test_the_newest_rows_of_all_files_are_the_truth_and_they_add_up(tmp_path):
    world = World(shop(), KINDS)
    dropper = Dropper(world, tmp_path / "drop")
    for quarter in range(1, 41):
        dropper.drop(at(quarter / 4))
    newest = {}
    for file in complete(tmp_path / "drop").values():
        by_order = {}
        for row in file:
            by_order.setdefault(row["order_id"], []).append(row)
        newest |= by_order
    rest = at(10) + 1
    truth = {row.order_id: row for row in ledger(world, PLATFORM, rest)}
    settled = {name for name, row in truth.items() if row.visible_from <= "2026-03-01T09:45:00Z"}
    assert len(settled) > 400
    assert not compare([truth[name] for name in settled], [name for name in newest if name in settled])
    for name in settled:
        row, lines = truth[name], newest[name]
        assert lines[0]["modified_at"] == row.modified_at
        assert row.totals[lines[0]["currency"]] == lines[0]["grand_total"]
        assert len(lines) == row.lines

        def amount(column, head=lines[0]):
            return Decimal(head[column])

        total = sum(Decimal(line["line_total"]) for line in lines)
        total += amount("shipping") - amount("shipping_discount") + amount("tip")
        total += 0 if lines[0]["taxes_included"] == "true" else amount("tax_total")
        assert total == amount("grand_total")
        for line in lines:
            each = Decimal(line["quantity"]) * Decimal(line["unit_price"]) - Decimal(line["line_discount"])
            assert each == Decimal(line["line_total"])


def test_some_files_are_seen_half_written_first_and_some_come_again(tmp_path):
    world = World(shop(options={"half_written": 0.5, "again": 0.5}), KINDS)
    dropper = Dropper(world, tmp_path / "drop")
    halves = again = 0
    for hour in range(1, 13):
        for name in dropper.drop(at(hour)):
            path = tmp_path / "drop" / name
            if not path.with_name(f"{name}.manifest.json").exists():
                halves += 1
        again += len(list((tmp_path / "drop").glob(f"*{hour:02d}0000Z-*-again.csv")))
    assert halves >= 3
    assert again >= 3
    dropper.drop(at(12))
    files = complete(tmp_path / "drop")
    assert len(files) == len(list((tmp_path / "drop").glob("*.csv")))
    for name, found in files.items():
        if "again" in name:
            assert files[name.replace("-again", "")] == found


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_every_format_says_the_same(form):
    plain = {"half_written": 0, "again": 0}
    (one,) = drops(World(shop(options=plain | {"format": form}), KINDS), at(0), at(2))
    (other,) = drops(World(shop(options=plain), KINDS), at(0), at(2))
    assert one.name.endswith(form)
    if form != "jsonl":
        assert rows(one.data, form) == rows(other.data)
        return
    flat = [
        {k: v for k, v in order.items() if k != "lines"} | line
        for order in rows(one.data, form)
        for line in order["lines"]
    ]
    assert flat == rows(other.data)


def test_long_files_are_cut_and_a_broken_order_stays_whole():
    world = World(
        shop(defects=1, defect_kinds=("no_lines", "control_characters"), options={"rows_per_file": 10}), KINDS
    )
    files = [each for each in drops(world, at(0), at(1)) if "again" not in each.name]
    assert [each.name[-7:] for each in files[:2]] == ["000.csv", "001.csv"]
    everything = [row for each in files for row in rows(each.data)]
    assert any(row["order_id"] and not row["line_id"] for row in everything)
    assert any("\x07" in row["title"] for row in everything)
    assert len({row["order_id"] for row in everything}) == len(world.listed(at(1)).created())


def test_a_restart_goes_on_where_the_files_end(tmp_path):
    calm = shop(options={"half_written": 0, "again": 0})
    Dropper(World(calm, KINDS), tmp_path / "drop").drop(at(1))
    second = Dropper(World(calm, KINDS), tmp_path / "drop").drop(at(2))
    (manifest,) = (tmp_path / "drop").glob(f"{second[0]}.manifest.json")
    assert json.loads(manifest.read_bytes())["from"] == "2026-03-01T01:00:00Z"
    assert Dropper(World(calm, KINDS), tmp_path / "drop").drop(at(2)) == []


def test_a_shop_that_opens_again_after_its_end_leaves_nothing_out_of_its_files(tmp_path):
    settings = {"bursts": 0.2, "late": 0.5, "late_by": 600, "options": {"half_written": 0, "again": 0}}
    ended = World(shop(ends=START + timedelta(hours=2), **settings), KINDS)
    dropper = Dropper(ended, tmp_path / "drop")
    for quarter in range(1, 21):
        dropper.drop(at(quarter / 4))
    opened = World(shop(**settings), KINDS)
    Dropper(opened, tmp_path / "drop").drop(at(6))
    newest = {row["order_id"]: row["modified_at"] for file in complete(tmp_path / "drop").values() for row in file}
    shown = {order_id(version.order.index): version for version in opened.listed(at(6)).modified()}
    assert len(shown) > 200
    assert newest == {name: opened.snapshot(version).modified_at for name, version in shown.items()}


def test_the_server_drops_while_it_runs(tmp_path):
    now = START + timedelta(hours=3)
    with serve(platforms_app([shop()], clock=lambda: now, drop=tmp_path / "drop", drop_every=0.02)):
        for _ in range(500):
            if list((tmp_path / "drop").glob("*.manifest.json")):
                break
            time.sleep(0.02)
    assert complete(tmp_path / "drop")
