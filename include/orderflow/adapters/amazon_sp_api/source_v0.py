"""Talks to the Orders API v0: a list of orders, oldest first, and then the items of each order by themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from orderflow.adapters.amazon_sp_api import LIMITS, Options
from orderflow.adapters.amazon_sp_api.asking import Answer, Asking, Listed, is_id, moment, shape, status, total
from orderflow.adapters.amazon_sp_api.auth import Restricted, auth
from orderflow.adapters.amazon_sp_api.confirming import confirm
from orderflow.adapters.amazon_sp_api.statuses import V0_STATUSES
from orderflow.adapters.http import Question, read, walk
from orderflow.domain.errors import TransientError
from orderflow.domain.fulfilment import Notice, Told
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

LIST = "/orders/v0/orders"
NOTHING = b"{}"
"""What Amazon answers, with status 200, for an order that it does not show."""


class _List(msgspec.Struct):
    orders: list[msgspec.Raw] = msgspec.field(name="Orders")
    following: str | None = msgspec.field(name="NextToken", default=None)


class _Listing(msgspec.Struct):
    payload: _List


class _One(msgspec.Struct):
    payload: msgspec.Raw


class _Items(msgspec.Struct):
    order_id: str = msgspec.field(name="AmazonOrderId")
    items: list[msgspec.Raw] = msgspec.field(name="OrderItems", default_factory=list)
    following: str | None = msgspec.field(name="NextToken", default=None)


class _ItemsAnswer(msgspec.Struct):
    payload: _Items


class _Row(msgspec.Struct):
    order_id: str = msgspec.field(name="AmazonOrderId")
    status: Any = msgspec.field(name="OrderStatus", default=None)
    updated_at: Any = msgspec.field(name="LastUpdateDate", default=None)
    total: Any = msgspec.field(name="OrderTotal", default=None)


_LISTING = msgspec.json.Decoder(_Listing)
_ONE = msgspec.json.Decoder(_One)
_ITEMS = msgspec.json.Decoder(_ItemsAnswer)
_ROW = msgspec.json.Decoder(_Row, float_hook=str)


class OrdersV0:
    """One seller; a `Source`, `Countable`, `ById` and `Fulfilling`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        bearer = auth(account, runtime)
        authorised = Restricted(bearer, account, runtime) if options.personal_data else bearer
        self._options = options
        self._asking = Asking(account, runtime, authorised, LIST)
        self._confirming = Asking(account, runtime, bearer, LIST)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders whose status changed within `window`, each with its items."""
        for listed in self._lists("LastUpdated", window, after):
            records = [self._record(order_id, order) for order_id, order in listed.orders]
            yield Page(records, listed.origin, listed.cursor)

    def fulfil(self, notice: Notice) -> Told:
        """Confirm a package."""
        return confirm(self._confirming, self._options, notice)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids, one by one."""
        for order_id in filter(is_id, order_ids):
            path = f"{LIST}/{order_id}"
            answer = self._asking.single(path, _ONE, wanted="one order")
            if answer is not None and bytes(answer.payload) != NOTHING:
                known = _asked_for(order_id, shape(answer.payload, _ROW).order_id, path)
                yield Page([self._record(known, bytes(answer.payload))], path)

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; the list counts units, so no lines are told."""
        for listed in self._lists("Created", window):
            for _, order in listed.orders:
                row = shape(msgspec.Raw(order), _ROW)
                amount, currency = total(row.total)
                yield OrderStub(row.order_id, status(row.status), amount, currency, updated_at=moment(row.updated_at))

    def _lists(self, field: str, window: Window, after: JsonValue = None) -> Iterator[Listed]:
        start, end = self._asking.span(window)
        question: Question = {
            "MarketplaceIds": ",".join(self._options.marketplaces),
            f"{field}After": start,
            f"{field}Before": end,
            "OrderStatuses": ",".join(V0_STATUSES),
            "MaxResultsPerPage": LIMITS.page_size,
        }
        return self._asking.pages(question, "NextToken", after, _listing, lambda order: shape(order, _ROW).order_id)

    def _record(self, order_id: str, order: bytes) -> bytes:
        """The order with its items; null where they are not shown, not even when asked for again."""
        items = self._items(order_id) or self._items(order_id)
        if not items:
            log.warning("items missing order=%s", order_id)
        shown = b"null" if items is None else b"[%b]" % b",".join(items)
        return b'{"order":%b,"items":%b}' % (order, shown)

    def _items(self, order_id: str) -> list[bytes] | None:
        path, found = f"{LIST}/{order_id}/orderItems", list[bytes]()

        def ask(question: Question) -> _Items | None:
            answer = self._asking.single(path, _ITEMS, wanted="the items of an order", **question)
            return answer.payload if answer else None

        def following(_: Question, answer: _Items | None) -> Question | None:
            return {"NextToken": answer.following} if answer and answer.following else None

        for _, answer in walk({}, ask, following):
            if answer is None:
                return None
            _asked_for(order_id, answer.order_id, path)
            found += map(bytes, answer.items)
        return found


def _listing(response: httpx.Response) -> Answer:
    listed = read(response, _LISTING, wanted="a page of orders").payload
    return Answer(listed.orders, listed.following or None)


def _asked_for(order_id: str, answered: str, path: str) -> str:
    """`answered`, unless it is another order than the one that was asked for."""
    if answered != order_id:
        raise TransientError(
            f"{path}: the answer is about order {answered}; a cache answers for Amazon; the run tries again by itself"
        )
    return answered
