"""What deadlines, failed runs and tasks tell reaches staging once, and everybody named; without staging it does too."""

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import psycopg2
import pytest

from orderflow.domain.window import Window
from orderflow.orchestration import notify, settings
from orderflow.orchestration.notify import Alert
from orderflow.staging import alerts, ledger
from orderflow.staging.migrate import migrate

WINDOW = Window(datetime(2026, 11, 22, 11, 45, tzinfo=UTC), datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
RUN = "scheduled__2026-11-22T12:00:00+00:00"
LATE = {  # what a deadline hands over (Airflow 3.3: dag_run as the REST API shows it)
    "dag_run": {
        "dag_id": "orders.shop_tw",
        "dag_run_id": RUN,
        "data_interval_start": "2026-11-22T11:45:00Z",
        "data_interval_end": "2026-11-22T12:00:00Z",
    },
    "deadline": {"id": "1", "deadline_time": "2026-11-22T12:25:00Z"},
}
FAILED = {  # what a failure callback of a DAG hands over
    "dag_run": SimpleNamespace(
        dag_id="orders.shop_tw",
        run_id=RUN,
        data_interval_start=WINDOW.start,
        data_interval_end=WINDOW.end,
    ),
    "run_id": RUN,
    "reason": "task_failure",
    "ti": SimpleNamespace(task_id="validate"),
}
NOT_DONE = "not done 25m after it was queued"


@pytest.fixture
def chat():
    """A web hook on this machine that keeps what it is sent; `chat.status` is what it answers."""
    chat = SimpleNamespace(got=[], status=200)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            told = json.loads(self.rfile.read(int(self.headers["content-length"])))
            chat.got.append((self.path, told["title"], told["message"]))
            self.send_response(chat.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    chat.url = f"json://127.0.0.1:{server.server_port}"
    yield chat
    server.shutdown()
    server.server_close()


@pytest.fixture
def staging(dsn, project, chat, monkeypatch):
    """A channel, two ways out, and a staging database."""
    project.add("shop_tw")
    monkeypatch.setattr(settings, "INCLUDE", project.include)
    config = [{"path": f"{chat.url}/ops", "tag": "ops-chat"}, {"path": f"{chat.url}/mail", "tag": ["mail", "all"]}]
    connect(monkeypatch, "ORDERFLOW_ALERTS", conn_type="apprise", extra={"config": config})
    connect(monkeypatch, "ORDERFLOW_DB", conn_type="postgres", extra={"dsn": dsn})
    connection = psycopg2.connect(dsn)
    migrate(connection)
    yield connection
    connection.close()


def connect(monkeypatch, name, **parts):
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))


def failed():
    return Alert(channel="shop_tw", what="failed")


def late():
    return Alert(channel="shop_tw", what=NOT_DONE)


def opened(staging):
    return [(each.kind, each.count) for each in alerts.listed(staging)]


def test_a_failed_run_is_told_once_with_what_the_ledger_knows(staging, chat):
    ledger.begin(staging, "shop_tw", WINDOW, RUN)
    ledger.failed(staging, "shop_tw", WINDOW, RUN, "DriftError: orders[3].total is gone; adapt the adapter")
    failed()(dict(FAILED))
    failed()(dict(FAILED))
    ((path, title, text),) = chat.got
    assert (path, title) == ("/ops", "[CRITICAL] shop_tw failed")
    assert text.splitlines()[:2] == [
        "[CRITICAL] failed: 旗艦店 🏬 shop_tw (shop_tw), owner: asia",
        "a run failed: DriftError: orders[3].total is gone; adapt the adapter",
    ]
    assert text.endswith("Runbook: docs/runbook.md#drifterror")
    assert opened(staging) == [("failed", 2)]
    (kept,) = alerts.listed(staging)
    assert kept.facts["run_id"] == RUN
    assert kept.facts["url"].endswith("/dags/orders.shop_tw/runs/scheduled__2026-11-22T12%3A00%3A00%2B00%3A00")
    assert kept.told_at is not None


def test_a_failed_run_of_which_the_ledger_knows_nothing_is_named(staging, chat):
    failed()(dict(FAILED))
    ((_, _, text),) = chat.got
    assert text.splitlines()[1].startswith(f"the run {RUN} failed: it left no word in the ledger: its process was")
    assert text.endswith("Runbook: docs/runbook.md#failed")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("DeniedError: status 401; renew the credentials", "access"),
        ("DriftError: shop_tw: TOO_MANY_REFUSED: 30 of 100 orders (30.0%) are refused", "refused"),
        ("DriftError: shop_tw: UNEXPECTEDLY_EMPTY: no orders", "silent"),
        ("TransientError: status 503", "failed"),
    ],
)
def test_the_error_says_of_which_kind_a_failure_is(staging, chat, error, kind):
    ledger.failed(staging, "shop_tw", WINDOW, RUN, error)
    failed()(dict(FAILED))
    assert [title for _, title, _ in chat.got] == [f"[CRITICAL] shop_tw {kind}"]


def test_a_late_run_is_told_asynchronously_with_what_a_deadline_knows(staging, chat):
    async def awaited():
        await Alert(channel="shop_tw", what=NOT_DONE, context=dict(LATE))

    asyncio.run(awaited())
    ((_, title, text),) = chat.got
    assert title == "[CRITICAL] shop_tw late"
    assert f"the run {RUN} (window 2026-11-22T11:45:00Z to 2026-11-22T12:00:00Z) is {NOT_DONE}" in text


def test_a_run_that_is_late_after_its_orders_are_staged_is_the_oms_behind(staging, chat):
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)"
            " VALUES ('shop_tw', %s, %s, 'loaded', 'r', now())",
            (WINDOW.start, WINDOW.end),
        )
    asyncio.run(late().async_notify(LATE))
    assert [title for _, title, _ in chat.got] == ["[CRITICAL] shop_tw backlog"]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"run_type": "scheduled", "conf": None}, 1),
        ({"run_type": "manual", "conf": {"window_start": None, "window_end": None}}, 1),
        ({"run_type": "backfill", "conf": {}}, 0),
        ({"run_type": "scheduled", "conf": {}, "state": "failed"}, 0),
        ({"run_type": "scheduled", "conf": {}, "state": "running"}, 1),
        ({"run_type": "manual", "conf": {"window_start": "a", "window_end": "b"}}, 0),
    ],
)
def test_a_run_that_catches_up_or_failed_before_may_be_late(staging, chat, run, told):
    asyncio.run(late().async_notify({**LATE, "dag_run": {**LATE["dag_run"], **run}}))
    assert len(chat.got) == told


def test_a_way_out_that_answers_nothing_fails_nobody_and_stands_in_the_table(staging, chat, caplog):
    chat.status = 500
    failed().notify(FAILED)
    asyncio.run(late().async_notify(LATE))
    assert "message not sent to=ops-chat" in caplog.text
    (kept,) = alerts.listed(staging)
    ((says, route, _, attempts, sent, error),) = alerts.messages_of(staging, kept.id)
    assert (says, route, attempts, sent) == ("raised", "ops-chat", 1, None)
    assert error.startswith("JSON at 127.0.0.1: Failed to send JSON POST notification")


def test_without_the_connection_of_ways_out_an_alert_stays_in_the_table(staging, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_ORDERFLOW_ALERTS")
    failed().notify(FAILED)
    (kept,) = alerts.listed(staging)
    ((*_, error),) = alerts.messages_of(staging, kept.id)
    assert error.startswith("the Airflow connection 'orderflow_alerts' does not exist; add it")


def test_without_staging_everybody_is_told_all_the_same(staging, chat, monkeypatch, caplog):
    connect(monkeypatch, "ORDERFLOW_DB", conn_type="postgres", host="127.0.0.1", port=1, login="o", password="hush")
    failed().notify(FAILED)
    asyncio.run(late().async_notify(LATE))
    assert [(path, title) for path, title, _ in chat.got] == [
        ("/ops", "[CRITICAL] shop_tw failed"),
        ("/ops", "[CRITICAL] shop_tw late"),
    ]
    assert "alert without memory channel=shop_tw: the staging database does not answer" in caplog.text
    assert "hush" not in caplog.text


def test_a_staging_database_without_its_schema_keeps_no_alert_from_going_out(
    postgres, project, chat, staging, monkeypatch
):
    connect(monkeypatch, "ORDERFLOW_DB", conn_type="postgres", extra={"dsn": postgres.create("without_schema")})
    failed().notify(FAILED)
    assert [title for _, title, _ in chat.got] == ["[CRITICAL] shop_tw failed"]


def test_routes_that_cannot_be_read_keep_no_alert_from_going_out(staging, chat, project, caplog):
    (project.include / "alerts.yml").write_text(
        "repet: 4h\nquiet: {start: 22, until: '07:00', timezone: Asia/Taipei}\n"
    )
    failed().notify(FAILED)
    assert len(chat.got) == 1
    assert "alerts.yml:1  repet  unknown key 'repet'; did you mean 'repeat'?" in caplog.text


def test_a_channel_whose_file_is_gone_is_logged(staging, chat, project, caplog):
    (project.include / "channels" / "shop_tw.yml").unlink()
    with caplog.at_level(logging.ERROR):
        failed().notify(FAILED)
    assert "its channel file cannot be read" in caplog.text
    assert chat.got == []


def test_a_task_tells_within_its_own_run(staging, chat):
    from airflow.sdk.execution_time.context import set_current_context

    channel = notify.Deployment.read().channels["shop_tw"]
    with set_current_context(dict(FAILED)):
        notify.tell(channel, "held", "held: TOO_FEW_ORDERS: 3 orders")
    assert opened(staging) == [("held", 1)]
    assert chat.got == [], "a warning waits for the others of its group"


def test_a_deadline_may_hold_the_notifier():
    from airflow.sdk.definitions.callback import AsyncCallback

    assert AsyncCallback(Alert, {"channel": "a"}).path == "orderflow.orchestration.notify.Alert"
