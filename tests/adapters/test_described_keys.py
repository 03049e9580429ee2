"""A secret in a header of its own, beside what signs a request: sent with every order, held by the connection."""

import pytest
from described_shops import described
from http_server import Asked, Reply
from pydantic import ValidationError
from test_described_shops import as_json, asking, listed

from orderflow.domain.errors import ConfigError, DriftError
from orderflow.domain.source import Secret

TOKEN = {"kind": "token", "path": "token", "login_as": "id", "password_as": "secret", "token": "token"}


@pytest.mark.parametrize(
    ("auth", "connection", "signed"),
    [
        (TOKEN, {"login": "app"}, "Bearer bought"),
        ({"kind": "header", "name": "authorization"}, {}, "hush"),
        ({"kind": "none"}, {}, None),
    ],
)
def test_a_key_in_a_header_of_its_own_goes_with_every_order_and_not_with_the_purchase_of_a_token(
    auth, connection, signed
):
    """Etsy, and what stands behind the gateways of Azure and AWS, want a key beside the token."""

    def reply(asked: Asked) -> Reply:
        if asked.path == "/token":
            return as_json({"token": "bought"})
        return as_json([{"id": 1}])

    told = described({}, auth=auth, keys={"x-api-key": "api_key"})
    extra = {"extra": {"api_key": "key-0001"}, "password": Secret("hush"), **connection}
    found, seen = asking(told, reply, listed, **extra)
    assert found == ["1"]
    assert [(each.path, each.headers.get("x-api-key")) for each in seen if each.path == "/token"] in (
        [],
        [("/token", None)],
    )
    assert (seen[-1].headers.get("x-api-key"), seen[-1].headers.get("authorization")) == ("key-0001", signed)


@pytest.mark.parametrize("extra", [{"apikey": "a"}, {"apikey": "a", "api_key": ""}, {"apikey": "a", "api_key": 7}])
def test_a_key_that_the_connection_does_not_hold_is_named_by_its_header_beside_what_is_held(extra):
    told = described({}, keys={"x-api-key": "api_key"})
    with pytest.raises(ConfigError, match=r"holds no text for x-api-key, but apikey, login; .*correct that name"):
        asking(told, lambda _: as_json([]), listed, extra=extra, password=None)


def test_a_secret_that_stands_in_the_channel_file_in_place_of_a_name_is_not_repeated():
    with pytest.raises(ConfigError) as refused:
        asking(described({}, keys={"x-api-key": "sk-0001"}), lambda _: as_json([]), listed)
    assert "sk-0001" not in str(refused.value)


@pytest.mark.parametrize("field", ["login", "password"])
def test_a_key_may_be_what_the_connection_has_a_field_of_its_own_for(field):
    told = described({}, keys={"x-api-key": field})
    _, seen = asking(told, lambda _: as_json([]), listed, login="key-0001", password=Secret("key-0001"))
    assert seen[-1].headers["x-api-key"] == "key-0001"


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"auth": {"kind": "basic"}, "keys": {"authorization": "api_key"}}, "auth"),
        ({"auth": {"kind": "header", "name": "X-Shop"}, "keys": {"x-shop": "api_key"}}, "auth"),
        ({"auth": {**TOKEN, "header": "X-Shop"}, "headers": {"x-shop": "main"}}, "auth"),
        ({"headers": {"X-Shop": "main"}, "keys": {"x-shop": "api_key"}}, "headers"),
        ({"keys": {"X-Shop": "api_key", "x-shop": "login"}}, "keys"),
    ],
)
def test_a_header_that_is_sent_already_is_refused_and_not_lost(told, place):
    """Whichever came last would be sent alone, and the platform would call the other one missing."""
    with pytest.raises(ValidationError, match=rf"is sent by `{place}` already, and a header goes out once"):
        described({}, **told)


@pytest.mark.parametrize("name", ["", "x key", "x-key:", "x-schlüssel", "x-key\n"])
@pytest.mark.parametrize("block", ["headers", "keys"])
def test_a_name_that_http_has_for_no_header_is_refused_in_the_file(block, name):
    with pytest.raises(ValidationError, match=r"is no name of a header; write letters, digits and hyphens"):
        described({}, **{block: {name: "login"}})


@pytest.mark.parametrize("name", ["Host", "content-length"])
def test_a_header_that_says_how_a_request_is_sent_is_refused(name):
    with pytest.raises(ValidationError, match="that every request has of its own"):
        described({}, keys={name: "login"})


@pytest.mark.parametrize(("field", "connection"), [("login", {"login": "key-0001"}), ("gate", {})])
def test_a_key_that_the_platform_repeats_is_masked(field, connection):
    told = described({}, keys={"x-api-key": field}, success={"message": "error"})
    said = Reply(status=400, body=b'{"error": "no such key: key-0001"}')
    with pytest.raises(DriftError, match=r"no such key: \*\*\*"):
        asking(told, lambda _: said, listed, **{"login": "anna", "extra": {"gate": "key-0001"}, **connection})
