"""Staging as the tests of staging have it, and the command line over it."""

import base64
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))

from staging_fixtures import KEY, ask, migrated, store, template

import orderflow.command.erase
import orderflow.command.explain
import orderflow.command.quarantine
import orderflow.command.readiness
import orderflow.command.reconcile
import orderflow.command.waiting
from orderflow.command.app import app

__all__ = ["ask", "migrated", "store", "template"]


@pytest.fixture
def run(migrated, monkeypatch, tmp_path):
    """`orderflow ...` against the test's database: its exit code and what it prints, or the error that it ends with."""
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": migrated}}))
    monkeypatch.setenv("AIRFLOW_CONN_DEMO_CSV", json.dumps({"conn_type": "fs", "extra": {"path": "/nowhere"}}))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{base64.b64encode(KEY).decode()}")
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    for module in ("explain", "quarantine", "readiness", "reconcile"):
        monkeypatch.setattr(getattr(orderflow.command, module).console, "_width", 200)

    def ran(*arguments):
        done = CliRunner().invoke(app, list(arguments))
        if done.exception and not isinstance(done.exception, SystemExit):
            return type(done.exception).__name__, str(done.exception)
        return done.exit_code, done.output.replace("\N{NO-BREAK SPACE}", " ")

    return ran
