"""`orderflow replay` as a person uses it: a dry run first, then the replay, then the OMS has the orders."""

import base64
import json

import pytest
from replayed import bad, channel, good, repaired, window
from shop import oms_running
from staging_fixtures import KEY
from typer.testing import CliRunner

import orderflow.command.replay  # registers the command
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.sandbox.server import OMS_TOKEN

assert orderflow.command.replay


@pytest.fixture
def command(world, migrated, monkeypatch):
    """Run `orderflow replay shop_tw ...` with today's mapping; returns what it prints."""
    with oms_running() as oms:
        connections = {
            "ORDERFLOW_DB": {"conn_type": "postgres", "extra": {"dsn": migrated}},
            "DEMO_OMS": {"conn_type": "http", "host": oms.url, "password": OMS_TOKEN},
        }
        for name, parts in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))
        monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{base64.b64encode(KEY).decode()}")
        monkeypatch.setenv("ORDERFLOW_LANDING", str(world.landing))
        monkeypatch.setattr(ports, "channel", lambda name: channel(repaired))

        def run(*arguments):
            done = CliRunner().invoke(app, ["replay", "shop_tw", *arguments], env={"COLUMNS": "160"})
            if done.exception and not isinstance(done.exception, SystemExit):
                raise done.exception
            assert done.exit_code == 0
            return done.stdout

        yield run


def test_a_person_looks_first_and_replays_then(world, command):
    world.pull(channel(), 0, good("A-1", 1), bad("訂單-1"), bad("B-2"))
    shown = command("--quarantined", "--dry-run")
    assert "2 of 2 orders would change: 2 totals; 2 would leave quarantine, 0 would enter it" in shown
    assert "grand_total" in shown
    assert "訂單-1" in shown
    assert "nothing was written" in shown
    assert set(world.staged()) == {"A-1"}
    done = command("--quarantined")
    assert "OMS: 3 accepted, 0 refused, 0 pending" in done
    assert set(world.staged()) == {"A-1", "訂單-1", "B-2"}


def test_scripts_get_json(world, command):
    world.pull(channel(), 0, good("A-1", 1), bad("B-1"))
    shown = json.loads(command("--window", str(window(0)), "--dry-run", "--json"))
    assert (shown["orders"], shown["changed"], shown["leave"]) == (2, 1, 1)
    done = json.loads(command("--ids", "B-1", "--ids", "A-1", "--json"))
    assert done["batch"]["counts"]["inserted"] == 1
    assert done["delivered"]["accepted"] == 2
    assert done["missing"] == []


def test_orders_without_a_raw_record_are_named_with_a_way_out(world, command):
    world.pull(channel(), 0, good("A-1", 1), bad("B-1"))
    world.expire(0)
    shown = command("--window", str(window(0)), "--dry-run")
    assert "no raw record any more of 1 order: A-1; pull them again by id" in shown


@pytest.mark.parametrize("arguments", [(), ("--quarantined", "--ids", "A-1"), ("--waiting", "--reason", "X")])
def test_what_to_read_again_is_said_exactly_once(world, command, arguments):
    with pytest.raises(ConfigError, match="exactly one of --quarantined"):
        command(*arguments)
