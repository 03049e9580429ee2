"""Paging: pure functions of the last exchange, and walks that never run in circles."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.adapters.http import by_cursor, by_page, last_page_first, side_by_side, walk
from orderflow.domain.errors import DriftError


def test_a_cursor_is_followed_until_there_is_none():
    cursors = {None: "a", "a": "b", "b": None}
    walked = list(walk({"after": None, "q": 1}, lambda q: cursors[q["after"]], by_cursor("after", lambda a: a)))
    assert walked == [({"after": None, "q": 1}, "a"), ({"after": "a", "q": 1}, "b"), ({"after": "b", "q": 1}, None)]


@pytest.mark.parametrize("circle", [{None: "a", "a": "a"}, {None: "a", "a": "b", "b": "a"}])
def test_a_cursor_that_comes_back_ends_the_walk_instead_of_running_for_ever(circle: dict[str | None, str]):
    with pytest.raises(DriftError, match="circle"):
        list(walk({"after": None}, lambda q: circle[q["after"]], by_cursor("after", lambda a: a)))


def test_pages_are_counted_up_as_far_as_the_last_answer_says():
    totals = iter([3, 3, 2])
    assert [q for q, _ in walk({"page": 1}, lambda _: next(totals), by_page("page", lambda a: a))] == [
        {"page": 1}, {"page": 2}, {"page": 3},
    ]  # fmt: skip


def test_pages_may_count_from_zero_and_the_first_may_go_without_saying():
    assert [q for q, _ in walk({}, lambda _: 3, by_page("p", lambda a: a, first=0))] == [{}, {"p": 1}, {"p": 2}]


def test_no_pages_at_all_is_one_question():
    assert len(list(walk({"page": 1}, lambda _: 0, by_page("page", lambda a: a)))) == 1


def test_the_last_page_comes_first_behind_a_probe():
    asked = [dict(q) for q, _ in walk({"size": 5}, lambda _: 3, last_page_first("page", lambda a: a))]
    assert asked == [{"size": 5}, {"size": 5, "page": 3}, {"size": 5, "page": 2}, {"size": 5, "page": 1}]


def test_an_empty_list_has_no_page_behind_its_probe():
    assert len(list(walk({}, lambda _: 0, last_page_first("page", lambda a: a)))) == 1


def test_a_total_that_no_list_can_have_is_told_and_not_read_from_its_end():
    walked = walk({}, lambda _: 100_001, last_page_first("page", lambda a: a))
    assert next(walked) == ({}, 100_001)
    with pytest.raises(DriftError, match="counts 100001 pages, more than 100,000"):
        next(walked)


class Moving:
    """A window of modified time that lies in the past: an order that changes while one reads leaves it."""

    def __init__(self, size: int, touched: Sequence[int]) -> None:
        self.rows = list(range(size))
        self.touched = list(touched)

    def page(self, number: int, size: int) -> tuple[list[int], int]:
        rows = self.rows[(number - 1) * size : number * size]
        pages = -(-len(self.rows) // size)
        if self.touched and self.rows:
            self.rows.pop(self.touched.pop() % len(self.rows))
        return rows, pages


@given(st.integers(1, 40), st.integers(1, 7), st.lists(st.integers(0, 1000), max_size=20))
def test_reading_the_last_page_first_misses_nothing_that_stays(size, per_page, touched):
    moving = Moving(size, touched)
    seen: set[int] = set()
    for question, (rows, _) in walk(
        {}, lambda q: moving.page(q.get("page", 1), per_page), last_page_first("page", lambda a: a[1])
    ):
        if "page" in question:
            seen |= set(rows)
    assert set(moving.rows) <= seen


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_answers_come_in_the_order_of_the_questions(at_once: int):
    assert list(side_by_side(lambda n: n * n, range(20), at_once=at_once)) == [(n, n * n) for n in range(20)]


def test_questions_are_asked_side_by_side_but_no_more_than_allowed():
    together = threading.Barrier(3, timeout=20)
    asking, most, lock = [0], [0], threading.Lock()

    def ask(number: int) -> int:
        with lock:
            asking[0] += 1
            most[0] = max(most[0], asking[0])
        together.wait()
        with lock:
            asking[0] -= 1
        return number

    assert len(list(side_by_side(ask, range(9), at_once=3))) == 9
    assert most[0] == 3


def test_no_more_questions_are_asked_than_were_taken():
    asked = []
    answers = side_by_side(lambda n: asked.append(n) or n, iter(range(1000)), at_once=4)
    for _ in range(5):
        next(answers)
    answers.close()
    assert len(asked) <= 9


def test_the_first_error_ends_it():
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        if number == 3:
            raise DriftError("page 3")
        return number

    got = []
    with pytest.raises(DriftError, match="page 3"):
        got.extend(number for number, _ in side_by_side(ask, range(1000), at_once=2))
    assert got == [0, 1, 2]
    assert len(asked) <= 6
