"""The same orders as a Shopify shop shows them: GraphQL, every amount twice; and the server that does.

Shopify pages through 25,000 orders of a window at most, so this set is never larger than that.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import servers
from benchmarks.orders import PAGE, modified, order

MOST = 20_000


class Pages(NamedTuple):
    """Ready answers in one file: where each ends, and how many orders there are in all."""

    file: Path
    orders: int
    ends: list[int]


def build(folder: Path, count: int) -> Pages:
    """Write the answers for `count` orders of the first day."""
    file, ends, at = folder / "shopify", [], 0
    with file.open("wb") as out:
        for first in range(0, count, PAGE):
            numbers = range(first, min(first + PAGE, count))
            nodes = [_document(msgspec.json.decode(order(each, modified(each, count)).json)) for each in numbers]
            more = numbers.stop < count
            listed = {
                "ordersCount": {"count": count, "precision": "EXACT"},
                "orders": {
                    "edges": [{"cursor": node["id"], "node": node} for node in nodes],
                    "pageInfo": {"hasNextPage": more, "endCursor": str(numbers.stop) if more else None},
                },
            }
            at += out.write(msgspec.json.encode({"data": listed}))
            ends.append(at)
    return Pages(file, count, ends)


def _document(raw: dict[str, Any]) -> dict[str, Any]:
    """A WooCommerce order of the data set as Shopify would tell it."""
    stamp, placed, number = raw["date_modified"] + "Z", raw["date_created"] + "Z", raw["number"]
    shipping, tax, total, zero = _both("49.00"), _both(raw["total_tax"]), _both(raw["total"]), _both("0.0")
    lines = [_line(node) for node in raw["line_items"]]
    taxes = [_tax(raw["total_tax"])]
    person = raw["billing"]
    name = f"{person['first_name']} {person['last_name']}"
    node = {
        "id": f"gid://shopify/Order/{number}", "legacyResourceId": number, "name": f"#{number}", "createdAt": placed,
        "processedAt": placed, "updatedAt": stamp, "cancelledAt": None, "cancelReason": None, "closedAt": None,
        "test": False, "edited": False, "currencyCode": "SEK", "presentmentCurrencyCode": "SEK",
        "taxesIncluded": False, "dutiesIncluded": False, "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED", "returnStatus": "NO_RETURN", "email": person["email"],
        "phone": person["phone"], "customerLocale": "sv", "note": raw["customer_note"] or None, "tags": [],
        "sourceName": "web", "discountCodes": [], "confirmationNumber": f"X{number}", "poNumber": None,
        "taxLines": taxes, "currentTaxLines": taxes, "additionalFees": [], "totalCashRoundingAdjustment": None,
        "originalTotalDutiesSet": None, "currentTotalDutiesSet": None,
        "customer": {"id": f"gid://shopify/Customer/{raw['customer_id']}", "displayName": name},
        "shippingAddress": _address(raw["shipping"], name), "billingAddress": _address(person, name),
        "lineItems": _connection(lines), "discountApplications": _connection([]),
        "shippingLines": _connection(
            [
                {
                    "id": f"gid://shopify/ShippingLine/{number}", "title": "Hemleverans 宅配", "code": "HOME",
                    "originalPriceSet": shipping, "discountedPriceSet": shipping, "discountAllocations": [],
                    "taxLines": [_tax("12.25")],
                }
            ]
        ),
        "transactions": [
            {
                "id": f"gid://shopify/OrderTransaction/{number}", "kind": "SALE", "status": "SUCCESS",
                "gateway": "shopify_payments", "processedAt": placed, "amountSet": total,
            }
        ],
        "refunds": [], "fulfillments": [],
    }  # fmt: skip
    sets = {"totalPriceSet": total, "currentTotalPriceSet": total, "totalReceivedSet": total, "subtotalPriceSet": total}
    sets |= {"totalTaxSet": tax, "currentTotalTaxSet": tax, "totalShippingPriceSet": shipping}
    nothing = ("totalDiscountsSet", "currentTotalDiscountsSet", "totalRefundedSet", "totalOutstandingSet")
    return node | sets | dict.fromkeys((*nothing, "totalTipReceivedSet"), zero)


def _line(node: dict[str, Any]) -> dict[str, Any]:
    quantity, number = node["quantity"], node["id"]
    return {
        "id": f"gid://shopify/LineItem/{number}", "sku": node["sku"], "title": node["name"], "variantTitle": None,
        "name": node["name"], "quantity": quantity, "currentQuantity": quantity, "refundableQuantity": quantity,
        "unfulfilledQuantity": quantity, "requiresShipping": True, "isGiftCard": False,
        "product": {"id": f"gid://shopify/Product/{node['product_id']}"},
        "variant": {"id": f"gid://shopify/ProductVariant/{node['product_id']}"},
        "originalUnitPriceSet": _both(node["price"]),
        "originalTotalSet": _both(node["total"]),
        "discountAllocations": [], "taxLines": [_tax(node["total_tax"])],
    }  # fmt: skip


def _tax(amount: str) -> dict[str, Any]:
    return {"title": "Moms 25 %", "rate": 0.25, "channelLiable": False, "priceSet": _both(amount)}


def _both(amount: str) -> dict[str, Any]:
    money = {"amount": amount, "currencyCode": "SEK"}
    return {"shopMoney": money, "presentmentMoney": money}


def _address(node: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "name": name, "company": None, "address1": node["address_1"], "address2": None, "city": node["city"],
        "province": None, "provinceCode": None, "zip": node["postcode"], "country": None,
        "countryCodeV2": node["country"], "phone": node["phone"],
    }  # fmt: skip


def _connection(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}


class _Variables(msgspec.Struct):
    after: str | None = None


class _Question(msgspec.Struct):
    query: str
    variables: _Variables


_question = msgspec.json.Decoder(_Question).decode
_SCOPES = b'{"data":{"currentAppInstallation":{"accessScopes":[{"handle":"read_all_orders"}]}}}'


def _serve(listener: socket.socket, pages: Pages) -> None:
    """Cursors count orders."""
    with pages.file.open("rb") as file:
        bodies = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def answer(body: bytes) -> bytes | memoryview:
        asked = _question(body)
        if "accessScopes" in asked.query:
            return _SCOPES
        place = int(asked.variables.after or 0) // PAGE
        return bodies[pages.ends[place - 1] if place else 0 : pages.ends[place]]

    asyncio.run(servers.serve(listener, lambda: servers.Posted(answer)))


@contextmanager
def shop(pages: Pages) -> Iterator[str]:
    """The address of the shop."""
    with servers.running(_serve, pages) as url:
        yield url
