"""Talks to one Douyin shop: lists orders by page, the last page first, and asks singly for what a list leaves out.

Pages are cut out of a list that moves while one reads: an order that changes leaves its place, and all behind it move
up. Read from the last page to the first, such an order is seen twice instead of never.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderflow.adapters.douyin import LIMITS, Options
from orderflow.adapters.douyin.answers import failure, said
from orderflow.adapters.douyin.auth import auth, param_json
from orderflow.adapters.douyin.mapping import to_order
from orderflow.adapters.http import Question, client, judge, legible, named, read, side_by_side, walk
from orderflow.domain.errors import DriftError, RecordError, TooManyError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

LIST, ONE = "order/searchList", "order/orderDetail"
AT_A_TIME = 50
"""Orders in one page of those that are asked for by id."""
AT_ONCE = 3
"""Single orders that are asked for side by side."""


_NOTHING = msgspec.Raw(b"null")


class _UnknownOrderError(Exception):
    """Douyin knows no such order; never leaves this module."""


class _Answer(msgspec.Struct):
    code: int
    data: msgspec.Raw


class _List(msgspec.Struct):
    total: int
    shop_order_list: list[msgspec.Raw] | None = None
    """Null where nothing matches."""


class _Detail(msgspec.Struct):
    shop_order_detail: msgspec.Raw = _NOTHING


class _Row(msgspec.Struct):
    order_id: int | str
    sku_order_list: msgspec.Raw = _NOTHING

    @property
    def is_short(self) -> bool:
        """Whether it does not show what is in the order."""
        return bytes(self.sku_order_list) in {bytes(_NOTHING), b"[]"}


class _Listed(NamedTuple):
    """One page of the list: its orders, where it came from, and where to go on (None: nowhere)."""

    rows: list[bytes]
    origin: str
    cursor: JsonValue


_ANSWER = msgspec.json.Decoder(_Answer, strict=False)
_LIST = msgspec.json.Decoder(_List, strict=False)
_DETAIL = msgspec.json.Decoder(_Detail)
_ROW = msgspec.json.Decoder(_Row)
_RAW = msgspec.json.Decoder(float_hook=str)


class Douyin:
    """One shop; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        headers = {"content-type": "application/json", "x-open-no-old-err-code": "1"}
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime), headers=headers)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`. Douyin counts in whole seconds, so the answer may hold a little more."""
        for listed in self._lists("update_time", window, after):
            yield Page(self._complete(listed), listed.origin, listed.cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids; older ones than lists reach, too."""
        for start in range(0, len(order_ids), AT_A_TIME):
            ids = order_ids[start : start + AT_A_TIME]
            found = [order for _, order in side_by_side(self._one, ids, at_once=AT_ONCE) if order]
            yield Page(found, f"/{ONE}?shop_order_id={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        for listed in self._lists("create_time", window):
            yield from (self._stub(row) for row in listed.rows)

    def count(self, window: Window) -> int:
        """Orders updated within `window`."""
        return self._list({**_question("update_time", window), "size": 1}).total

    def _lists(self, field: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        """Every page of orders created or updated in `window`. The first answer only tells how many there are.

        Where one page holds all, the first answer is that page.
        """
        start = _question(field, window)
        for asked, answer in walk({**start, "page": after} if after is not None else start, self._list, _before):
            rows = [bytes(row) for row in answer.shop_order_list or []]
            _check(asked, answer, len(rows))
            following = _before(asked, answer)
            if "page" not in asked and following:
                continue
            origin = named(self._client.build_request("POST", LIST, params=asked)).removeprefix("POST ")
            yield _Listed(rows, origin, following["page"] if following else None)

    def _list(self, question: Question) -> _List:
        return self._ask(LIST, {"page": 0, **question}, _LIST, wanted="a page of orders")

    def _complete(self, listed: _Listed) -> list[bytes]:
        """The orders of one page. What the list does not show of an order is asked for, and asked for once more."""
        rows = [(_row(row), row) for row in listed.rows]
        short = [str(row.order_id) for row, _ in rows if row.is_short]
        found = {order_id: order for order_id, order in side_by_side(self._again, short, at_once=AT_ONCE) if order}
        if lost := len(short) - len(found):
            log.warning("details missing asked=%d lost=%d origin=%s", len(short), lost, listed.origin)
        return [found.get(str(row.order_id), data) for row, data in rows]

    def _again(self, order_id: str) -> bytes | None:
        return self._one(order_id) or self._one(order_id)

    def _one(self, order_id: str) -> bytes | None:
        """One order as it is now; None where Douyin knows no such order."""
        try:
            answer = self._ask(ONE, {"shop_order_id": order_id}, _DETAIL, wanted="one order")
        except _UnknownOrderError:
            return None
        order = bytes(answer.shop_order_detail)
        if order == bytes(_NOTHING):
            return None
        if (found := str(_row(order).order_id)) != order_id:
            raise TransientError(
                f"{ONE}: asked for order {order_id}, got {found}; a cache answers for the platform; the run tries "
                "again by itself"
            )
        return order

    def _stub(self, data: bytes) -> OrderStub:
        """What a listed order says of itself; of one that cannot be mapped, its id, status and time."""
        order_id, raw = str(_row(data).order_id), _RAW.decode(legible(data))
        changed = _moment(raw.get("update_time"))
        try:
            order = to_order(raw, self._options)
        except RecordError:
            status = raw.get("order_status")
            return OrderStub(order_id, None if status is None else str(status), updated_at=changed)
        return OrderStub(
            order_id, order.order_status, order.grand_total, order.currency, len(order.lines), updated_at=changed
        )

    def _ask(self, path: str, params: dict[str, Any], decoder: msgspec.json.Decoder[T], *, wanted: str) -> T:
        """The `data` of a successful answer; an answer of any other shape raises the error it stands for."""
        response = self._client.post(path, content=param_json(params))
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            raise _UnknownOrderError if path == ONE and answer.tells_of_no_order else error
        judge(response, wanted=wanted, now=self._runtime.clock())
        inner = read(response, _ANSWER, wanted=wanted).data
        try:
            return decoder.decode(inner)
        except msgspec.ValidationError as error:
            raise DriftError(
                f"{named(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
            ) from None


def _question(field: str, window: Window) -> dict[str, JsonValue]:
    return {
        f"{field}_start": math.floor(window.start.timestamp()),
        f"{field}_end": math.ceil(window.end.timestamp()),
        "order_by": field,
        "order_asc": True,
        "size": LIMITS.page_size,
    }


def _before(question: Question, answer: _List) -> Question | None:
    """The page before this one; behind the first answer, which has no page, the last one, where there are several."""
    last = math.ceil(answer.total / question["size"])
    page: int = question.get("page", last if last > 1 else 0) - 1
    return {**question, "page": page} if page >= 0 else None


def _check(question: Question, answer: _List, rows: int) -> None:
    """Raises `TooManyError` for more than can be paged through, `TransientError` where a promised page is empty."""
    ceiling = LIMITS.ceiling or 0
    if answer.total > ceiling:
        raise TooManyError(
            f"{LIST}: {answer.total} orders, and Douyin pages through {ceiling} at most; ask for a shorter window",
            found=answer.total,
            ceiling=ceiling,
        )
    promised = min(question["size"], answer.total - question.get("page", 0) * question["size"])
    if promised > 0 and not rows:
        raise TransientError(
            f"{LIST}: {promised} orders are promised on page {question.get('page', 0)} and none came; "
            "the run asks for the window again"
        )


def _moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        seconds = int(value)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _row(data: bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of Douyin has another shape ({error}); the platform changed it") from None
