"""Bulk operations: a query that runs by itself, and a file of JSON lines for a while.

Played: a limit of operations at a time (`bulk_at_once`), what may not be asked (a connection inside of a list, more
than five connections), children on lines of their own behind all orders, no file for an empty result, results whose
address ends (`bulk_expires`, in seconds), and operations that end badly: `bulk_ends` names, in turn, how the next ones
end (`FAILED`, `CANCELED`, `COMPLETED`). An operation runs for `bulk_looks` looks.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import graphql
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from orderflow.sandbox.platforms import Site
from orderflow.sandbox.platforms.shopify.values import Page, gid
from orderflow.sandbox.query_plan import Invalid, Plan, Resolver, Schema, run

MOST_CONNECTIONS = 5
OVER = frozenset({"COMPLETED", "FAILED", "CANCELED"})


class Begun(NamedTuple):
    """The mutation's answer: an operation, or why there is none."""

    operation: Operation | None
    errors: list[tuple[str, str]]


class Operation:
    """One operation; it ends after so many looks."""

    def __init__(self, number: int, query: str, ends: str, looks: int, lines: list[bytes], url: str) -> None:
        self.number, self.query, self.ends, self.looks = number, query, ends, looks
        self.lines, self.url = lines, url
        self.ended_at: float | None = None

    @property
    def status(self) -> str:
        return self.ends if self.ended_at is not None else "RUNNING" if self.looks else "CREATED"


class Bulk:
    """One shop's operations."""

    def __init__(self, site: Site) -> None:
        told = site.shop.options.get
        self.site = site
        self.at_once, self.looks = int(told("bulk_at_once", 5)), int(told("bulk_looks", 2))
        self.expires = float(told("bulk_expires", 7 * 86_400))
        self.endings = iter(str(told("bulk_ends", "")).split())
        self.operations: list[Operation] = []

    def begin(self, ask: Any, schema: Schema, text: str) -> Begun:
        """Run the query at once; its result is shown when the operation has ended."""
        if sum(each.status not in OVER for each in self.operations) >= self.at_once:
            return Begun(None, [("LIMIT_REACHED", "A bulk operation for this app and shop is already in progress.")])
        try:
            plan = schema.compile(text, None, {})
        except Invalid as invalid:
            return Begun(None, [("INVALID", str(invalid.errors[0]["message"]))])
        if problem := _problem(schema.schema, graphql.parse(text)):
            return Begun(None, [("INVALID", problem)])
        number = 8_000 + len(self.operations)
        lines = list(self._lines(ask, plan))
        url = f"{str(ask.request.url).partition('/admin/')[0]}/bulk/{number}.jsonl?signature=sandbox"
        ends = next(self.endings, "COMPLETED")
        self.operations.append(Operation(number, text, ends, self.looks, lines, url))
        return Begun(self.operations[-1], [])

    def look(self, operation: Operation) -> Operation:
        if operation.ended_at is None and operation.looks <= 0:
            operation.ended_at = self.site.ticks()
        operation.looks -= 1
        return operation

    def one(self, _: Any, args: Any) -> Operation | None:
        found = next((each for each in self.operations if gid("BulkOperation", each.number) == args["id"]), None)
        return None if found is None else self.look(found)

    def recent(self, _: Any, args: Any) -> Page:
        found = list(reversed(self.operations))[: args.get("first") or 50]
        return Page(found, [str(each.number) for each in found], more=False, earlier=False)

    async def file(self, request: Request) -> Response:
        """The result, under an address that needs no token."""
        number = int(request.path_params["number"])
        found = next((each for each in self.operations if each.number == number), None)
        if found is None or found.status != "COMPLETED" or found.ended_at is None:
            return Response("no such object", 404)
        if self.site.ticks() - found.ended_at > self.expires:
            return Response("ExpiredToken", 400)
        return Response(b"\n".join(found.lines) + b"\n", media_type="application/jsonl")

    def _lines(self, ask: Any, plan: Plan) -> Iterator[bytes]:
        """All orders, then all their children: nobody may rely on their being neighbours."""
        (step,) = plan.steps
        children: list[bytes] = []
        assert step.plan is not None
        edges = next(each for each in step.plan(None).steps if each.key == "edges")
        assert edges.plan is not None
        node = next(each for each in edges.plan(None).steps if each.key == "node")
        assert node.plan is not None
        for version in ask.found("orders", step.args.get("query"), None):
            snap = self.site.world.snapshot(version)
            order = copy.copy(run(node.plan(snap), snap, {}))
            for name, value in list(order.items()):
                if isinstance(value, dict) and set(value) == {"edges"}:
                    parent = {"__parentId": order["id"]}
                    children += [msgspec.json.encode(edge["node"] | parent) for edge in order.pop(name)["edges"]]
            yield msgspec.json.encode(order)
        yield from children


def _problem(schema: graphql.GraphQLSchema, document: graphql.DocumentNode) -> str | None:
    """What Shopify does not run in bulk."""
    found: list[str] = []
    count = 0

    def walk(kind: Any, selections: Any, *, in_list: bool) -> None:
        nonlocal count
        for node in selections.selections if selections else ():
            if isinstance(node, graphql.InlineFragmentNode):
                walk(kind, node.selection_set, in_list=in_list)
                continue
            field = getattr(kind, "fields", {}).get(node.name.value)
            if field is None:
                continue
            named = graphql.get_named_type(field.type)
            is_connection = named.name.endswith("Connection")
            count += is_connection
            if is_connection and in_list:
                found.append("Queries that contain a connection field within a list field are not currently supported.")
            is_list = graphql.is_list_type(graphql.get_nullable_type(field.type)) and not named.name.endswith("Edge")
            walk(named, node.selection_set, in_list=in_list or is_list)

    for definition in document.definitions:
        if isinstance(definition, graphql.OperationDefinitionNode):
            walk(schema.query_type, definition.selection_set, in_list=False)
    if count > MOST_CONNECTIONS:
        found.append("Bulk queries cannot contain more than 5 connections.")
    return found[0] if found else None


BULK: dict[str, dict[str, Resolver]] = {
    "BulkOperation": {
        "id": lambda each, _: gid("BulkOperation", each.number),
        "status": lambda each, _: each.status,
        "errorCode": lambda each, _: "INTERNAL_SERVER_ERROR" if each.status == "FAILED" else None,
        "objectCount": lambda each, _: str(len(each.lines) if each.status == "COMPLETED" else 0),
        "url": lambda each, _: each.url if each.status == "COMPLETED" and each.lines else None,
        "partialDataUrl": lambda each, _: each.url if each.status == "FAILED" else None,
        "query": lambda each, _: each.query,
    },
    "BulkOperationRunQueryPayload": {
        "bulkOperation": lambda begun, _: begun.operation,
        "userErrors": lambda begun, _: begun.errors,
    },
    "BulkOperationUserError": {
        "code": lambda error, _: error[0],
        "field": lambda *_: ["query"],
        "message": lambda error, _: error[1],
    },
}
