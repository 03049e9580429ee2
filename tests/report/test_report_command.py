"""`orderflow report` and `orderflow upkeep`, as an analyst calls them."""

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderflow.command import report
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError


@pytest.fixture
def call(migrated, tmp_path, monkeypatch):
    assert report.app is app
    key = base64.b64encode(bytes(32)).decode()
    monkeypatch.setenv("ORDERFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERFLOW_LANDING", raising=False)
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{key}")
    connection = {"conn_type": "postgres", "extra": {"dsn": migrated}}
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps(connection))

    def run(*arguments):
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return run


def test_a_report_of_an_empty_database_is_written_and_says_where(call, tmp_path):
    found = call("report", "--day", "2026-03-01", "--json")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert Path(said["page"]) == tmp_path / "reports" / "2026-03-01" / "index.html"
    assert Path(said["page"]).exists()
    assert {each["channel"] for each in said["channels"]} >= {"demo_shopify", "demo_csv"}
    again = call(
        "report", "demo_csv", "--day", "2026-03-01", "--days", "30", "--no-cures", "--out", str(tmp_path / "x")
    )
    assert again.exit_code == 0
    assert (tmp_path / "x" / "2026-03-01-30d-demo_csv" / "demo_csv.html").exists()
    assert "demo_csv" in again.stdout


def test_upkeep_counts_before_it_removes(call):
    found = call("upkeep", "--dry-run", "--json")
    assert json.loads(found.stdout)["reports"] == {"count": 0, "bytes": 0, "kept": 0}
    assert "would be removed" in call("upkeep", "--dry-run").stdout


def test_a_wrong_day_or_channel_is_refused_in_words(call):
    with pytest.raises(ConfigError, match="no day; write it like 2026-03-01"):
        call("report", "--day", "yesterday")
    with pytest.raises(ConfigError, match="there is no channel 'nosuch'"):
        call("report", "nosuch")
    assert "Example" in call("expectations", "--help").stdout
