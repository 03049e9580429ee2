"""Talks to one JD shop: searches whole orders page by page, from the last page to the first.

The list of a window lies in the past: an order that changes leaves it, and what stood behind it moves one place
forward. Read from its end, what moves comes to pages that are still to be read, and is seen twice instead of never. A
list that grew, or a page that is shorter than the total promises, is never trusted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from orderflow.adapters.http import Question, client, judge, legible, named, side_by_side
from orderflow.adapters.jd import LIMITS, Options
from orderflow.adapters.jd.answers import BEIJING, Result, failure, inner, is_unknown_order, refusal, said
from orderflow.adapters.jd.auth import PARAMETERS, auth
from orderflow.adapters.jd.mapping import CURRENCY
from orderflow.adapters.jd.money import grand_total
from orderflow.adapters.jd.statuses import ASKED, STATES
from orderflow.adapters.jd.values import time_text
from orderflow.domain.errors import DriftError, RecordError, TooManyError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Raw, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

ROUTER, VERSION = "routerjson", "2.0"
SEARCH, ONE = "jingdong.pop.order.search", "jingdong.pop.order.get"
MODIFIED, CREATED = 0, 1
"""Values of `dateType`."""
READINGS = 3
"""How often a list that grew is begun anew."""
AT_A_TIME, AT_ONCE = 20, 4
"""Orders of one page that is asked for by id, and how many of them at once."""
FIELDS = (
    "orderId,venderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,freightPrice,sellerDiscount,"
    "balanceUsed,orderState,orderStateRemark,deliveryType,invoiceInfo,orderRemark,venderRemark,orderStartTime,"
    "orderEndTime,paymentConfirmTime,modified,consigneeInfo,itemInfoList,couponDetailList,logisticsId,waybill,"
    "parentOrderId,storeOrder,orderSource,pin,open_id_buyer,xid_buyer"
)
"""JD leaves out whatever is not named here."""
STUB_FIELDS = "orderId,orderState,modified,orderPayment,balanceUsed,couponDetailList"


class _Searched(msgspec.Struct, rename="camel"):
    api_result: Result
    order_total: int | None = None
    order_info_list: list[msgspec.Raw] | None = None


class _Search(msgspec.Struct):
    searchorderinfo_result: _Searched


class _Detail(msgspec.Struct, rename="camel"):
    api_result: Result
    order_info: msgspec.Raw = msgspec.Raw(b"null")


class _Get(msgspec.Struct, rename="camel"):
    order_detail_info: _Detail


class _Row(msgspec.Struct):
    orderId: int | str  # noqa: N815 -- JD's name


class _Listed(NamedTuple):
    """One page of a search: its rows, how many the whole list has, where it came from."""

    rows: list[bytes]
    total: int
    origin: str


_SEARCH = msgspec.json.Decoder(_Search, strict=False)
_GET = msgspec.json.Decoder(_Get, strict=False)
_ROW = msgspec.json.Decoder(_Row)
_STUB = msgspec.json.Decoder(dict[str, Any], float_hook=str)


class JD:
    """One shop; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders modified within `window`, whole, whatever their state.

        Both ends of JD's range are whole seconds and are taken to belong to it, so there may be a little more.
        """
        for listed, cursor in self._lists(self._question(MODIFIED, FIELDS, window), after):
            yield Page(listed.rows, listed.origin, cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids, asked for one by one."""
        for start in range(0, len(order_ids), AT_A_TIME):
            ids = order_ids[start : start + AT_A_TIME]
            found = [order for _, order in side_by_side(self._one, ids, at_once=AT_ONCE) if order is not None]
            yield Page(found, f"/{ROUTER}?method={ONE}&order_id={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        for listed, _ in self._lists(self._question(CREATED, STUB_FIELDS, window)):
            for row in listed.rows:
                yield _stub(row)

    def count(self, window: Window) -> int:
        """Orders modified within `window`."""
        return self._page(self._question(MODIFIED, "orderId", window), 1, size=1).total

    def _lists(self, question: Question, after: JsonValue = None) -> Iterator[tuple[_Listed, JsonValue]]:
        """Every page of a list from the last to the first (behind `after`), each with the cursor to go on behind it.

        Raises `TransientError` when the list never comes to rest.
        """
        if after:
            page, total = after["page"], after["total"]
        else:
            first = self._page(question, 1)
            page, total = _pages(first.total), first.total
            if page <= 1:
                yield first, None
                return
        for _ in range(READINGS):
            while page:
                listed = self._page(question, page)
                if listed.total > total:
                    log.warning(
                        "list grew while it was read before=%d now=%d origin=%s", total, listed.total, listed.origin
                    )
                    break
                total, page = listed.total, page - 1
                yield listed, {"page": page, "total": total} if page else None
            else:
                return
            page, total = _pages(listed.total), listed.total
        raise TransientError(
            f"{SEARCH}: the list of orders grew {READINGS} times while it was read, to {total}; the run asks for the "
            "window again"
        )

    def _page(self, question: Question, page: int, size: int | None = None) -> _Listed:
        """One page; raises `TransientError` where it holds less than the total promises.

        A page of one order is asked for to count, so that a list may then be longer than can be paged through.
        """
        size = size or LIMITS.page_size
        asked = {**question, "page": str(page), "page_size": str(size)}
        wrapped = {self._options.container: asked} if self._options.container else asked
        wanted = "a page of orders"
        response, answer = self._ask(SEARCH, wrapped, _SEARCH, wanted=wanted)
        found = answer.searchorderinfo_result
        if not found.api_result.success:
            raise refusal(response, found.api_result, wanted=wanted)
        if found.order_total is None:
            raise DriftError(f"{SEARCH}: no orderTotal beside the list; the platform changed the shape of its answer")
        total, rows, ceiling = found.order_total, found.order_info_list or [], LIMITS.ceiling or 0
        if total > ceiling and size > 1:
            raise TooManyError(
                f"{SEARCH}: {total} orders, and JD pages through {ceiling} at most; ask for a shorter window",
                found=total,
                ceiling=ceiling,
            )
        promised = min(size, max(0, total - (page - 1) * size))
        if len(rows) < promised:
            raise TransientError(
                f"{SEARCH}: page {page} of {total} orders holds {len(rows)} and not {promised}; "
                "the run asks for the window again"
            )
        told = {name: value for name, value in asked.items() if name != "optional_fields"}
        return _Listed([bytes(row) for row in rows], total, f"/{ROUTER}?{urlencode({'method': SEARCH, **told})}")

    def _one(self, order_id: str) -> bytes | None:
        params = {"order_id": order_id, "optional_fields": FIELDS}
        response, answer = self._ask(ONE, params, _GET, wanted="one order")
        detail = answer.order_detail_info
        if not detail.api_result.success:
            if is_unknown_order(detail.api_result):
                return None
            raise refusal(response, detail.api_result, wanted="one order")
        order = bytes(detail.order_info)
        if order == b"null":
            return None
        if (got := _id_of(order)) != order_id:
            raise TransientError(
                f"{ONE}: asked for order {order_id}, got {got}; a cache answers for the platform; the run tries again"
            )
        return order

    def _ask(
        self, method: str, params: Question, decoder: msgspec.json.Decoder[T], *, wanted: str
    ) -> tuple[httpx.Response, T]:
        """The response and what it says; an answer of any other shape raises the error it stands for."""
        text = msgspec.json.encode(params, order="sorted").decode()
        query = {"method": method, "v": VERSION}
        response = self._client.post(ROUTER, params=query, data={PARAMETERS: text})
        now = self._runtime.clock()
        if (answer := said(response)) and (error := failure(response, answer, wanted=wanted, now=now)):
            raise error
        judge(response, wanted=wanted, now=now)
        body = inner(response, method, wanted=wanted)
        try:
            return response, decoder.decode(body)
        except msgspec.ValidationError as error:
            raise DriftError(
                f"{named(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
            ) from None

    def _question(self, date_type: int, fields: str, window: Window) -> Question:
        start, end = window.start.replace(microsecond=0), window.end
        if end.microsecond:
            end = end.replace(microsecond=0) + timedelta(seconds=1)
        return {
            "dateType": date_type,
            "start_date": f"{start.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
            "end_date": f"{end.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
            "order_state": ",".join(dict.fromkeys((*ASKED, *self._options.more_states))),
            "optional_fields": fields,
            "sortType": 0,
        }


def _pages(total: int) -> int:
    return -(-total // LIMITS.page_size)


def _id_of(row: bytes) -> str:
    try:
        return str(_ROW.decode(row).orderId)
    except msgspec.ValidationError as error:
        raise DriftError(f"an order of JD names no orderId ({error}); the platform changed its shape") from None


def _stub(row: bytes) -> OrderStub:
    """What a row says; a value that cannot be read is not told."""
    order_id, raw = _id_of(row), _STUB.decode(legible(row))
    state = raw.get("orderState")
    known = STATES.get(state) if isinstance(state, str) else None
    total = _total(raw)
    return OrderStub(
        order_id,
        known.order if known else str(state) if state else None,
        total=total,
        currency=CURRENCY if total else None,
        updated_at=_moment(raw.get("modified")),
    )


def _total(raw: Raw) -> str | None:
    try:
        return grand_total(raw)
    except (RecordError, AttributeError, TypeError, KeyError):
        return None


def _moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        moment = datetime.fromisoformat(time_text(value) or "")
    except (ValueError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
