"""`orderflow alerts` as a person types it, against real ways out."""

import json
import shutil
from datetime import timedelta

import pytest
from alert_shop import NOW
from typer.testing import CliRunner

import orderflow.command.alerts
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError


@pytest.fixture
def orderflow(tmp_path, dsn, ways, monkeypatch):
    """Runs a command of the command line; its exit code and what it prints."""
    for name, parts in {
        "ORDERFLOW_DB": {"conn_type": "postgres", "extra": {"dsn": dsn}},
        "ORDERFLOW_ALERTS": {"conn_type": "apprise", "extra": ways},
    }.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
    monkeypatch.setattr(ports, "CHANNELS", tmp_path / "channels")

    def run(*words, code=0):
        done = CliRunner().invoke(app, ["alerts", *words], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_what_is_open_is_listed_shown_and_acknowledged(shop, orderflow):
    assert orderflow() == "no alert is open\n"
    shop.runs_until(NOW - timedelta(hours=1))
    shop.look(NOW)
    (found,) = json.loads(orderflow("--json"))
    assert (found["channel"], found["kind"], found["state"]) == ("shop_tw", "late", "open")
    assert "shop_tw" in orderflow("--channel", "shop_tw")
    with pytest.raises(ConfigError, match="there is no channel 'other'"):
        orderflow("--channel", "other")
    said = orderflow("show", str(found["id"]))
    assert "shop_tw late" in said
    assert "runbook: docs/runbook.md#late" in said
    assert "acknowledged" in orderflow("acknowledge", str(found["id"]), "--why", "[平台] is down 🔧", "--who", "ana")
    shown = json.loads(orderflow("show", str(found["id"]), "--json"))
    assert shown["acknowledged_why"] == "[平台] is down 🔧"
    assert [(each["route"], each["says"]) for each in shown["messages"]] == [("mail", "raised"), ("hook", "raised")]


@pytest.mark.usefixtures("channel")
def test_a_test_says_which_way_out_fails_and_why_without_its_secret(orderflow, hook, mailbox):
    assert orderflow("test").splitlines() == ["mail took it", "hook took it"]
    assert [each.title for each in hook.got] == ["Orderflow test"]
    hook.status = 403
    said = orderflow("test", code=1)
    assert "mail took it" in said
    assert "hook JSON at 127.0.0.1: Failed to send JSON POST notification" in said
    assert "s3cr3t" not in said
    assert "hush" not in said
    assert "no service with the tag 'pager'" in " ".join(orderflow("test", "--to", "pager", code=1).split())
    assert len(mailbox.got) == 2


def test_a_test_where_nobody_is_named_says_so(orderflow, tmp_path, channel):
    shutil.rmtree(tmp_path / "channels")
    (tmp_path / "channels").mkdir()
    assert orderflow("test", code=1).startswith("nobody is told anything")
