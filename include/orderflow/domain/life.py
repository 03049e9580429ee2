"""The life of an order after its first delivery: what changed, and what that means once the OMS has begun its work.

`changes` tells two versions apart in words that people use; `judge` is the decision table: change x how far the OMS is
-> nothing (the OMS takes the change like any other) or a conflict, which waits for a person with a proposed action.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

Stage: TypeAlias = Literal["new", "picking", "shipped", "invoiced", "closed"]
"""How far an OMS is with an order. `invoiced`: billed, and not known to be shipped; `closed`: nothing is left to do."""

Change: TypeAlias = Literal[
    "cancelled", "reinstated", "held", "released", "line_added", "line_removed", "quantity_raised", "quantity_lowered",
    "price_changed", "address_changed", "contacts_changed", "paid", "shipped", "refunded", "refunded_unreturned",
    "returned",
]  # fmt: skip
"""What one version changes against the one before. `refunded_unreturned`: money went back and no goods are to come."""

STAGES: tuple[Stage, ...] = ("new", "picking", "shipped", "invoiced", "closed")

_HELD = frozenset({"draft", "pending", "on_hold"})
_RETURNS = frozenset({"requested", "in_transit", "received", "refunded", "exchanged"})
_PRICES = ("unit_price", "discount")


class Conflict(msgspec.Struct, frozen=True):
    """A change that came too late for the OMS to carry it out by itself."""

    code: str
    meaning: str
    action: str
    """What a person is advised to do."""


_AGAIN = "release the order to send it again"
_DONE = "discard the entry"

CONFLICTS: dict[str, Conflict] = {
    each.code: each
    for each in (
        Conflict(
            "CONFLICT_CANCELLED_WHILE_PICKING",
            "the channel cancelled an order that the OMS is picking already",
            f"stop the parcel and cancel the order in the OMS, then {_AGAIN}; if it has left, arrange a return",
        ),
        Conflict(
            "CONFLICT_CANCELLED_AFTER_SHIPMENT",
            "the channel cancelled an order that has left the warehouse",
            f"arrange a return and refund when the goods are back, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_CANCELLED_AFTER_INVOICE",
            "the channel cancelled an order that the OMS has invoiced",
            f"write a credit note and cancel the delivery in the OMS, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_ADDRESS_WHILE_PICKING",
            "the delivery address changed while the OMS was picking",
            f"put the new address on the parcel before it leaves, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_ADDRESS_AFTER_SHIPMENT",
            "the delivery address changed after the parcel left",
            f"ask the carrier to redirect the parcel, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_LINE_REMOVED_WHILE_PICKING",
            "units were taken off the order while the OMS was picking them",
            f"take them out of the parcel and correct the order in the OMS, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_LINE_REMOVED_AFTER_SHIPMENT",
            "units were taken off the order after they had been shipped",
            f"arrange a return of these units, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_LINE_ADDED_AFTER_START",
            "units were added to an order that the OMS has begun to process",
            f"add them in the OMS, or send them in a second parcel, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_PRICE_AFTER_START",
            "amounts changed after the OMS began to process the order",
            f"correct the invoice, or write a credit note for the difference, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_HELD_AFTER_START",
            "the channel put an order on hold that the OMS has begun to process",
            f"stop the parcel if it is still here, then {_AGAIN}",
        ),
        Conflict(
            "CONFLICT_REINSTATED_AFTER_CLOSE",
            "the channel took an order up again that the OMS has closed",
            f"make a new order in the OMS, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_REFUND_WITHOUT_RETURN",
            "money went back for goods that are picked or shipped, and no return is announced",
            f"decide whether the goods come back; stop the parcel or ask for a return, then {_DONE}",
        ),
        Conflict(
            "CONFLICT_CHANGED_AFTER_START",
            "the OMS did not take a change because it has begun to process the order",
            f"compare the order with the OMS and settle the difference there, then {_DONE}",
        ),
    )
}
"""Every conflict by its code."""

_ADDED = dict.fromkeys(STAGES[1:], "CONFLICT_LINE_ADDED_AFTER_START")
_REMOVED: dict[Stage, str] = {
    "picking": "CONFLICT_LINE_REMOVED_WHILE_PICKING",
    "shipped": "CONFLICT_LINE_REMOVED_AFTER_SHIPMENT",
    "invoiced": "CONFLICT_LINE_REMOVED_WHILE_PICKING",
    "closed": "CONFLICT_LINE_REMOVED_AFTER_SHIPMENT",
}
DECISIONS: dict[Change, Mapping[Stage, str]] = {
    "cancelled": {
        "picking": "CONFLICT_CANCELLED_WHILE_PICKING",
        "shipped": "CONFLICT_CANCELLED_AFTER_SHIPMENT",
        "invoiced": "CONFLICT_CANCELLED_AFTER_INVOICE",
        "closed": "CONFLICT_CANCELLED_AFTER_SHIPMENT",
    },
    "reinstated": {"closed": "CONFLICT_REINSTATED_AFTER_CLOSE"},
    "held": dict.fromkeys(STAGES[1:], "CONFLICT_HELD_AFTER_START"),
    "line_added": _ADDED,
    "quantity_raised": _ADDED,
    "line_removed": _REMOVED,
    "quantity_lowered": _REMOVED,
    "price_changed": dict.fromkeys(STAGES[1:], "CONFLICT_PRICE_AFTER_START"),
    "address_changed": {
        "picking": "CONFLICT_ADDRESS_WHILE_PICKING",
        "shipped": "CONFLICT_ADDRESS_AFTER_SHIPMENT",
        "invoiced": "CONFLICT_ADDRESS_WHILE_PICKING",
        "closed": "CONFLICT_ADDRESS_AFTER_SHIPMENT",
    },
    "refunded_unreturned": dict.fromkeys(STAGES[1:], "CONFLICT_REFUND_WITHOUT_RETURN"),
}
"""By change and stage: the conflict. What is not named here the OMS takes at any time: money that came in, shipments
and returns that the channel tells of, refunds of returned goods, a release from hold, contacts."""


def judge(changed: Iterable[str], order_status: str, stage: Stage, *, refused: bool) -> list[Conflict]:
    """What a person has to settle: `changed` is all that happened since the OMS last took a version.

    A cancellation or a hold that was taken back in the meantime counts no longer. A `refused` change that no rule names
    is a conflict nevertheless. A price that changed because units did is no conflict of its own.
    """
    happened = set(changed)
    if order_status == "cancelled":
        happened = {"cancelled"} if "cancelled" in happened or refused else happened - {"reinstated"}
    else:
        happened.discard("cancelled")
    if order_status not in _HELD:
        happened.discard("held")
    if happened & {"line_added", "line_removed", "quantity_raised", "quantity_lowered"}:
        happened.discard("price_changed")
    codes = {code for change, by_stage in DECISIONS.items() if change in happened and (code := by_stage.get(stage))}
    if refused and not codes:
        codes = {"CONFLICT_CHANGED_AFTER_START"}
    return [CONFLICTS[code] for code in CONFLICTS if code in codes]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[Change]:
    """What happened between two versions of an order: decoded canonical documents, defaults left out, no contacts."""
    found: set[Change] = set()
    old, new = before.get("order_status", "open"), after.get("order_status", "open")
    if (old == "cancelled") != (new == "cancelled"):
        found.add("cancelled" if new == "cancelled" else "reinstated")
    elif (old in _HELD) != (new in _HELD):
        found.add("held" if new in _HELD else "released")
    if before.get("lines") != after.get("lines"):
        found |= _line_changes(_lines(before), _lines(after))
    if before.get("grand_total") != after.get("grand_total") and not found & {
        "line_added", "line_removed", "quantity_raised", "quantity_lowered"
    }:  # fmt: skip
        found.add("price_changed")
    if _number(after.get("paid")) > _number(before.get("paid")):
        found.add("paid")
    if _differ(before, after, ("fulfilment_status", "shipments")):
        found.add("shipped")
    if after.get("return_status", "none") != before.get("return_status", "none"):
        found.add("returned")
    if _number(after.get("refunded")) > _number(before.get("refunded")) or _refunds(after) - _refunds(before):
        found.add("refunded" if after.get("return_status") in _RETURNS else "refunded_unreturned")
    return found


def _differ(before: Mapping[str, Any], after: Mapping[str, Any], fields: Collection[str]) -> bool:
    return any(before.get(field) != after.get(field) for field in fields)


def _refunds(document: Mapping[str, Any]) -> set[object]:
    return {each.get("refund_id") or str(each) for each in document.get("refunds", ())}


def _lines(document: Mapping[str, Any]) -> dict[object, Mapping[str, Any]]:
    """Lines by their id, by their number where the channel gives none; what was cut to nought counts as gone."""
    lines = document.get("lines", ())
    return {each.get("line_id") or each["number"]: each for each in lines if _number(each.get("quantity"), 1)}


def _line_changes(before: Mapping[object, Mapping[str, Any]], after: Mapping[object, Mapping[str, Any]]) -> set[Change]:
    found: set[Change] = set()
    if after.keys() - before.keys():
        found.add("line_added")
    if before.keys() - after.keys():
        found.add("line_removed")
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        if old.get("sku") != new.get("sku"):
            found |= {"line_added", "line_removed"}
        difference = _number(new.get("quantity")) - _number(old.get("quantity"))
        if difference:
            found.add("quantity_raised" if difference > 0 else "quantity_lowered")
        elif _differ(old, new, _PRICES):
            found.add("price_changed")
    return found


def _number(amount: str | None, missing: int = 0) -> Decimal:
    return Decimal(missing) if amount is None else Decimal(amount)
