"""As much of Shopify's answers as the source has to understand; the rest of an order stays the bytes it came as."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec


class PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool = False
    end_cursor: str | None = None


class Connection(msgspec.Struct, rename="camel"):
    page_info: PageInfo = msgspec.field(default_factory=PageInfo)


class RefundHead(msgspec.Struct, rename="camel"):
    refund_line_items: Connection = msgspec.field(default_factory=Connection)
    refund_shipping_lines: Connection = msgspec.field(default_factory=Connection)


class FulfilmentHead(msgspec.Struct, rename="camel"):
    fulfillment_line_items: Connection = msgspec.field(default_factory=Connection)


class Head(msgspec.Struct, rename="camel"):
    """What must be known of an order to see whether it came whole."""

    id: str
    updated_at: datetime
    line_items: Connection
    shipping_lines: Connection
    discount_applications: Connection
    transactions: list[msgspec.Raw]
    refunds: list[RefundHead]
    fulfillments: list[FulfilmentHead]

    def is_whole(self, longest_list: int) -> bool:
        """Whether no connection has a further page and no plain list is as long as it was allowed to be."""
        lists = (self.transactions, self.refunds, self.fulfillments)
        return max(len(each) for each in lists) < longest_list and not any(
            each.page_info.has_next_page for each in self._connections()
        )

    def _connections(self) -> Iterator[Connection]:
        yield from (self.line_items, self.shipping_lines, self.discount_applications)
        for refund in self.refunds:
            yield from (refund.refund_line_items, refund.refund_shipping_lines)
        for fulfilment in self.fulfillments:
            yield fulfilment.fulfillment_line_items


class Edge(msgspec.Struct):
    node: msgspec.Raw


class Orders(msgspec.Struct, rename="camel"):
    edges: list[Edge]
    page_info: PageInfo


class Count(msgspec.Struct):
    count: int


class Listed(msgspec.Struct, rename="camel"):
    orders: Orders
    orders_count: Count | None = None


class Counted(msgspec.Struct, rename="camel"):
    orders_count: Count


class Nodes(msgspec.Struct):
    nodes: list[msgspec.Raw]


class Node(msgspec.Struct):
    node: dict[str, Any] | None = None


class Scope(msgspec.Struct):
    handle: str


class Installation(msgspec.Struct, rename="camel"):
    access_scopes: list[Scope]


class Scopes(msgspec.Struct, rename="camel"):
    current_app_installation: Installation


HEAD = msgspec.json.Decoder(Head)
LISTED = msgspec.json.Decoder(Listed)
COUNTED = msgspec.json.Decoder(Counted)
NODES = msgspec.json.Decoder(Nodes)
SCOPES = msgspec.json.Decoder(Scopes)
NODE = msgspec.json.Decoder(Node, float_hook=Decimal)
EXACT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
"""Decodes a record so that `ENCODER` writes every number back as it was spelled."""
ENCODER = msgspec.json.Encoder(decimal_format="number")
