"""The benchmark measures what it says: the same work for everybody, judged by the truth. Nothing here is timed."""

import itertools
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.contestants import FLOW, LIMIT
from benchmarks.orders import build

from benchmarks import flow, measure, servers, sync
from orderflow.domain.window import Window

ORDERS = 500


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return build(tmp_path_factory.mktemp("shop"), ORDERS, 2)


@pytest.fixture(scope="module")
def url(shop):
    with servers.shop(shop, 0.0) as address:
        yield address


def windows(shop):
    return [Window.parse(f"{each.since}/{each.until}") for each in shop.lists]


def pull(shop, url, dsn, folder, window):
    for stage in flow.STAGES:
        batch = flow.run(stage, flow.channel(), window, url, dsn, folder)
    return batch.counts


def test_the_flow_leaves_the_truth_after_each_day_and_nothing_new_where_nothing_changed(shop, url, dsn, tmp_path):
    *first_day, second_day = windows(shop)
    assert sum(pull(shop, url, dsn, tmp_path, window).inserted for window in first_day) == ORDERS
    assert FLOW.truth(dsn) == shop.truths[0]
    again = pull(shop, url, dsn, tmp_path, first_day[0])
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, ORDERS // 2)
    assert pull(shop, url, dsn, tmp_path, second_day).updated == ORDERS // 5
    assert FLOW.truth(dsn) == shop.truths[1]


def test_everything_that_is_pending_is_delivered(shop, url, dsn, tmp_path, capsys, monkeypatch):
    pull(shop, url, dsn, tmp_path, windows(shop)[0])
    with servers.oms() as address:
        monkeypatch.setattr(sys, "argv", ["sync", address, dsn, "0.02"])
        sync.main()
    told = json.loads(capsys.readouterr().out)
    assert (told["orders"], told["ideal"]) == (ORDERS // 2, 20_000)
    assert 0 < told["limit"] <= told["ideal"]


def test_a_contestant_that_keeps_a_dropped_line_is_found_wrong(tmp_path, postgres, dsn):
    shop = build(tmp_path, ORDERS)
    server = psutil.Process(postgres.server.get_pid())
    with servers.shop(shop, 0.0) as url:
        for day, listing in enumerate(shop.lists):
            command = LIMIT.command(url, dsn, tmp_path, f"{listing.since}/{listing.until}")
            cost = measure.run(command, server)
            assert cost.cpu > 0
            assert cost.peak > 0
            assert LIMIT.truth(dsn) == shop.truths[day]
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO lines (order_id, id, quantity) SELECT order_id, -1, 1 FROM lines LIMIT 1")
    assert LIMIT.truth(dsn) != shop.truths[1]


def test_a_contestant_that_fails_is_told_with_what_it_said(postgres):
    server = psutil.Process(postgres.server.get_pid())
    with pytest.raises(measure.FailedError, match="exit 3: no such shop"):
        measure.run([sys.executable, "-c", "import sys; sys.stderr.write('no such shop'); sys.exit(3)"], server)


def test_the_cpu_of_a_server_whose_processes_come_and_go_never_falls():
    busy = "while time.process_time() < 0.05: pass"
    code = f"import os, time\nwhile True:\n if os.fork() == 0:\n  {busy}\n  os._exit(0)\n os.wait()"
    with subprocess.Popen([sys.executable, "-c", code]) as server:
        try:
            looks = [measure.cpu_of(psutil.Process(server.pid)) for _ in range(200)]
        finally:
            server.kill()
    assert all(then - now < 0.02 for then, now in itertools.pairwise(looks)), "but for a tick of the kernel's clock"
