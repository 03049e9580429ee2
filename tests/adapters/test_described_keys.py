"""A secret in a header of its own, beside what signs a request: sent with every order, held by the connection."""

import pytest
from described_shops import described
from http_server import Asked, Reply
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


@pytest.mark.parametrize("extra", [{}, {"api_key": ""}, {"api_key": 7}])
def test_a_key_that_the_connection_does_not_hold_is_named_by_its_header(extra):
    told = described({}, keys={"x-api-key": "api_key"})
    with pytest.raises(ConfigError, match="holds nothing for x-api-key"):
        asking(told, lambda _: as_json([]), listed, extra=extra)


def test_a_key_that_the_platform_repeats_is_masked():
    told = described({}, keys={"x-api-key": "login"}, success={"message": "error"})
    said = Reply(status=400, body=b'{"error": "no such key: key-0001"}')
    with pytest.raises(DriftError, match=r"no such key: \*\*\*"):
        asking(told, lambda _: said, listed, login="key-0001")
