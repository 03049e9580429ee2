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


class Ref(msgspec.Struct):
    id: str


class Tracking(msgspec.Struct):
    number: str | None = None


class SentLine(msgspec.Struct, rename="camel"):
    quantity: int
    line_item: Ref


class SentLines(msgspec.Struct):
    nodes: list[SentLine]


class Fulfilment(msgspec.Struct, rename="camel"):
    """A parcel that Shopify knows."""

    id: str
    status: str
    tracking_info: list[Tracking]
    fulfillment_line_items: SentLines


class Action(msgspec.Struct):
    action: str


class Place(msgspec.Struct):
    location: Ref | None = None


class OpenLine(msgspec.Struct, rename="camel"):
    id: str
    remaining_quantity: int
    line_item: Ref


class OpenLines(msgspec.Struct):
    nodes: list[OpenLine]


class FulfilmentOrder(msgspec.Struct, rename="camel"):
    """What one location has to send of an order."""

    id: str
    status: str
    supported_actions: list[Action]
    assigned_location: Place
    line_items: OpenLines


class FulfilmentOrders(msgspec.Struct):
    nodes: list[FulfilmentOrder]


class Sendable(msgspec.Struct, rename="camel"):
    fulfillments: list[Fulfilment]
    fulfillment_orders: FulfilmentOrders


class Asked(msgspec.Struct):
    order: Sendable | None = None


class UserError(msgspec.Struct):
    message: str


class Created(msgspec.Struct, rename="camel"):
    fulfillment: Ref | None = None
    user_errors: list[UserError] = []


class Creation(msgspec.Struct, rename="camel"):
    fulfillment_create: Created


class Operation(msgspec.Struct, rename="camel"):
    """A bulk operation; `url` is where its result lies, and None where there is nothing."""

    id: str
    status: str
    error_code: str | None = None
    object_count: int = 0
    url: str | None = None
    query: str | None = None


class BulkError(msgspec.Struct):
    message: str
    code: str | None = None


class Begun(msgspec.Struct, rename="camel"):
    bulk_operation: Operation | None = None
    user_errors: list[BulkError] = []


class Run(msgspec.Struct, rename="camel"):
    bulk_operation_run_query: Begun


class OneOperation(msgspec.Struct, rename="camel"):
    bulk_operation: Operation | None = None


class Operations(msgspec.Struct):
    nodes: list[Operation]


class RecentOperations(msgspec.Struct, rename="camel"):
    bulk_operations: Operations


RUN = msgspec.json.Decoder(Run, strict=False)
ONE_OPERATION = msgspec.json.Decoder(OneOperation, strict=False)
RECENT_OPERATIONS = msgspec.json.Decoder(RecentOperations, strict=False)
ASKED = msgspec.json.Decoder(Asked)
CREATION = msgspec.json.Decoder(Creation)
HEAD = msgspec.json.Decoder(Head)
LISTED = msgspec.json.Decoder(Listed)
COUNTED = msgspec.json.Decoder(Counted)
NODES = msgspec.json.Decoder(Nodes)
SCOPES = msgspec.json.Decoder(Scopes)
NODE = msgspec.json.Decoder(Node, float_hook=Decimal)
EXACT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
"""Decodes a record so that `ENCODER` writes every number back as it was spelled."""
ENCODER = msgspec.json.Encoder(decimal_format="number")
