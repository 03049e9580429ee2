"""How Pinduoduo is asked for orders.

The list of changes runs from the newest to the oldest, thirty minutes at most, so it is read from its last page to the
first: an order that changes while we read leaves the span, and what stood behind it moves onto pages still to come.
Each order's detail is a request of its own; list row and detail travel together in one record.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderflow.adapters.http import (
    Question,
    client,
    judge,
    last_page_first,
    legible,
    named,
    read,
    side_by_side,
    walk,
    words,
)
from orderflow.adapters.pinduoduo import LIMITS
from orderflow.adapters.pinduoduo.answers import BUSINESS, failure, said
from orderflow.adapters.pinduoduo.auth import ROUTER, auth
from orderflow.adapters.pinduoduo.statuses import GIFT_HAS_ITS_ORDER, state_of
from orderflow.adapters.pinduoduo.values import CURRENCY, time_text
from orderflow.domain.errors import DriftError, RecordError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

CHANGED = "pdd.order.number.list.increment.get"
CONFIRMED = "pdd.order.list.get"
DETAIL = "pdd.order.information.get"
ALL = 5
"""Both `order_status` and `refund_status` are mandatory, and 5 means any."""
LONGEST_CONFIRMED = timedelta(hours=23)
"""An hour less than the list by time of confirmation allows, so that rounding to seconds never asks too much."""
AT_ONCE = 6
"""Details that are fetched side by side."""
AT_A_TIME = 100
"""Orders by id that make one page."""


class _NotShownError(Exception):
    """Pinduoduo does not show an order; never leaves this module."""


class _List(msgspec.Struct):
    rows: list[msgspec.Raw]
    total: int | None
    """None where the answer was asked to leave it out."""


class _Changed(msgspec.Struct):
    order_sn_list: list[msgspec.Raw] | None = None
    total_count: int | None = None
    has_next: bool | None = None


class _Confirmed(msgspec.Struct):
    order_list: list[msgspec.Raw] | None = None
    total_count: int | None = None
    has_next: bool | None = None


class _Info(msgspec.Struct):
    order_info: msgspec.Raw


class _Row(msgspec.Struct):
    order_sn: str
    order_status: Any = None
    refund_status: Any = None
    confirm_status: Any = None
    group_status: Any = None
    risk_control_status: Any = None
    updated_at: Any = None
    pay_amount: Any = None
    item_list: Any = None
    gift_list: Any = None
    gift_order_status: Any = None
    order_tag_list: Any = None
    step_order_info: Any = None
    stock_out_handle_status: Any = None


class _Listed(NamedTuple):
    """One page of a list: its rows by order, where it came from, and the page that comes next (None: none)."""

    rows: dict[str, bytes]
    origin: str
    cursor: JsonValue


class _Shown(NamedTuple):
    """One order's detail, and the service fees that stand beside it."""

    detail: bytes
    fees: bytes


_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CHANGED = msgspec.json.Decoder(_Changed)
_CONFIRMED = msgspec.json.Decoder(_Confirmed)
_INFO = msgspec.json.Decoder(_Info)
_ROW = msgspec.json.Decoder(_Row, float_hook=str)


class Pinduoduo:
    """One shop; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, account: Account, runtime: Runtime) -> None:
        self._runtime = runtime
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, each with its list row and its detail.

        Pinduoduo's range has whole seconds and is asked for rounded outwards, so the answer may hold a little more.
        """
        for listed in self._lists(CHANGED, window, after):
            yield Page(self._complete(listed), listed.origin, listed.cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these numbers."""
        for start in range(0, len(order_ids), AT_A_TIME):
            ids = order_ids[start : start + AT_A_TIME]
            found = self._details(ids)
            rows = {order_id: msgspec.json.encode({"order_sn": order_id}) for order_id in ids if order_id in found}
            yield Page(_joined(rows, found), f"/{ROUTER}?type={DETAIL}&order_sn={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders confirmed within `window`: a group was complete then, and the order the shop's."""
        for part in window.slices(LONGEST_CONFIRMED):
            for listed in self._lists(CONFIRMED, part):
                yield from map(_stub, listed.rows.values())

    def count(self, window: Window) -> int:
        """Orders updated within `window`."""
        return _total(self._list(_question(CHANGED, window)))

    def _lists(self, kind: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        """Every page, the last one first. What fits into one page is whole in the very answer that counts it."""
        start = _question(kind, window)
        if after is not None:
            start = {**start, "page": after}
        for question, answer in walk(start, self._list, last_page_first("page", _pages)):
            page = question.get("page")
            if page is None and _total(answer) > LIMITS.page_size:
                continue
            yield _Listed(_by_number(answer.rows), self._origin(question), page - 1 or None if page else None)
            if page is None:
                return

    def _origin(self, question: Question) -> str:
        return named(self._client.build_request("POST", ROUTER, params=_spelled(question))).removeprefix("POST ")

    def _list(self, question: Question) -> _List:
        wanted = "a page of orders"
        body = self._ask(question, wanted=wanted)
        if question["type"] == CONFIRMED:
            confirmed = _inner(body, "order_list_get_response", _CONFIRMED, wanted=wanted)
            return _listed(confirmed.order_list, confirmed.total_count, confirmed.has_next)
        changed = _inner(body, "order_sn_increment_get_response", _CHANGED, wanted=wanted)
        return _listed(changed.order_sn_list, changed.total_count, changed.has_next)

    def _complete(self, listed: _Listed) -> list[bytes]:
        """The records of one list page. An order that is not shown, not even when asked again, has a null `detail`."""
        ids = list(listed.rows)
        found = self._details(ids)
        if missing := [order_id for order_id in ids if order_id not in found]:
            found |= self._details(missing)
            lost = sum(order_id not in found for order_id in missing)
            log.warning("details missing first=%d still=%d origin=%s", len(missing), lost, listed.origin)
        return _joined(listed.rows, found)

    def _details(self, ids: Sequence[str]) -> dict[str, _Shown]:
        """The details of those orders that Pinduoduo shows."""
        answers = side_by_side(self._detail, ids, at_once=AT_ONCE)
        return {order_id: shown for order_id, shown in answers if shown is not None}

    def _detail(self, order_id: str) -> _Shown | None:
        wanted = "the detail of an order"
        try:
            body = self._ask({"type": DETAIL, "order_sn": order_id}, wanted=wanted)
        except _NotShownError:
            return None
        info = bytes(_inner(body, "order_info_get_response", _INFO, wanted=wanted).order_info)
        if info == b"null":
            return None
        if (answered := _row(info).order_sn) != order_id:
            raise TransientError(
                f"{DETAIL}: asked for order {order_id}, got {answered}; a cache answers for the platform; "
                "the run tries again by itself"
            )
        return _Shown(info, bytes(body.get("service_fee_detail", b"null")))

    def _ask(self, question: Question, *, wanted: str) -> dict[str, msgspec.Raw]:
        """The body of a successful answer; `error_response` raises the error it stands for."""
        response = self._client.post(ROUTER, params=_spelled(question))
        if answer := said(response):
            if question["type"] == DETAIL and answer.code == BUSINESS and not answer.busy:
                sub_code = words(str(answer.sub_code), response)
                log.warning("order not shown order=%s sub_code=%s", question["order_sn"], sub_code)
                raise _NotShownError
            raise failure(response, answer, wanted=wanted)
        judge(response, wanted=wanted, now=self._runtime.clock())
        return read(response, _BODY, wanted=wanted)


def _question(kind: str, window: Window) -> dict[str, JsonValue]:
    """The question without a page, which is the one that counts."""
    field = "updated" if kind == CHANGED else "confirm"
    return {
        "type": kind,
        f"start_{field}_at": math.floor(window.start.timestamp()),
        f"end_{field}_at": math.ceil(window.end.timestamp()),
        "order_status": ALL,
        "refund_status": ALL,
        "page_size": LIMITS.page_size,
    } | ({"is_lucky_flag": 0} if kind == CHANGED else {})


def _spelled(question: Question) -> dict[str, str]:
    """As it is sent. With `use_has_next` an answer has no total and is cheap: only the first question counts."""
    paging = {} if question["type"] == DETAIL else {"page": 1, "use_has_next": str("page" in question).lower()}
    return {name: str(value) for name, value in (paging | dict(question)).items()}


def _inner(body: dict[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[T], *, wanted: str) -> T:
    """What stands in the envelope; raises `DriftError` where there is none, or another one."""
    if name not in body:
        raise DriftError(
            f"{ROUTER}: an answer with {', '.join(sorted(body)) or 'nothing'} and without {name} instead of {wanted}; "
            "the platform changed the shape of its answer"
        )
    try:
        return decoder.decode(body[name])
    except msgspec.ValidationError as error:
        raise DriftError(
            f"{ROUTER}: {name}: {error} instead of {wanted}; the platform changed the shape of its answer"
        ) from None


def _listed(rows: list[msgspec.Raw] | None, total: int | None, has_next: bool | None) -> _List:
    """An answer that holds no rows has to say in another way that there are none."""
    if rows is None and total != 0 and has_next is not False:
        raise DriftError(
            "a list of Pinduoduo without rows, without a total of 0 and without has_next=false; "
            "the platform changed the shape of its answer"
        )
    if not rows and (total or has_next):
        raise TransientError(
            f"a list of Pinduoduo promises orders (total {total}, has_next {has_next}) and shows none; "
            "the run asks for the window again"
        )
    return _List(rows or [], total)


def _total(answer: _List) -> int:
    if answer.total is None:
        raise DriftError("a list of Pinduoduo that was asked to count has no total_count; its paging changed")
    return answer.total


def _pages(answer: _List) -> int:
    return math.ceil(_total(answer) / LIMITS.page_size)


def _by_number(rows: Sequence[msgspec.Raw]) -> dict[str, bytes]:
    return {_row(row).order_sn: bytes(row) for row in rows}


def _row(data: msgspec.Raw | bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of Pinduoduo names no order_sn ({error}); the platform changed its shape") from None


def _joined(rows: dict[str, bytes], found: dict[str, _Shown]) -> list[bytes]:
    nothing = _Shown(b"null", b"null")
    return [
        b'{"list":%b,"detail":%b,"fees":%b}' % (row, *found.get(order_id, nothing)) for order_id, row in rows.items()
    ]


def _stub(row: bytes) -> OrderStub:
    """What a row tells; what is malformed in it is the order's fault and not the list's, and is left out."""
    known = _row(row)
    gifts = known.gift_list if known.gift_order_status != GIFT_HAS_ITS_ORDER else None
    lines = len([*known.item_list, *(gifts or [])]) if isinstance(known.item_list, list) else None
    return OrderStub(
        known.order_sn, _status(known), _decimal(known.pay_amount), CURRENCY, lines, _moment(known.updated_at)
    )


def _decimal(value: Any) -> str | None:
    text = str(value)
    return text if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else None


def _status(row: _Row) -> str | None:
    """Our status of a listed order, or Pinduoduo's number where it has one that nobody documented."""
    try:
        return state_of(msgspec.structs.asdict(row)).order
    except (RecordError, TypeError, AttributeError):
        return None if row.order_status is None else str(row.order_status)


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(time_text(value) or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
