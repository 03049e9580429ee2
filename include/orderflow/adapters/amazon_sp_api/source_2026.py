"""Talks to the Orders API v2026-01-01: a list of whole orders, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from orderflow.adapters.amazon_sp_api import LIMITS, Options
from orderflow.adapters.amazon_sp_api.asking import Answer, Asking, Listed, is_id, moment, shape, status, total
from orderflow.adapters.amazon_sp_api.auth import auth
from orderflow.adapters.amazon_sp_api.confirming import confirm
from orderflow.adapters.http import Question, read
from orderflow.domain.errors import TransientError
from orderflow.domain.fulfilment import Notice, Told
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

LIST = "/orders/2026-01-01/orders"
DATA = ("PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX", "PAYMENT")
PEOPLE = ("BUYER", "RECIPIENT")
"""What an answer is to hold; what is not asked for is absent."""


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class _List(msgspec.Struct):
    orders: list[msgspec.Raw]
    pagination: _Pagination | None = None


class _One(msgspec.Struct):
    order: msgspec.Raw


class _Row(msgspec.Struct, rename="camel"):
    order_id: str
    last_updated_time: Any = None
    fulfillment: Any = None
    proceeds: Any = None
    order_items: Any = None


_LIST = msgspec.json.Decoder(_List)
_ONE = msgspec.json.Decoder(_One)
_ROW = msgspec.json.Decoder(_Row, float_hook=str)


class Orders2026:
    """One seller; a `Source`, `Countable`, `ById` and `Fulfilling`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options = options
        self._data = ",".join((*PEOPLE, *DATA) if options.personal_data else DATA)
        self._asking = Asking(account, runtime, auth(account, runtime), LIST)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders of which anything changed within `window`, whole."""
        for listed in self._lists("lastUpdated", window, self._data, after):
            yield Page([order for _, order in listed.orders], listed.origin, listed.cursor)

    def fulfil(self, notice: Notice) -> Told:
        """Confirm a package."""
        return confirm(self._asking, self._options, notice)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids, one by one."""
        for order_id in filter(is_id, order_ids):
            path = f"{LIST}/{order_id}"
            answer = self._asking.single(path, _ONE, wanted="one order", includedData=self._data)
            if answer is None:
                continue
            if (answered := shape(answer.order, _ROW).order_id) != order_id:
                raise TransientError(
                    f"{path}: the answer is about order {answered}; a cache answers for Amazon; "
                    "the run tries again by itself"
                )
            yield Page([bytes(answer.order)], path)

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        for listed in self._lists("created", window, "PROCEEDS,FULFILLMENT"):
            for _, order in listed.orders:
                row = shape(msgspec.Raw(order), _ROW)
                amount, currency = total(row.proceeds.get("grandTotal") if isinstance(row.proceeds, dict) else None)
                stage = row.fulfillment.get("fulfillmentStatus") if isinstance(row.fulfillment, dict) else None
                lines = len(row.order_items) if isinstance(row.order_items, list) else None
                changed = moment(row.last_updated_time)
                yield OrderStub(row.order_id, status(stage), amount, currency, lines, changed)

    def _lists(self, field: str, window: Window, data: str, after: JsonValue = None) -> Iterator[Listed]:
        """A list without a filter by status, so that a status nobody knows hides no order."""
        start, end = self._asking.span(window)
        question: Question = {
            "marketplaceIds": ",".join(self._options.marketplaces),
            f"{field}After": start,
            f"{field}Before": end,
            "maxResultsPerPage": LIMITS.page_size,
            "includedData": data,
        }
        return self._asking.pages(
            question, "paginationToken", after, _listing, lambda order: shape(order, _ROW).order_id
        )


def _listing(response: httpx.Response) -> Answer:
    listed = read(response, _LIST, wanted="a page of orders")
    return Answer(listed.orders, listed.pagination.next_token or None if listed.pagination else None)
