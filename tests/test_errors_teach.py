"""What a user reads when something is wrong: the whole message, the exit code, and never a secret.

Every message names the place, what was found there, what was allowed and the cure. The command line runs as a user
runs it: in a process of its own (forked from one that has imported everything), configured by its environment, against
real servers on loopback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

import forked
from orderflow.command import ports
from orderflow.command.flow import stage_window
from orderflow.domain.window import Window
from orderflow.sandbox import server
from orderflow.sandbox.postgres import Postgres
from orderflow.sandbox.shop import Shop

PROJECT = Path(__file__).resolve().parents[1]
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SHOPS = [
    Shop(name=f"demo_{platform}", platform=platform, start=START, ends=START + timedelta(hours=1), rate=20)
    for platform in ("woocommerce", "shopify")
]
WINDOW = "2026-01-05T09:00Z/2026-01-05T10:00Z"
ASKED = (
    "GET /demo_woocommerce/wp-json/wc/v3/orders?modified_after=2026-01-05T08%3A54%3A29"
    "&modified_before=2026-01-05T09%3A59%3A30&dates_are_gmt=true&per_page=1&_fields=id&timestamp=***"
)
GRAPHQL = "POST /demo_shopify/admin/api/2026-07/graphql.json"
HUSH = "hush"
"""Every wrong password, token and key of these tests holds it; nothing that is printed may."""


def connection(kind: str, **parts: object) -> str:
    return json.dumps({"conn_type": kind, **parts})


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with server.serve(server.platforms_app(SHOPS)) as url:
        yield url


@pytest.fixture(scope="module")
def oms() -> Iterator[str]:
    with server.serve(server.oms_app()) as url:
        yield url


@pytest.fixture(scope="module")
def right(postgres: Postgres, shop: str, oms: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which everything is as it should be."""
    home = tmp_path_factory.mktemp("home")
    own = ("AIRFLOW", "ORDERFLOW", "FORCE_COLOR", "TTY_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(own)},
        "PYTHONPATH": str(PROJECT / "include"),
        "ORDERFLOW_HOME": str(home),
        "ORDERFLOW_LANDING": str(home / "landing"),
        "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": "test:" + "A" * 43 + "=",
        "AIRFLOW_CONN_ORDERFLOW_DB": connection("postgres", extra={"dsn": postgres.create("errors_teach")}),
        "AIRFLOW_CONN_DEMO_OMS": connection("http", host=oms, password=server.OMS_TOKEN),
        "AIRFLOW_CONN_DEMO_WOOCOMMERCE": connection(
            "http", host=f"{shop}/demo_woocommerce", login="ck_demo", password="cs_demo"
        ),
        "AIRFLOW_CONN_DEMO_SHOPIFY": connection("http", host=f"{shop}/demo_shopify", password="shpat_demo"),
    }


def orderflow(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user calls it; whatever it prints, a secret is not in it."""
    done = forked.run("orderflow", *arguments, environ=environ, cwd=environ["ORDERFLOW_HOME"])
    assert HUSH not in done.stdout + done.stderr
    return done


def told(environ: dict[str, str], *arguments: str) -> str:
    """Exit code, class and whole text of the error that ends a command; no output and no traceback beside it."""
    done = orderflow(environ, *arguments)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    found = re.search(r"^\w+Error .*(?=\n\Z)", done.stderr, re.MULTILINE | re.DOTALL)
    assert found, done.stderr
    return f"{done.returncode} {found[0]}"


def run(environ: dict[str, str], channel: str = "demo_woocommerce", window: str = WINDOW) -> str:
    return told(environ, "run", channel, "--window", window)


def without(environ: dict[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in environ.items() if each != name}


@contextmanager
def fault(shop: str, **rule: Any) -> Iterator[None]:
    httpx.post(f"{shop}/_sandbox/faults", json={"count": None, **rule}).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(f"{shop}/_sandbox/faults").raise_for_status()


def test_a_wrong_woocommerce_secret_sends_the_operator_to_the_connection(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_woocommerce", login="ck_demo", password=f"cs_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": wrong}) == (
        f"3 DeniedError {ASKED}: status 401 (woocommerce_rest_authentication_error: "
        "Invalid signature - provided signature does not match.) instead of a count of orders; the "
        "credentials are wrong or expired; renew them in the connection"
    )


def test_a_woocommerce_connection_without_keys_says_which_fields_are_needed(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_woocommerce")
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": wrong}) == (
        "2 ConfigError connection demo_woocommerce: login and password are both needed; fill them in"
    )


def test_a_wrong_shopify_token_sends_the_operator_to_the_connection(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_shopify", password=f"shpat_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_SHOPIFY": wrong}, "demo_shopify") == (
        f"3 DeniedError {GRAPHQL}: status 401 instead of a count of orders; the credentials are wrong "
        "or expired; renew them in the connection"
    )


def test_a_wrong_shopify_client_secret_is_told_from_a_wrong_token(right: dict[str, str], shop: str):
    wrong = connection("http", host=f"{shop}/demo_shopify", login="demo-client", password=f"shpss_{HUSH}")
    assert run(right | {"AIRFLOW_CONN_DEMO_SHOPIFY": wrong}, "demo_shopify") == (
        "3 DeniedError POST /demo_shopify/admin/oauth/access_token: status 401 instead of an access token; "
        "client id or secret is wrong, or the app is not installed in this shop; correct them"
    )


def test_a_wrong_oms_token_is_told_from_a_wrong_token_of_the_channel(right: dict[str, str], oms: str):
    wrong = connection("http", host=oms, password=HUSH)
    assert run(right | {"AIRFLOW_CONN_DEMO_OMS": wrong}) == (
        "3 DeniedError demo_oms (127.0.0.1): submit batch answered HTTP 401: the OMS does not let us in; "
        "check the secret of its connection"
    )


def test_check_shows_every_mistake_of_every_file_with_its_line_and_its_cure(right: dict[str, str], tmp_path: Path):
    good = (PROJECT / "include" / "channels" / "demo_woocommerce.yml").read_text()
    channels = tmp_path / "channels"
    channels.mkdir()
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    spoilt = {
        "adapter": good.replace("adapter: woocommerce", "adapter: woocomerce"),
        "band": f"{good}validate:\n  orders_per_window: [5, 1]\n",
        "cron": good.replace('"* * * * *"', '"61 * * * *"'),
        "key": good.replace("deadline: 10m", "deadlin: 10m"),
        "two": good.replace('"* * * * *"', "every minute").replace("target: demo", "target: dmo"),
    }
    for name, text in spoilt.items():
        assert text != good
        (channels / f"{name}.yml").write_text(text)
    done = orderflow(right, "check", str(channels))
    assert done.returncode == 2
    assert done.stderr == ""
    assert done.stdout.replace(f"{channels}/", "").splitlines() == [
        "error adapter.yml:5  source.adapter  unknown adapter 'woocomerce'; did you mean 'woocommerce'?",
        (
            "error band.yml:15  validate.orders_per_window  5 to 1 holds no number of orders; "
            "write [least, most], such as [0, 5000]"
        ),
        (
            "error cron.yml:8  schedule.cron  '61 * * * *' is no cron expression; "
            "write it like */15 * * * * or 0 6 * * 1-5"
        ),
        "error key.yml:11  schedule.deadlin  unknown key 'deadlin'; did you mean 'deadline'?",
        (
            "error two.yml:8  schedule.cron  'every minute' has 2 of the five fields of a cron expression; "
            "write minute, hour, day, month and weekday, like */15 * * * *"
        ),
        "error two.yml:13  oms.target  unknown OMS target 'dmo'; did you mean 'demo'?",
        "0 channels right, 6 problems",
    ]


def test_check_of_a_folder_that_is_not_there_says_where_channel_files_lie(right: dict[str, str], tmp_path: Path):
    done = orderflow(right, "check", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.replace(str(tmp_path), "") == (
        "error /nowhere:1  there is no such folder; channel files lie in include/channels\n"
        "0 channels right, 1 problem\n"
    )


def test_a_database_that_is_down_is_tried_again(right: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    down = connection("postgres", host="127.0.0.1", port=port, login="orderflow", password=HUSH, schema="orderflow")
    assert run(right | {"AIRFLOW_CONN_ORDERFLOW_DB": down}) == (
        '4 TransientError the staging database does not answer: connection to server at "127.0.0.1", port '
        f"{port} failed: Connection refused Is the server running on that host and accepting TCP/IP "
        "connections?; start it, or correct its connection"
    )


def test_a_database_address_that_is_none_is_a_setting_to_fix(right: dict[str, str]):
    wrong = connection("postgres", extra={"dsn": f"{HUSH}@database"})
    assert run(right | {"AIRFLOW_CONN_ORDERFLOW_DB": wrong}) == (
        "2 ConfigError the address of the staging database cannot be read; write it like "
        "postgresql://user:password@host:5432/name, special characters of the password percent-encoded"
    )


CSV_CHANNEL = """\
title: 檔案
owner: demo
source:
  adapter: csv_drop
  connection: partner
  settle: 0s
  order:
    order_id: id
    channel_created_at: created
    placed_at: created
    currency: currency
    grand_total: total
    order_status: status
    payment_status: payment
  line: {sku: sku, title: title, quantity: qty, unit_price: price}
  ship_to: {name: name, address: street, city: city, country: country}
schedule:
  cron: "0 * * * *"
  start: 2026-01-01
oms:
  target: demo
"""
HEADER = "id,created,currency,total,status,payment,sku,title,qty,price,name,street,city,country\n"


def row(order_id: str, title: str) -> str:
    return f"{order_id},2026-01-05T09:00:00Z,EUR,10.00,open,paid,MUG,{title},2,5.00,Lin,Main St 1,Taipei,TW\n"


def test_a_file_with_a_torn_last_line_stays_and_says_so_and_the_file_beside_it_is_staged(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    channels, inbox = tmp_path / "channels", tmp_path / "inbox"
    channels.mkdir()
    inbox.mkdir()
    shutil.copytree(PROJECT / "include" / "targets", tmp_path / "targets")
    (channels / "partner.yml").write_text(CSV_CHANNEL)
    (inbox / "good.csv").write_text(HEADER + row("G-1", "茶杯 ☕") + row("G-2", "كوب"))
    (inbox / "torn.csv").write_text(HEADER + row("T-1", "茶杯") + row("T-2", "Becher").rstrip("\n"))
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", "test:" + "A" * 43 + "=")
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", connection("postgres", extra={"dsn": dsn}))
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER", connection("fs", extra={"path": str(inbox)}))
    with ports.staging() as store:
        batch = stage_window(ports.channel("partner", channels), Window.parse(WINDOW), store)
    assert (batch.counts.fetched, batch.counts.unreadable, batch.counts.inserted) == (3, 1, 2)
    with closing(psycopg2.connect(dsn)) as connected, connected.cursor() as cursor:
        cursor.execute("SELECT order_id FROM orderflow.orders ORDER BY order_id")
        assert cursor.fetchall() == [("G-1",), ("G-2",)]
        cursor.execute("SELECT order_id, source, state, reasons FROM orderflow.quarantine")
        assert cursor.fetchall() == [
            (
                None,
                "unreadable",
                "open",
                [
                    {
                        "code": "FILE_FAULT",
                        "field": "torn.csv, line 3",
                        "value": None,
                        "message": "the file was left where it is: torn.csv, line 3 ends without a line feed, so the "
                        "file may be cut; have the file sent again, or declare last_line: open",
                    }
                ],
            )
        ]
    assert [path.name for path in inbox.glob("*.csv")] == ["torn.csv"]
    assert len(list((inbox / "done").glob("good.*.csv"))) == 1


def test_a_web_page_with_status_200_is_no_page_of_orders(right: dict[str, str], shop: str):
    with fault(shop, kind="html", path="/demo_woocommerce/*"):
        assert run(right) == (
            f"4 TransientError {ASKED}: status 200, 104 bytes declared as text/html; "
            "charset=utf-8: a web page instead of a count of orders: maintenance, a firewall, a login page, or "
            "a program's notice; when it stays, open the address in a browser"
        )


def test_a_web_page_in_place_of_graphql_says_the_same(right: dict[str, str], shop: str):
    with fault(shop, kind="html", path="/demo_shopify/*"):
        assert run(right, "demo_shopify") == (
            f"4 TransientError {GRAPHQL}: status 200, 104 bytes declared as text/html; charset=utf-8: a web "
            "page instead of a count of orders: maintenance, a firewall, a login page, or a program's "
            "notice; when it stays, open the address in a browser"
        )


def test_json_that_breaks_off_is_tried_again(right: dict[str, str], shop: str):
    with fault(shop, kind="garbage", path="/demo_woocommerce/*"):
        assert run(right) == (
            f"4 TransientError {ASKED}: status 200, 36 bytes declared as application/json: "
            "JSON that ends early instead of a count of orders; the platform is busy or down; the "
            "run tries again by itself"
        )


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "AIRFLOW_CONN_DEMO_WOOCOMMERCE",
            (
                "AIRFLOW_CONN_DEMO_WOOCOMMERCE is not set; while the demo runs: source HOME/env; else set it to the "
                "connection 'demo_woocommerce', for instance "
                '{"conn_type": "http", "host": "https://shop.example", "password": "..."}'
            ),
        ),
        (
            "AIRFLOW_CONN_ORDERFLOW_DB",
            (
                "AIRFLOW_CONN_ORDERFLOW_DB is not set; while the demo runs: source HOME/env; else set it to the "
                "connection 'orderflow_db', for instance "
                '{"conn_type": "postgres", "host": "127.0.0.1", "port": 5432, "login": "orderflow", "password": "...", '
                '"schema": "orderflow"}'
            ),
        ),
        (
            "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY",
            (
                "AIRFLOW_VAR_ORDERFLOW_VAULT_KEY is not set; personal data cannot be sealed without its key; "
                'make one with: echo "k1:$(openssl rand -base64 32)"'
            ),
        ),
    ],
)
def test_a_missing_variable_is_named_with_an_example(right: dict[str, str], variable: str, message: str):
    said = run(without(right, variable))
    assert said.replace(right["ORDERFLOW_HOME"], "HOME") == (f"2 ConfigError {message}")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            f"{HUSH}{'A' * 39}=",
            "a vault key has no id in front of it; write it as id:base64, such as k1:...",
        ),
        (
            f"k1:{HUSH}",
            "the vault key 'k1' is not 32 bytes long; make one with `openssl rand -base64 32`",
        ),
        (
            f"k1:{HUSH}!",
            "the vault key 'k1' is not base64; write it as id:base64",
        ),
    ],
)
def test_a_vault_key_that_is_none_is_explained_without_being_shown(right: dict[str, str], key: str, message: str):
    assert run(right | {"AIRFLOW_VAR_ORDERFLOW_VAULT_KEY": key}) == (f"2 ConfigError {message}")


def test_a_connection_that_cannot_be_read_is_not_shown(right: dict[str, str]):
    torn = f'{{"conn_type": "http", "password": "{HUSH}"'
    assert run(right | {"AIRFLOW_CONN_DEMO_WOOCOMMERCE": torn}) == (
        "2 ConfigError connection 'demo_woocommerce' (AIRFLOW_CONN_DEMO_WOOCOMMERCE) cannot be read "
        '(JSONDecodeError); write it as {"conn_type": "http", "host": "https://shop.example", "password": '
        '"..."} or as https://:secret@shop.example'
    )


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (
            "[/昨日]",
            "window '[/昨日]' is not 'start/end' in ISO 8601; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z",
        ),
        (
            "2026-03-01T01:00Z/2026-03-01T00:00Z",
            "window 2026-03-01T01:00:00+00:00/2026-03-01T00:00:00+00:00 is empty; its end must lie after its start",
        ),
        (
            "2026-03-01T00:00/2026-03-01T01:00",
            (
                "window start 2026-03-01T00:00:00 has no time zone; write it with an offset, such as "
                "2026-03-01T00:00:00+00:00"
            ),
        ),
    ],
)
def test_a_window_that_is_none_is_shown_with_one_that_is(right: dict[str, str], window: str, message: str):
    assert run(right, window=window) == (f"2 ConfigError {message}")


def test_a_channel_that_does_not_exist_is_shown_with_those_that_do(right: dict[str, str]):
    said = run(right, "demo_[woo]")
    known = ", ".join(sorted(path.stem for path in ports.CHANNELS.glob("*.yml")))
    assert said.replace(str(ports.CHANNELS), "CHANNELS") == (
        f"2 ConfigError there is no channel 'demo_[woo]' in CHANNELS; known are {known}"
    )
