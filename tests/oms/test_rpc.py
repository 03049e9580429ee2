"""Remote procedures over HTTP: what is tried again, what is counted, and what an answer without JSON means."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any

import httpx
import pytest
from orders import runtime

from orderflow import wire
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Meter, Runtime
from orderflow.oms.rpc import Rpc


class Answers:
    """Gives one answer after the other and remembers the requests and the waits."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests, self.waits = list(answers), [], []
        self.meter = Meter()
        self.runtime = Runtime(
            clock=runtime().clock, sleep=self.waits.append, meter=self.meter, transport=httpx.MockTransport(self)
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, body: Any = None) -> tuple[int, Any]:
        rpc = Rpc(Account("erp", "https://erp.example.test/base"), self.runtime, timeout=5)
        return rpc.post("/call", body, endpoint="work")


def test_numbers_keep_their_digits_both_ways() -> None:
    answers = Answers(httpx.Response(200, content=b'{"total": 34.10, "big": 12345678901234567890}'))

    assert answers.post({"price": Decimal("0.10"), "名": "茶"}) == (
        200,
        {"total": "34.10", "big": 12345678901234567890},
    )
    assert answers.requests[0].content == '{"price":0.10,"名":"茶"}'.encode()
    assert answers.requests[0].url == "https://erp.example.test/base/call"


def test_a_busy_or_silent_server_is_asked_three_times_and_retry_after_wins() -> None:
    busy = httpx.Response(429, headers={"retry-after": "7"})
    answers = Answers(busy, httpx.ConnectError("refused"), httpx.Response(200, json=1))

    assert answers.post() == (200, 1)
    assert answers.waits == [7, 2]
    endpoint = answers.meter.endpoints["work"]
    assert (endpoint.calls, endpoint.retries, endpoint.statuses) == (3, 2, {"429": 1, "error": 1, "200": 1})


def test_a_server_that_stays_silent_is_transient_and_says_how_long_to_wait() -> None:
    with pytest.raises(TransientError, match="ReadTimeout") as caught:
        Answers(*[httpx.ReadTimeout("silence")] * 3).post()
    assert caught.value.retry_after is None

    patient = Answers(httpx.Response(503, headers={"retry-after": "600"}))
    with pytest.raises(TransientError) as caught:
        patient.post()
    assert caught.value.retry_after == 600
    assert len(patient.requests) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, DeniedError),
        (403, DeniedError),
        (404, ConfigError),
        (500, TransientError),
        (200, TransientError),
        (302, DriftError),
    ],
)
def test_an_answer_without_json_is_told_by_its_status(status: int, expected: type[Exception]) -> None:
    with pytest.raises(expected, match=str(status)):
        Answers(httpx.Response(status, text="<html>secret</html>")).post()


def test_errors_in_json_are_left_to_the_protocol() -> None:
    assert Answers(httpx.Response(422, json={"name": "x"})).post() == (422, {"name": "x"})


def test_a_body_that_cannot_be_unpacked_is_asked_for_again() -> None:
    broken = httpx.Response(200, stream=httpx.ByteStream(b"no gzip"), headers={"content-encoding": "gzip"})
    assert Answers(broken, httpx.Response(200, json=1)).post() == (200, 1)


def test_a_packed_body_may_be_as_long_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 3000)
    sent = httpx.ByteStream(gzip.compress(b" " * 2000 + b"1"))
    assert Answers(httpx.Response(200, stream=sent, headers={"content-encoding": "gzip"})).post() == (200, 1)


def test_a_body_that_would_fill_the_memory_is_no_matter_of_another_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 3000)
    answers = Answers(httpx.Response(200, content=b" " * 4000))
    with pytest.raises(DriftError, match="has 4,000 bytes, more than the 3,000 that are taken in; ask for fewer"):
        answers.post()
    assert len(answers.requests) == 1


def test_text_that_is_not_json_is_drift_and_torn_json_is_not() -> None:
    with pytest.raises(DriftError, match="not JSON"):
        Answers(httpx.Response(200, text="ok")).post()
    for torn in (b"", b'{"result": "caf\xe9', b"[" * 100_000):
        with pytest.raises(TransientError, match="torn"):
            Answers(httpx.Response(200, content=torn)).post()
    assert Answers(
        httpx.Response(200, content=b'"caf\xe9"', headers={"content-type": "text/json; charset=latin-1"})
    ).post()


def test_a_call_that_answers_nothing_has_answered() -> None:
    assert Answers(httpx.Response(200, content=b"null")).post() == (200, None)
