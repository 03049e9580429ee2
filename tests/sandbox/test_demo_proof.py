"""The demo's proof is honest at any moment: what is on its way is not missing, and the figures add up."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from orderflow.command import ports
from orderflow.command.airflow import AirflowApi
from orderflow.command.flow import run_window
from orderflow.domain.errors import DeniedError
from orderflow.domain.window import Window
from orderflow.sandbox import server
from orderflow.sandbox.demo import run
from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.demo.proof import prove, reach
from orderflow.sandbox.demo.scene import Demo
from orderflow.sandbox.demo.story import Story
from orderflow.sandbox.shop import Shop
from orderflow.staging.migrate import migrate

CHANNEL = "demo_woocommerce"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
NOON, END = START + timedelta(hours=1), START + timedelta(hours=2)
SHOP = Shop(
    name=CHANNEL, platform="woocommerce", seed=7, start=START, ends=END - timedelta(minutes=1), rate=60, pace=0.01,
    currency="TWD", defects=0.15, defect_kinds=("country_blocked", "country_blocked", "country_blocked", "no_lines"),
)  # fmt: skip
MORNING, DAY = Window(START - timedelta(minutes=1), NOON), Window(START - timedelta(minutes=1), END)


def adds_up(proof) -> bool:
    """What a reader of the table does."""
    return (
        proof.orders == proof.coming + proof.staged + proof.quarantined - proof.refused
        and proof.staged == proof.delivered + proof.refused - proof.changes + proof.waiting
    )


def playing(dsn: str, home: Path, airflow: str) -> Demo:
    layout = Layout(home, 8097)
    layout.prepare()
    story, processes = Story(live_from=END), Processes(layout.logs, {})
    return Demo(layout, story, processes, AirflowApi(airflow, "admin", "admin"), None, dsn, END)


@pytest.fixture
def airflow():
    """An address that takes runs as Airflow does, and the DAGs that were asked for."""
    asked = []

    async def trigger(request):
        asked.append(request.path_params["dag"])
        return Response()

    routes = [Route("/api/v2/dags/{dag}/dagRuns", trigger, methods=["POST"])]
    with server.serve(Starlette(routes=routes)) as url:
        yield url, asked


def test_what_was_not_pulled_or_sent_yet_is_on_its_way_and_what_is_lost_is_missing(dsn, tmp_path, monkeypatch, airflow):
    with server.serve(server.platforms_app([SHOP])) as shop, server.serve(server.oms_app()) as oms:

        def connection(name: str, kind: str, **parts: object) -> None:
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({"conn_type": kind, **parts}))

        def proof(until: datetime):
            return prove(CHANNEL, dsn, shop, oms, live_from=END, until=until)

        monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
        monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "test:" + "A" * 43 + "=")
        connection("ORDERFLOW_DB", "postgres", extra={"dsn": dsn})
        connection("DEMO_WOOCOMMERCE", "http", host=f"{shop}/{CHANNEL}", login="ck_demo", password="cs_demo")
        connection("DEMO_OMS", "http", host=oms, password="not its token")
        channel = ports.channel(CHANNEL)
        with contextlib.closing(psycopg2.connect(dsn)) as staging:
            migrate(staging)

        nothing = proof(START)
        assert nothing.holds
        assert adds_up(nothing)
        assert nothing.coming == nothing.on_the_way == nothing.orders > 50

        with pytest.raises(DeniedError):  # staged, and not sent
            run_window(channel, MORNING)
        morning = proof(START)
        assert morning.holds
        assert adds_up(morning)
        assert morning.waiting > 5
        assert morning.coming > 5
        assert len(proof(END).missing) == morning.coming
        demo, reports = playing(dsn, tmp_path / "home", airflow[0]), airflow[1]
        assert not run._report(demo)

        connection("DEMO_OMS", "http", host=oms, password=server.OMS_TOKEN)
        run_window(channel, DAY)
        evening = proof(END)
        assert evening.holds
        assert adds_up(evening)
        assert evening.on_the_way == 0
        assert evening.refused > 0
        assert evening.delivered > 50
        assert reports == []
        assert run._report(demo)
        assert reports == ["quality", "reconcile"]

        with contextlib.closing(psycopg2.connect(dsn)) as staging, staging, staging.cursor() as cursor:
            cursor.execute("delete from orderflow.receipts where outcome = 'accepted' returning order_id")
            (lost,) = cursor.fetchone()
        assert f"{lost}: staged, but not in the OMS" in proof(END).missing


@pytest.fixture
def ledger(dsn):
    """Adds a window: minutes of its start and end, when its pull began, and whether it is loaded."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        migrate(connection)

        def add(start: int, end: int, began: int, *, loaded: bool = True) -> None:
            moments = [NOON + timedelta(minutes=each) for each in (start, end, began)]
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    """
                    insert into orderflow.windows
                        (channel, window_start, window_end, planned_at, state, loaded_at, run_id)
                    values ('demo_csv', %s, %s, %s, %s, case when %s then now() end, 'test')
                    on conflict (channel, window_start, window_end) do update
                        set state = excluded.state, loaded_at = excluded.loaded_at
                    """,
                    (*moments, "loaded" if loaded else "planned", loaded),
                )

        yield add


def reached(dsn) -> float:
    return (reach(dsn, "demo_csv", NOON) - NOON) / timedelta(minutes=1)


def test_only_what_lies_before_the_first_gap_is_judged(dsn, ledger):
    assert reached(dsn) == 0
    ledger(5, 6, 7)
    assert reached(dsn) == 0
    ledger(0, 2, 9)
    assert reached(dsn) == 2
    ledger(2, 5, 10)
    assert reached(dsn) == 6


def test_a_pull_under_way_may_hold_the_files_of_earlier_windows(dsn, ledger):
    ledger(0, 1, 2)
    ledger(8, 9, 10, loaded=False)
    ledger(1, 8, 11)
    assert reached(dsn) == 2
    ledger(8, 9, 10)
    assert reached(dsn) == 9


def test_a_pull_that_began_anew_in_parts_keeps_nothing_back(dsn, ledger):
    ledger(0, 4, 5, loaded=False)
    assert reached(dsn) == 0
    ledger(0, 2, 6)
    ledger(2, 4, 6)
    assert reached(dsn) == 4


def test_nothing_is_judged_before_the_history_is_in(dsn, ledger, tmp_path):
    assert run._proofs(playing(dsn, tmp_path, "http://127.0.0.1:9")) == []
