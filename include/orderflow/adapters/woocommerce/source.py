"""Talks to one WooCommerce site: lists by modified or created time, single orders by id, refunds of an order."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from orderflow.adapters.http import Question, by_page, client, judge, named, read, side_by_side, walk
from orderflow.adapters.woocommerce import LIMITS, Options, listing, sending
from orderflow.adapters.woocommerce.auth import auth
from orderflow.adapters.woocommerce.bounds import between
from orderflow.adapters.woocommerce.mapping import order_status
from orderflow.adapters.woocommerce.record import Entries
from orderflow.domain.errors import ConfigError, DriftError, RecordError, TransientError
from orderflow.domain.fulfilment import Notice, Told
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Raw, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

API = "/wp-json/wc/v3"
ATTEMPTS = 2
"""A page that fails is soon asked for with fewer rows instead of once more."""
PLACES = 6
"""Decimal places that amounts are asked for with, so that tax taken out of prices stays exact."""
REFUNDS = "refund_details"
"""Our key in a record for what `/orders/{id}/refunds` says; the order itself holds only a summary."""

SET_RIGHT = 3600.0
"""Seconds after which a clock that is far behind, by years after a power cut, is looked at again."""

_LOWER = {"modified_after": "date_modified_gmt", "after": "date_created_gmt"}
"""Which time each lower bound is about."""
_MOMENT = "timestamp"
_UNTOLD = {"masked": _MOMENT}
_SUMMARY = b'"refunds":'

_ABSENT = (
    "no WooCommerce is found there; put the site's address, without /wp-json, into the connection; its permalinks must "
    "not be Plain (WordPress: Settings, Permalinks)"
)
_BUSY = "the site, or the proxy before it, takes no more requests for now; the run tries again by itself"
TABLE = {
    404: (ConfigError, _ABSENT),
    listing.BUSY: (TransientError, _BUSY),
    listing.UNAVAILABLE: (TransientError, _BUSY),
}


class _Row(msgspec.Struct):
    id: int | str
    date_modified_gmt: str | None = None
    date_created_gmt: str | None = None
    refunds: Entries[msgspec.Raw] = []


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""
    data: Any = None


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)
_PROBLEM = msgspec.json.Decoder(_Problem)
_STUBS = msgspec.json.Decoder(float_hook=str)


class WooCommerce:
    """One site; a `Source`, `Countable`, `Counting`, `ById` and `Fulfilling`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._client = client(account, runtime, LIMITS, auth=auth(options, account, runtime))
        self._sorts_by_modified = True

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders modified within `window`, whatever their status, each with its refunds."""
        asked = between("modified", window, self._options.timezone)
        for listed, place in self._listed(asked, after):
            rows = self._with_refunds(listed.rows)
            yield Page(rows, listed.origin, {"asked": asked, "place": [place.page, place.size, place.total]})

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids; what is no number is no id of WooCommerce's."""
        ids = [each for each in order_ids if each.isdecimal()]
        for start in range(0, len(ids), LIMITS.page_size):
            asked = {"include": ",".join(ids[start : start + LIMITS.page_size])}
            for listed, _ in self._listed(asked, None):
                yield Page(self._with_refunds(listed.rows), listed.origin)

    def fulfil(self, notice: Notice) -> Told:
        """Tell of a parcel, unless the order says that it was told."""
        if not notice.order_id.isdecimal():
            raise RecordError("ORDER_UNKNOWN", "order_id", notice.order_id, "WooCommerce's orders are numbers")
        return sending.tell(self._ask, API, notice)

    def _ask(
        self, method: str, path: str, body: JsonValue = None, *, wanted: str, absent: frozenset[int], once: bool = False
    ) -> httpx.Response:
        """A good answer, or one with a status among `absent`; what is asked `once` is not repeated."""
        extensions = {**_UNTOLD, **({"attempts": 1} if once else {})}
        response = self._client.request(method, path, params=self._moment(), json=body, extensions=extensions)
        if not response.is_success and response.status_code not in absent:
            problem = _problem(response)
            said = f"{problem.code}: {problem.message}" if problem.code else None
            judge(response, wanted=wanted, now=self._runtime.clock(), table=TABLE, said=said)
        return response

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; one with refunds or gift cards without total: ours is not WooCommerce's.

        A value that cannot be read is not told. An order with a created time that cannot be read is listed.
        """
        fields = "id,status,total,currency,date_created_gmt,date_modified_gmt,refunds,line_items,gift_cards"
        asked = {**between("created", window, self._options.timezone), "_fields": fields}
        start, end = window.start.replace(microsecond=0), window.end
        for listed, _ in self._listed(asked, None):
            for raw in map(_STUBS.decode, listed.rows):
                created = _gmt(raw.get("date_created_gmt"))
                if created is None or start <= created < end:
                    yield self._stub(raw)

    def count(self, window: Window) -> int:
        """Orders modified within `window`."""
        params = {**between("modified", window, self._options.timezone), "per_page": "1", "_fields": "id"}
        response = self._get(f"{API}/orders", params, "a count of orders")
        read(response, _ROWS, wanted="a count of orders")
        return _number(response, "x-wp-total")

    def _listed(self, asked: Mapping[str, str], after: JsonValue) -> Iterator[tuple[listing.Listed, listing.Place]]:
        """Every page of a list, or those behind the cursor `after`."""
        if after is not None and after["asked"] != asked:
            raise ConfigError(
                f"a cursor of {after['asked']} was used for {asked}; a cursor is good for its window only"
            )
        place = listing.Place(*after["place"]) if after else None
        return listing.read(
            lambda page, size: self._page({**asked, "status": "any", "dp": str(PLACES)}, page, size),
            size=LIMITS.page_size,
            at_once=self._options.at_once,
            after=place,
        )

    def _page(self, asked: Mapping[str, str], page: int, size: int) -> listing.Listed:
        sort = "modified" if "modified_after" in asked and self._sorts_by_modified else "id"
        params = {**asked, "orderby": sort, "order": "asc", "per_page": str(size), "page": str(page)}
        try:
            response = self._list(params)
            self._check_clock(response, asked)
        except _CannotSortError:
            log.info("site cannot sort by modified time; sorting by id")
            self._sorts_by_modified = False
            return self._page(asked, page, size)
        rows = [bytes(row) for row in read(response, _ROWS, wanted="a page of orders")]
        _check(rows, asked)
        return listing.Listed(
            rows,
            _number(response, "x-wp-total"),
            _number(response, "x-wp-totalpages"),
            named(response.request).partition(" ")[2],
        )

    def _list(self, params: Mapping[str, JsonValue]) -> httpx.Response:
        """One page. A slow site is soon asked for a smaller one, a busy one for the same again; 503 may be either."""
        path, wanted = f"{API}/orders", "a page of orders"
        try:
            return self._get(path, params, wanted, attempts=ATTEMPTS)
        except TransientError as error:
            smaller = error.status == listing.UNAVAILABLE and params["per_page"] != str(LIMITS.page_size)
            if error.status not in (listing.BUSY, listing.UNAVAILABLE) or smaller or error.retry_after is not None:
                raise
            return self._get(path, params, wanted)

    def _with_refunds(self, rows: Sequence[bytes]) -> list[bytes]:
        """The rows; one with refunds gets their details under our key `REFUNDS`, its own bytes unchanged before it."""
        whole = list(rows)
        places = [place for place, row in enumerate(rows) if _has_refunds(row)]
        for place, details in side_by_side(
            lambda place: self._refunds(_ROW.decode(rows[place]).id), places, at_once=self._options.at_once
        ):
            inner = b",".join(details)
            whole[place] = rows[place].rstrip()[:-1] + f',"{REFUNDS}":['.encode() + inner + b"]}"
        return whole

    def _refunds(self, order_id: int | str) -> list[bytes]:
        """The refunds of one order; none where the order vanished meanwhile."""
        path, found = f"{API}/orders/{order_id}/refunds", []

        def ask(question: Question) -> httpx.Response:
            return self._get(path, question, "the refunds of an order", absent=404)

        start = {"per_page": str(LIMITS.page_size), "dp": str(PLACES), "page": 1}
        for _, response in walk(start, ask, by_page("page", lambda each: _number(each, "x-wp-totalpages", 0))):
            if response.status_code != 404:
                found += [bytes(row) for row in read(response, _ROWS, wanted="the refunds of an order")]
        return found

    def _get(
        self,
        path: str,
        params: Mapping[str, JsonValue],
        wanted: str,
        *,
        absent: int | None = None,
        attempts: int | None = None,
    ) -> httpx.Response:
        """A good answer, or one with the status `absent`."""
        extensions = {**_UNTOLD, **({"attempts": attempts} if attempts else {})}
        response = self._client.get(path, params={**params, **self._moment()}, extensions=extensions)
        if response.is_success or response.status_code == absent:
            return response
        problem = _problem(response)
        if (
            problem.code == "rest_invalid_param"
            and "orderby" in str(problem.data)
            and params.get("orderby") == "modified"
        ):
            raise _CannotSortError
        said = f"{problem.code}: {problem.message}" if problem.code else None
        judge(response, wanted=wanted, now=self._runtime.clock(), table=TABLE, said=said)
        return response

    def _moment(self) -> dict[str, str]:
        """A parameter that WordPress ignores, against caches: LiteSpeed's answers an equal question for days as before,
        and an order's refunds are always asked for in the same words.
        """
        return {_MOMENT: str(int(self._runtime.clock().timestamp()))}

    def _check_clock(self, response: httpx.Response, asked: Mapping[str, str]) -> None:
        """Raise `TransientError` while a site's clock has not come to the end of a window that is over.

        Orders that change until then get times from within the window, behind our back.
        """
        end, there = _gmt(asked.get("modified_before")), _date(response)
        if end and there and there < end <= self._runtime.clock():
            raise TransientError(
                f"{named(response.request)}: the site's clock is slow: it shows {there:%Y-%m-%d %H:%M:%S} UTC; what "
                f"changes there until {end:%H:%M:%S} would be missed; the run tries again by itself; have it set",
                retry_after=min((end - there).total_seconds(), SET_RIGHT),
            )

    def _stub(self, raw: Raw) -> OrderStub:
        if "id" not in raw:
            raise DriftError(f"{API}/orders: an order without an id; a plugin changes what the site answers")
        status, total, lines = _text(raw.get("status")), _text(raw.get("total")), raw.get("line_items")
        with contextlib.suppress(RecordError):
            status = order_status(status, self._options) if status else None
        return OrderStub(
            order_id=str(raw["id"]),
            status=status,
            total=None if raw.get("refunds") or raw.get("gift_cards") else total,
            currency=_text(raw.get("currency")),
            lines=len(lines) if isinstance(lines, list | dict) else None,
            updated_at=_gmt(raw.get("date_modified_gmt")),
        )


class _CannotSortError(Exception):
    """The site is older than `orderby=modified`."""


def _check(rows: Sequence[bytes], asked: Mapping[str, str]) -> None:
    """Raise `DriftError` for a row from before the window: WordPress ignores parameters that it does not know.

    The bytes of a row show that it is of the window without reading it whole: the last field of that name has the time,
    because WooCommerce has its times behind the lines. A row of another shape goes on as it came: the mapping
    quarantines it with its reason.
    """
    for lower, name in _LOWER.items():
        if lower not in asked:
            continue
        sought, since = f'"{name}":"'.encode(), asked[lower].encode()
        for row in rows:
            at = row.rfind(sought) + len(sought)
            if at < len(sought) or row[at : at + len(since)] <= since:
                _check_head(row, lower, name, asked[lower])


def _check_head(row: bytes, lower: str, name: str, since: str) -> None:
    try:
        head = _ROW.decode(row)
    except msgspec.ValidationError as error:
        log.warning("record unusual shape=%s", error)
        return
    stamp = getattr(head, name)
    if stamp is not None and _gmt(stamp) and stamp <= since:
        raise DriftError(
            f"{API}/orders: asked for {lower}={since}, got order {head.id} of {stamp}; the site ignores the "
            "filter (modified_after needs WooCommerce 5.8 or newer): update WooCommerce, or remove the plugin that "
            "takes the filter away"
        )


def _gmt(stamp: Any) -> datetime | None:
    """One of WooCommerce's GMT times; None for what is none, which is the order's fault and not the list's."""
    try:
        return datetime.fromisoformat(stamp).replace(tzinfo=UTC) if isinstance(stamp, str) else None
    except ValueError:
        return None


def _date(response: httpx.Response) -> datetime | None:
    """What the site's clock shows, by its answer; None where it does not say."""
    try:
        moment = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _has_refunds(row: bytes) -> bool:
    """Whether the order has some; its bytes show it unread: meta data, which may hold this name, stand before it."""
    if row.startswith(b"[]", row.rfind(_SUMMARY) + len(_SUMMARY)):
        return False
    try:
        return bool(_ROW.decode(row).refunds)
    except msgspec.ValidationError:
        return False


def _number(response: httpx.Response, header: str, missing: int | None = None) -> int:
    """A counting header; raises `DriftError` when it is missing and there is no value for that."""
    text = response.headers.get(header, "")
    if text.isdecimal():
        return int(text)
    if missing is not None:
        return missing
    raise DriftError(
        f"{named(response.request)}: no header {header}, without which the end of the list is unknown; a proxy or "
        "cache takes it away: let it pass"
    )


def _problem(response: httpx.Response) -> _Problem:
    try:
        return _PROBLEM.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Problem()
