"""Talks to one Shopify shop. Pages are walked by cursor, oldest change first, so that nothing moves away unseen."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from orderflow.adapters.graph import Fault, Graph, fitting
from orderflow.adapters.http import Question, by_cursor, client, walk
from orderflow.adapters.shopify import LIMITS, Options, bulk, queries, sending
from orderflow.adapters.shopify.amounts import is_zero, pair, plus
from orderflow.adapters.shopify.auth import auth
from orderflow.adapters.shopify.nested import LINES, PARTS, complete
from orderflow.adapters.shopify.record import Totals
from orderflow.adapters.shopify.shapes import COUNTED, HEAD, LISTED, NODES, SCOPES, Listed, Nodes, Operation
from orderflow.adapters.shopify.statuses import order_status
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TooManyError, TransientError
from orderflow.domain.fulfilment import Notice, Told
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Raw, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

ORDER_ID = re.compile(r"gid://shopify/Order/\d+", re.ASCII)
BY_ID = 50
"""Orders asked for by id in one query."""
HORIZON = timedelta(days=60)
"""Orders older than this are shown only to apps with the scope `read_all_orders` (shopify.dev, Order)."""

TABLE = {
    402: (DeniedError, "the shop is frozen; its owner has to settle it with Shopify"),
    404: (ConfigError, "there is no such shop or API version; correct the connection's address or the file's version"),
    423: (DeniedError, "the shop is locked; its owner has to settle it with Shopify"),
    430: (TransientError, "Shopify's protection refuses us; the run tries again by itself; when it stays, ask Shopify"),
}
PERSONAL = frozenset({"customer", "email", "phone", "shippingAddress", "billingAddress"})
"""Fields that Shopify withholds from apps that are not approved for protected customer data."""


class Shopify:
    """One shop; a `Source`, `Countable`, `Counting`, `ById` and `Fulfilling`."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._account, self._runtime = options, account, runtime
        self._path = f"/admin/api/{options.version}/graphql.json"
        signed = client(account, runtime, LIMITS, auth=auth(account, runtime))
        self._graph = Graph(signed, self._path, runtime, table=TABLE, bearable=_withholds)
        self._size = LIMITS.page_size
        self._sees_all = False

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Orders updated within `window`, oldest change first, every list inside complete.

        An order that changes while we read leaves the window and stands in the next one. Raises `TooManyError` before
        the first page when Shopify counts more orders than one query may page through.
        """
        asked = _filter("updated_at", window)
        if after is not None and after["query"] != asked:
            raise ConfigError(
                f"a cursor of {after['query']} was used for {asked}; a cursor is good for its window only"
            )
        if after is not None and after["after"] is None:
            return
        self._check_horizon(window)
        start = {"query": asked, "after": after["after"] if after else None}
        for question, listed in walk(start, self._orders, by_cursor("after", _end)):
            if self._is_for_bulk(listed) and (operation := bulk.run(self._graph, asked, self._runtime)):
                yield from self._bulk(operation, asked, window)
                return
            _check_count(listed, window)
            records = [self._whole(bytes(edge.node), since=_floor(window.start)) for edge in listed.orders.edges]
            origin = self._origin(f"orders {asked} after {question['after']}")
            yield Page(records, origin, {"query": asked, "after": _end(listed)})

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids (`gid://shopify/Order/1`); anything else is no id of Shopify's, which refuses all
        that are asked for beside it.
        """
        ids = [each for each in order_ids if ORDER_ID.fullmatch(each)]
        size = BY_ID
        while ids:
            found, size = self._by_id(ids, size)
            records = [self._whole(bytes(node)) for node in found.nodes if bytes(node) not in {b"null", b"{}"}]
            yield Page(records, self._origin(f"nodes {' '.join(ids[:size])}"))
            ids = ids[size:]

    def _is_for_bulk(self, listed: Listed) -> bool:
        """Whether this first page tells of so many orders that a bulk operation is to bring them."""
        least, counted = self._options.bulk_from, listed.orders_count
        return least is not None and counted is not None and counted.count >= least and self._options.version >= "2026"

    def _bulk(self, operation: Operation, asked: str, window: Window) -> Iterator[Page]:
        """What a bulk operation brought; orders with refunds or parcels, which it cannot bring whole, by their ids.

        These pages have no cursors: after a break the window is asked for again.
        """
        since = _floor(window.start)
        for number, orders in enumerate(bulk.pages(operation, self._account, self._runtime, LIMITS.page_size)):
            for order in orders:
                self._check_since(order.updated_at, since)
            yield Page([order.record for order in orders if order.is_whole], self._origin(f"bulk {asked} {number}"))
            yield from self.fetch_ids([order.id for order in orders if not order.is_whole])

    def identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`; an edited or refunded one without total, because ours is not Shopify's."""
        self._check_horizon(window)
        start = {"query": _filter("created_at", window), "after": None}
        for _, listed in walk(start, self._stubs, by_cursor("after", _end)):
            yield from (_stub(msgspec.json.decode(edge.node)) for edge in listed.orders.edges)

    def count(self, window: Window) -> int:
        """Orders updated within `window`; Shopify counts to 25,000 and answers 25,001 for more."""
        variables = {"query": _filter("updated_at", window)}
        return self._graph.ask(queries.COUNT, variables, COUNTED, wanted="a count of orders").orders_count.count

    def fulfil(self, notice: Notice) -> Told:
        """Tell of a parcel, unless a fulfilment with its tracking number stands there already."""
        return sending.tell(self._graph, notice)

    def _by_id(self, ids: Sequence[str], size: int) -> tuple[Nodes, int]:
        """The first orders of `ids`, as many as one query may hold, and how many those are."""
        sizes = {"lines": LINES, "parts": PARTS}
        return fitting(
            size,
            lambda first: self._graph.ask(queries.BY_ID, {"ids": ids[:first], **sizes}, NODES, wanted="orders by id"),
        )

    def _orders(self, question: Question) -> Listed:
        variables = {**question, "lines": LINES, "parts": PARTS, "counting": question["after"] is None}
        return self._listed(queries.ORDERS, variables, "a page of orders")

    def _stubs(self, question: Question) -> Listed:
        return self._listed(queries.STUBS, question, "a page of order stubs")

    def _listed(self, query: str, variables: Question, wanted: str) -> Listed:
        """A page as large as this shop's query costs allow, which is remembered."""
        listed, self._size = fitting(
            self._size, lambda first: self._graph.ask(query, {**variables, "first": first}, LISTED, wanted=wanted)
        )
        return listed

    def _whole(self, record: bytes, *, since: datetime | None = None) -> bytes:
        """The record, byte for byte where nothing was missing, else with its lists read on.

        A record of another shape goes on as it came: the mapping quarantines it with its reason. Raises `DriftError`
        when it was updated before `since`, because then the filter is not applied.
        """
        try:
            head = HEAD.decode(record)
        except msgspec.ValidationError as error:
            log.warning("record unusual path=%s shape=%s", self._path, error)
            return record
        if since:
            self._check_since(head.updated_at, since)
        return record if head.is_whole(PARTS) else complete(record, self._graph)

    def _check_since(self, updated_at: datetime, since: datetime) -> None:
        if updated_at < since:
            raise DriftError(
                f"{self._path}: asked for orders updated from {since.isoformat()} on, got one of "
                f"{updated_at.isoformat()}; Shopify does not apply the filter; compare it with the search syntax"
            )

    def _origin(self, what: str) -> str:
        return f"{self._path}?{what}"

    def _check_horizon(self, window: Window) -> None:
        """Refuse a window from which Shopify would silently leave orders out; raises `DeniedError`."""
        if self._sees_all or window.start >= self._runtime.clock() - HORIZON:
            return
        scopes = self._graph.ask(queries.SCOPES, {}, SCOPES, wanted="the scopes of this app")
        if not any(scope.handle == "read_all_orders" for scope in scopes.current_app_installation.access_scopes):
            raise DeniedError(
                f"{self._path}: {window} begins more than {HORIZON.days} days ago, and without the scope "
                "read_all_orders Shopify leaves older orders out without a word; have the scope granted to the app, "
                "or let the channel start later"
            )
        self._sees_all = True


def _withholds(fault: Fault) -> bool:
    """Whether an error only says that a buyer's data are null, because this app or the shop's plan may not see them
    (shopify.dev, protected customer data). A scope that the app lacks is another matter: that can be granted.
    """
    return fault.message.startswith("This app is not approved") and not PERSONAL.isdisjoint(map(str, fault.path or ()))


def _filter(field: str, window: Window) -> str:
    """Shopify's search filter for a half-open window, widened to whole seconds, which is how Shopify's clock ticks."""
    end = _floor(window.end)
    end += timedelta(seconds=end < window.end)
    return f"{field}:>='{_stamp(_floor(window.start))}' AND {field}:<'{_stamp(end)}'"


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(listed: Listed) -> str | None:
    """Where the next page begins, or None behind the last."""
    info = listed.orders.page_info
    if info.has_next_page and not info.end_cursor:
        raise DriftError(
            "a page of orders has a next one, but no cursor to it; compare the query with Shopify's schema"
        )
    return info.end_cursor if info.has_next_page else None


def _check_count(listed: Listed, window: Window) -> None:
    ceiling = LIMITS.ceiling or 0
    if listed.orders_count and listed.orders_count.count > ceiling:
        raise TooManyError(
            f"{window} holds {listed.orders_count.count} orders or more, and Shopify pages through {ceiling} at most; "
            "ask for a shorter window",
            found=listed.orders_count.count,
            ceiling=ceiling,
        )


def _stub(node: Raw) -> OrderStub:
    """What reconciliation compares; a value that cannot be read is not told."""
    return OrderStub(
        order_id=node["id"],
        status=order_status(node["cancelledAt"], node["closedAt"], node["displayFulfillmentStatus"]),
        total=_total(node),
        currency=node.get("presentmentCurrencyCode"),
        updated_at=_moment(node.get("updatedAt")),
    )


def _total(node: Raw) -> str | None:
    """The total, where it is surely ours as well: an edited or refunded order's is not."""
    try:
        told = msgspec.convert(node, Totals)
        if told.edited or not is_zero(pair(told.total_refunded_set)):
            return None
        total = plus(pair(told.total_price_set), pair(told.total_cash_rounding_adjustment.payment_set))[0]
        return None if total is None else f"{Decimal(total):f}"
    except (msgspec.ValidationError, ArithmeticError, AttributeError, TypeError, ValueError):
        return None


def _moment(stamp: object) -> datetime | None:
    """A time with its zone; None for what is none, which is the order's fault and not the list's."""
    try:
        moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
