"""A parcel over several locations: one fulfilment each, and what was told before a break is not told again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from http_server import Time, account

from orderflow import adapters
from orderflow.adapters.shopify import Options
from orderflow.domain.errors import RecordError, TransientError
from orderflow.domain.fulfilment import Notice, Response
from orderflow.domain.order import Shipment
from orderflow.domain.source import Secret

ADAPTER = adapters.find("shopify")
ORDER = "gid://shopify/Order/1"


class Shop:
    """Two lines at two locations; `answers` says how often a fulfilment is made before the shop breaks."""

    def __init__(self, *, answers: int = 99, actions: tuple[str, ...] = ("CREATE_FULFILLMENT",)) -> None:
        self.left = {"A": 2, "B": 1}
        self.made: list[dict[str, Any]] = []
        self.answers, self.actions = answers, actions
        self.closed: list[dict[str, Any]] = []
        self.refusal = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        said = json.loads(request.content)
        if said["query"].startswith("query"):
            order = self.order()
            shown = int(said["query"].partition("fulfillmentOrders(first: ")[2].partition(")")[0])
            order["fulfillmentOrders"]["nodes"] = (self.closed + order["fulfillmentOrders"]["nodes"])[:shown]
            return httpx.Response(200, json={"data": {"order": order}})
        if self.answers == 0:
            return httpx.Response(502)
        if self.refusal:
            refused = {"fulfillment": None, "userErrors": [{"message": self.refusal}]}
            return httpx.Response(200, json={"data": {"fulfillmentCreate": refused}})
        self.answers -= 1
        wanted = said["variables"]["fulfillment"]
        for group in wanted["lineItemsByFulfillmentOrder"]:
            for line in group["fulfillmentOrderLineItems"]:
                self.left[line["id"]] -= line["quantity"]
        self.made.append(wanted)
        made = {"fulfillment": {"id": f"F{len(self.made)}"}, "userErrors": []}
        return httpx.Response(200, json={"data": {"fulfillmentCreate": made}})

    def order(self) -> dict[str, Any]:
        def line(name: str) -> dict[str, Any]:
            return {"id": name, "remainingQuantity": self.left[name], "lineItem": {"id": f"L{name}"}}

        return {
            "fulfillments": [
                {
                    "id": f"F{number}",
                    "status": "SUCCESS",
                    "trackingInfo": [{"number": wanted["trackingInfo"]["numbers"][0]}],
                    "fulfillmentLineItems": {
                        "nodes": [
                            {"quantity": each["quantity"], "lineItem": {"id": f"L{each['id']}"}}
                            for group in wanted["lineItemsByFulfillmentOrder"]
                            for each in group["fulfillmentOrderLineItems"]
                        ]
                    },
                }
                for number, wanted in enumerate(self.made, 1)
            ],
            "fulfillmentOrders": {
                "nodes": [
                    {
                        "id": f"O{name}",
                        "status": "OPEN" if self.actions else "ON_HOLD",
                        "supportedActions": [{"action": action} for action in self.actions],
                        "assignedLocation": {"location": {"id": f"倉庫-{name}"}},
                        "lineItems": {"nodes": [line(name)]},
                    }
                    for name in self.left
                ]
            },
        }

    def tell(self, content: Any) -> Any:
        runtime = Time().runtime(transport=httpx.MockTransport(self))
        source = ADAPTER.open(
            Options(), account("https://zoe.myshopify.com", login=None, password=Secret("t7-k")), runtime
        )
        at = datetime(2026, 3, 1, tzinfo=UTC)
        return source.fulfil(
            Notice(number=1, key="k", channel="shop", order_id=ORDER, content=content, at=at, document=b"{}")
        )


def parcel(**fields: Any) -> Shipment:
    given = {"carrier": "PostNord", "tracking_numbers": ["RR1"], "lines": [("LA", "2"), ("LB", "1")]}
    return Shipment(shipment_id="P-1", **{**given, **fields})


def test_each_location_gets_a_fulfilment_of_its_own():
    shop = Shop()
    assert shop.tell(parcel()).reference == "F1 F2"
    assert [len(each["lineItemsByFulfillmentOrder"]) for each in shop.made] == [1, 1]
    assert shop.tell(parcel()).reference == "F1 F2"
    assert len(shop.made) == 2


def test_the_closed_fulfilment_orders_that_moves_and_holds_leave_hide_no_open_one():
    shop = Shop()
    nothing = {"id": "L", "remainingQuantity": 0, "lineItem": {"id": "LA"}}
    closed = {"id": "C", "status": "CLOSED", "supportedActions": [], "assignedLocation": {"location": None}}
    shop.closed = [closed | {"lineItems": {"nodes": [nothing]}}] * 30
    assert shop.tell(parcel()).reference == "F1 F2"


def test_what_was_told_before_a_break_is_not_told_again():
    shop = Shop(answers=1)
    with pytest.raises(TransientError):
        shop.tell(parcel())
    shop.answers = 99
    assert shop.tell(parcel()).reference == "F1 F2"
    assert [each["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderId"] for each in shop.made] == ["OA", "OB"]
    assert shop.left == {"A": 0, "B": 0}


def test_a_mutation_is_sent_once_and_never_repeated_by_itself():
    shop = Shop(answers=0)
    with pytest.raises(TransientError):
        shop.tell(parcel())
    assert shop.made == []


def test_a_fulfilment_order_on_hold_is_tried_again_and_nothing_is_told_by_halves():
    shop = Shop(actions=())
    with pytest.raises(TransientError, match="release it"):
        shop.tell(parcel())
    with pytest.raises(RecordError, match="NOTHING_LEFT"):
        Shop().tell(parcel(lines=[("LA", "2"), ("LB", "2")]))
    assert shop.made == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (parcel(lines=[("LA", "0.5")]), "QUANTITY_MALFORMED"),
        (parcel(lines=[("LA", "-1")]), "QUANTITY_MALFORMED"),
        (parcel(lines=[("LA", "None")]), "QUANTITY_MALFORMED"),
        (parcel(lines=[("LA", "NaN")]), "QUANTITY_MALFORMED"),
        (parcel(tracking_numbers=[]), "TRACKING_MISSING"),
        (Response(outcome="accepted"), "NOTICE_UNKNOWN"),
    ],
)
def test_what_cannot_be_told_is_the_notices_fault(content, code):
    with pytest.raises(RecordError) as raised:
        Shop().tell(content)
    assert raised.value.code == code


def test_what_shopify_says_of_a_parcel_is_told_without_the_token_that_it_repeats():
    shop = Shop()
    shop.refusal = "the token t7-k may not fulfil"
    with pytest.raises(RecordError, match=r"refused the parcel: the token \*\*\* may not fulfil"):
        shop.tell(parcel())
