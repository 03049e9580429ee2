"""`orderflow explain` as a person uses it: a simulated shop and OMS over real HTTP, a real staging database."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg2
import pytest
from typer.testing import CliRunner

import good_orders
from orderflow.command import channels, explain, ports, staged  # noqa: F401 - importing registers the commands
from orderflow.command.app import app
from orderflow.command.flow import fetched, run_window
from orderflow.domain.window import Window
from orderflow.sandbox import server
from orderflow.sandbox.shop import Shop

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
SHOP = Shop(
    name="demo_woocommerce", platform="woocommerce", seed=5, start=START, ends=START + timedelta(hours=2), rate=150,
    pace=0.01, currency="TWD", defects=0.3, late_by=20,
)  # fmt: skip
PULLED = Window(START - timedelta(minutes=1), START + timedelta(hours=1))


@pytest.fixture
def pulled(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One hour of the shop pulled; the rest of it is on the channel only."""
    with server.serve(server.platforms_app([SHOP])) as shop, server.serve(server.oms_app()) as oms:

        def connection(name: str, kind: str, **parts: object) -> None:
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({"conn_type": kind, **parts}))

        connection("ORDERFLOW_DB", "postgres", extra={"dsn": dsn})
        connection("DEMO_OMS", "http", host=oms, password=server.OMS_TOKEN)
        connection("DEMO_WOOCOMMERCE", "http", host=f"{shop}/{SHOP.name}", login="ck_demo", password="cs_demo")
        monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "test:" + "A" * 43 + "=")
        monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
        run_window(ports.channel(SHOP.name), PULLED)
        yield dsn


def asked(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["explain", SHOP.name, *arguments], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_explain_answers_for_an_order_wherever_it_is(pulled: str):
    channel = ports.channel(SHOP.name)
    with psycopg2.connect(pulled) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT order_id FROM orderflow.receipts WHERE outcome = 'accepted'")
        delivered = [order_id for (order_id,) in cursor.fetchall()]
        cursor.execute("SELECT order_id, source, id FROM orderflow.quarantine WHERE order_id IS NOT NULL")
        waiting = {source: (order_id, number) for order_id, source, number in cursor.fetchall()}
        cursor.execute("SELECT order_id FROM orderflow.orders UNION SELECT subject FROM orderflow.quarantine")
        known = {order_id for (order_id,) in cursor.fetchall()}
    connection.close()
    later = Window(PULLED.end, START + timedelta(hours=4))
    records = [msgspec.json.decode(record) for record in fetched(channel, later, 500, None)]
    elsewhere = sorted(str(each["id"]) for each in records if str(each["id"]) not in known)

    code, told = asked(delivered[0])
    assert (code, "in the OMS: version 1 is in the OMS as OMS-" in told, "next: nothing" in told) == (0, True, True)
    order_id, number = waiting["validate"]
    code, told = asked(order_id)
    assert (code, f"quarantined: quarantine row #{number} is open" in told) == (0, True)
    assert f"orderflow quarantine show '#{number}'" in told
    code, told = asked(elsewhere[0])
    assert (code, "gap: no window of the ledger asked the channel for" in told) == (0, True)
    assert "next: let healing find it, or pull its hour" in told
    assert re.search(r"orderflow backfill demo_woocommerce \S+/\S+", told)
    code, told = asked(elsewhere[0], "--offline")
    assert (code, "not asked" in told) == (1, True)
    code, told = asked(f"{delivered[0]}9", "--json")
    answer = json.loads(told)
    assert (code, answer["verdict"]["standing"]) == (1, "unknown")
    assert delivered[0] in answer["similar"]


@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("2026-03-01T20:00:00Z", date(2026, 3, 2)),
        ("2026-03-01T20:00:00", date(2026, 3, 1)),
        ("2026-03-02T20:00:00Z", None),
        ("0000-00-00", None),
        ("9999-12-31T23:00:00+00:00", None),
    ],
)
def test_the_day_to_compare_is_the_one_of_the_channels_clock_and_only_when_it_is_over(created, day):
    shop = good_orders.channel()
    shop = shop.model_copy(update={"schedule": shop.schedule.model_copy(update={"timezone": "Asia/Taipei"})})
    assert explain._day(shop, created, datetime(2026, 3, 2, 16, tzinfo=UTC)) == day


def test_a_channel_that_cannot_be_asked_is_said_and_exits_with_1(pulled: str, monkeypatch: pytest.MonkeyPatch):
    wrong = {"conn_type": "http", "host": "http://127.0.0.1:9", "login": "ck_demo", "password": "cs_secret"}
    monkeypatch.setenv("AIRFLOW_CONN_DEMO_WOOCOMMERCE", json.dumps(wrong))
    monkeypatch.setattr("time.sleep", lambda _: None)
    code, told = asked("4711")
    assert (code, "not asked" in told, "cs_secret" in told) == (1, True, False)


def test_a_run_shows_what_it_judges_again_besides_its_window(pulled: str):
    with psycopg2.connect(pulled) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET state = 'released', replay_asked_at = now() WHERE source <> 'oms'"
        )
        assert cursor.rowcount > 0
    result = CliRunner().invoke(app, ["run", SHOP.name, "-w", str(PULLED)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.exception
    assert "collect" in result.output
    assert "0 pending" in result.output


def test_a_window_that_the_disk_does_not_take_is_failed_and_says_why(pulled: str, tmp_path: Path, monkeypatch):
    (tmp_path / "full").touch()
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "full"))
    with pytest.raises(NotADirectoryError):
        run_window(ports.channel(SHOP.name), Window(PULLED.end, PULLED.end + timedelta(hours=1)))
    with psycopg2.connect(pulled) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, error FROM orderflow.windows ORDER BY window_start DESC LIMIT 1")
        ((state, error),) = cursor.fetchall()
    assert (state, error.partition(":")[0]) == ("failed", "NotADirectoryError")


def test_an_id_that_no_address_can_hold_is_not_asked_for(pulled: str):
    code, told = asked("9" * 100_000)
    assert code == 1
    assert "an id of 100,000 characters" in " ".join(told.split())
    assert "next: check the id" in told


def test_an_empty_id_is_refused_with_what_to_write(pulled: str):
    done = CliRunner().invoke(app, ["explain", SHOP.name, "  "])
    assert "write its id, or the number" in str(done.exception)
