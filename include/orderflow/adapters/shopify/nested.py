"""Reads on where an order's own lists are longer than the first page that comes with it."""

from __future__ import annotations

import logging
from typing import Any

from orderflow.adapters.graph import Graph, fitting
from orderflow.adapters.http import Question, by_cursor, walk
from orderflow.adapters.shopify import queries
from orderflow.adapters.shopify.shapes import ENCODER, EXACT, NODE
from orderflow.domain.source import JsonValue

log = logging.getLogger(__name__)

LINES, PARTS = 10, 5
"""First page of connections with one node per line, and of all other connections and lists."""
LONGEST = 100
"""Nodes of a later page; Shopify allows 250 (shopify.dev, API limits), but its query costs seldom do."""


def complete(record: bytes, graph: Graph) -> bytes:
    """The record with every list read to its end; numbers keep their spelling."""
    order: dict[str, Any] = EXACT.decode(record)
    for name in queries.LISTS:
        if len(order[name]) >= PARTS:
            order[name] = _list(order["id"], name, graph)
    owners = [(order, name) for name in ("lineItems", "shippingLines", "discountApplications")]
    owners += [(refund, name) for refund in order["refunds"] for name in ("refundLineItems", "refundShippingLines")]
    owners += [(fulfilment, "fulfillmentLineItems") for fulfilment in order["fulfillments"]]
    for owner, name in owners:
        if owner[name].get("pageInfo", {}).get("hasNextPage"):
            _follow(owner, name, graph)
    return ENCODER.encode(order)


def _list(order_id: str, name: str, graph: Graph) -> list[Any]:
    """A plain list, which has no pages: as many of its entries as one query may hold."""

    def ask(size: int) -> dict[str, Any] | None:
        inner = {"lines": LINES, "parts": PARTS}
        variables = {"id": order_id, "first": size, **{each: inner[each] for each in queries.sizes(name)}}
        return graph.ask(queries.whole(name), variables, NODE, wanted=f"all {name} of an order").node

    node, size = fitting(LONGEST, ask)
    entries: list[Any] = (node or {}).get(name, [])
    if len(entries) == size:
        log.warning("order cut order=%s list=%s entries=%d", order_id, name, size)
    return entries


def _follow(owner: dict[str, Any], name: str, graph: Graph) -> None:
    """Read a connection to its end, into `owner`; what vanished meanwhile has no further pages."""
    size = LONGEST

    def ask(question: Question) -> dict[str, Any]:
        nonlocal size
        node, size = fitting(
            size,
            lambda first: (
                graph.ask(
                    queries.more(name), {**question, "first": first}, NODE, wanted=f"more {name} of an order"
                ).node
            ),
        )
        return (node or {}).get(name) or {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}

    def end(answer: dict[str, Any]) -> JsonValue:
        return answer["pageInfo"]["endCursor"] if answer["pageInfo"]["hasNextPage"] else None

    start = {"id": owner["id"], "after": owner[name]["pageInfo"]["endCursor"]}
    for _, answer in walk(start, ask, by_cursor("after", end)):
        owner[name]["nodes"] += answer["nodes"]
        owner[name]["pageInfo"] = answer["pageInfo"]
