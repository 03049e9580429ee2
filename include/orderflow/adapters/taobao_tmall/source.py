"""Talks to one shop on Taobao or Tmall: lists trades from the last page to the first, then fetches each one whole.

The list is sorted by time, newest first, and a trade that changes while we read leaves the past that we asked for, so
that what stood behind it moves forward: from the last page on, this shows a trade twice instead of never. Trades that
TOP shows late push others backward instead; so the number is asked for again at the end, and where it grew the pages
are read once more.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderflow.adapters.http import Question, client, judge, last_page_first, legible, named, read, side_by_side, walk
from orderflow.adapters.taobao_tmall import LIMITS, Options
from orderflow.adapters.taobao_tmall.answers import UNKNOWN_ORDER, failure, refused
from orderflow.adapters.taobao_tmall.auth import GATEWAY, auth
from orderflow.adapters.taobao_tmall.fields import DETAIL_FIELDS, LIST_FIELDS
from orderflow.adapters.taobao_tmall.statuses import WAITING, state_of
from orderflow.adapters.taobao_tmall.values import ZONE, moment_text, time_text
from orderflow.domain.errors import DriftError, RecordError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

CHANGED, CREATED, DETAIL = (
    "taobao.trades.sold.increment.get",
    "taobao.trades.sold.get",
    "taobao.trade.fullinfo.get",
)
FILTERS = {CHANGED: "modified", CREATED: "created"}
AT_ONCE = 8
"""Details that are fetched side by side; TOP shows one trade in a request."""
ROUNDS = 3
"""How often the pages of one list are read before a list that keeps growing is an error."""
BY_ID = 50
"""Trades of one page, where they are fetched by their ids."""


class _UnknownOrderError(Exception):
    """TOP does not know this trade, or no longer shows it; never leaves this module."""


class _Trades(msgspec.Struct):
    trade: list[msgspec.Raw] | None = None


class _List(msgspec.Struct):
    total_results: int | None = None
    trades: _Trades | None = None
    """Left out where nothing matches."""

    @property
    def rows(self) -> list[msgspec.Raw]:
        return (self.trades and self.trades.trade) or []


class _Detail(msgspec.Struct):
    trade: msgspec.Raw


class _Row(msgspec.Struct):
    tid: int | str
    tid_str: int | str | None = None
    status: Any = None
    consign_time: Any = None
    payment: Any = None
    modified: Any = None

    @property
    def order_id(self) -> str:
        return str(self.tid_str or self.tid)


class _Listed(NamedTuple):
    """One page of the list: its rows by trade, where it came from, and where to go on (None: nowhere)."""

    rows: dict[str, bytes]
    origin: str
    cursor: JsonValue


_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(_List)
_DETAIL = msgspec.json.Decoder(_Detail)
_ROW = msgspec.json.Decoder(_Row)


class TaobaoTmall:
    """One shop; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(account, runtime, LIMITS, auth=auth(account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Trades modified within `window`, each with its list row and detail.

        Both ends of TOP's range are whole seconds and belong to it, so the answer may hold a little more.
        """
        for listed in self._lists(CHANGED, window, after):
            yield Page(self._complete(listed.rows, listed.origin), listed.origin, listed.cursor)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The trades with these numbers."""
        for start in range(0, len(order_ids), BY_ID):
            ids = order_ids[start : start + BY_ID]
            found = [(order_id, detail) for order_id, detail in self._details(ids) if detail]
            records = [b'{"list":{"tid_str":%b},"detail":%b}' % (msgspec.json.encode(each), one) for each, one in found]
            yield Page(records, f"/{GATEWAY}?method={DETAIL}&tid={','.join(ids)}")

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Trades created within `window`."""
        for listed in self._lists(CREATED, window):
            yield from map(_stub, listed.rows.values())

    def count(self, window: Window) -> int:
        """Trades modified within `window`."""
        return self._total(CHANGED, self._question(CHANGED, window))

    def _lists(self, method: str, window: Window, after: JsonValue = None) -> Iterator[_Listed]:
        """Every page of the trades created or modified in `window`, as often as the list grew while it was read."""
        for _ in range(ROUNDS):
            listed = None
            for listed in self._round(method, window, after):
                yield listed
            if listed is None or listed.cursor is None:
                return
            after = listed.cursor
            log.warning("list grew origin=%s total=%d", listed.origin, after["total"])
        raise TransientError(
            f"{method}: more trades of {window} appeared every time that its pages were read; "
            "the run asks for the window again"
        )

    def _round(self, method: str, window: Window, after: JsonValue) -> Iterator[_Listed]:
        """All pages once, the last one first. The last cursor is None unless there are more trades than at first."""
        asked = self._question(method, window)
        first = asked if after is None else {**asked, "page_no": after["page"]}
        total = 0 if after is None else after["total"]
        for question, answer in walk(first, lambda each: self._list(method, each), last_page_first("page_no", _pages)):
            cursor: JsonValue = None
            if "page_no" not in question:
                total = _promised(answer, method)
                if total > LIMITS.page_size:
                    continue
            elif question["page_no"] > 1:
                cursor = {"page": question["page_no"] - 1, "total": total}
            elif (now := self._total(method, asked)) > total:
                cursor = {"page": math.ceil(now / LIMITS.page_size), "total": now}
            rows = {_row(trade).order_id: bytes(trade) for trade in answer.rows}
            yield _Listed(rows, _origin(method, question), cursor)

    def _question(self, method: str, window: Window) -> Question:
        """The filter, in whole seconds rounded outwards; TOP wants the end behind the start."""
        name = FILTERS[method]
        start, end = window.start.replace(microsecond=0), window.end
        if end.microsecond:
            end = end.replace(microsecond=0) + timedelta(seconds=1)
        return {
            "fields": LIST_FIELDS,
            "type": ",".join(self._options.types),
            f"start_{name}": moment_text(start),
            f"end_{name}": moment_text(end),
            "page_size": LIMITS.page_size,
        }

    def _list(self, method: str, question: Question) -> _List:
        """A page; without a page number the first one, with the number of all trades."""
        paged = {"page_no": 1, **question, "use_has_next": "true" if "page_no" in question else "false"}
        return self._ask(method, paged, _LIST, wanted="a page of trades")

    def _total(self, method: str, asked: Question) -> int:
        return _promised(self._list(method, {**asked, "page_size": 1, "fields": "tid"}), method)

    def _complete(self, rows: dict[str, bytes], origin: str) -> list[bytes]:
        """The records of one list page. A trade that is not shown, not even when asked again, has a null `detail`."""
        found = dict(self._details(list(rows)))
        if missing := [order_id for order_id, detail in found.items() if detail is None]:
            found |= dict(self._details(missing))
            lost = sum(found[order_id] is None for order_id in missing)
            log.warning("details missing first=%d still=%d origin=%s", len(missing), lost, origin)
        return [b'{"list":%b,"detail":%b}' % (row, found[order_id] or b"null") for order_id, row in rows.items()]

    def _details(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        return side_by_side(self._detail, ids, at_once=AT_ONCE)

    def _detail(self, order_id: str) -> bytes | None:
        """One trade whole; None where TOP does not know it."""
        question = {"fields": DETAIL_FIELDS, "tid": order_id, "include_oaid": "include_oaid"}
        try:
            trade = self._ask(DETAIL, question, _DETAIL, wanted="one trade").trade
        except _UnknownOrderError:
            return None
        if _row(trade).order_id != order_id:
            raise TransientError(
                f"{DETAIL}: asked for {order_id}, got {_row(trade).order_id}; a cache answers for TOP; "
                "the run tries again by itself"
            )
        return bytes(trade)

    def _ask(self, method: str, question: Question, decoder: msgspec.json.Decoder[T], *, wanted: str) -> T:
        """What the answer holds under the method's name; an answer of any other shape raises what it stands for."""
        response = self._client.post(GATEWAY, params={"method": method}, data=dict(question))
        now = self._runtime.clock()
        if refusal := refused(response):
            if method == DETAIL and refusal.sub_code == UNKNOWN_ORDER:
                raise _UnknownOrderError
            raise failure(response, refusal, wanted=wanted, now=now)
        judge(response, wanted=wanted, now=now)
        name = method.removeprefix("taobao.").replace(".", "_") + "_response"
        answer = read(response, _ANSWER, wanted=wanted)
        try:
            return decoder.decode(answer[name])
        except (KeyError, msgspec.ValidationError) as error:
            what = f"no {name}" if isinstance(error, KeyError) else str(error)
            raise DriftError(
                f"{named(response.request)}: {what} instead of {wanted}; TOP changed the shape of its answer"
            ) from None


def _origin(method: str, question: Question) -> str:
    """A page as evidence: the body that was posted, without the long lists of fields and types."""
    shown = "&".join(f"{name}={value}" for name, value in question.items() if name not in {"fields", "type"})
    return f"/{GATEWAY}?method={method}&{shown}".replace(" ", "T")


def _pages(answer: _List) -> int:
    """Pages to read besides the first answer: none where that one holds everything."""
    total = answer.total_results or 0
    return math.ceil(total / LIMITS.page_size) if total > LIMITS.page_size else 0


def _promised(answer: _List, method: str) -> int:
    if answer.total_results is None:
        raise DriftError(f"{method}: no `total_results`, although it was asked for; the paging of TOP changed")
    if answer.total_results and not answer.rows:
        raise TransientError(
            f"{method}: {answer.total_results} trades are promised and none came; the run asks for the window again"
        )
    return answer.total_results


def _row(data: msgspec.Raw | bytes) -> _Row:
    try:
        return _ROW.decode(legible(data))
    except msgspec.ValidationError as error:
        raise DriftError(f"a trade of Taobao names no tid ({error}); TOP changed its shape") from None


def _stub(data: bytes) -> OrderStub:
    """What reconciliation compares; a value that cannot be read is not told."""
    row = _row(data)
    return OrderStub(
        order_id=row.order_id,
        status=_status(row),
        total=row.payment if isinstance(row.payment, str) and row.payment else None,
        currency="CNY",
        updated_at=_moment(row.modified),
    )


def _status(row: _Row) -> str | None:
    """Our status of a listed trade, or TOP's words where it has one that nobody documented.

    None for a trade with goods that wait to be shipped: whether it is held is told by its detail alone.
    """
    if not row.status or row.status in WAITING:
        return None
    try:
        return state_of({"status": row.status, "consign_time": row.consign_time}, ()).order
    except (RecordError, TypeError):
        return str(row.status)


def _moment(value: Any) -> datetime | None:
    """A time of the list; None where it is none, which is the trade's fault and not the list's."""
    try:
        moment = datetime.fromisoformat(time_text(value) or "")
        return moment.replace(tzinfo=moment.tzinfo or ZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
