"""What an OMS says of parcels, as the targets read it, and as the command shows it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from click.testing import Result
from loop import looping
from shop import runtime, target
from typer.testing import CliRunner

from orderflow import oms
from orderflow.command import explain, fulfil, ports  # noqa: F401 - importing registers the commands
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError, DriftError
from orderflow.domain.fulfilment import Shipping
from orderflow.domain.source import Account
from orderflow.oms import postgres as postgres_target
from orderflow.staging import story

NOTHING = timedelta(0)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLE = {"name": "orders", "id": "id", "unique": ["channel", "number"]}
COLUMNS = {"channel": "channel", "number": "order_id", "version": "version"}
PARCELS = {
    "name": "parcels", "channel": "shop", "order_id": "number", "shipment_id": "id", "recorded_at": "at",
    "carrier": "carrier", "tracking_number": "tracking", "shipped_at": "at", "lines": "inside",
}  # fmt: skip


def test_a_table_of_parcels_is_read_from_a_moment_on(dsn):
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE parcels (id int, shop text, number text, at timestamptz, carrier text, tracking text,"
            " inside jsonb)"
        )
        rows = [
            (1, "shop_tw", "№ 1", NOON, "黑貓宅急便", "RR1", json.dumps([{"line_id": "L1", "quantity": 2}])),
            (2, "shop_tw", "№ 2", NOON + timedelta(hours=1), None, None, None),
            (3, "other", "№ 3", NOON, None, None, None),
        ]
        cursor.executemany("INSERT INTO parcels VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)
    options = postgres_target.OPTIONS.model_validate({"table": {**TABLE, "columns": COLUMNS}, "shipments": PARCELS})
    found = postgres_target.open(options, Account("oms_db", dsn), runtime())
    assert isinstance(found, Shipping)
    first, second = found.shipped("shop_tw", None)
    assert (first.order_id, first.shipment.shipment_id, first.recorded_at) == ("№ 1", "1", NOON)
    assert (first.shipment.carrier, first.shipment.tracking_numbers) == ("黑貓宅急便", ["RR1"])
    assert (first.shipment.lines, second.shipment.lines) == ([("L1", "2")], [])
    assert [each.order_id for each in found.shipped("shop_tw", NOON + timedelta(minutes=1))] == ["№ 2"]


def test_a_target_that_is_silent_about_parcels_says_what_to_write(dsn):
    bare = postgres_target.OPTIONS.model_validate({"table": {**TABLE, "columns": COLUMNS}})
    with pytest.raises(ConfigError, match="write `shipments` into it"):
        list(postgres_target.open(bare, Account("oms_db", dsn), runtime()).shipped("shop_tw", None))
    with pytest.raises(ConfigError, match="write `shipments` into it"):
        target("http://127.0.0.1:9", shipments=None).shipped("shop_tw", None)


@pytest.fixture(scope="module")
def loop(postgres, tmp_path_factory):
    with looping("shopify", postgres, tmp_path_factory.mktemp("command"), name="command") as found:
        yield found


def test_parcels_come_in_pages_and_what_is_no_parcel_stops(loop):
    orders = list(loop.sendable(3))
    for order_id in orders:
        loop.send(order_id, tracking=f"RR{order_id[-4:]}")
    how = oms.find("demo", Path(__file__).resolve().parents[2] / "include" / "targets").options.shipments
    paged = target(loop.oms_url, shipments=how.model_copy(update={"path": "/shipments?limit=1"}))
    found = list(paged.shipped(loop.channel.name, None))
    assert [parcel.order_id for parcel in found] == orders
    assert loop.tell().accepted == 3
    wrong = target(loop.oms_url, shipments=how.model_copy(update={"shipment_id": "nowhere"}))
    with pytest.raises(DriftError, match="nowhere"):
        list(wrong.shipped(loop.channel.name, None))


@pytest.fixture
def call(loop, tmp_path, monkeypatch):
    """The command line over one channel file of the test's own."""
    channels = tmp_path / "include" / "channels"
    channels.mkdir(parents=True)
    (tmp_path / "include" / "targets").symlink_to(Path(__file__).resolve().parents[2] / "include" / "targets")

    def connection(name: str, kind: str, **parts: object) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({"conn_type": kind, **parts}))

    connection("ORDERFLOW_DB", "postgres", extra={"dsn": loop.dsn})
    connection("DEMO_OMS", "http", host=loop.oms_url, password="demo-oms-token")
    connection("BACK", "http", host=loop.account.url, password="shpat_demo")
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "k1:" + "A" * 43 + "=")
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    of = ports.channel
    monkeypatch.setattr(ports, "channel", lambda name: of(name, channels))

    monkeypatch.setattr(fulfil.console, "width", 200)

    def run(*words: str, fulfilment: str = "{carriers: {PN: PostNord, DHL: DHL Express}}") -> Result:
        text = (
            "title: Shop\nowner: ops\nsource: {adapter: shopify, connection: back}\n"
            'schedule: {cron: "0 * * * *", start: 2026-01-01}\noms: {target: demo}\n'
        )
        text += f"fulfilment: {fulfilment}\n" if fulfilment else ""
        (channels / f"{loop.channel.name}.yml").write_text(text)
        return CliRunner().invoke(app, ["fulfil", loop.channel.name, *words])

    return run


def test_the_command_shows_first_and_tells_when_asked_and_explain_has_the_story(loop, call):
    refused, good = loop.sendable(2)
    loop.send(refused, tracking="", carrier="DHL")
    loop.send(good, tracking="RR77", carrier="ZZ")
    silent = call(fulfilment="").exception
    assert isinstance(silent, ConfigError)
    assert "write a block fulfilment" in str(silent)
    shown = call()
    assert shown.exit_code == 1
    assert "RR77" in shown.stdout
    assert "'ZZ' is not named" in shown.stdout
    plain = {each["order_id"]: each for each in json.loads(call("--json").stdout)}
    assert plain[refused]["content"]["carrier"] == "DHL Express"
    assert plain[refused]["waits"] is None
    assert loop.parcels(good) == []
    told = call("--tell", "--json")
    assert told.exit_code == 1
    counts = json.loads(told.stdout)
    assert (counts["refused"], counts["held"], counts["open"]) == (1, 1, 1)
    found = story.tell(loop.store.connection, loop.channel.name, refused, lookback=NOTHING, settle=NOTHING)
    assert any("channel refused parcel" in fact.what and "TRACKING_MISSING" in fact.detail for fact in found.facts)
    assert isinstance(call("--again", "gid://shopify/Order/7").exception, ConfigError)
    call("--again", refused)
    assert loop.standing(refused) == [(None, None)]
