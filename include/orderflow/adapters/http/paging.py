"""Paging: what to ask next is a pure function of the last question and its answer.

    for question, answer in walk(first, ask, by_cursor("after", next_cursor)):
        ...

A question is a dictionary of parameters; an answer is whatever `ask` returns. `walk` never asks the same question
twice: a platform whose cursor runs in a circle raises `DriftError` instead of keeping a run busy for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from orderflow.domain.errors import DriftError
from orderflow.domain.source import JsonValue

A = TypeVar("A")
Q = TypeVar("Q")

Question: TypeAlias = Mapping[str, JsonValue]


MOST_PAGES = 100_000
"""Of one question; each of them would be asked for, however wrong the total is that promises them."""


def by_cursor(name: str, following: Callable[[A], JsonValue]) -> Callable[[Question, A], Question | None]:
    """Ask again with parameter `name` set to what `following` finds in the answer; a cursor of None ends the walk."""

    def next_question(question: Question, answer: A) -> Question | None:
        cursor = following(answer)
        return None if cursor is None else {**question, name: cursor}

    return next_question


def by_page(name: str, pages: Callable[[A], int], *, first: int = 1) -> Callable[[Question, A], Question | None]:
    """Count parameter `name` up from `first` for as many pages as the last answer says there are."""

    def next_question(question: Question, answer: A) -> Question | None:
        page = question.get(name, first) + 1
        return {**question, name: page} if page < first + pages(answer) else None

    return next_question


def last_page_first(
    name: str, pages: Callable[[A], int], *, first: int = 1
) -> Callable[[Question, A], Question | None]:
    """Ask once without `name`, only to learn how many pages there are, then from the last page down to the first.

    For lists from which rows leave while one reads: windows of modified time that lie in the past, which an order
    leaves when it changes. What stood behind it moves forward, onto pages that are still to come, and is seen twice
    instead of never. The first answer (whose question has no `name`) is a probe: do not use its rows.
    """

    def next_question(question: Question, answer: A) -> Question | None:
        if name not in question and pages(answer) > MOST_PAGES:
            raise DriftError(
                f"the platform counts {pages(answer)} pages, more than {MOST_PAGES:,}: no list that can be read; what "
                "it calls the total is another number, or it ignores the window; compare the request with its "
                "documentation"
            )
        page = question[name] - 1 if name in question else first + pages(answer) - 1
        return {**question, name: page} if page >= first else None

    return next_question


def walk(
    first: Question, ask: Callable[[Question], A], following: Callable[[Question, A], Question | None]
) -> Iterator[tuple[Question, A]]:
    """Ask, and go on asking until `following` says None; yields every question with its answer."""
    seen: set[str] = set()
    question: Question | None = first
    while question is not None:
        key = repr(sorted(question.items()))
        if key in seen:
            raise DriftError(
                f"paging runs in a circle: after {len(seen)} pages the platform points back to one that was read; "
                "ask for the window again, and report it to the platform when it stays"
            )
        seen.add(key)
        answer = ask(question)
        yield question, answer
        question = following(question, answer)


def side_by_side(ask: Callable[[Q], A], questions: Iterable[Q], *, at_once: int) -> Iterator[tuple[Q, A]]:
    """Ask several questions at a time and yield the answers in the order of the questions.

    At most `at_once` questions are on their way or wait to be yielded, so memory stays bounded. The first error ends
    it; what has not begun by then is never asked.
    """
    if at_once == 1:
        yield from ((question, ask(question)) for question in questions)
        return
    waiting: deque[tuple[Q, Future[A]]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="page") as pool:
        try:
            for question in questions:
                waiting.append((question, pool.submit(ask, question)))
                if len(waiting) == at_once:
                    done, answer = waiting.popleft()
                    yield done, answer.result()
            while waiting:
                done, answer = waiting.popleft()
                yield done, answer.result()
        finally:
            for _, answer in waiting:
                answer.cancel()
