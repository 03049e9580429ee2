"""The route `POST /inbox/{channel}` over real HTTP, beside a real PostgreSQL."""

import base64
import hashlib
import hmac
import logging
import socket
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from psycopg2.extensions import make_dsn
from starlette.applications import Starlette

from orderflow import adapters
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Hint, Secret
from orderflow.sandbox.server import serve
from orderflow.staging import inbox as hints
from orderflow.web import inbox

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
SECRET = "wh_geheim 🔑"


def channel(name, adapter="woocommerce", **options):
    found = adapters.find(adapter)
    return Channel(
        name=name, title="台灣 🏪", owner="asia", adapter_name=adapter, adapter=found, connection=name,
        options=found.options(**options), schedule=Schedule(cron="*/15 * * * *", start="2026-01-01"),
        oms=Delivery(target="demo"),
    )  # fmt: skip


CHANNELS = [channel("shop_tw"), channel("no_secret"), channel("no_connection"), channel("files", "ubl")]


def account(name):
    if name == "no_connection":
        raise ConfigError("there is none")
    extra = {"webhook_secret": SECRET} if name == "shop_tw" else {}
    return Account(name, "https://shop.example", "ck_1", Secret("cs_1"), extra)


@contextmanager
def serving(dsn):
    app = Starlette()
    inbox.mount(app, lambda: CHANNELS, account, lambda: dsn, lambda: NOW)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def client(migrated):
    with serving(migrated) as client:
        yield client


def signed(body, delivery="d1", secret=SECRET, topic="order.updated"):
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        "content": body,
        "headers": {
            "X-WC-Webhook-Signature": signature, "X-WC-Webhook-Delivery-ID": delivery, "X-WC-Webhook-Topic": topic,
        },
    }  # fmt: skip


def test_a_signed_delivery_leaves_its_order_and_nothing_else_of_its_body(client, ask):
    body = '{"id": 727, "billing": {"first_name": "王小明", "email": "ming@example.tw"}}'.encode()
    answer = client.post("/inbox/shop_tw", **signed(body))
    assert (answer.status_code, answer.content) == (200, b"")
    columns = "channel, delivery, order_id, received_at, run_id, attempts, last_error, closed_at"
    assert ask(f"SELECT {columns} FROM orderflow.hints") == [("shop_tw", "d1", "727", NOW, None, 0, None, None)]


def test_a_delivery_that_is_sent_again_is_answered_and_not_kept_twice(client, ask):
    answers = [client.post("/inbox/shop_tw", **signed(b'{"id": 727}')).status_code for _ in range(3)]
    client.post("/inbox/shop_tw", **signed(b'{"id": 727}', delivery="d2"))
    assert answers == [200, 200, 200]
    assert ask("SELECT delivery FROM orderflow.hints ORDER BY 1") == [("d1",), ("d2",)]


def test_without_an_id_of_the_platform_the_same_bytes_in_a_minute_are_the_same_news(client, ask):
    for body in (b'{"id": 727}', b'{"id": 727}', b'{"id": 727, "again": true}'):
        assert client.post("/inbox/shop_tw", **signed(body, delivery="")).status_code == 200
    assert ask("SELECT count(*) FROM orderflow.hints") == [(2,)]


def test_who_does_not_know_the_secret_cannot_tell_which_channels_there_are(client, ask, caplog):
    caplog.set_level(logging.INFO, logger="orderflow.web.inbox")
    forged = signed(b'{"id": 727}', secret="guessed")
    unsigned = {"content": b'{"id": 727}'}
    names = ("shop_tw", "no_secret", "no_connection", "files", "nobody", "%F0%9F%8F%AA", "..%2fshop_tw")
    answers = [client.post(f"/inbox/{name}", **each) for name in names[:6] for each in (forged, unsigned)]
    assert {(each.status_code, each.content) for each in answers} == {(401, b"")}
    kinds = {tuple(sorted(set(each.headers) - {"date"})) for each in answers}
    assert len(kinds) == 1
    assert ask("SELECT count(*) FROM orderflow.hints") == [(0,)]
    assert "no webhook_secret in its extra fields" in caplog.text, "the operator is told what the sender is not"
    assert SECRET not in caplog.text


def test_tests_and_news_of_other_things_are_answered_well(client, ask):
    assert client.post("/inbox/shop_tw", content=b"webhook_id=7").status_code == 200
    assert client.post("/inbox/nobody", content=b"webhook_id=7").status_code == 200, "a ping tells nobody anything"
    assert client.post("/inbox/shop_tw", content=b"webhook_id=7&id=8").status_code == 401
    assert client.post("/inbox/shop_tw", **signed(b'{"id": 5}', topic="product.updated")).status_code == 200
    assert client.post("/inbox/shop_tw", **signed(b"\xff no json")).status_code == 200
    assert ask("SELECT count(*) FROM orderflow.hints") == [(0,)]


def test_a_body_that_is_too_large_is_refused_declared_or_not(client, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_BYTES", 1000)
    assert client.post("/inbox/shop_tw", **signed(b"x" * 1001)).status_code == 413
    parts = (b"x" * 100 for _ in range(11))
    assert client.post("/inbox/shop_tw", content=parts).status_code == 413
    assert client.post("/inbox/shop_tw", **signed(b'{"id": "' + b"9" * 900 + b'"}')).status_code == 200


def test_no_more_arrives_at_once_than_fits_and_room_is_given_back(client, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_ARRIVING", 1000)
    assert client.post("/inbox/shop_tw", **signed(b"x" * 1001)).status_code == 503
    for _ in range(3):
        assert client.post("/inbox/shop_tw", **signed(b'{"id": "' + b"9" * 900 + b'"}')).status_code == 200


@contextmanager
def half_sent(app):
    """A connection on which half of a delivery was sent; gives it with the app's errors, and waits for its end."""
    errors, over = [], threading.Event()

    async def watched(scope, receive, send):
        try:
            await app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - told in the test's own thread
            errors.append(error)
        finally:
            over.set()

    with serve(watched) as url:
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port)) as wire:
            wire.sendall(b"POST /inbox/shop_tw HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            yield wire, errors
        over.wait(10)


def test_a_delivery_that_breaks_off_or_never_ends_is_no_error_of_ours(monkeypatch):
    monkeypatch.setattr(inbox, "SENDING", 0.05)
    app = Starlette()
    inbox.mount(app, lambda: CHANNELS, account, lambda: "", lambda: NOW)
    with half_sent(app) as (_, torn):
        pass
    with half_sent(app) as (wire, slow):
        assert wire.recv(100).startswith(b"HTTP/1.1 408 ")
    assert torn == slow == []


def test_ids_that_are_none_are_not_kept(client, ask):
    for number, given in enumerate(['""', "null", "[1]", '"a\\u0000b"', f'"{"9" * 201}"', "true"]):
        body = f'{{"id": {given}}}'.encode()
        assert client.post("/inbox/shop_tw", **signed(body, delivery=f"d{number}")).status_code == 200
    assert ask("SELECT order_id FROM orderflow.hints") == []


def test_without_a_database_the_platform_is_asked_to_send_again(client, postgres, migrated, ask):
    with serving("postgresql://nobody@127.0.0.1:1/none") as alone:
        assert alone.post("/inbox/shop_tw", **signed(b'{"id": 727}')).status_code == 503
        assert alone.post("/inbox/shop_tw", content=b"webhook_id=7").status_code == 200


def test_a_database_that_does_not_let_us_in_is_not_told_as_the_senders_fault(migrated, ask):
    ask("CREATE ROLE locked_out NOLOGIN")
    try:
        with serving(make_dsn(migrated, user="locked_out")) as alone:
            assert alone.post("/inbox/shop_tw", **signed(b'{"id": 727}')).status_code == 503
    finally:
        ask("DROP ROLE locked_out")


def test_a_connection_that_another_thread_took_is_no_error(migrated, ask, monkeypatch):
    class Contested(list):
        """It still has one when it is looked at, and none when that is taken."""

        def __bool__(self):
            return True

    with closing(inbox.Letterbox(lambda: migrated)) as letterbox:
        monkeypatch.setattr(letterbox, "_idle", Contested())
        assert letterbox.put("shop_tw", Hint(["727"]), "d1", NOW) == 1


def test_a_connection_that_was_lost_is_opened_again(client, ask):
    assert client.post("/inbox/shop_tw", **signed(b'{"id": 1}', delivery="a")).status_code == 200
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orderflow inbox'")
    assert client.post("/inbox/shop_tw", **signed(b'{"id": 2}', delivery="b")).status_code == 200
    assert ask("SELECT count(*) FROM orderflow.hints") == [(2,)]


def test_a_flood_is_answered_and_bounded(client, ask, monkeypatch):
    monkeypatch.setattr(hints, "MOST_WAITING", 20)
    statuses = []

    def send(first):
        with httpx.Client(base_url=client.base_url) as own:
            for number in range(first, first + 25):
                body = f'{{"id": {number}}}'.encode()
                statuses.append(own.post("/inbox/shop_tw", **signed(body, delivery=f"d{number}")).status_code)

    threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 100, 25)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert statuses == [200] * 100
    ((kept,),) = ask("SELECT count(*) FROM orderflow.hints")
    assert 20 <= kept <= 20 + inbox.AT_ONCE, "those that were written at the same moment do not see each other"


def test_another_method_is_refused(client):
    assert client.get("/inbox/shop_tw").status_code == 405
