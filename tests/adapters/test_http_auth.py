"""Signing: headers, tokens that are renewed ahead of their end or when refused, and secrets that never show."""

from __future__ import annotations

import json
import threading
import traceback
from datetime import timedelta

import httpx
import pytest
from http_server import Asked, Reply, Time, account, serve

from orderflow.adapters.http import Bearer, Header, Token, basic, client, judge, login, words
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Limits, Secret


class Platform:
    """Hands out tokens t1, t2, ... and takes only the newest; a refresh token may be used once."""

    def __init__(self) -> None:
        self.number = 0
        self.refused_once: set[str] = set()
        self.lock = threading.Lock()

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            if asked.path == "/token":
                given = json.loads(asked.body).get("refresh")
                if self.number and given != f"r{self.number}":
                    return Reply(400, b'{"error": "refresh token was used"}')
                self.number += 1
                return Reply(body=json.dumps({"token": f"t{self.number}", "refresh": f"r{self.number}"}).encode())
            ok = asked.headers.get("authorization") == f"Bearer t{self.number}" and self.number > 0
            return Reply(200 if ok else 401, b"[]")


def bearer(url: str, time: Time, kept: list, token: Token | None = None, hours: float = 1) -> Bearer:
    def renewal(old: Token | None) -> httpx.Request:
        refresh = old.refresh.reveal() if old and old.refresh else None
        return httpx.Request("POST", f"{url}/token", json={"refresh": refresh})

    def reading(response: httpx.Response) -> Token:
        judge(response, wanted="a token", now=time.clock(), table={400: (DeniedError, "renew the authorisation")})
        said = response.json()
        return Token(Secret(said["token"]), time.clock() + timedelta(hours=hours), Secret(said["refresh"]))

    return Bearer(token, renewal=renewal, reading=reading, clock=time.clock, on_token=kept.append)


def test_a_token_is_got_once_and_kept_before_it_is_used():
    time, kept, platform = Time(), [], Platform()
    with serve(platform.reply) as (url, seen):
        asking = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, kept))
        assert [asking.get("/orders").status_code for _ in range(3)] == [200, 200, 200]
    assert [asked.path for asked in seen] == ["/token", "/orders", "/orders", "/orders"]
    assert kept == [{"access_token": "t1", "expires_at": "2026-03-01T13:00:00+00:00", "refresh_token": "r1"}]


def test_a_token_is_renewed_before_it_ends():
    time, kept, platform = Time(), [], Platform()
    with serve(platform.reply) as (url, seen):
        asking = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, kept))
        asking.get("/orders")
        time.now += timedelta(minutes=59, seconds=1)
        assert asking.get("/orders").status_code == 200
    assert [asked.path for asked in seen] == ["/token", "/orders", "/token", "/orders"]


def test_a_refused_token_is_renewed_once_and_the_page_asked_for_again():
    time, kept, platform = Time(), [], Platform()
    platform.number = 7
    old = Token(Secret("t6"), None, Secret("r7"))
    with serve(platform.reply) as (url, seen):
        response = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, kept, old)).get("/orders")
    assert response.status_code == 200
    assert [asked.headers.get("authorization") for asked in seen] == ["Bearer t6", None, "Bearer t8"]


def test_a_token_that_is_refused_even_when_new_is_denied_not_renewed_for_ever():
    time = Time()

    def reply(asked: Asked) -> Reply:
        return Reply(body=b'{"token": "t", "refresh": "r"}') if asked.path == "/token" else Reply(401)

    with serve(reply) as (url, seen):
        response = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, [])).get("/orders")
    assert response.status_code == 401
    assert [asked.path for asked in seen] == ["/token", "/orders", "/token", "/orders"]


def test_threads_share_one_renewal_because_a_refresh_token_may_count_once():
    time, kept, platform = Time(), [], Platform()
    with serve(platform.reply) as (url, seen):
        asking = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, kept))
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(asking.get("/orders").status_code)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert statuses == [200] * 8
    assert [asked.path for asked in seen].count("/token") == 1
    assert len(kept) == 1


def test_a_refused_renewal_is_denied_and_the_next_request_may_try_again():
    time, platform = Time(), Platform()
    platform.number = 3
    with serve(platform.reply) as (url, _):
        asking = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, []))
        for _ in range(2):
            with pytest.raises(DeniedError, match="renew the authorisation"):
                asking.get("/orders")


def test_a_renewal_that_meets_a_busy_platform_is_tried_again():
    time, kept, platform = Time(), [], Platform()
    failures = [Reply(503), Reply(503)]
    with serve(lambda asked: failures.pop() if failures and asked.path == "/token" else platform.reply(asked)) as (
        url,
        _,
    ):
        asking = client(account(url), time.runtime(), Limits(), auth=bearer(url, time, kept))
        assert asking.get("/orders").status_code == 200
    assert len(time.slept) == 2


def test_a_renewal_at_a_platform_that_stays_down_is_transient():
    time = Time()
    with serve(lambda _: Reply(503)) as (url, _), pytest.raises(TransientError, match="a token"):
        client(account(url), time.runtime(), Limits(), auth=bearer(url, time, [])).get("/orders")


def test_a_stored_token_comes_back_as_it_went():
    token = Token(Secret("t1"), Time().now, Secret("r1"))
    back = Token.stored(token.to_json())
    assert back is not None
    assert back.to_json() == token.to_json()
    assert Token.stored({"access_token": "t"}).expires_at is None
    assert Token.stored({}) is None


@pytest.mark.parametrize("ends", [1773050400, "1773050400", "2026-03-09T10:00:00", "tomorrow"])
def test_a_stored_end_that_is_no_moment_names_it_and_the_form_that_is_wanted(ends: object):
    with pytest.raises(
        ConfigError, match=rf"expires_at .* is {ends!r} and no moment; write it .* 2026-03-09T10:00:00\+00"
    ):
        Token.stored({"access_token": "t", "expires_at": ends})


def test_basic_and_header_sign_and_show_nothing():
    with serve(lambda _: Reply()) as (url, seen):
        client(account(url), Time().runtime(), Limits(), auth=basic(account(url))).get("/")
        client(account(url), Time().runtime(), Limits(), auth=Header("x-key", Secret("s1"), prefix="Key ")).get("/")
    assert seen[0].headers["authorization"] == "Basic a2V5LTAwMDE6c2VjcmV0LTAwMDE="
    assert seen[1].headers["x-key"] == "Key s1"


@pytest.mark.parametrize("auth", [basic(account("https://x.test")), Header("x-key", Secret("secret-0001"))])
def test_no_auth_object_shows_its_secret(auth: httpx.Auth):
    assert "secret-0001" not in repr(auth)
    assert "secret-0001" not in repr(Token(Secret("secret-0001")))


@pytest.mark.parametrize("missing", [{"login": None}, {"password": None}, {"login": ""}, {"password": Secret("")}])
def test_a_connection_without_credentials_is_refused(missing: dict):
    with pytest.raises(ConfigError, match="connection loopback: login and password"):
        login(account("https://x.test", **missing))


@pytest.mark.parametrize("ended", [False, True])
def test_tokens_that_a_platform_repeats_are_masked_wherever_in_the_request_they_stood(ended: bool):
    """Some go into a signature, or under a name that tells nothing."""
    time = Time()

    def renewal(_: Token | None) -> httpx.Request:
        return httpx.Request("POST", f"{url}/token", json={"r": "r5-y"})

    def reading(response: httpx.Response) -> Token:
        raise DeniedError(words(response.text, response))

    def sign(request: httpx.Request, token: Token) -> None:
        request.url = request.url.copy_set_param("t", token.value.reveal())

    token = Token(Secret("t5-x"), time.clock() if ended else None, Secret("r5-y"))
    with serve(lambda _: Reply(401, b"t5-x, r5-y and r5-yes are unknown")) as (url, _):
        auth = Bearer(token, renewal=renewal, reading=reading, clock=time.clock, sign=sign)
        with pytest.raises(DeniedError) as refused:
            client(account(url), time.runtime(), Limits(), auth=auth).get("/orders")
    assert str(refused.value) == "***, *** and r5-yes are unknown"


@pytest.mark.parametrize("seconds", [9223372036854775807, 10**12, 10**30])
def test_a_token_that_is_good_for_ever_in_the_words_of_a_program_never_ends(seconds: int):
    assert Token.end(Time().now, seconds) is None
    assert Token.end(Time().now, 60) == Time().now + timedelta(minutes=1)


def test_a_sign_that_no_header_has_is_told_without_the_secret_around_it():
    def sign(request: httpx.Request, token: Token) -> None:
        request.headers["x-token"] = token.value.reveal().encode("ascii").decode()

    time, token = Time(), Token(Secret("t0-ken\u200b"))
    auth = Bearer(token, renewal=lambda _: httpx.Request("POST", "/"), reading=print, clock=time.clock, sign=sign)
    with serve(lambda _: Reply()) as (url, seen), pytest.raises(ConfigError, match="invisible") as refused:
        client(account(url), time.runtime(), Limits(), auth=auth).get("/orders")
    assert seen == []
    assert "t0-ken" not in "".join(traceback.format_exception(refused.value))
