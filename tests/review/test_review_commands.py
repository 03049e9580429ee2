"""`orderflow run`, `review` and `rules` as a person types them: a folder with a file, PostgreSQL, the reference OMS."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orderflow.command.channels
import orderflow.command.review
import orderflow.command.rules
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.sandbox.server import OMS_TOKEN, oms_app, serve

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = Path(__file__).resolve().parents[2]

CHANNEL = """\
title: Files from 台北 📦
owner: asia
source:
  adapter: csv_drop
  connection: files
  settle: 0s
  order: {order_id: id, order_status: status, channel_updated_at: changed, currency: currency, placed_at: changed}
  line: {sku: sku, title: title, quantity: quantity, unit_price: price}
  ship_to: {name: name, country: country}
schedule: {cron: "*/15 * * * *", start: 2026-01-01}
oms: {target: demo}
validate: {guards: hold, orders_per_window: [100, 200]}
"""
ROWS = f"""\
id,status,changed,currency,sku,title,quantity,price,name,country
A-1,open,{NOW.isoformat()},TWD,S-1,茶 🍵,2,120,王小明,TW
A-2,open,{NOW.isoformat()},TWD,S-1,שוקולד,1,120,Zoë,TW
A-3,open,{NOW.isoformat()},TWD,,no article,1,99,Ann,TW
"""
WINDOW = f"{(NOW - timedelta(minutes=15)).isoformat()}/{(NOW + timedelta(seconds=1)).isoformat()}"


@pytest.fixture
def orderflow(tmp_path, dsn, monkeypatch):
    """Runs a command of the command line; what it prints."""
    (tmp_path / "channels").mkdir()
    (tmp_path / "drop").mkdir()
    shutil.copytree(ROOT / "include" / "targets", tmp_path / "targets")
    (tmp_path / "channels" / "files.yml").write_text(CHANNEL)
    (tmp_path / "drop" / "orders.csv").write_text(ROWS)
    monkeypatch.setattr(ports, "CHANNELS", tmp_path / "channels")
    monkeypatch.setattr(ports.channel, "__defaults__", (tmp_path / "channels",))
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
    with serve(oms_app()) as url:
        for name, parts in {
            "ORDERFLOW_DB": {"conn_type": "postgres", "extra": {"dsn": dsn}},
            "FILES": {"conn_type": "file", "host": str(tmp_path / "drop")},
            "DEMO_OMS": {"conn_type": "http", "host": url, "password": OMS_TOKEN},
        }.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))

        def run(*words: str) -> str:
            done = CliRunner().invoke(app, words, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            return done.stdout

        run.drop = tmp_path / "drop"
        yield run


def test_a_held_batch_is_seen_and_released_once(orderflow):
    orderflow("run", "files", "--window", WINDOW, "--json")
    assert list(orderflow.drop.glob("*.csv")), "a held file is not acknowledged"
    (held,) = json.loads(orderflow("review", "list", "--json"))
    assert (held["channel"], held["state"], held["counts"]["accepted"]) == ("files", "held", 2)
    assert held["why"].startswith("TOO_FEW_ORDERS: 3 orders")
    said = orderflow("review", "release", str(held["review"]), "--why", "a holiday 🎉", "--who", "ana")
    assert " ".join(said.split()).endswith("released: 2 new, 0 changed, 0 unchanged, 1 in quarantine; the OMS took 2")
    assert not list(orderflow.drop.glob("*.csv"))
    again = " ".join(orderflow("review", "release", "1", "--why", "again").split())
    assert "was released by ana and is loaded since" in again
    assert "nothing waits for a person" in orderflow("review", "list")


def test_a_held_batch_is_discarded_for_a_reason(orderflow):
    orderflow("run", "files", "--window", WINDOW, "--json")
    table = orderflow("review", "list")
    assert "files" in table
    assert "王小明" not in table
    said = orderflow("review", "discard", "1", "--why", "tests of the platform")
    assert "3 orders; raw records stay in" in " ".join(said.split())
    assert json.loads(orderflow("review", "list", "--json")) == []
    with pytest.raises(ConfigError, match="was discarded already"):
        orderflow("review", "release", "1", "--why", "oh")


def test_one_rule_is_shown_with_its_cure_and_all_of_them_by_topic(orderflow):
    said = " ".join(orderflow("rules", "sku_unmapped").split())
    assert "severity refuse" in said
    assert "owner catalogue team" in said
    assert "cure add it to the channel's SKU map" in said
    plain = json.loads(orderflow("rules", "GRAND_TOTAL_MISMATCH", "--json"))
    assert (plain["severity"], plain["waivable"], plain["tolerance"]) == ("refuse", True, True)
    assert len(json.loads(orderflow("rules", "--json"))) > 100
    assert "Money" in orderflow("rules")
    with pytest.raises(ConfigError, match="no rule 'SKU_UNMAPED'; did you mean SKU_UNMAPPED"):
        orderflow("rules", "SKU_UNMAPED")
