"""Shipments and credit memos of a simulated order, which Magento lists apart from it."""

from __future__ import annotations

from typing import Any

from orderflow.sandbox.events import EDIT
from orderflow.sandbox.numbers import number
from orderflow.sandbox.platforms.magento.documents import SIDES, item_id, known, order_id, time_of
from orderflow.sandbox.snapshot import Snapshot

ROOM = 10_000
"""Ids kept for the shipments, and for the credit memos, of one order."""


def shipments_of(snap: Snapshot) -> list[dict[str, Any]]:
    """Parcels; one is updated when it arrives."""
    return [
        {
            "entity_id": ROOM * order_id(snap.index) + parcel.number,
            "order_id": order_id(snap.index),
            "created_at": time_of(parcel.at),
            "updated_at": time_of(parcel.delivered_at or parcel.at),
            "items": [
                {"order_item_id": item_id(snap, line_id), "qty": number(units)} for line_id, units in parcel.units
            ],
            "tracks": [{"track_number": parcel.tracking, "title": parcel.carrier, "carrier_code": "custom"}],
        }
        for parcel in snap.parcels
    ]


def memos_of(snap: Snapshot) -> list[dict[str, Any]]:
    """Money given back; edits leave no credit memo."""
    return [
        known(
            {
                "entity_id": ROOM * order_id(snap.index) + refund.number,
                "order_id": order_id(snap.index),
                "state": 2,
                "created_at": time_of(refund.at),
                "updated_at": time_of(refund.at),
                **{f"{prefix}grand_total": number(refund.amount[side]) for prefix, side in SIDES},
                "items": [
                    {"order_item_id": item_id(snap, line_id), "qty": number(units)}
                    for line_id, units, *_ in refund.units
                ],
            }
        )
        for refund in snap.refunds
        if refund.reason != EDIT
    ]
