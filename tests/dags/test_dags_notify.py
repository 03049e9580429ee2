"""Alerts reach the log always and every recipient that the channel names, from the DAG processor and the triggerer."""

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from orderflow.domain.errors import ConfigError, TransientError
from orderflow.orchestration.notify import Alert

NOW = datetime(2026, 11, 22, 12, 25, tzinfo=UTC)
LATE = {  # what a deadline hands over (Airflow 3.3: dag_run as the REST API shows it)
    "dag_run": {
        "dag_id": "orders.shopee_tw",
        "dag_run_id": "scheduled__2026-11-22T12:00:00+00:00",
        "data_interval_start": "2026-11-22T11:45:00Z",
        "data_interval_end": "2026-11-22T12:00:00Z",
    },
    "deadline": {"id": "1", "deadline_time": "2026-11-22T12:25:00Z"},
}
FAILED = {  # what a failure callback of a DAG hands over
    "dag_run": SimpleNamespace(
        run_id="manual__2026-11-22T12:07:00+00:00",
        data_interval_start="2026-11-22 11:45:00+00:00",
        data_interval_end="2026-11-22 12:00:00+00:00",
    ),
    "run_id": "manual__2026-11-22T12:07:00+00:00",
    "reason": "task_failure",
    "ti": SimpleNamespace(task_id="validate"),
}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The folder in which alerts are kept."""
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    return tmp_path / "alerts"


@pytest.fixture
def chat():
    """A web hook on this machine that keeps what it is sent; `chat.status` is what it answers."""
    chat = SimpleNamespace(got=[], status=200)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            chat.got.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(chat.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chat.url = f"json://127.0.0.1:{server.server_port}"
    yield chat
    server.shutdown()
    server.server_close()


@pytest.fixture
def recipients(chat, monkeypatch):
    """The connection `orderflow_alerts` with two tags."""
    config = [{"path": f"{chat.url}/ops", "tag": "ops-chat"}, {"path": f"{chat.url}/mail", "tag": ["mail", "all"]}]
    text = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_ALERTS", text)


def alert(*alerts, what="failed"):
    return Alert(channel="shopee_tw", title="旗艦店 🏬", owner="asia", what=what, alerts=alerts)


def test_a_failed_run_is_told_to_everybody_named(recipients, chat):
    alert("ops-chat", "mail")(dict(FAILED))
    assert sorted(path for path, _ in chat.got) == ["/mail", "/ops"]
    _, told = chat.got[0]
    assert told["title"] == "orders.shopee_tw failed"
    assert told["message"].splitlines()[:5] == [
        "旗艦店 🏬 (shopee_tw), owner: asia",
        "What: failed",
        "Run: manual__2026-11-22T12:07:00+00:00",
        "Window: 2026-11-22 11:45:00+00:00 to 2026-11-22 12:00:00+00:00",
        "Task: validate",
    ]
    assert told["message"].endswith("/dags/orders.shopee_tw/runs/manual__2026-11-22T12%3A07%3A00%2B00%3A00")


def test_a_late_run_is_told_asynchronously_with_what_a_deadline_knows(recipients, chat):
    late = Alert(
        channel="shopee_tw",
        title="旗艦店 🏬",
        owner="asia",
        what="not done 25m after it was queued",
        alerts=["ops-chat"],
        context=dict(LATE),
    )

    async def awaited():
        await late

    asyncio.run(awaited())
    ((path, told),) = chat.got
    assert path == "/ops"
    assert told["title"] == "orders.shopee_tw not done 25m after it was queued"
    assert "Window: 2026-11-22T11:45:00Z to 2026-11-22T12:00:00Z" in told["message"]
    assert "Task" not in told["message"]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"run_type": "scheduled", "conf": None}, 1),
        ({"run_type": "manual", "conf": {"window_start": None, "window_end": None}}, 1),
        ({"run_type": "backfill", "conf": {}}, 0),
        ({"run_type": "manual", "conf": {"window_start": "a", "window_end": "b"}}, 0),
    ],
)
def test_a_run_that_catches_up_may_be_late(recipients, chat, run, told):
    context = {**LATE, "dag_run": {**LATE["dag_run"], **run}}
    asyncio.run(alert("ops-chat", what="not done 25m after it was queued").async_notify(context))
    assert len(chat.got) == told


def test_only_who_is_named_is_told(recipients, chat):
    alert("mail").notify(FAILED)
    assert [path for path, _ in chat.got] == ["/mail"]


def test_an_alert_is_kept_even_when_it_cannot_be_sent(recipients, chat, kept):
    chat.status = 500
    with pytest.raises(TransientError):
        alert("ops-chat").notify(FAILED)
    (file,) = kept.iterdir()
    told = json.loads(file.read_text())
    assert file.name.endswith("Z-shopee_tw.json")
    assert {name: told[name] for name in ("channel", "what", "task", "to", "window")} == {
        "channel": "shopee_tw",
        "what": "failed",
        "task": "validate",
        "to": ["ops-chat"],
        "window": "2026-11-22 11:45:00+00:00 to 2026-11-22 12:00:00+00:00",
    }


def test_a_window_that_was_asked_for_is_the_one_that_is_told():
    run = SimpleNamespace(**vars(FAILED["dag_run"]), conf={"window_start": "a", "window_end": "b"})
    assert alert().message({**FAILED, "dag_run": run}, NOW).window == "a to b"


def test_a_channel_without_alerts_is_logged_and_needs_no_connection(monkeypatch, caplog):
    monkeypatch.delenv("AIRFLOW_CONN_ORDERFLOW_ALERTS", raising=False)
    with caplog.at_level(logging.ERROR):
        alert().notify(FAILED)
        asyncio.run(alert().async_notify(LATE))
    assert [record.message.splitlines()[0] for record in caplog.records] == [
        "alert raised channel=shopee_tw what='failed' to=[]"
    ] * 2


def test_an_unknown_recipient_is_an_error_after_the_others_were_told(recipients, chat, caplog):
    with pytest.raises(ConfigError, match=r"nobody is configured for the alerts \['pager'\]"):
        alert("ops-chat", "pager").notify(FAILED)
    assert [path for path, _ in chat.got] == ["/ops"]
    assert "alert raised" in caplog.text


def test_a_recipient_that_does_not_answer_is_an_error(recipients, chat):
    chat.status = 500
    with pytest.raises(TransientError, match="was not taken by every service"):
        alert("ops-chat").notify(FAILED)
    with pytest.raises(TransientError, match="was not taken by every service"):
        asyncio.run(alert("ops-chat").async_notify(LATE))


def test_a_service_that_apprise_cannot_read_is_an_error_without_its_address(monkeypatch):
    config = {"config": {"path": "nonsense", "tag": "ops-chat"}}
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_ALERTS", json.dumps({"conn_type": "apprise", "extra": config}))
    with pytest.raises(ConfigError, match="Apprise cannot read") as told:
        alert("ops-chat").notify(FAILED)
    assert "nonsense" not in str(told.value)


def test_a_deadline_may_hold_the_notifier():
    from airflow.sdk.definitions.callback import AsyncCallback

    assert AsyncCallback(Alert, {"channel": "a"}).path == "orderflow.orchestration.notify.Alert"
