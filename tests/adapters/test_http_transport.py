"""What happens to a request on its way out, over real HTTP."""

from __future__ import annotations

import gzip
import logging
import socket
from itertools import count, repeat

import httpx
import pytest
from http_server import Asked, Reply, Time, account, serve

from orderflow import wire
from orderflow.adapters.http import Header, basic, client, transport
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Limits, Secret


def replies(*said: Reply):
    numbers = count()
    return lambda _: said[min(next(numbers), len(said) - 1)]


def test_an_answer_is_measured_per_endpoint_without_the_numbers_in_its_path():
    time = Time()
    runtime = time.runtime()
    with serve(replies(Reply(body=b"[1, 2]"))) as (url, _):
        asking = client(account(url + "/shop"), runtime, Limits())
        assert asking.get("/orders/4711/refunds").json() == [1, 2]
        asking.get("/orders/4712/refunds")
    cost = runtime.meter.endpoints["GET /shop/orders/*/refunds"]
    assert (cost.calls, cost.bytes, cost.retries, cost.statuses) == (2, 12, 0, {"200": 2})
    assert 0 < cost.slowest <= cost.seconds


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_platform_is_asked_again_after_a_random_wait_that_grows(status: int):
    time = Time()
    runtime = time.runtime()
    with serve(replies(*[Reply(status)] * 3, Reply(body=b"{}"))) as (url, seen):
        assert client(account(url), runtime, Limits()).get("/orders").status_code == 200
    assert len(seen) == 4
    assert all(0 <= wait <= upper for wait, upper in zip(time.slept, (0.5, 1.0, 2.0), strict=True))
    cost = runtime.meter.endpoints["GET /orders"]
    assert (cost.calls, cost.retries, cost.statuses) == (4, 3, {str(status): 3, "200": 1})


@pytest.mark.parametrize(
    ("text", "wait"), [("7", 7.0), ("2.5", 2.5), ("Sun, 01 Mar 2026 12:00:09 GMT", 9.0), ("0", 0.0), ("-3", 0.0)]
)
def test_what_the_platform_says_always_wins(text: str, wait: float):
    time = Time()
    with serve(replies(Reply(429, headers={"Retry-After": text}), Reply())) as (url, _):
        assert client(account(url), time.runtime(), Limits()).get("/orders").status_code == 200
    assert time.slept == [pytest.approx(wait)]


@pytest.mark.parametrize("text", ["soon", "", "nan"])
def test_a_wait_that_cannot_be_read_is_none(text: str):
    time = Time()
    with serve(replies(Reply(503, headers={"Retry-After": text}), Reply())) as (url, _):
        client(account(url), time.runtime(), Limits()).get("/orders")
    assert 0 <= time.slept[0] <= 0.5


def test_a_long_wait_is_not_sat_out_but_handed_up():
    time = Time()
    with serve(replies(Reply(429, headers={"Retry-After": "3600"}))) as (url, seen):
        response = client(account(url), time.runtime(), Limits()).get("/orders")
    assert (response.status_code, len(seen), time.slept) == (429, 1, [])


def test_a_platform_that_stays_busy_is_asked_a_bounded_number_of_times():
    with serve(replies(Reply(503))) as (url, seen):
        asking = client(account(url), Time().runtime(), Limits())
        assert asking.get("/orders").status_code == 503
        assert len(seen) == transport.ATTEMPTS
        asking.get("/orders", extensions={"attempts": 2})
        assert len(seen) == transport.ATTEMPTS + 2


def test_a_torn_body_is_asked_for_again():
    runtime = Time().runtime()
    with serve(replies(Reply(body=b'{"a"', length=900), Reply(body=b'{"a": 1}'))) as (url, _):
        assert client(account(url), runtime, Limits()).get("/orders").json() == {"a": 1}
    assert runtime.meter.endpoints["GET /orders"].statuses == {"error": 1, "200": 1}


def test_a_damaged_compression_is_a_fault_of_the_attempt():
    with (
        serve(replies(Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}))) as (url, _),
        pytest.raises(TransientError, match=r"GET /orders at 127\.0\.0\.1: a damaged body"),
    ):
        client(account(url), Time().runtime(), Limits()).get("/orders")


@pytest.mark.parametrize("times", [1, 2])
def test_a_body_that_unpacks_to_more_than_a_run_can_hold_is_given_up(times: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire, "MOST_BYTES", 100_000)
    body = b" " * 200_000
    for _ in range(times):
        body = gzip.compress(body)
    packed = Reply(body=body, headers={"Content-Encoding": ", ".join(["gzip"] * times)})
    said = (
        "longer than the 100,000 bytes .*; ask for fewer"
        if times == 1
        else "packed as gzip, gzip, .*heed Accept-Encoding"
    )
    with (
        serve(replies(packed)) as (url, seen),
        pytest.raises(DriftError, match=rf"GET /orders at 127\.0\.0\.1: .*{said}"),
    ):
        client(account(url), Time().runtime(), Limits()).get("/orders")
    assert len(seen) == 1
    assert seen[0].headers["accept-encoding"] == "gzip, deflate"


def test_a_packed_body_and_words_that_pack_nothing_are_read():
    packed = Reply(body=gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"})
    odd = Reply(body=b"[2]", headers={"Content-Encoding": "UTF-8"})
    with serve(replies(packed, odd)) as (url, _):
        asking = client(account(url), Time().runtime(), Limits())
        assert [asking.get("/orders").json() for _ in range(2)] == [[1], [2]]


def test_a_failure_in_a_packing_that_nobody_asked_for_is_a_failure_like_any_other():
    page = Reply(503, body=b"br", headers={"Content-Encoding": "br"})
    with serve(replies(page, Reply(body=b"[1]"))) as (url, seen):
        assert client(account(url), Time().runtime(), Limits()).get("/orders").json() == [1]
    assert len(seen) == 2


def test_a_body_that_drips_in_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch):
    moments = count(0, 30)
    monkeypatch.setattr(wire.time, "monotonic", lambda: next(moments))

    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            return repeat(b" ")

    drip = httpx.MockTransport(lambda _: httpx.Response(200, stream=Drip()))
    with pytest.raises(TransientError, match="no answer in time"):
        client(account("https://shop.example.test"), Time().runtime(transport=drip), Limits()).get("/orders")


def test_a_closed_port_is_transient_and_the_message_names_the_host():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    time = Time()
    with pytest.raises(
        TransientError, match=r"GET /orders\?page=1 at 127.0.0.1: no connection .*; .*host and firewall"
    ):
        client(account(url), time.runtime(), Limits()).get("/orders", params={"page": 1})
    assert len(time.slept) == transport.ATTEMPTS - 1


def test_a_certificate_that_nobody_trusts_is_a_matter_for_the_operator():
    def untrusted(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", request=request)

    runtime = Time().runtime(transport=httpx.MockTransport(untrusted))
    with pytest.raises(DeniedError, match="not trusted"):
        client(account("https://shop.example.test"), runtime, Limits()).get("/orders")


def test_a_host_that_speaks_no_tls_is_told_from_one_that_is_not_there():
    with (
        serve(replies(Reply())) as (url, _),
        pytest.raises(TransientError, match=r"no secure connection \(\w+\).*scheme and port"),
    ):
        client(account(url.replace("http:", "https:")), Time().runtime(), Limits()).get("/orders")


def test_redirects_are_not_followed_because_credentials_must_not_travel():
    with serve(replies(Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}))) as (url, seen):
        response = client(account(url), Time().runtime(), Limits(), auth=basic(account(url))).get("/orders")
    assert (response.status_code, len(seen)) == (302, 1)


@pytest.mark.parametrize("place", ["http://shop.example:port/", "http://xn--a/", "http://[/", "//["])
def test_a_redirect_to_no_address_is_a_redirect(place: str):
    with serve(replies(Reply(302, headers={"Location": place}))) as (url, _):
        response = client(account(url), Time().runtime(), Limits()).get("/orders")
    assert response.status_code == 302


def test_the_own_budget_and_the_shared_one_are_both_asked():
    taken = []

    class Shared:
        def take(self, cost: float = 1.0) -> float:
            taken.append(cost)
            return 0.25

    time = Time()
    runtime = time.runtime(throttle=Shared())
    with serve(replies(Reply())) as (url, _):
        asking = client(account(url), runtime, Limits(rate=2.0, burst=2))
        for _ in range(5):
            asking.get("/orders")
    assert taken == [1.0] * 5
    assert sum(time.slept) == pytest.approx(1.5)
    assert runtime.meter.endpoints["GET /orders"].throttled_seconds == pytest.approx(1.5 + 5 * 0.25)


def test_every_attempt_is_signed_anew():
    numbers = count(1)

    class Numbered(httpx.Auth):
        def auth_flow(self, request):
            request.url = request.url.copy_merge_params({"nonce": str(next(numbers))})
            yield request

    with serve(replies(Reply(503), Reply())) as (url, seen):
        client(account(url), Time().runtime(), Limits(), auth=Numbered()).get("/orders", params={"page": 1})
    assert [asked.path for asked in seen] == ["/orders?page=1&nonce=1", "/orders?page=1&nonce=2"]


def test_a_body_is_sent_again_with_every_attempt():
    with serve(replies(Reply(503), Reply())) as (url, seen):
        asking = client(account(url), Time().runtime(), Limits(), auth=Header("x-token", Secret("secret-0001")))
        asking.post("/graphql", json={"query": "订单 🛒"})
    assert [asked.body for asked in seen] == ['{"query":"订单 🛒"}'.encode()] * 2
    assert [asked.headers["x-token"] for asked in seen] == ["secret-0001"] * 2


def test_credentials_in_the_query_show_in_no_log_line(caplog: pytest.LogCaptureFixture):
    class InQuery(httpx.Auth):
        def auth_flow(self, request):
            request.url = request.url.copy_merge_params({"consumer_secret": "secret-0001"})
            yield request

    caplog.set_level(logging.DEBUG)
    with serve(replies(Reply(503), Reply())) as (url, seen):
        client(account(url), Time().runtime(), Limits(), auth=InQuery()).get("/orders")
    assert all("consumer_secret=secret-0001" in asked.path for asked in seen)
    lines = [record.getMessage() for record in caplog.records]
    assert any("request retried" in line for line in lines)
    assert not [line for line in lines if "secret-0001" in line]


@pytest.mark.parametrize(
    "url",
    ["", "shop.example.test", "ftp://shop.example.test", "https://", "https://key:secret-0001@shop.example.test",
     "https://shop.example.test?token=secret-0001", "https://shop..example.test", f"https://{'a' * 64}.example.test"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_its_secrets(url: str):
    with pytest.raises(ConfigError) as caught:
        client(account(url), Time().runtime(), Limits())
    assert "connection loopback" in str(caught.value)
    assert "secret-0001" not in str(caught.value)


def test_no_environment_variable_sends_requests_elsewhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with serve(replies(Reply(body=b"[]"))) as (url, _):
        assert client(account(url), Time().runtime(), Limits()).get("/orders").json() == []


def test_requests_say_who_asks_and_what_for():
    with serve(replies(Reply())) as (url, seen):
        client(account(url), Time().runtime(), Limits(), headers={"x-shop": "1"}).get("/orders")
    asked: Asked = seen[0]
    assert (asked.headers["accept"], asked.headers["user-agent"], asked.headers["x-shop"]) == (
        "application/json",
        "orderflow",
        "1",
    )
