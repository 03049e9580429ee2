"""A handful of random schedules of faults, and that the judge sees what is wrong."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psycopg2
import pytest

from orderflow.sandbox.chaos import judge, play, table
from orderflow.sandbox.chaos.schedule import PLATFORMS, Schedule, draw
from orderflow.sandbox.chaos.stage import Stage
from orderflow.sandbox.postgres import start

INCLUDE = Path(__file__).resolve().parents[2] / "include"
SEEDS = [next(seed for seed in count() if draw(seed).shop.platform == platform) for platform in PLATFORMS]
"""One for each platform."""


def test_a_handful_of_schedules_loses_doubles_and_confuses_nothing():
    totals = table.play(SEEDS, workers=2)
    assert totals.failed == {}
    assert (totals.lost, totals.twice, totals.unexplained) == (0, 0, 0)
    assert totals.schedules == len(SEEDS)
    assert set(totals.platforms) == set(PLATFORMS)
    assert totals.delivered > 60
    assert sum(totals.fired.values()) > 5


def test_a_seed_always_draws_the_same_schedule():
    command = "import msgspec, orderflow.sandbox.chaos.schedule as s; print(msgspec.json.encode(s.draw(17)).decode())"
    environ = {**os.environ, "PYTHONPATH": str(INCLUDE), "PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run([sys.executable, "-c", command], env=environ, capture_output=True, text=True, check=True)
    assert json.loads(elsewhere.stdout) == json.loads(msgspec.json.encode(draw(17)))
    assert draw(17) != draw(18)


def test_schedules_hold_every_kind_of_fault():
    drawn = [draw(seed) for seed in range(600)]
    kinds = {rule.kind for each in drawn for rule in [*each.faults, *each.oms_faults]}
    kinds |= {act.action for each in drawn for act in each.acts}
    assert kinds >= {
        "429", "throttled", "500", "timeout-before", "timeout-after", "torn", "html", "duplicated-page", "shifted-page",
        "late", "skew", "expired-token", "kill", "database-restart", "second-run", "oms-kill", "drop-after",
    }  # fmt: skip
    assert any(each.disks for each in drawn)
    assert any(each.oms_dies for each in drawn)
    assert any(not each.idempotent for each in drawn)


@pytest.fixture(scope="module")
def calm() -> Iterator[tuple[Stage, Schedule]]:
    """A stage, and a schedule in which nothing goes wrong."""
    with TemporaryDirectory(prefix="orderflow-chaos-", ignore_cleanup_errors=True) as folder:
        playing = Stage(start(Path(folder) / "postgres", durable=False), Path(folder))
        yield (
            playing,
            msgspec.structs.replace(
                draw(8),
                acts=[],
                disks=[],
                faults=[],
                oms_faults=[],
                oms_dies=None,
                idempotent=True,
                chunk=2000,
                batch=10,
            ),
        )
        playing.close()
        playing.postgres.stop()


def test_the_judge_finds_nothing_where_nothing_is_wrong(calm: tuple[Stage, Schedule]):
    playing, quiet = calm
    verdict = playing.play(quiet).verdict
    assert (verdict.lost, verdict.twice, verdict.unexplained) == ([], [], [])
    assert verdict.delivered > 7


def test_the_judge_sees_whatever_somebody_did(calm: tuple[Stage, Schedule], monkeypatch: pytest.MonkeyPatch):
    playing, quiet = calm
    ask = play.Play._ask_judge
    ids: list[str] = []

    def sabotage(played: play.Play, end: datetime) -> judge.Verdict:
        with closing(sqlite3.connect(played.site.folder / "oms.sqlite")) as oms, oms:
            ids.extend(order_id for (order_id,) in oms.execute("select order_id from orders order by 1"))
            oms.execute("delete from orders where order_id = ?", (ids[0],))
            changed = 'replace(document, \'"quantity":"\', \'"quantity":"9\')'
            oms.execute(f"update orders set document = {changed} where order_id = ?", (ids[1],))
            copied = "key, channel, order_id, version, kind, at"
            oms.execute(
                f"insert into effects ({copied}) select {copied} from effects where order_id = ? limit 1", (ids[2],)
            )
            oms.execute("update orders set order_id = 'nobody' where order_id = ?", (ids[3],))
        with closing(psycopg2.connect(played.site.dsn)) as staging, staging, staging.cursor() as cursor:
            cursor.execute("delete from orderflow.orders where order_id = %s", (ids[4],))
            cursor.execute("update orderflow.orders set content_hash = '\\x00' where order_id = %s", (ids[5],))
            cursor.execute("delete from orderflow.windows")
        return ask(played, end)

    monkeypatch.setattr(play.Play, "_ask_judge", sabotage)
    verdict = playing.play(quiet).verdict
    assert f"{ids[0]}: staged, but not in the OMS" in verdict.lost
    assert any(each.startswith(f"{ids[1]}: the OMS holds") and "'lines'" in each for each in verdict.lost)
    assert f"{ids[2]}: 2 effects of one key" in verdict.twice
    assert "nobody: in the OMS, but not on the channel" in verdict.unexplained
    assert f"{ids[4]}: neither staged nor in quarantine" in verdict.lost
    assert any(each.startswith(f"{ids[5]}: its last change is not staged") for each in verdict.lost)
    assert any(each.startswith("the ledger does not prove") for each in verdict.unexplained)
