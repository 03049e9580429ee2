"""Talks to one TikTok shop: a list of whole orders, oldest change first, by page token.

An order that changes while we read leaves the window and stands in the next one; nothing else moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from orderflow.adapters.http import Question, by_cursor, client, judge, legible, named, read, walk
from orderflow.adapters.tiktok_shop import LIMITS, Options
from orderflow.adapters.tiktok_shop.answers import UNKNOWN_ORDER, failure, said
from orderflow.adapters.tiktok_shop.auth import auth
from orderflow.adapters.tiktok_shop.statuses import CANCELLED, STATES
from orderflow.domain.errors import DriftError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

T = TypeVar("T")

SEARCH, BY_ID = "order/202309/orders/search", "order/202309/orders"
AT_A_TIME = 50
"""Orders asked for by id in one request."""


class _UnknownOrderError(Exception):
    """TikTok refuses a whole request for one id that it does not know; never leaves this module."""


class _Answer(msgspec.Struct):
    code: int
    data: msgspec.Raw


class _List(msgspec.Struct):
    total_count: int
    next_page_token: str = ""
    orders: list[msgspec.Raw] = []
    """Left out where nothing matches."""


class _ById(msgspec.Struct):
    orders: list[msgspec.Raw] = []


class _Row(msgspec.Struct):
    """What reconciliation compares; only the id has to be there, the rest is the mapping's business."""

    id: str
    status: Any = None
    update_time: Any = None
    payment: Any = None
    line_items: Any = None
    is_buyer_request_cancel: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_LIST = msgspec.json.Decoder(_List)
_BY_ID = msgspec.json.Decoder(_ById)
_ROW = msgspec.json.Decoder(_Row, float_hook=str)


class TikTokShop:
    """One shop; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._runtime = runtime
        signing, kind = auth(options.shop_cipher, account, runtime), {"content-type": "application/json"}
        self._client = client(account, runtime, LIMITS, auth=signing, headers=kind)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, whole."""
        for question, answer in self._walk("update_time", window, after):
            origin = named(self._client.build_request("POST", SEARCH, params=question)).removeprefix("POST ")
            yield Page(
                [bytes(order) for order in answer.orders],
                f"{origin} {_body('update_time', window).decode()}",
                answer.next_page_token or None,
            )

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids."""
        for start in range(0, len(order_ids), AT_A_TIME):
            ids = order_ids[start : start + AT_A_TIME]
            yield Page(self._found(ids), f"/{BY_ID}?ids={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        for _, answer in self._walk("create_time", window):
            yield from map(_stub, answer.orders)

    def count(self, window: Window) -> int:
        """Orders updated within `window`."""
        return self._search({"page_size": 1}, _body("update_time", window)).total_count

    def _walk(self, field: str, window: Window, after: JsonValue = None) -> Iterator[tuple[Question, _List]]:
        body = _body(field, window)
        start: Question = {"page_size": LIMITS.page_size, "sort_field": field, "sort_order": "ASC"}
        first = start if after is None else {**start, "page_token": after}
        return walk(first, lambda question: self._search(question, body), by_cursor("page_token", _following))

    def _search(self, question: Question, body: bytes) -> _List:
        return self._ask("POST", SEARCH, _LIST, wanted="a page of orders", params=question, content=body)

    def _found(self, ids: Sequence[str]) -> list[bytes]:
        """The orders that TikTok knows; an unknown one that spoils a request is found by halving."""
        try:
            answer = self._ask("GET", BY_ID, _BY_ID, wanted=f"{len(ids)} orders by id", params={"ids": ",".join(ids)})
        except _UnknownOrderError:
            middle = len(ids) // 2
            return self._found(ids[:middle]) + self._found(ids[middle:]) if middle else []
        return [bytes(order) for order in answer.orders]

    def _ask(self, method: str, path: str, decoder: msgspec.json.Decoder[T], *, wanted: str, **sent: Any) -> T:
        """The `data` of a successful answer; an answer of any other shape raises the error it stands for."""
        response = self._client.request(method, path, **sent)
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted)):
            raise _UnknownOrderError if path == BY_ID and answer.code in UNKNOWN_ORDER else error
        judge(response, wanted=wanted, now=self._runtime.clock())
        inner = read(response, _ANSWER, wanted=wanted).data
        try:
            return decoder.decode(inner)
        except msgspec.ValidationError as error:
            raise DriftError(
                f"{named(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
            ) from None


def _body(field: str, window: Window) -> bytes:
    """The filter, in whole seconds rounded outwards; TikTok's range is half-open as ours."""
    start, end = math.floor(window.start.timestamp()), math.ceil(window.end.timestamp())
    return msgspec.json.encode({f"{field}_ge": start, f"{field}_lt": end})


def _following(answer: _List) -> JsonValue:
    return answer.next_page_token or None


def _stub(order: msgspec.Raw) -> OrderStub:
    """What reconciliation compares; a value that cannot be read is not told.

    The total is TikTok's; where lines were called off it is left out, because ours is without them. So is the status
    where the buyer asks to call all of it off, because ours is held then.
    """
    try:
        row = _ROW.decode(legible(order))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of TikTok Shop names no id ({error}); the platform changed its shape") from None
    status, items = _text(row.status), row.line_items if isinstance(row.line_items, list) else None
    state, payment = STATES.get(status or ""), row.payment if isinstance(row.payment, dict) else {}
    held = str(row.is_buyer_request_cancel).lower() in {"true", "1"}
    total = payment.get("total_amount")
    partly = status != CANCELLED and any(
        isinstance(item, dict) and item.get("display_status") == CANCELLED for item in items or []
    )
    return OrderStub(
        order_id=row.id,
        status=None if held else state.order if state else status,
        total=None if partly else _text(str(total) if isinstance(total, int) else total),
        currency=_text(payment.get("currency")),
        lines=None if items is None else len(items),
        updated_at=_moment(row.update_time),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _moment(seconds: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
