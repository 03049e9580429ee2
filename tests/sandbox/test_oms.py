"""The reference OMS: one effect for one key, whatever senders, time-outs and restarts do."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from orderflow.sandbox import server
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.server import OMS_TOKEN, oms_app, serve

START = datetime(2026, 3, 1, tzinfo=UTC)
HEADERS = {"Authorization": f"Bearer {OMS_TOKEN}"}
ORDER = "gid://shopify/Order/6100000000000"
AT = "/orders/räv/gid%3A%2F%2Fshopify%2FOrder%2F6100000000000"


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(clock):
    with serve(oms_app(clock=clock)) as url, httpx.Client(base_url=url, headers=HEADERS) as found:
        yield found


def document(order_id=ORDER, version=1, **more):
    lines = [{"number": 1, "sku": "菜刀-1", "title": "Crème 🔪", "quantity": "1", "total": "24.5"}]
    whole = {"channel": "räv", "order_id": order_id, "version": version, "currency": "EUR", "grand_total": "24.5"}
    return whole | {"lines": lines, "contacts": [{"role": "ship_to", "name": "נועה", "country": "IL"}]} | more


def key_of(whole):
    return f"{whole['order_id']}-{whole['version']}".replace("/", "_")


def put(client, whole, key=None, **headers):
    path = f"/orders/{whole['channel']}/{whole['order_id'].replace(':', '%3A').replace('/', '%2F')}"
    return client.put(path, json=whole, headers={"Idempotency-Key": key or key_of(whole)} | headers)


def batch(client, *documents, **headers):
    body = {"orders": [{"key": key_of(each), "document": each} for each in documents]}
    return client.post("/orders/batch", json=body, headers=headers)


def effects(client):
    return client.get("/_effects").json()


def test_an_order_is_created_updated_and_looked_up(client):
    created = put(client, document())
    assert created.status_code == 200
    assert created.json()["outcome"] == "accepted"
    assert put(client, document(version=2, grand_total="20")).json()["oms_id"] == created.json()["oms_id"]
    held = client.get(AT).json()
    assert held == {
        "channel": "räv", "order_id": ORDER, "oms_id": created.json()["oms_id"], "version": 2,
        "key": key_of(document(version=2)), "status": "received", "total": "20", "currency": "EUR", "lines": 1,
    }  # fmt: skip
    assert client.get(f"/keys/{key_of(document())}").json()["version"] == 1
    found = client.post(
        "/orders/lookup", json={"channel": "räv", "order_ids": [ORDER, "東"], "keys": ["-", held["key"]]}
    )
    assert found.json()["orders"] == [held]
    assert [each["key"] for each in found.json()["keys"]] == [held["key"]]
    assert client.get("/orders/räv/none").status_code == client.get("/keys/none").status_code == 404
    assert client.get(AT.replace("orders", "documents")).json()["grand_total"] == "20"
    assert effects(client)["effects_by_kind"] == {"create": 1, "update": 1}


def test_a_repeated_key_has_no_second_effect_and_the_same_answer(client):
    first = put(client, document()).json()
    assert put(client, document()).json() == first | {"replayed": True}
    assert batch(client, document()).json()["results"] == [first | {"replayed": True}]
    assert effects(client) | {"refusals": None} == {
        "orders": 1, "orders_by_channel": {"räv": 1}, "effects": 1, "effects_by_kind": {"create": 1}, "keys": 1,
        "replays": 2, "refusals": None, "repeated": [],
    }  # fmt: skip


def test_a_known_key_with_another_content_is_refused(client):
    put(client, document())
    other = put(client, document(grand_total="1"))
    assert (other.status_code, other.json()["code"]) == (422, "KEY_REUSED")
    assert client.get(AT).json()["total"] == "24.5"


def test_an_older_version_is_stale_and_changes_nothing(client):
    put(client, document(version=3))
    stale = put(client, document(version=2))
    assert (stale.status_code, stale.json()["outcome"], stale.json()["version"]) == (409, "stale", 3)
    assert put(client, document(version=3), key="another").json()["outcome"] == "stale"
    assert effects(client)["effects"] == 1
    assert client.get(f"/keys/{key_of(document(version=2))}").status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": [{"sku": "UNKNOWN-7"}]}, "SKU_UNKNOWN"),
        ({"lines": [{"sku": "x", "oms_sku": "UNKNOWN-7"}]}, "SKU_UNKNOWN"),
        ({"ship_country": "KP"}, "COUNTRY_BLOCKED"),
        ({"contacts": [{"role": "ship_to", "country": "KP"}]}, "COUNTRY_BLOCKED"),
        ({"version": "two"}, "DOCUMENT_INVALID"),
    ],
)
def test_a_refusal_names_its_reason_and_touches_no_other_order(client, change, code):
    good, bad = document("good"), document("bad") | change
    results = batch(client, good, bad, document("also good")).json()["results"]
    assert [each["outcome"] for each in results] == ["accepted", "refused", "accepted"]
    assert (results[1]["code"], bool(results[1]["reason"])) == (code, True)
    assert effects(client)["refusals"] == {code: 1}
    assert put(client, bad).status_code == 422


def test_what_was_refused_is_accepted_once_the_rules_allow_it(client):
    blocked = document(ship_country="KP")
    assert put(client, blocked).status_code == 422
    assert client.put("/_sandbox/rules", json={"blocked_countries": []}).json()["blocked_countries"] == []
    assert put(client, blocked).json()["outcome"] == "accepted"
    client.put("/_sandbox/rules", json={"largest_total": "10"})
    assert put(client, document("x")).json()["code"] == "TOTAL_TOO_LARGE"
    assert client.put("/_sandbox/rules", json={"colour": "blue"}).status_code == 400


def test_an_order_moves_on_and_can_be_cancelled_only_before_picking(client, clock):
    put(client, document("early"))
    put(client, document("late"))
    assert put(client, document("early", 2, order_status="cancelled")).json()["outcome"] == "accepted"
    clock.now += timedelta(minutes=11)
    assert client.get("/orders/räv/late").json()["status"] == "picking"
    refused = put(client, document("late", 2, order_status="cancelled")).json()
    assert (refused["code"], refused["reason"]) == (
        "CANCELLED_TOO_LATE",
        "the order is picking and can no longer be cancelled",
    )
    clock.now += timedelta(minutes=20)
    assert client.get("/orders/räv/late").json()["status"] == "shipped"
    assert client.get("/orders/räv/early").json()["status"] == "cancelled"
    assert put(client, document("never", order_status="cancelled")).json()["outcome"] == "accepted"
    assert client.get("/orders/räv/never").json()["status"] == "cancelled"
    assert effects(client)["effects_by_kind"] == {"create": 3, "cancel": 1}


def test_requests_without_token_key_or_sense_are_refused(client):
    assert httpx.put(str(client.base_url) + AT, json=document()).status_code == 401
    assert httpx.get(str(client.base_url) + AT, headers={"Authorization": "Bearer ключ".encode()}).status_code == 401
    assert client.put(AT, json=document()).json()["error"]["code"] == "KEY_MISSING"
    assert put(client, document("a")).status_code == 200
    wrong = client.put("/orders/räv/b", json=document("a"), headers={"Idempotency-Key": "k"})
    assert wrong.json()["error"]["code"] == "PATH_DIFFERS"
    assert client.post("/orders/batch", content=b"{").status_code == 400
    assert batch(client, *(document(str(n)) for n in range(1001))).status_code == 413


def test_a_time_out_after_the_effect_leaves_exactly_one(client):
    whole = document()
    with pytest.raises(httpx.HTTPError):
        put(client, whole, **{"X-Sandbox-Fault": "timeout-after; seconds=0.01"})
    assert client.get(f"/keys/{key_of(whole)}").json()["outcome"] == "accepted"
    with pytest.raises(httpx.HTTPError):
        batch(client, whole, document("b"), **{"X-Sandbox-Fault": "drop-after"})
    assert batch(client, whole, document("b"), **{"X-Sandbox-Fault": "500-after"}).status_code == 500
    assert [each.get("replayed") for each in batch(client, whole, document("b")).json()["results"]] == [True, True]
    assert client.get("/_effects/räv").json() == {ORDER: 1, "b": 1}


def test_a_simple_oms_shows_who_sends_twice():
    with serve(oms_app(rules=Rules(idempotent=False))) as url, httpx.Client(base_url=url, headers=HEADERS) as client:
        put(client, document())
        put(client, document())
        assert effects(client)["repeated"] == [
            {"key": key_of(document()), "channel": "räv", "order_id": ORDER, "effects": 2}
        ]


def test_concurrent_senders_of_the_same_orders_leave_one_effect_for_each(client):
    orders = [document(f"ordre-{n}", version) for n in range(40) for version in (1, 2)]

    def send(sender):
        mine = orders[sender:] + orders[:sender]
        with httpx.Client(base_url=client.base_url, headers=HEADERS) as own:
            for start in range(0, len(mine), 16):
                assert batch(own, *mine[start : start + 16]).status_code == 200

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(0, 60, 10)))
    counted = effects(client)
    assert counted["orders"] == 40
    assert counted["repeated"] == []
    assert counted["keys"] == counted["effects"] <= 80
    held = client.post("/orders/lookup", json={"channel": "räv", "order_ids": [f"ordre-{n}" for n in range(40)]}).json()
    assert {each["version"] for each in held["orders"]} == {2}


SERVER = """
import sys
from pathlib import Path
from orderflow.sandbox.server import oms_app, run
run(oms_app(path=Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]))
"""


def start(path, port):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path), str(port)],
        env=os.environ | {"PYTHONPATH": str(Path(server.__file__).parents[2])},
    )
    for _ in range(400):
        try:
            httpx.get(f"http://127.0.0.1:{port}/_effects")
        except httpx.ConnectError:
            time.sleep(0.02)
        else:
            return process
    process.kill()
    raise AssertionError("the OMS did not start")


def test_every_answer_that_was_given_survives_a_kill_in_the_middle_of_sending(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path, answered = tmp_path / "oms.sqlite", []
    process = start(path, port)

    def send():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
            for n in range(100_000):
                try:
                    answered.append(put(client, document(f"o{n}")).json())
                except (httpx.HTTPError, json.JSONDecodeError):
                    return

    sender = threading.Thread(target=send)
    sender.start()
    while len(answered) < 50:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sender.join()
    process = start(path, port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
            keys = [each["key"] for each in answered]
            found = client.post("/orders/lookup", json={"keys": keys}).json()["keys"]
            assert {each["key"] for each in found} == set(keys)
            repeated = [put(client, document(f"o{n}")).json() for n in range(len(answered))]
            assert all(each["replayed"] for each in repeated)
            assert effects(client)["repeated"] == []
            assert effects(client)["effects"] - len(answered) in {0, 1}, "at most the one whose answer was lost"
    finally:
        process.kill()
        process.wait()
