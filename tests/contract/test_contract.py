"""One contract for every adapter, proven with recorded answers. An adapter without cases fails here."""

from __future__ import annotations

import json
import logging
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import contract_cases
import httpx
import pytest
from contract_cases import Case

from orderflow import adapters
from orderflow.domain import errors
from orderflow.domain.source import Acknowledging, Page

KINDS = ("one_page", "several_pages", "empty", "drift")
CASES = contract_cases.every()
GOOD = [case for case in CASES if "expect" not in case.told]
PAGED = [case for case in GOOD if case.told.get("ask", "fetch") == "fetch"]
FAILING = [case for case in CASES if "expect" in case.told]
FIRST = [case for case in CASES if case.name == "one_page" and case.talks]


def ids(case: Case) -> str:
    return f"{case.adapter_name}/{case.name}"


@pytest.mark.parametrize("name", adapters.known())
def test_every_adapter_has_a_case_of_each_kind(name: str):
    have = {case.name for case in CASES if case.adapter_name == name}
    missing = [kind for kind in KINDS if not any(each.startswith(kind) for each in have)]
    assert not missing, f"adapter {name} has no recorded case for {missing}; add tests/contract/cases/{name}/<kind>"


def test_every_case_belongs_to_an_adapter():
    assert {case.adapter_name for case in CASES} <= set(adapters.known())
    assert all(case.told.get("about") for case in CASES)


@pytest.mark.parametrize("case", GOOD, ids=ids)
def test_a_case_yields_exactly_its_orders(case: Case, tmp_path: Path):
    opened = case.open(tmp_path)
    assert contract_cases.outcome(case, opened.source) == case.expected
    idle = [exchange.request for exchange in opened.recorded.exchanges if not exchange.used]
    assert not idle, f"recorded but never asked for: {idle}"


@pytest.mark.parametrize("case", GOOD, ids=ids)
def test_asking_twice_gives_the_same(case: Case, tmp_path: Path):
    source = case.open(tmp_path).source
    first = contract_cases.outcome(case, source)
    (tmp_path / "again").mkdir()
    assert contract_cases.outcome(case, case.open(tmp_path / "again").source) == first


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_every_page_has_an_origin_and_a_cursor_that_json_can_hold(case: Case, tmp_path: Path):
    for page in contract_cases.pages(case, case.open(tmp_path).source):
        assert isinstance(page, Page)
        assert page.origin
        assert json.loads(json.dumps(page.cursor)) == page.cursor
        assert all(isinstance(record, bytes) for record in page.records)


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_going_on_behind_a_page_yields_exactly_the_rest(case: Case, tmp_path: Path):
    whole = contract_cases.pages(case, case.open(tmp_path / "whole").source)
    for number, page in enumerate(whole):
        if page.cursor is None:
            continue
        rest = contract_cases.pages(case, case.open(tmp_path / str(number)).source, after=page.cursor)
        assert records(rest) == records(whole[number + 1 :])


def records(pages: list[Page]) -> list[bytes]:
    return [record for page in pages for record in page.records]


@pytest.mark.parametrize("case", [each for each in PAGED if each.told.get("balanced", True)], ids=ids)
def test_the_money_equation_holds_in_both_currencies(case: Case):
    for order in case.expected["orders"]:
        for side in ("", "shop_") if order.get("shop_currency") else ("",):
            assert residue(order, side) == 0, f"{order['order_id']} {side or 'presentment'}"


def residue(order: dict[str, Any], side: str) -> Decimal:
    """What the equation of `domain.order` leaves over."""

    def amounts(part: str, name: str) -> Decimal:
        return sum((Decimal(each.get(side + name) or 0) for each in order.get(part, [])), Decimal(0))

    def amount(name: str) -> Decimal:
        return Decimal(order.get(side + name) or 0)

    tax = Decimal(0) if order.get("taxes_included") else amount("tax_total")
    unallocated = amounts("discounts", "amount") - amounts("discounts", "allocated")
    left = amounts("lines", "total") + amounts("charges", "total") + tax - unallocated + amount("rounding")
    return left - amount("grand_total")


@pytest.mark.parametrize("case", FAILING, ids=ids)
def test_a_failing_case_raises_the_error_that_says_who_must_act(case: Case, tmp_path: Path):
    expect = case.told["expect"]
    with pytest.raises(getattr(errors, expect["error"])) as caught:
        contract_cases.outcome(case, case.open(tmp_path).source)
    assert type(caught.value) is getattr(errors, expect["error"])
    for part in expect["message"]:
        assert part in str(caught.value)
    if "retry_after" in expect:
        assert caught.value.retry_after == pytest.approx(expect["retry_after"])


ANSWERS = {
    "401": (lambda _: httpx.Response(401), errors.DeniedError),
    "403": (lambda _: httpx.Response(403, html="<html>blocked</html>"), errors.DeniedError),
    "429": (lambda _: httpx.Response(429, headers={"retry-after": "3600"}), errors.TransientError),
    "503": (lambda _: httpx.Response(503), errors.TransientError),
    "moved": (lambda _: httpx.Response(301, headers={"location": "https://elsewhere.test"}), errors.ConfigError),
    "web page": (lambda _: httpx.Response(200, html="<!DOCTYPE html><p>Sign in"), errors.TransientError),
    "nothing": (lambda _: httpx.Response(200), errors.TransientError),
    "torn": (lambda _: httpx.Response(200, content=b'{"a": [1, 2'), errors.TransientError),
    "garbage": (lambda _: httpx.Response(200, content=b"\x00\xff\xfe garbage"), errors.DriftError),
    "other shape": (lambda _: httpx.Response(200, json={"no": {"such": ["shape"]}}), errors.DriftError),
}


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("recorded", request=request)


@pytest.mark.parametrize("answer", [*ANSWERS, "refused"])
@pytest.mark.parametrize("case", FIRST, ids=ids)
def test_a_broken_platform_raises_the_error_that_says_who_must_act(case: Case, answer: str, tmp_path: Path):
    handler, kind = ANSWERS.get(answer, (refuse, errors.TransientError))
    opened = case.open(tmp_path, transport=httpx.MockTransport(handler))
    with pytest.raises(kind) as caught:
        contract_cases.pages(case, opened.source)
    assert "; " in str(caught.value), "a message ends with its cure"
    if answer == "429":
        assert caught.value.retry_after == 3600
        assert opened.time.slept == [], "an hour is not waited for inside the run"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_no_secret_shows_in_any_log_line_error_or_repr(case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    assert case.secrets or not case.talks, "a case of a platform names the secrets that it uses"
    caplog.set_level(logging.DEBUG)
    opened = case.open(tmp_path)
    shown = [repr(opened.source), repr(vars(opened.source)), repr(opened.runtime)]
    try:
        found = [] if "ask" in case.told else contract_cases.pages(case, opened.source)
        shown += [f"{page.origin} {page.cursor}" for page in found]
        shown.append(str(contract_cases.outcome(case, opened.source)))
    except errors.OrderflowError as error:
        shown += traceback.format_exception(error)
    shown += [record.getMessage() for record in caplog.records]
    for secret in case.secrets:
        assert not any(secret in text for text in shown), f"{secret} shows"


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_a_mailbox_may_be_told_twice_what_arrived(case: Case, tmp_path: Path):
    opened = case.open(tmp_path)
    limits = case.adapter.limits
    assert isinstance(opened.source, Acknowledging) == limits.acknowledges
    if not limits.acknowledges:
        return
    origins = [page.origin for page in contract_cases.pages(case, opened.source)]
    opened.source.acknowledge(origins)
    rest = records(contract_cases.pages(case, opened.source))
    assert contract_cases.mapped(case, rest)["orders"] == [], "what was acknowledged does not come again"
    opened.source.acknowledge(origins)
    assert records(contract_cases.pages(case, opened.source)) == rest
