"""What both versions of the Orders API have in common: ranges, lists by token, single answers, and their pace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from orderflow.adapters.amazon_sp_api import LIMITS
from orderflow.adapters.amazon_sp_api.answers import PACES, failure, said
from orderflow.adapters.amazon_sp_api.statuses import STATES
from orderflow.adapters.http import Question, by_cursor, client, judge, legible, named, read, walk, words
from orderflow.domain.errors import DriftError, RecordError, TransientError
from orderflow.domain.source import Account, JsonValue, Runtime
from orderflow.domain.window import Window

T = TypeVar("T")

YOUNGEST = timedelta(minutes=2)
"""A range must end at least this long ago."""
LIST_BURST = 20
_ID = re.compile(r"[A-Z0-9]{3}-[0-9]{7}-[0-9]{7}", re.ASCII)


class Listed(NamedTuple):
    """One page of a list: its orders with their ids, where it came from, and where to go on (None: nowhere)."""

    orders: list[tuple[str, bytes]]
    origin: str
    cursor: JsonValue


class Answer(NamedTuple):
    orders: list[msgspec.Raw]
    following: str | None


class Asking:
    """The requests of one seller: lists at the pace of lists, everything else at the pace of single orders."""

    def __init__(self, account: Account, runtime: Runtime, auth: httpx.Auth, list_path: str) -> None:
        self._runtime, self._path = runtime, list_path
        slowly = replace(LIMITS, rate=PACES[list_path], burst=LIST_BURST)
        self._lists = client(account, runtime, slowly, auth=auth)
        self._singles = client(account, runtime, LIMITS, auth=auth)

    def pages(
        self,
        question: Question,
        token: str,
        after: JsonValue,
        decoded: Callable[[httpx.Response], Answer],
        order_id: Callable[[msgspec.Raw], str],
    ) -> Iterator[Listed]:
        """A list, page by page; the parameter `token` leads from one to the next.

        Raises `TransientError` for a page that shows nothing but orders of earlier ones and promises more: Amazon is
        known to repeat a page under new tokens.
        """
        first = question if after is None else {**question, token: after}
        seen: set[str] = set()
        for asked, answer in walk(first, lambda each: self._list(each, decoded), by_cursor(token, _following)):
            orders = [(order_id(order), bytes(order)) for order in answer.orders]
            ids = {each for each, _ in orders}
            if answer.following and ids and ids <= seen:
                raise TransientError(
                    f"{self._path}: a page of {len(ids)} orders repeats earlier ones and promises more; "
                    "the run asks for the window again"
                )
            seen |= ids
            origin = named(self._lists.build_request("GET", self._path, params=asked)).removeprefix("GET ")
            yield Listed(orders, origin, answer.following)

    def _list(self, question: Question, decoded: Callable[[httpx.Response], Answer]) -> Answer:
        response = self._lists.get(self._path, params=question)
        self._check(response, "a page of orders")
        return decoded(response)

    def single(self, path: str, decoder: msgspec.json.Decoder[T], *, wanted: str, **params: Any) -> T | None:
        """One answer; None where Amazon does not know the order."""
        response = self._singles.get(path, params=params)
        if response.status_code == 404:
            return None
        self._check(response, wanted)
        return read(response, decoder, wanted=wanted)

    def send(self, path: str, body: JsonValue, *, wanted: str) -> None:
        """Hand something over. Raises `RecordError` for what Amazon will not take."""
        response = self._singles.post(path, json=body)
        if response.status_code in {400, 404, 413, 415, 422}:
            told = "; ".join(f"{each.code or ''} {each.message or ''}".strip() for each in said(response))
            raise RecordError("FULFILMENT_REFUSED", "order", None, f"Amazon refused {wanted}: {words(told, response)}")
        self._check(response, wanted)

    def _check(self, response: httpx.Response, wanted: str) -> None:
        now = self._runtime.clock()
        if error := failure(response, wanted=wanted, now=now):
            raise error
        judge(response, wanted=wanted, now=now)

    def span(self, window: Window) -> tuple[str, str]:
        """Both ends of a range, in whole seconds rounded outwards; they belong to it.

        Raises `TransientError` for a window that Amazon does not answer for yet, because cutting it would lose orders.
        """
        start, end = window.start.replace(microsecond=0), window.end
        if end.microsecond:
            end = end.replace(microsecond=0) + timedelta(seconds=1)
        early = (end + YOUNGEST - self._runtime.clock()).total_seconds()
        if early > 0:
            raise TransientError(
                f"{self._path}: the window ends at {_stamp(end)}, and Amazon answers for what lies two minutes back; "
                "the run tries again by itself",
                retry_after=early,
            )
        return _stamp(start), _stamp(end)


def _following(answer: Answer) -> JsonValue:
    return answer.following


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_id(text: str) -> bool:
    """Whether this can be an order's id, which Amazon writes in groups of 3, 7 and 7."""
    return bool(_ID.fullmatch(text))


def shape(data: msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """What the list needs of an order; raises `DriftError` for one that does not name its id."""
    try:
        return decoder.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of Amazon names no id ({error}); the platform changed its shape") from None


def moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        told = datetime.fromisoformat(value)
        return told.astimezone(UTC) if told.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def status(value: Any) -> str | None:
    """Our status of a listed order, or Amazon's word where nobody documented it.

    None for one that waits to be sent: whether the buyer asks to cancel it is told by its items alone.
    """
    state = STATES.get(value) if isinstance(value, str) else None
    if state and state.order == "open":
        return None
    return state.order if state else value if isinstance(value, str) else None


def total(value: Any) -> tuple[str | None, str | None]:
    """Amount and currency of a listed order, where it states them."""
    if not isinstance(value, dict):
        return None, None
    amount = value.get("Amount", value.get("amount"))
    currency = value.get("CurrencyCode", value.get("currencyCode"))
    return amount if isinstance(amount, str) else None, currency if isinstance(currency, str) else None
