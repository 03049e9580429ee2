"""`orderflow reconcile` as its user runs it, with connections in the environment."""

import csv
import json
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from typer.testing import CliRunner

from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.sandbox import server
from orderflow.sandbox.shop import Shop

NOW = datetime.now(UTC).replace(microsecond=0)
CHANNEL = "demo_woocommerce"
SHOP = Shop(
    name=CHANNEL, platform="woocommerce", seed=5, start=NOW - timedelta(days=3), ends=NOW - timedelta(minutes=30),
    rate=1.0, bursts=0, pace=0.01, currency="TWD",  # no pause behind a burst: every day has orders
)  # fmt: skip
DAY = NOW.date() - timedelta(days=1)


@pytest.fixture(scope="module")
def environ(tmp_path_factory, postgres):
    folder = tmp_path_factory.mktemp("command")

    def connection(kind, **parts):
        return json.dumps({"conn_type": kind, **parts})

    with (
        server.serve(server.platforms_app([SHOP])) as shop,
        server.serve(server.oms_app(path=folder / "oms.sqlite")) as oms,
    ):
        yield {
            "ORDERFLOW_LANDING": str(folder / "landing"),
            "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": "test:" + "A" * 43 + "=",
            "AIRFLOW_CONN_ORDERFLOW_DB": connection("postgres", extra={"dsn": postgres.create("reconcile_command")}),
            "AIRFLOW_CONN_DEMO_OMS": connection("http", host=oms, password=server.OMS_TOKEN),
            "AIRFLOW_CONN_DEMO_WOOCOMMERCE": connection(
                "http", host=f"{shop}/{CHANNEL}", login="ck_demo", password="cs_demo"
            ),
        }


def run(environ, *arguments):
    """The command in this process; an error of ours goes through to the test."""
    import orderflow.command.channels
    import orderflow.command.reconcile  # noqa: F401 - importing these registers their commands

    return CliRunner().invoke(app, [*map(str, arguments)], env=environ)


def ask(environ, sql, *values):
    dsn = json.loads(environ["AIRFLOW_CONN_ORDERFLOW_DB"])["extra"]["dsn"]
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def test_a_person_reconciles_a_day_reads_the_page_and_checks_the_chain(environ, tmp_path):
    window = f"{(NOW - timedelta(days=4)).isoformat()}/{NOW.isoformat()}"
    pulled = run(environ, "run", CHANNEL, "--window", window)
    assert pulled.exit_code == 0, pulled.output
    (removed,) = ask(
        environ,
        "DELETE FROM orderflow.orders WHERE order_id = (SELECT min(order_id) FROM orderflow.orders "
        "WHERE (channel_created_at AT TIME ZONE 'UTC')::date = %s) RETURNING order_id",
        DAY,
    )[0]

    dry = run(environ, "reconcile", CHANNEL, "--day", DAY, "--dry-run")
    assert dry.exit_code == 1, dry.output
    assert f"{removed}  missed" in dry.stdout
    assert "dry run" in dry.stdout

    page, table = tmp_path / "page-{day}.html", tmp_path / "differences.csv"
    done = run(environ, "reconcile", CHANNEL, "--day", DAY, "--page", page, "--csv", table)
    assert done.exit_code == 0, done.output
    assert "1 repaired" in done.stdout
    assert removed in (tmp_path / f"page-{DAY}.html").read_text()
    assert [row["order_id"] for row in csv.DictReader(table.open(encoding="utf-8-sig"))] == [removed]

    shown = run(environ, "reconcile", CHANNEL, "--day", DAY, "--show", "--json")
    told = json.loads(shown.stdout)
    assert (shown.exit_code, told["certificate"]["repaired"]) == (0, 1)
    assert [(row["order_id"], row["cause"]) for row in told["differences"]] == [(removed, "missed")]

    verified = run(environ, "reconcile", CHANNEL, "--verify")
    assert verified.exit_code == 0
    assert told["sha256"] in verified.stdout.replace("\n", "")
    ask(
        environ,
        "ALTER TABLE orderflow.certificates DISABLE TRIGGER ALL; UPDATE orderflow.certificates SET unexplained = 3",
    )
    broken = run(environ, "reconcile", CHANNEL, "--verify")
    assert broken.exit_code == 1
    assert "something else than its content" in broken.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--day", "yesterday"], "2026-03-01"),
        (["--day", "2019-01-01"], "before the channel's start"),
        (["--day", "2026-03-01", "--from", "2026-03-01"], "one or the other"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "swap"),
        (["--from", "2026-03-01", "--to", "2026-03-02", "--page", "one.html"], "{day}"),
        (["--day", "2199-01-01"], "has not begun"),
        (["--day", "2001-01-01", "--show"], "no certificate"),
    ],
)
def test_a_wrong_question_is_answered_with_its_cure(environ, arguments, said):
    answer = run(environ, "reconcile", CHANNEL, *arguments)
    assert isinstance(answer.exception, ConfigError), answer.output
    assert said in str(answer.exception)
