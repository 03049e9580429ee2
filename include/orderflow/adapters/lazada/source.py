"""Talks to one Lazada shop: lists orders oldest change first, then fetches the items of fifty orders at a time.

Lazada pages by offset over a list from which changed orders move away while one reads, and warns of it. So each page
asks anew from the time of the last row on, which nothing can leave unseen; the offset only counts rows of one second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderflow.adapters.http import Question, client, judge, legible, named, read, side_by_side, walk
from orderflow.adapters.lazada import LIMITS
from orderflow.adapters.lazada.answers import UNKNOWN_ORDER, failure, said
from orderflow.adapters.lazada.auth import auth
from orderflow.adapters.lazada.statuses import state_of
from orderflow.adapters.lazada.values import time_text
from orderflow.domain.errors import DriftError, RecordError, TooManyError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

LIST, ITEMS, ONE = "orders/get", "orders/items/get", "order/get"
AT_A_TIME = 50
"""Orders in one request for items."""
OVERLAP = 10
"""Rows that two pages of one second have in common, so that some may leave it while we read."""
AT_ONCE = 3
"""List pages whose items are fetched side by side."""


class _UnknownOrderError(Exception):
    """Lazada refuses a whole request for one id that it does not know; never leaves this module."""


_NOTHING = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    code: str
    data: msgspec.Raw


class _List(msgspec.Struct, rename="camel"):
    count: int
    count_total: int
    orders: list[msgspec.Raw]


class _Row(msgspec.Struct):
    order_id: int | str
    updated_at: Any = None
    created_at: Any = None
    statuses: Any = None
    items_count: Any = None


class _Items(msgspec.Struct):
    order_id: int | str
    order_items: msgspec.Raw = _NOTHING


class _Listed(NamedTuple):
    """One page of the list: its orders by id, where it came from, and where to go on (None: nowhere)."""

    rows: dict[str, bytes]
    origin: str
    cursor: JsonValue


_ANSWER = msgspec.json.Decoder(_Answer)
_LIST = msgspec.json.Decoder(_List, strict=False)
_ITEMS = msgspec.json.Decoder(list[_Items])
_ROW = msgspec.json.Decoder(_Row)
_RAW = msgspec.json.Decoder(msgspec.Raw)


class Lazada:
    """One shop in one country; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, account: Account, runtime: Runtime) -> None:
        self._runtime = runtime
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, each with its items.

        Both ends of Lazada's range are whole seconds and belong to it, so the answer may hold a little more.
        """
        for listed, records in side_by_side(self._complete, self._lists("update", window, after), at_once=AT_ONCE):
            yield Page(records, listed.origin, listed.cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids."""
        for ids in _cut(order_ids):
            found = {order_id: self._found(self._one, [order_id]).get(order_id) for order_id in ids}
            rows = {order_id: row for order_id, row in found.items() if row is not None}
            yield Page(self._join(rows, f"/{ONE}"), f"/{ONE}?order_id={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; the list holds no currency, so no total is told."""
        for listed in self._lists("created", window):
            for row in map(_row, listed.rows.values()):
                lines, changed = _count(row.items_count), _moment(row.updated_at)
                yield OrderStub(str(row.order_id), _status(row), lines=lines, updated_at=changed)

    def count(self, window: Window) -> int:
        """Orders updated within `window`."""
        return self._list(_question("update", window) | {"limit": 1}).count_total

    def _lists(self, field: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        """Every page of orders created or updated in `window`, without the rows that an earlier page showed."""
        start = {**_question(field, window), **(after["question"] if after else {})}
        shown: set[str] = set(after["shown"]) if after else set()
        following: JsonValue = None

        def next_question(question: Question, _: _List) -> Question | None:
            return {**question, **following["question"]} if following else None

        for question, answer in walk(start, self._list, next_question):
            rows = [_row(order) for order in answer.orders]
            times = _times(field, question, rows)
            asked = _asked(field, question)
            fresh = {
                str(row.order_id): bytes(order)
                for row, order, moment in zip(rows, answer.orders, times, strict=True)
                if moment != asked or str(row.order_id) not in shown
            }
            following = _behind(field, question, answer.count_total, rows, times, shown)
            shown = set(following["shown"]) if following else set()
            origin = named(self._client.build_request("GET", LIST, params=question)).removeprefix("GET ")
            yield _Listed(fresh, origin, following)

    def _list(self, question: Question) -> _List:
        return self._ask(LIST, question, _LIST, wanted="a page of orders")

    def _complete(self, listed: _Listed) -> list[bytes]:
        return self._join(listed.rows, listed.origin)

    def _join(self, rows: dict[str, bytes], origin: str) -> list[bytes]:
        """Orders with their items. Where none came, not even when asked again, `items` is null."""
        records: list[bytes] = []
        for ids in _cut(list(rows)):
            found = self._found(self._items, ids)
            if missing := [order_id for order_id in ids if order_id not in found]:
                found |= self._found(self._items, missing)
                lost = sum(order_id not in found for order_id in missing)
                log.warning("items missing first=%d still=%d origin=%s", len(missing), lost, origin)
            records += [b'{"order":%b,"items":%b}' % (rows[order_id], found.get(order_id, b"null")) for order_id in ids]
        return records

    def _found(self, ask: Callable[[Sequence[str]], dict[str, bytes]], ids: Sequence[str]) -> dict[str, bytes]:
        """What `ask` finds of these orders; the unknown one that spoils a request is found by halving."""
        try:
            return ask(ids)
        except _UnknownOrderError:
            middle = len(ids) // 2
            return self._found(ask, ids[:middle]) | self._found(ask, ids[middle:]) if middle else {}

    def _items(self, ids: Sequence[str]) -> dict[str, bytes]:
        params = {"order_ids": f"[{','.join(ids)}]"}
        rows = self._ask(ITEMS, params, _ITEMS, wanted=f"items of {len(ids)} orders")
        found = {str(row.order_id): bytes(row.order_items) for row in rows}
        shown = {order_id: items for order_id, items in found.items() if items != bytes(_NOTHING)}
        return _asked_for(ids, shown, ITEMS)

    def _one(self, ids: Sequence[str]) -> dict[str, bytes]:
        order = bytes(self._ask(ONE, {"order_id": ids[0]}, _RAW, wanted="one order"))
        return _asked_for(ids, {str(_row(order).order_id): order}, ONE)

    def _ask(self, path: str, params: Question, decoder: msgspec.json.Decoder[T], *, wanted: str) -> T:
        """The `data` of a successful answer; an answer of any other shape raises the error it stands for."""
        response = self._client.get(path, params=params)
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            raise _UnknownOrderError if path != LIST and answer.code in UNKNOWN_ORDER else error
        judge(response, wanted=wanted, now=self._runtime.clock())
        inner = read(response, _ANSWER, wanted=wanted).data
        try:
            return decoder.decode(inner)
        except msgspec.ValidationError as error:
            raise DriftError(
                f"{named(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
            ) from None


def _asked_for(ids: Sequence[str], found: dict[str, bytes], path: str) -> dict[str, bytes]:
    """`found`, unless it holds orders that nobody asked for: then it is the answer to another question."""
    if strangers := found.keys() - set(ids):
        raise TransientError(
            f"{path}: asked for {len(ids)} orders, got {len(strangers)} others, such as {min(strangers)}; a cache "
            "answers for the platform; the run tries again by itself"
        )
    return found


def _question(field: str, window: Window) -> dict[str, JsonValue]:
    """Lazada's names differ: it filters by `update_after` and sorts by `updated_at`."""
    start, end = window.start.replace(microsecond=0), window.end
    if end.microsecond:
        end = end.replace(microsecond=0) + timedelta(seconds=1)
    return {
        f"{field}_after": start.isoformat(),
        f"{field}_before": end.isoformat(),
        "sort_by": "updated_at" if field == "update" else "created_at",
        "sort_direction": "ASC",
        "limit": LIMITS.page_size,
        "offset": 0,
    }


def _asked(field: str, question: Question) -> datetime:
    """The start of the range that a question asks for."""
    return datetime.fromisoformat(question[f"{field}_after"])


def _times(field: str, question: Question, rows: Sequence[_Row]) -> list[datetime]:
    """The time of each row; a row without one has that of the row before it."""
    times: list[datetime] = []
    for row in rows:
        moment = _moment(row.updated_at if field == "update" else row.created_at)
        times.append(moment or (times[-1] if times else _asked(field, question)))
    return times


def _behind(
    field: str, question: Question, total: int, rows: Sequence[_Row], times: Sequence[datetime], shown: set[str]
) -> JsonValue:
    """Where to go on behind this page: from the time of its last row on, without what was shown of that second.

    None when the page held the last row. Raises `TransientError` when rows are promised and none come, `TooManyError`
    when one second holds more than can be paged through.
    """
    offset: int = question["offset"]
    if offset + len(rows) >= total:
        return None
    if not rows:
        raise TransientError(
            f"orders/get: {total} orders are promised and none came from place {offset} on; "
            "the run asks for the window again"
        )
    asked, last = _asked(field, question), times[-1]
    if last != max(times):
        raise DriftError(
            "orders/get: the list is not in the order that was asked for, so that paging would lose orders; "
            "compare the request with the adapter's README"
        )
    if last > asked:
        ids = [str(row.order_id) for row, moment in zip(rows, times, strict=True) if moment == last]
        return {"question": {f"{field}_after": last.isoformat(), "offset": 0}, "shown": ids}
    offset += max(1, len(rows) - OVERLAP)
    if offset > (LIMITS.ceiling or 0):
        raise TooManyError(
            f"one second ({asked.isoformat()}) holds {total} orders and Lazada pages through {LIMITS.ceiling} at most; "
            "pull them by id",
            found=total,
            ceiling=LIMITS.ceiling or 0,
        )
    ids = [*shown, *(str(row.order_id) for row in rows)]
    return {"question": {f"{field}_after": question[f"{field}_after"], "offset": offset}, "shown": ids}


def _status(row: _Row) -> str | None:
    """Our status of a listed order, or Lazada's words where it has one that nobody documented.

    None for an order with goods that wait to be sent: whether it is held is told by its items alone.
    """
    if not isinstance(row.statuses, list) or not row.statuses:
        return None
    try:
        state = state_of((), row.statuses)
    except (RecordError, TypeError):
        return ",".join(map(str, row.statuses))
    return None if state.waits else state.order


def _moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        moment = datetime.fromisoformat(time_text(str(value or "")) or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def _count(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else None


def _row(data: msgspec.Raw | bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of Lazada has another shape ({error}); the platform changed it") from None


def _cut(order_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(order_ids), AT_A_TIME):
        yield order_ids[start : start + AT_A_TIME]
