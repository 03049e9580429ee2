"""Talks to one eBay seller's account: lists orders by their modified time, and asks for what the list leaves out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from orderflow.adapters.ebay import LIMITS, listing
from orderflow.adapters.ebay.answers import UNKNOWN_ORDER, WRONG_OFFSET, Problem, check, said
from orderflow.adapters.ebay.auth import auth
from orderflow.adapters.ebay.money import totals_of
from orderflow.adapters.ebay.statuses import order_status
from orderflow.adapters.http import client, legible, named, read, side_by_side
from orderflow.domain.errors import ConfigError, DriftError, RecordError, TooManyError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Raw, Runtime
from orderflow.domain.window import Window

if TYPE_CHECKING:
    from orderflow.adapters.ebay import Options

log = logging.getLogger(__name__)
T = TypeVar("T")

ORDERS = "/sell/fulfillment/v1/order"
BREAKDOWN = "fieldGroups=TAX_BREAKDOWN"
"""Without it neither taxes nor special fees are told, so that totals cannot be explained."""
MODIFIED, CREATED = "lastmodifieddate", "creationdate"
TIMES = {MODIFIED: "lastModifiedDate", CREATED: "creationDate"}
NEVER_CANCELLED = "NONE_REQUESTED"
TAXPAYERS = frozenset({"EBAY_IT", "EBAY_ES"})
"""Marketplaces whose orders name the buyer's tax number, which only getOrder tells."""
AT_A_TIME = 50
"""Orders by id in one page of ours."""
AT_ONCE = 4
"""Requests for single orders on their way."""
Extra = Literal["detail", "fulfillments"]


class _List(msgspec.Struct):
    total: int
    orders: list[msgspec.Raw] | None = None
    warnings: list[Problem] = msgspec.field(default_factory=list)


class _Row(msgspec.Struct, rename="camel"):
    """What is read of a row; only its id has to be there, the rest is the mapping's business."""

    order_id: str
    last_modified_date: Any = None
    creation_date: Any = None
    cancel_status: Any = None
    fulfillment_hrefs: Any = None
    line_items: Any = None


class _Fulfillments(msgspec.Struct):
    fulfillments: list[msgspec.Raw]
    total: int | None = None


_LIST = msgspec.json.Decoder(_List)
_ROW = msgspec.json.Decoder(_Row)
_FULFILLMENTS = msgspec.json.Decoder(_Fulfillments)
_RECORD = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_RAW = msgspec.json.Decoder(msgspec.Raw)


class Ebay:
    """One seller; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders modified within `window`, whatever their status; both ends belong to eBay's range."""
        asked, place = _range(MODIFIED, window, self._runtime.clock()), None
        if after is not None:
            asked, place = after["asked"], listing.Place(**after["place"])
            if not asked.startswith(f"{MODIFIED}:%5B{_stamp(window.start)}.."):
                raise ConfigError(f"a cursor of {asked} was used for {window}; a cursor is good for its window only")
        for found in self._listed(MODIFIED, asked, place):
            following = found.following
            cursor = {"asked": asked, "place": following.to_json()} if following else None
            yield Page(self._complete(found.rows), found.origin, cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids, one by one: the list by ids ignores the request for taxes and fees."""
        for start in range(0, len(order_ids), AT_A_TIME):
            ids = order_ids[start : start + AT_A_TIME]
            found = [order for _, order in side_by_side(self._one, ids, at_once=AT_ONCE) if order is not None]
            yield Page(self._complete(found, whole=True), f"{ORDERS}/{','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; a value that cannot be read is not told."""
        for found in self._listed(CREATED, _range(CREATED, window, self._runtime.clock())):
            for row in found.rows:
                head = _row(row)
                created = _moment(head.creation_date)
                if created is None or created in window:
                    yield _stub(head, _RECORD.decode(legible(row)))

    def count(self, window: Window) -> int:
        """Orders modified within `window`."""
        asked = _range(MODIFIED, window, self._runtime.clock())
        response = self._get(f"{ORDERS}?filter={asked}&limit=1", wanted="a count of orders")
        return read(response, _LIST, wanted="a count of orders").total

    def _listed(self, kind: str, asked: str, place: listing.Place | None = None) -> Iterator[listing.Fresh]:
        return listing.read(lambda offset: self._page(kind, asked, offset), place)

    def _page(self, kind: str, asked: str, offset: int) -> listing.Listed:
        wanted = "a page of orders"
        path = f"{ORDERS}?filter={asked}&{BREAKDOWN}&limit={LIMITS.page_size}&offset={offset}"
        response = self._client.get(path)
        problem = said(response).first
        if offset and problem and problem.error_id == WRONG_OFFSET:
            raise TooManyError(
                f"{named(response.request)}: eBay pages no further; the window is asked for in two halves",
                found=offset + LIMITS.page_size,
                ceiling=offset,
            )
        check(response, wanted=wanted, now=self._runtime.clock())
        answer = read(response, _LIST, wanted=wanted)
        if answer.orders is None and answer.total:
            raise DriftError(
                f"{named(response.request)}: {answer.total} orders are promised and the field orders is missing; "
                "the platform changed the shape of its answer"
            )
        for warning in answer.warnings:
            log.warning("platform warned id=%d request=%s", warning.error_id, named(response.request))
        rows = [bytes(row) for row in answer.orders or ()]
        heads = [_row(row) for row in rows]
        _check(kind, asked, heads)
        origin = named(response.request).partition(" ")[2]
        return listing.Listed([head.order_id for head in heads], rows, answer.total, origin)

    def _complete(self, rows: Sequence[bytes], *, whole: bool = False) -> list[bytes]:
        """The records: each row with what the list does not tell of it; `whole` rows are getOrder's own."""
        heads = [_row(row) for row in rows]
        questions: list[tuple[Extra, str]] = []
        for head in heads:
            if not whole and _needs_detail(head):
                questions.append(("detail", head.order_id))
            if self._options.tracking and head.fulfillment_hrefs:
                questions.append(("fulfillments", head.order_id))
        extras: dict[str, bytes] = {head.order_id: b"" for head in heads}
        for (kind, name), answer in side_by_side(self._extra, questions, at_once=AT_ONCE):
            extras[name] += b',"%b":%b' % (kind.encode(), answer)
        return [b'{"order":%b%b}' % (row, extras[head.order_id]) for row, head in zip(rows, heads, strict=True)]

    def _extra(self, question: tuple[Extra, str]) -> bytes:
        """One order's detail or fulfilments; null where they do not come, not even when asked again."""
        kind, name = question
        for _ in range(2):
            found = self._one(name) if kind == "detail" else self._fulfillments(name)
            if found is not None:
                return found
        log.warning("detail missing kind=%s", kind)
        return b"null"

    def _one(self, name: str) -> bytes | None:
        """One order, or None where eBay does not know it."""
        wanted = "an order"
        response = self._known(f"{ORDERS}/{quote(name, safe='')}?{BREAKDOWN}", wanted=wanted)
        if response is None:
            return None
        order = read(response, _RAW, wanted=wanted)
        if (got := _row(order).order_id) != name:
            raise DriftError(
                f"{named(response.request)}: order {got} instead of {name}; the platform answers another question"
            )
        return bytes(order)

    def _fulfillments(self, name: str) -> bytes | None:
        """The parcels of one order as a JSON list, or None where there are none, or fewer than promised."""
        wanted = "the parcels of an order"
        response = self._known(f"{ORDERS}/{quote(name, safe='')}/shipping_fulfillment", wanted=wanted)
        if response is None:
            return None
        answer = read(response, _FULFILLMENTS, wanted=wanted)
        if answer.total is not None and answer.total != len(answer.fulfillments):
            return None
        return b"[%b]" % b",".join(bytes(each) for each in answer.fulfillments)

    def _get(self, path: str, *, wanted: str) -> httpx.Response:
        response = self._client.get(path)
        check(response, wanted=wanted, now=self._runtime.clock())
        return response

    def _known(self, path: str, *, wanted: str) -> httpx.Response | None:
        """A good answer, or None for an order that eBay does not know."""
        response = self._client.get(path)
        if _is_absent(response):
            return None
        check(response, wanted=wanted, now=self._runtime.clock())
        return response


def _is_absent(response: httpx.Response) -> bool:
    if response.status_code == 404:
        return True
    problem = said(response).first if response.status_code == 400 else None
    return problem is not None and problem.error_id in UNKNOWN_ORDER


def _range(kind: str, window: Window, now: datetime) -> str:
    """The filter for a window, percent-encoded as eBay wants it; without an end where that is not in the past."""
    end = window.end + timedelta(microseconds=-window.end.microsecond % 1000)
    return f"{kind}:%5B{_stamp(window.start)}..{_stamp(end) if end < now else ''}%5D"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check(kind: str, asked: str, heads: Sequence[_Row]) -> None:
    """Raise `DriftError` for a page of orders that all lie before the range: then eBay did not filter."""
    start = datetime.fromisoformat(asked.partition("%5B")[2].partition("..")[0])
    found = [_moment(head.last_modified_date if kind == MODIFIED else head.creation_date) for head in heads]
    times = [moment for moment in found if moment]
    if times and max(times) < start:
        raise DriftError(
            f"{ORDERS}: asked for {kind} from {start.isoformat()}, and the newest of {len(times)} orders is of "
            f"{max(times).isoformat()}; eBay ignored the filter: compare the request with the adapter's README"
        )


def _row(data: bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"{ORDERS}: an order has another shape ({error}); the platform changed it") from None


def _needs_detail(head: _Row) -> bool:
    """Whether getOrder tells more than the list: requests to cancel, and tax numbers in Italy and Spain."""
    cancel = head.cancel_status.get("cancelState") if isinstance(head.cancel_status, dict) else None
    lines = head.line_items if isinstance(head.line_items, list) else []
    bought = {line.get("purchaseMarketplaceId") for line in lines if isinstance(line, dict)}
    return (cancel is not None and cancel != NEVER_CANCELLED) or bool(bought & TAXPAYERS)


def _stub(head: _Row, raw: Raw) -> OrderStub:
    status = total = currency = None
    try:
        status = order_status(raw)
    except (RecordError, AttributeError, TypeError):
        log.info("status not told")
    try:
        total, currency = totals_of(raw).grand, raw["pricingSummary"]["total"].get("currency")
    except (ArithmeticError, AttributeError, KeyError, TypeError):
        log.info("total not told")
    lines = head.line_items
    return OrderStub(
        order_id=head.order_id,
        status=status,
        total=total,
        currency=currency if isinstance(currency, str) else None,
        lines=len(lines) if isinstance(lines, list) else None,
        updated_at=_moment(head.last_modified_date),
    )


def _moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the order's fault and not the list's."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
