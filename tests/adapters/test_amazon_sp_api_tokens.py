"""Tokens of the Amazon sources: when they are bought, renewed and kept, and what a refused one becomes."""

from datetime import timedelta

import httpx
import pytest
from amazon_shop import EXPIRED, NOW, TOKENS, WINDOW, Amazon, Time, error, ids, numbers, opened, pulled

from orderflow.domain.errors import ConfigError, DeniedError


def test_a_restricted_token_is_bought_once_and_used_for_orders_and_items():
    amazon = Amazon(ids(1, 2))
    source = opened(amazon, "v0")
    list(source.fetch(WINDOW))
    list(source.fetch(WINDOW))
    assert [path for method, path, _, _ in amazon.requests if method == "POST"] == [
        "/tokens/2021-03-01/restrictedDataToken"
    ]
    assert {token for method, _, _, token in amazon.requests if method == "GET"} == {"restricted-1"}


def test_a_restricted_token_is_bought_anew_before_it_ends():
    amazon, time = Amazon(ids(1)), Time()
    source = opened(amazon, "v0", time=time)
    list(source.fetch(WINDOW))
    time.now += timedelta(minutes=59, seconds=30)
    list(source.fetch(WINDOW))
    assert amazon.bought == 2
    assert [token for method, _, _, token in amazon.requests if method == "POST"][-1] == "second"


def test_without_people_v0_needs_no_restricted_token():
    amazon = Amazon(ids(1))
    pulled(amazon, "v0", personal_data=False)
    assert {token for _, _, _, token in amazon.requests} == {"first"}


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_an_expired_token_is_renewed_once_and_kept_before_it_is_used(version):
    amazon, stored = Amazon(ids(1)), []
    amazon.access.clear()
    assert numbers(pulled(amazon, version, stored=stored)) == ids(1)
    assert [(each["access_token"], each["refresh_token"]) for each in stored] == [("second", "Atzr")]
    assert stored[0]["expires_at"] == (NOW + timedelta(hours=1)).isoformat()


def test_a_token_is_renewed_ahead_of_its_end():
    amazon = Amazon(ids(1))
    pulled(amazon, extra=TOKENS | {"expires_at": (NOW + timedelta(seconds=30)).isoformat()})
    assert [path for _, path, _, _ in amazon.requests] == ["/auth/o2/token", "/orders/2026-01-01/orders"]


def test_a_refresh_token_alone_is_enough_and_none_at_all_is_a_gap_in_the_connection():
    assert numbers(pulled(Amazon(ids(1)), extra={"refresh_token": "Atzr"})) == ids(1)
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Amazon(), extra={})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), "authorise the app again"),
        (httpx.Response(401, json={"error": "invalid_client"}), "client secret"),
        (httpx.Response(401), "credentials"),
    ],
)
def test_a_refused_login_says_what_to_do(answer, message):
    amazon = Amazon()
    amazon.login = lambda _: answer
    with pytest.raises(DeniedError, match=message):
        pulled(amazon, extra={"refresh_token": "Atzr"})


def test_a_busy_login_is_tried_again():
    amazon = Amazon(ids(1))
    login, busy = amazon.login, [httpx.Response(503), httpx.Response(429, json={"error": "slow_down"})]
    amazon.login = lambda form: busy.pop() if busy else login(form)
    assert numbers(pulled(amazon, extra={"refresh_token": "Atzr"})) == ids(1)


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_a_token_refused_twice_is_denied(version):
    amazon = Amazon(first=[error(403, "Unauthorized", EXPIRED) for _ in range(4)])
    with pytest.raises(DeniedError, match="fresh access token"):
        pulled(amazon, version)
    assert len([path for _, path, _, _ in amazon.requests if path == "/auth/o2/token"]) == 1


def test_a_missing_role_buys_no_new_token():
    amazon = Amazon(first=[error(403, "Unauthorized")])
    with pytest.raises(DeniedError, match="role"):
        pulled(amazon)
    assert len(amazon.requests) == 1
