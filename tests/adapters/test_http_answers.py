"""From status and body to the error that says who must act; what may be shown of addresses and messages."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from orderflow.adapters.http import is_secret, judge, named, read, retry_after, shown, words
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = msgspec.json.Decoder(list[dict[str, int]])
RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def answer(status: int = 200, **more) -> httpx.Response:
    request = httpx.Request("GET", "https://shop.example.test/orders?page=2&consumer_secret=cs_1")
    return httpx.Response(status, request=request, **more)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_good_status_passes(status: int):
    judge(answer(status), wanted="a page of orders", now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ConfigError), (304, TransientError), (400, DriftError), (401, DeniedError), (402, DeniedError),
        (403, DeniedError),
        (404, DriftError), (405, DriftError), (408, TransientError), (410, DriftError), (418, DriftError),
        (422, DriftError), (423, DeniedError), (425, TransientError), (429, TransientError), (500, TransientError),
        (501, DriftError), (502, TransientError), (503, TransientError), (504, TransientError), (599, TransientError),
    ],
)  # fmt: skip
def test_every_status_has_its_class_and_its_message_names_place_want_and_cure(status: int, kind: type[Exception]):
    with pytest.raises(kind) as caught:
        judge(answer(status), wanted="a page of orders", now=NOW)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert message.startswith(f"GET /orders?page=2&consumer_secret=***: status {status} instead of a page of orders; ")
    assert len(message.partition("; ")[2]) > 20


def test_a_platform_gives_single_statuses_its_own_meaning_and_words():
    table = {404: (ConfigError, "correct the address")}
    with pytest.raises(ConfigError, match=r"\(rest_no_route: no route\) .*; correct the address"):
        judge(answer(404), wanted="orders", now=NOW, table=table, said="rest_no_route: no route")


def test_a_long_query_does_not_hide_the_reason():
    request = httpx.Request("GET", "https://shop.example.test/orders", params={"criteria": "[" * 500, "token": "t0"})
    with pytest.raises(TransientError) as caught:
        judge(httpx.Response(503, request=request), wanted="orders", now=NOW)
    assert str(caught.value).startswith("GET /orders?criteria=%5B%5B")
    assert "...: status 503 instead of orders" in str(caught.value)
    assert len(str(caught.value)) < 350
    assert len(named(request)) > 1500, "an origin is whole"


def test_a_redirect_tells_scheme_and_port_and_no_query():
    with pytest.raises(ConfigError, match=r"status 301 \(to http://shop\.example\.test:81/orders\) instead"):
        judge(
            answer(301, headers={"location": "http://user:pw@shop.example.test:81/orders?token=1"}), wanted="x", now=NOW
        )


def test_a_busy_platform_hands_on_when_to_come_back():
    with pytest.raises(TransientError) as caught:
        judge(answer(503, headers={"retry-after": "120"}), wanted="orders", now=NOW)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0), ("0.5", 0.5), (" 7 ", 7.0), ("-1", 0.0), ("1e12", 86400.0), ("inf", 86400.0), ("nan", None),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0), ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sunday, 01-Mar-26 12:01:00 GMT", 60.0), ("tomorrow", None), ("", None), ("2026-03-01", None),
        ("Sun, 01 Mar 99999999999 12:01:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_every_form_and_bounded(text: str, seconds: float | None):
    assert retry_after(httpx.Headers({"retry-after": text}), NOW) == seconds


def test_no_retry_after_is_none():
    assert retry_after(httpx.Headers(), NOW) is None


def test_a_good_body_is_decoded_whatever_its_content_type_says():
    assert read(answer(content=b'[{"id": 1}]', headers={"content-type": "text/html"}), ROWS, wanted="orders") == [
        {"id": 1}
    ]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (rb"Zo\ud83d", "Zo\ufffd"),
        (rb"\ud83d cut", "\ufffd cut"),
        (rb"cut\ude00\ud83d\ude00", "cut\ufffd\U0001f600"),
        (rb"path\\ud83d and \uD83D\n", "path\\ud83d and \ufffd\n"),
    ],
)
def test_half_a_character_in_one_order_does_not_make_its_page_unreadable(sent: bytes, text: str):
    pieces = read(answer(content=b'[{"name": "%b"}, {"id": 2}]' % sent), RAWS, wanted="orders")
    assert [msgspec.json.decode(piece) for piece in pieces] == [{"name": text}, {"id": 2}]


@pytest.mark.parametrize(
    ("content", "kind", "part"),
    [
        (b"", TransientError, "empty body"),
        (b"  \n", TransientError, "empty body"),
        (b"<!DOCTYPE html><title>Zo\xc3\xab's login</title>", TransientError, "a web page"),
        (b"<br /><b>Notice</b>: x in /srv/secret.php [{}]", TransientError, "a program's notice"),
        (b'[{"id": 1}, {"i', TransientError, "ends early"),
        (b'{"id": [1', TransientError, "ends early"),
        (b'<?xml version="1.0"?><a/>', DriftError, "XML instead of orders"),
        (b"id,name\n1,x\n", DriftError, "text instead of orders"),
        (b"\x1f\x8b\x08\x00\x99", DriftError, "binary data instead of orders"),
        (b'{"rows": []}', DriftError, "Expected `array`"),
        (b'[{"id": "1"}]', DriftError, "Expected `int`"),
        (b'[{"\xff": 1}]', DriftError, "not UTF-8"),
        (b'[{"\xff": 1}, {"i', TransientError, "ends early"),
        (b'[{"\xff": 1}, {"id": 12.', TransientError, "ends early"),
        (b'[{"id": 1, "sum": -', TransientError, "ends early"),
        (b'[{"id": 1, "sum": NaN}]', DriftError, r"invalid character \(byte 18\)"),
        (b'[{"id": 1, "sum": NaN}', DriftError, "invalid character"),
        (b'[{"id": 1, "name": "Zo\n"}]', DriftError, "invalid character"),
        (b'[{"id": 1}]\n[{"id": 2}]', DriftError, "trailing characters"),
        (b'[{"id": 1}]<br /><b>Notice</b>: x in /srv/secret.php', DriftError, "a program's notice"),
    ],
)
def test_a_bad_body_says_what_kind_it_is_and_never_what_it_holds(content: bytes, kind: type[Exception], part: str):
    with pytest.raises(kind, match=part) as caught:
        read(answer(content=content, headers={"content-type": "text/plain"}), ROWS, wanted="orders")
    assert type(caught.value) is kind
    assert "login" not in str(caught.value).replace("a login page", "")
    assert "secret.php" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "name",
    ["access_token", "refresh_token", "client_secret", "password", "consumer_key", "consumer_secret", "api_key",
     "apikey", "oauth_signature", "sign", "sig", "X-Api-Key", "Authorization", "oauth_nonce", "code", "access_key_id"],
)  # fmt: skip
def test_credentials_are_known_by_their_names(name: str):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["page", "per_page", "modified_after", "shop_id", "status", "design", "signed_at_x", "key"]
)
def test_other_parameters_are_no_credentials(name: str):
    assert not is_secret(name)


def test_an_address_is_shown_without_host_user_and_credentials():
    url = httpx.URL("https://key:secret@shop.example.test/a/b?page=2&access_token=t0&q=%E8%8F%9C&sign=")
    assert shown(url) == "/a/b?page=2&access_token=***&q=%E8%8F%9C&sign=***"
    assert named(httpx.Request("POST", "https://shop.example.test/a")) == "POST /a"


def test_a_platforms_words_lose_addresses_tokens_and_length():
    said = words("Key shpat_0123456789abcdef of zoë@example.test, order 6123456789012 菜刀 " + "x" * 500, answer())
    assert said.startswith("Key *** of *** order 6123456789012 菜刀 ")
    assert "shpat" not in said
    assert "example.test" not in said
    assert len(said) == 200


def test_a_message_of_many_megabytes_costs_no_more_than_reading_it():
    """Where each letter is a place to begin from, a word without an @ or a digit takes a minute for 20 KB."""
    assert words("a." * 200_000, answer()) == "a." * 100
    assert words("-" * 200_000 + " ada@shop.test", answer()) == "-" * 200
    assert words("see <ada@shop.test>, token=abcdefghij0123456789", answer()) == "see <***>, ***"


def test_json_that_is_nested_without_an_end_is_a_fault_of_the_platform():
    for content in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 50_000 + b"]" * 50_000):
        with pytest.raises(DriftError, match="nested more deeply than can be read"):
            read(answer(content=content), RAWS if content[:1] == b"[" else ROWS, wanted="orders")
