"""Talks to one Magento instance: lists orders by time or id, and fetches credit memos and shipments of many at once.

Lists are read in the order of `entity_id`, each page asking for what lies behind the last id of the page before. So no
row that leaves the list while one reads can hide another one, and no page number ever reaches past the end. A page that
the shop cannot bear is asked for again in a smaller size.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from orderflow.adapters.http import client, judge, legible, named, read, told, words
from orderflow.adapters.magento import LIMITS, Options
from orderflow.adapters.magento.answers import TABLE, said
from orderflow.adapters.magento.auth import auth
from orderflow.adapters.magento.criteria import Filter, Groups, bounds, outside, query, within
from orderflow.adapters.magento.stubs import FIELDS, created, stub
from orderflow.domain.errors import DriftError, TransientError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)
T = TypeVar("T")

ORDERS, SHIPMENTS, MEMOS = "orders", "shipments", "creditmemos"
LESS = 4
"""A page that cannot be had is asked for with so many times fewer rows, down to one."""
CALM = 64
"""After so many good pages the next larger size is tried again: an outage of seconds looks like too many rows."""
_HEAVY = frozenset({500, 502, 503, 504})
_MOST = re.compile(r"Maximum SearchCriteria pageSize")
"""How a shop that limits input refuses a page size (`Framework/Webapi/Validator/SearchCriteriaValidator`)."""


class _List(msgspec.Struct):
    total_count: int
    items: list[msgspec.Raw] | None = None
    """Null, or missing, where there is none."""


class _Count(msgspec.Struct):
    total_count: int


class _Row(msgspec.Struct):
    entity_id: int | str | None = None
    order_id: int | str | None = None
    created_at: Any = None
    updated_at: Any = None
    total_refunded: Any = None
    items: Any = None


class _Listed(NamedTuple):
    """One page: its rows, what could be read of them, the last id, whether more lie behind it, and its origin."""

    rows: list[bytes]
    heads: list[_Row]
    last: int
    more: bool
    origin: str


_LIST = msgspec.json.Decoder(_List)
_COUNT = msgspec.json.Decoder(_Count)
_ROW = msgspec.json.Decoder(_Row, float_hook=str)
_STUB = msgspec.json.Decoder(float_hook=str)


class Magento:
    """One instance; a `Source`, `Countable`, `Counting` and `ById`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._sizes = dict.fromkeys((ORDERS, SHIPMENTS, MEMOS), LIMITS.page_size)
        self._good = dict.fromkeys(self._sizes, 0)
        self._root = "/V1" if options.auth == "ims" else "/rest/V1"
        self._client = client(account, runtime, LIMITS, auth=auth(options, account, runtime))

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, then those of which only a shipment was updated within it."""
        place = after or {"list": ORDERS, "behind": 0}
        behind: int = place["behind"]
        if place["list"] == ORDERS:
            for listed in self._pages(ORDERS, within("updated_at", window), behind):
                _check(listed, window)
                cursor = {"list": ORDERS, "behind": listed.last} if listed.more else {"list": SHIPMENTS, "behind": 0}
                yield Page(self._whole(listed), listed.origin, cursor)
            behind = 0
        groups = within("updated_at", window)
        for shipped in self._pages(SHIPMENTS, groups, behind, fields="items[entity_id,order_id],total_count"):
            ids = sorted({_number(head.order_id) for head in shipped.heads})
            if not ids:
                continue
            for listed in self._pages(ORDERS, [[_among(ids)], outside("updated_at", window)], 0):
                if listed.rows:
                    cursor = {"list": SHIPMENTS, "behind": behind if listed.more else shipped.last}
                    yield Page(self._whole(listed), listed.origin, cursor)
            behind = shipped.last

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids; what is no number is no id of Magento's."""
        ids = sorted({int(each) for each in order_ids if each.isascii() and each.isdecimal()})
        for start in range(0, len(ids), LIMITS.page_size):
            for listed in self._pages(ORDERS, [[_among(ids[start : start + LIMITS.page_size])]], 0):
                yield Page(self._whole(listed), listed.origin)

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`. A value that cannot be read is not told."""
        low, high = bounds(window)
        for listed in self._pages(ORDERS, within("created_at", window), 0, fields=FIELDS):
            for raw in map(_STUB.decode, map(legible, listed.rows)):
                moment = created(raw)
                if moment is None or low <= moment < high:
                    yield stub(raw, self._options)

    def count(self, window: Window) -> int:
        """Orders updated within `window`."""
        asked = query(within("updated_at", window), size=1, fields="total_count")
        response = self._client.get(f"{self._root}/{ORDERS}?{asked}")
        return self._answer(response, _COUNT, wanted="a count of orders")[0].total_count

    def _pages(self, kind: str, groups: Groups, behind: int, *, fields: str | None = None) -> Iterator[_Listed]:
        """Every page of a list behind the row with the id `behind`."""
        while True:
            size = self._sizes[kind]
            listed = self._page(kind, groups, behind, size, fields)
            if listed is None:
                log.warning("page failed, fewer rows asked for kind=%s behind=%d rows=%d", kind, behind, size)
                self._sizes[kind], self._good[kind] = max(1, size // LESS), 0
                continue
            self._good[kind] += 1
            if self._good[kind] % CALM == 0:
                self._sizes[kind] = min(size * LESS, LIMITS.page_size)
            yield listed
            if not listed.more:
                return
            behind = listed.last

    def _page(self, kind: str, groups: Groups, behind: int, size: int, fields: str | None) -> _Listed | None:
        """One page; None where the shop fails at so many rows, and may not at fewer."""
        place: list[list[Filter]] = [[("entity_id", "gt", str(behind))]]
        asked = query([*groups, *place], size=size, fields=fields)
        wanted = f"a page of {kind}" if size > 1 else f"the first of the {kind} behind id {behind}"
        try:
            response = self._client.get(f"{self._root}/{kind}?{asked}")
        except TransientError:
            if size == 1:
                raise
            return None
        if size > 1 and _too_large(response):
            return None
        answer, origin = self._answer(response, _LIST, wanted=wanted)
        rows = answer.items or []
        if not rows and answer.total_count:
            raise TransientError(
                f"{self._root}/{kind}: {answer.total_count} rows are promised behind id {behind} and none came; the "
                "run asks again by itself; when it stays, a row cannot be loaded: look at the shop's exception log"
            )
        heads = [_head(row) for row in rows]
        last = behind
        for head in heads:
            if not _readable(head):
                continue
            if (number := _number(head.entity_id)) <= last:
                raise DriftError(
                    f"{self._root}/{kind}: asked for ids behind {last} in ascending order, got {number}; the shop "
                    "ignores filter or sort order, so that paging would lose orders; look for the plugin that does"
                )
            last = number
        more = answer.total_count > len(rows) or len(rows) >= size  # plugins that group rows make the count too low
        if more and last == behind:
            raise DriftError(f"{self._root}/{kind}: rows without entity_id; nothing says where the next page begins")
        return _Listed([bytes(row) for row in rows], heads, last, more, origin)

    def _whole(self, listed: _Listed) -> list[bytes]:
        """The orders with their credit memos and shipments; null where Magento counts some and sends none."""
        memos = self._details(MEMOS, [_number(head.entity_id) for head in listed.heads if _refunded(head)])
        parcels = self._details(SHIPMENTS, [_number(head.entity_id) for head in listed.heads if _shipped(head)])
        return [
            b'{"order":%b,"creditmemos":%b,"shipments":%b}' % (row, memos.get(key, b"[]"), parcels.get(key, b"[]"))
            for row, key in zip(listed.rows, (str(head.entity_id) for head in listed.heads), strict=True)
        ]

    def _details(self, kind: str, ids: Sequence[int]) -> dict[str, bytes]:
        """Credit memos or shipments by order, for each order asked for; those that did not come are asked for again."""
        found = self._of(kind, ids)
        if missing := [each for each in ids if each not in found]:
            found |= self._of(kind, missing)
            lost = sum(each not in found for each in missing)
            log.warning("details missing kind=%s first=%d still=%d", kind, len(missing), lost)
        return {str(each): b"[%b]" % b",".join(found[each]) if each in found else b"null" for each in ids}

    def _of(self, kind: str, ids: Sequence[int]) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {}
        if not ids:
            return found
        for listed in self._pages(kind, [[("order_id", "in", ",".join(map(str, ids)))]], 0):
            for row, head in zip(listed.rows, listed.heads, strict=True):
                found.setdefault(_number(head.order_id), []).append(row)
        if strangers := found.keys() - set(ids):
            raise TransientError(
                f"{self._root}/{kind}: asked for those of {len(ids)} orders, got some of order {min(strangers)}; a "
                "cache answers for the shop; the run tries again by itself"
            )
        return found

    def _answer(self, response: httpx.Response, decoder: msgspec.json.Decoder[T], *, wanted: str) -> tuple[T, str]:
        """A good answer and where it came from."""
        if not response.is_success:
            judge(response, wanted=wanted, now=self._runtime.clock(), table=TABLE, said=said(response))
        origin = named(response.request).partition(" ")[2]
        try:
            return read(response, decoder, wanted=wanted), origin
        except DriftError:
            if (message := said(response)) is None:
                raise
            raise DriftError(
                f"{told(response.request)}: status {response.status_code} and a refusal ({words(message, response)}) "
                f"instead of {wanted}; a gateway or plugin hides the status: let it pass"
            ) from None


def _too_large(response: httpx.Response) -> bool:
    """Whether fewer rows may do: a shop runs out of time or memory, fails at one row, or limits the size of a page."""
    limited = response.status_code == 400 and _MOST.search(said(response) or "")
    return response.status_code in _HEAVY or bool(limited)


def _number(value: Any) -> int:
    text = str(value)
    if not text.isascii() or not text.isdecimal():
        raise DriftError(
            f"a row has {value!r} where the id of its order belongs; a plugin changes what the shop answers"
        )
    return int(text)


def _among(ids: Sequence[int]) -> Filter:
    return ("entity_id", "in", ",".join(map(str, ids)))


def _head(row: msgspec.Raw) -> _Row:
    """What paging needs of a row; nothing where it has another shape, which the mapping will say."""
    try:
        return _ROW.decode(legible(row))
    except msgspec.ValidationError as error:
        log.warning("record unusual shape=%s", error)
        return _Row()


def _refunded(head: _Row) -> bool:
    return str(head.total_refunded or "").strip("0.") != "" and _readable(head)


def _shipped(head: _Row) -> bool:
    items = head.items if isinstance(head.items, list) else []
    return _readable(head) and any(
        isinstance(item, dict) and str(item.get("qty_shipped") or "").strip("0.") for item in items
    )


def _readable(head: _Row) -> bool:
    text = str(head.entity_id)
    return text.isascii() and text.isdecimal()


def _check(listed: _Listed, window: Window) -> None:
    """Raise `DriftError` for a row from outside the window: then the shop's times are not the UTC that we ask in."""
    low, high = bounds(window)
    for head in listed.heads:
        try:
            moment = datetime.fromisoformat(str(head.updated_at)).replace(tzinfo=UTC)
        except ValueError:
            continue
        if not low <= moment < high:
            raise DriftError(
                f"{ORDERS}: asked for updates from {low} to {high}, got order {head.entity_id} of {head.updated_at}; "
                "the shop ignores the filter or writes other times than UTC: remove the plugin that does"
            )
