"""Talks to one Shopee shop: lists ids by cursor until nothing new comes.

Details and settlements are fetched for fifty orders at a time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderflow.adapters.http import Question, by_cursor, client, judge, legible, named, read, side_by_side, walk
from orderflow.adapters.shopee import LIMITS, Options
from orderflow.adapters.shopee.answers import failure, said
from orderflow.adapters.shopee.auth import auth
from orderflow.adapters.shopee.statuses import STATES
from orderflow.domain.errors import DriftError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

LIST = "api/v2/order/get_order_list"
DETAIL = "api/v2/order/get_order_detail"
ESCROW = "api/v2/payment/get_escrow_detail_batch"
AT_A_TIME = 50
"""Orders in one request for details or settlements."""
AT_ONCE = 3
"""List pages whose details are fetched side by side."""
UNSETTLED = ("UNPAID",)
"""Nothing to settle yet."""
OPTIONAL = (
    "actual_shipping_fee,actual_shipping_fee_confirmed,buyer_cancel_reason,buyer_cpf_id,buyer_user_id,buyer_username,"
    "cancel_by,cancel_reason,dropshipper,dropshipper_phone,edt,estimated_shipping_fee,fulfillment_flag,"
    "goods_to_declare,invoice_data,item_list,note,note_update_time,order_chargeable_weight_gram,package_list,pay_time,"
    "payment_info,payment_method,pickup_done_time,recipient_address,return_request_due_date,shipping_carrier,split_up,"
    "total_amount"
)
"""Shopee leaves out of a detail whatever is not named here."""


class _UnknownOrderError(Exception):
    """Shopee refuses a whole request for one number that it does not know; never leaves this module."""


class _Answer(msgspec.Struct):
    response: msgspec.Raw


class _List(msgspec.Struct):
    more: bool
    next_cursor: str = ""
    order_list: list[msgspec.Raw] = []
    """Left out where nothing matches."""


class _Details(msgspec.Struct):
    order_list: list[msgspec.Raw] = []


class _Settlement(msgspec.Struct):
    escrow_detail: msgspec.Raw


class _Row(msgspec.Struct):
    order_sn: str
    order_status: Any = None


class _Listed(NamedTuple):
    """One page of the list: its rows by order, where it came from, and where to go on."""

    rows: dict[str, bytes]
    origin: str
    cursor: JsonValue


_ANSWER = msgspec.json.Decoder(_Answer)
_LIST = msgspec.json.Decoder(_List)
_DETAILS = msgspec.json.Decoder(_Details)
_SETTLEMENTS = msgspec.json.Decoder(list[_Settlement])
_ROW = msgspec.json.Decoder(_Row)


class Shopee:
    """One shop; a `Source`, `Countable` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(account, runtime, LIMITS, auth=auth(options.shop_id, account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, each with its list row, detail and settlement.

        Both ends of Shopee's range are whole seconds and belong to it, so the answer may hold a little more.
        """
        for listed, records in side_by_side(self._complete, self._lists("update_time", window, after), at_once=AT_ONCE):
            yield Page(records, listed.origin, listed.cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these numbers."""
        for ids in _cut(order_ids):
            found = self._found(self._details, ids)
            rows = {order_id: msgspec.json.encode({"order_sn": order_id}) for order_id in ids if order_id in found}
            yield Page(self._join(rows, found), f"/{DETAIL}?order_sn_list={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; Shopee's list tells number and status alone."""
        for listed in self._lists("create_time", window):
            for row in listed.rows.values():
                known = _row(row)
                yield OrderStub(known.order_sn, _status(known.order_status))

    def _lists(self, field: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        """Every page; a list of several is read again from its beginning until a reading brings nothing new.

        An order that changes while we read leaves the window, and where a cursor is a place in the list, the orders
        behind it move forward past it. Who goes on behind a cursor has not seen the beginning, and reads on only.
        """
        shown: set[str] = set()
        pages = 0
        for listed in self._reading(field, window, after):
            pages += 1
            shown |= listed.rows.keys()
            yield listed
        before = 0 if after is None and pages > 1 else len(shown)
        while before < len(shown):
            before = len(shown)
            for listed in self._reading(field, window):
                if late := {order_id: row for order_id, row in listed.rows.items() if order_id not in shown}:
                    log.warning("orders had moved past the cursor count=%d origin=%s", len(late), listed.origin)
                    shown |= late.keys()
                    yield _Listed(late, listed.origin, None)

    def _reading(self, field: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        question: Question = {
            "time_range_field": field,
            "time_from": math.floor(window.start.timestamp()),
            "time_to": math.ceil(window.end.timestamp()),
            "page_size": LIMITS.page_size,
            "response_optional_fields": "order_status",
            "request_order_status_pending": "true",
        }
        start = question if after is None else {**question, "cursor": after}
        for asked, answer in walk(start, self._list, by_cursor("cursor", _following)):
            rows = {_row(row).order_sn: bytes(row) for row in answer.order_list}
            origin = named(self._client.build_request("GET", LIST, params=asked)).removeprefix("GET ")
            yield _Listed(rows, origin, answer.next_cursor or None)

    def _list(self, question: Question) -> _List:
        return self._ask("GET", LIST, _LIST, wanted="a page of order numbers", params=question)

    def _complete(self, listed: _Listed) -> list[bytes]:
        """The records of one list page. An order that is not shown, not even when asked again, has a null `detail`."""
        records: list[bytes] = []
        for ids in _cut(list(listed.rows)):
            found = self._found(self._details, ids)
            if missing := [order_id for order_id in ids if order_id not in found]:
                found |= self._found(self._details, missing)
                lost = sum(order_id not in found for order_id in missing)
                log.warning("details missing first=%d still=%d origin=%s", len(missing), lost, listed.origin)
            records += self._join({order_id: listed.rows[order_id] for order_id in ids}, found)
        return records

    def _join(self, rows: dict[str, bytes], details: dict[str, bytes]) -> list[bytes]:
        due = [order_id for order_id, detail in details.items() if _row(detail).order_status not in UNSETTLED]
        settled = self._found(self._settlements, due) if self._options.escrow and due else {}
        return [
            b'{"list":%b,"detail":%b,"escrow":%b}'
            % (row, details.get(order_id, b"null"), settled.get(order_id, b"null"))
            for order_id, row in rows.items()
        ]

    def _found(self, ask: Callable[[Sequence[str]], dict[str, bytes]], ids: Sequence[str]) -> dict[str, bytes]:
        """What `ask` finds of these orders; the unknown one that spoils a request is found by halving."""
        try:
            return ask(ids)
        except _UnknownOrderError:
            middle = len(ids) // 2
            return self._found(ask, ids[:middle]) | self._found(ask, ids[middle:]) if middle else {}

    def _details(self, ids: Sequence[str]) -> dict[str, bytes]:
        params = {
            "order_sn_list": ",".join(ids),
            "response_optional_fields": OPTIONAL,
            "request_order_status_pending": "true",
        }
        answer = self._ask("GET", DETAIL, _DETAILS, wanted=f"details of {len(ids)} orders", params=params)
        return _asked_for(ids, {_row(order).order_sn: bytes(order) for order in answer.order_list}, DETAIL)

    def _settlements(self, ids: Sequence[str]) -> dict[str, bytes]:
        wanted = f"settlements of {len(ids)} orders"
        rows = self._ask("POST", ESCROW, _SETTLEMENTS, wanted=wanted, json={"order_sn_list": list(ids)})
        found = {_row(row.escrow_detail).order_sn: bytes(row.escrow_detail) for row in rows}
        return _asked_for(ids, found, ESCROW)

    def _ask(self, method: str, path: str, decoder: msgspec.json.Decoder[T], *, wanted: str, **sent: Any) -> T:
        """The `response` of a successful answer; an answer of any other shape raises the error it stands for."""
        response = self._client.request(method, path, **sent)
        now = self._runtime.clock()
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted, now=now)):
            absent = answer.settlement_missing if path == ESCROW else answer.order_unknown
            raise _UnknownOrderError if path != LIST and absent else error
        judge(response, wanted=wanted, now=now)
        inner = read(response, _ANSWER, wanted=wanted).response
        try:
            return decoder.decode(inner)
        except msgspec.ValidationError as error:
            raise DriftError(
                f"{named(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
            ) from None


def _following(answer: _List) -> JsonValue:
    if answer.more and not answer.next_cursor:
        raise DriftError("get_order_list: `more` is true and there is no `next_cursor`; the paging of Shopee changed")
    return answer.next_cursor if answer.more else None


def _status(value: Any) -> str | None:
    """Our status of a listed order, or Shopee's word where nobody documented it."""
    state = STATES.get(value) if isinstance(value, str) else None
    return state.order if state else None if value is None else str(value)


def _row(data: msgspec.Raw | bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of Shopee names no order_sn ({error}); the platform changed its shape") from None


def _asked_for(ids: Sequence[str], found: dict[str, bytes], path: str) -> dict[str, bytes]:
    """`found`, unless it holds orders that nobody asked for: then it is the answer to another question."""
    if strangers := found.keys() - set(ids):
        raise TransientError(
            f"{path}: asked for {len(ids)} orders, got {len(strangers)} others, such as {min(strangers)}; a cache "
            "answers for the platform; the run tries again by itself"
        )
    return found


def _cut(order_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(order_ids), AT_A_TIME):
        yield order_ids[start : start + AT_A_TIME]
