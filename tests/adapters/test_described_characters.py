"""Characters that shops behind a channel file cut in halves: JavaScript sends such a half as an escape of its own."""

import msgspec
import pytest
from described_shops import described
from http_server import Reply
from test_described_shops import HOUR, asking

from orderflow.domain.errors import DriftError

CUT = rb'{"id": 1, "note": "thank you \ud83d"}'
GOOD = rb'{"id": 2, "note": "\ud83d\ude00 \\ud83d"}'


def fetched(source):
    return [bytes(record) for page in source.fetch(HOUR) for record in page.records]


@pytest.mark.parametrize(("at", "body"), [("", b"[%b,%b]"), ("data.list", b'{"data": {"list": [%b,%b]}}')])
def test_half_a_character_in_one_order_keeps_no_page_from_being_read(at, body):
    found, _ = asking(described({"at": at}), lambda _: Reply(body=body % (CUT, GOOD)), fetched)
    assert [msgspec.json.decode(record)["note"] for record in found] == ["thank you \ufffd", "\U0001f600 \\ud83d"]
    assert found[1] == GOOD


def test_orders_without_such_a_half_are_kept_byte_for_byte():
    found, _ = asking(described({}), lambda _: Reply(body=b"[%b,  %b]" % (GOOD, GOOD)), fetched)
    assert found == [GOOD, GOOD]


@pytest.mark.parametrize("broken", [b'"\xff"', b"[" * 3000 + b"]" * 3000])
def test_a_page_that_cannot_be_read_is_told_where_answers_may_say_that_a_token_ended(broken):
    auth = {"kind": "token", "path": "token", "token": "token"}
    told = described({}, auth=auth, success={"at": "code", "good": [0], "expired": [9]})

    def answer(asked):
        return Reply(body=b'{"token": "t"}' if asked.path == "/token" else b'{"code": 0, "x": %b}' % broken)

    with pytest.raises(DriftError, match="instead of orders"):
        asking(told, answer, fetched)
