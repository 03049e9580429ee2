"""One contract for every adapter, proven with recorded answers. An adapter without cases fails here.

The checks themselves stand in `orderflow.sandbox.conformance.contract`, where `orderflow certify` finds them, too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow import adapters
from orderflow.sandbox.conformance import cases, contract
from orderflow.sandbox.conformance.cases import Case

CASES = cases.every()
GOOD = list(filter(contract.good, CASES))
PAGED = list(filter(contract.paged, CASES))
FAILING = [case for case in CASES if not contract.good(case)]
FIRST = list(filter(contract.first, CASES))


def ids(case: Case) -> str:
    return f"{case.adapter_name}/{case.name}"


@pytest.mark.parametrize("name", adapters.known())
def test_every_adapter_has_a_case_of_each_kind(name: str):
    assert contract.whole(name) == []


def test_every_case_belongs_to_an_adapter():
    assert {case.adapter_name for case in CASES} <= set(adapters.known())


@pytest.mark.parametrize("case", GOOD, ids=ids)
def test_a_case_yields_exactly_its_orders(case: Case, tmp_path: Path):
    assert contract.yields_its_orders(case, tmp_path) == []


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_every_field_of_an_order_has_its_declared_type(case: Case, tmp_path: Path):
    assert contract.has_typed_fields(case, tmp_path) == []


@pytest.mark.parametrize("case", GOOD, ids=ids)
def test_asking_twice_gives_the_same(case: Case, tmp_path: Path):
    assert contract.gives_the_same_again(case, tmp_path) == []


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_every_page_has_an_origin_and_a_cursor_that_json_can_hold(case: Case, tmp_path: Path):
    assert contract.has_origins_and_cursors(case, tmp_path) == []


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_going_on_behind_a_page_yields_exactly_the_rest(case: Case, tmp_path: Path):
    assert contract.goes_on_behind_each_page(case, tmp_path) == []


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_the_money_equation_holds_in_both_currencies(case: Case, tmp_path: Path):
    assert contract.adds_up(case, tmp_path) == []


@pytest.mark.parametrize("case", FAILING, ids=ids)
def test_a_failing_case_raises_the_error_that_says_who_must_act(case: Case, tmp_path: Path):
    assert contract.raises_its_error(case, tmp_path) == []


@pytest.mark.parametrize("answer", contract.ANSWERS)
@pytest.mark.parametrize("case", FIRST, ids=ids)
def test_a_broken_platform_raises_the_error_that_says_who_must_act(case: Case, answer: str, tmp_path: Path):
    assert contract.names_who_must_act(case, tmp_path, answer) == []


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_no_secret_shows_in_any_log_line_error_or_repr(case: Case, tmp_path: Path):
    assert contract.keeps_secrets(case, tmp_path) == []


@pytest.mark.parametrize("case", PAGED, ids=ids)
def test_a_mailbox_may_be_told_twice_what_arrived(case: Case, tmp_path: Path):
    assert contract.may_be_told_twice(case, tmp_path) == []
