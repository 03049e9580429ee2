"""What shops behind a channel file say when they refuse: the right error, in their words, without our key."""

import pytest
from described_shops import described
from http_server import Asked, Reply
from test_described_shops import as_json, asking, listed

from orderflow.domain.errors import DeniedError, DriftError, TransientError
from orderflow.domain.source import Secret


def test_what_the_platform_says_of_a_request_is_told_with_the_cure():
    answer = Reply(status=422, body=b'{"errors": [{"detail": "unknown field updatdAt, ask anna@example.test"}]}')
    with pytest.raises(
        DriftError, match=r"status 422 \(unknown field updatdAt, ask \*\*\*\).*correct the channel file"
    ):
        asking(described({}, success={"message": "errors[0].detail"}), lambda _: answer, listed)


@pytest.mark.parametrize(("code", "kind"), [(5, DeniedError), (7, DeniedError), (9, TransientError)])
def test_a_code_of_trouble_is_believed_though_the_file_names_no_code_of_success(code, kind):
    """Beside an empty list it would else prove a window without orders."""
    told = described({"at": "list"}, success={"at": "code", "denied": [7], "expired": [5], "again": [9]})
    with pytest.raises(kind, match=rf"an error instead of orders \({code}\)"):
        asking(told, lambda _: as_json({"code": code, "list": []}), listed)
    assert asking(told, lambda _: as_json({"list": [{"id": 1}]}), listed)[0] == ["1"]


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "basic"},
        {"kind": "header", "name": "x-shop", "prefix": "key "},
        {"kind": "query", "name": "k"},
        {"kind": "token", "path": "token", "token": "t"},
    ],
)
def test_a_platform_that_quotes_the_key_that_it_refuses_does_not_get_it_into_the_message(auth, status):
    def reply(asked: Asked) -> Reply:
        if asked.path == "/token":
            return as_json({"t": "b7-t"})
        return as_json({"code": 7, "said": "s3-same, b7-t (anna) ist ungueltig"}, status=status)

    told = described({}, auth=auth, success={"at": "code", "denied": [7], "message": "said"})
    with pytest.raises(DeniedError) as refused:
        asking(told, reply, listed, login="anna", password=Secret("s3-same"))
    assert "ist ungueltig" in str(refused.value)
    assert "s3-same" not in str(refused.value)
    assert auth["kind"] != "token" or "b7-t" not in str(refused.value)


@pytest.mark.parametrize(("status", "kind"), [(401, DeniedError), (200, DriftError)])
def test_words_that_are_no_single_value_hide_no_error(status, kind):
    told = described({}, success={"at": "code", "good": [0], "message": "errors"})
    with pytest.raises(kind, match=r"status 401|an error instead of orders"):
        asking(told, lambda _: as_json({"code": 7, "errors": {"key": ["is wrong"]}}, status=status), listed)
