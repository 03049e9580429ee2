"""Tells a WooCommerce site of a parcel.

WooCommerce itself knows neither parcels nor idempotency keys, so what was told is kept with the order, under our meta
key: a list with one entry per notice. The extension Shipment Tracking, where a site has it, gets the tracking number
over its own route and shows it to the buyer (woocommerce.com/document/shipment-tracking; the extension AST answers the
same route); it is asked first what it has. An order is `completed` once every unit of it was told, and not before; what
the staged order no longer has of a line was refunded, though the site's own line still counts it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol

import httpx
import msgspec

from orderflow.adapters.http import read
from orderflow.adapters.woocommerce.record import Entries
from orderflow.adapters.woocommerce.values import entries, meta
from orderflow.domain.errors import RecordError
from orderflow.domain.fulfilment import Notice, Told, whole_units
from orderflow.domain.money import AMOUNT
from orderflow.domain.order import Shipment
from orderflow.domain.source import JsonValue

PARCELS = "_orderflow_parcels"
"""Our meta key of an order."""
TRACKINGS = "/wp-json/wc-shipment-tracking/v3/orders/{}/shipment-trackings"
OVER = frozenset({"cancelled", "refunded", "failed", "trash"})


class Ask(Protocol):
    """One request of the site: `once` where it must not be repeated; a status among `absent` is an answer, too."""

    def __call__(
        self, method: str, path: str, body: JsonValue = None, *, wanted: str, absent: frozenset[int], once: bool = False
    ) -> httpx.Response: ...


class Line(msgspec.Struct):
    id: int | str
    quantity: int | float = 0
    """With a fraction where a plugin sells by weight or length."""


class Found(msgspec.Struct):
    """As much of an order as telling needs."""

    status: str
    line_items: Entries[Line] = []
    meta_data: Any = None


class StagedLine(msgspec.Struct):
    line_id: str | None = None
    quantity: Any = None


class Staged(msgspec.Struct):
    """As much of the order as it is staged."""

    lines: list[StagedLine] = []


class Tracking(msgspec.Struct):
    tracking_number: Any = None


_FOUND = msgspec.json.Decoder(Found, strict=False)
_STAGED = msgspec.json.Decoder(Staged)
_TRACKINGS = msgspec.json.Decoder(list[Tracking])
_GONE = frozenset({400, 404})


def tell(ask: Ask, api: str, notice: Notice) -> Told:
    """Hand the parcel to the site, step by step; a step that was done before is not done again."""
    parcel = notice.content
    if not isinstance(parcel, Shipment):
        raise RecordError("NOTICE_UNKNOWN", "content", None, "WooCommerce is told of parcels only")
    path = f"{api}/orders/{notice.order_id}"
    answer = ask("GET", path, wanted="one order", absent=_GONE)
    if answer.status_code in _GONE:
        raise RecordError("ORDER_UNKNOWN", "order_id", notice.order_id, "the site does not know this order any more")
    order = read(answer, _FOUND, wanted="one order")
    known = _known(order)
    reference = notice.key[:16]
    if all(each["key"] != reference for each in known):
        if order.status in OVER:
            raise RecordError(
                "ORDER_CLOSED", "status", order.status, "the site has called this order off; bring the parcel back"
            )
        lines = _lines(order, parcel, known)
        _track(ask, notice.order_id, parcel)
        known.append({"key": reference, "parcel": parcel.shipment_id, "lines": lines})
        body: dict[str, JsonValue] = {"meta_data": [{"key": PARCELS, "value": known}]}
        if _is_sent(order, _STAGED.decode(notice.document), known):
            body["status"] = "completed"
        ask("PUT", path, body, wanted="the order with its parcel", absent=frozenset())
    return Told("accepted", reference=reference)


def _known(order: Found) -> list[dict[str, Any]]:
    found = meta(order.meta_data, PARCELS)
    return list(found) if isinstance(found, list) else []


def _told(known: list[dict[str, Any]]) -> Mapping[str, float]:
    units: defaultdict[str, float] = defaultdict(int)
    for each in known:
        for line, count in each["lines"].items():
            units[line] += count
    return units


def _lines(order: Found, parcel: Shipment, known: list[dict[str, Any]]) -> dict[str, float]:
    """Units by line of this parcel, which must not be more than were left."""
    told = _told(known)
    left = {str(line.id): line.quantity - told[str(line.id)] for line in entries(order.line_items)}
    if not parcel.lines:
        return {line: units for line, units in left.items() if units > 0}
    wanted: defaultdict[str, float] = defaultdict(int)
    for line_id, quantity in parcel.lines:
        wanted[line_id] += whole_units(line_id, quantity)
    for line_id, units in wanted.items():
        if units > left.get(line_id, 0):
            raise RecordError(
                "NOTHING_LEFT", line_id, units, "the order on the site has fewer units of this line left; compare them"
            )
    return dict(wanted)


def _is_sent(order: Found, staged: Staged, known: list[dict[str, Any]]) -> bool:
    told = _told(known)
    due = {each.line_id: float(each.quantity) for each in staged.lines if AMOUNT.fullmatch(str(each.quantity))}
    units = ((str(line.id), line.quantity) for line in entries(order.line_items))
    return all(told[line] >= min(ordered, due.get(line, ordered)) for line, ordered in units)


def _track(ask: Ask, order_id: str, parcel: Shipment) -> None:
    """Give the tracking numbers to the extension; a site without it has no such route, and goes without."""
    if not parcel.tracking_numbers:
        return
    path, missing = TRACKINGS.format(order_id), frozenset({404})
    answer = ask("GET", path, wanted="the tracking numbers of an order", absent=missing)
    if answer.status_code == 404:
        return
    known = {str(each.tracking_number) for each in read(answer, _TRACKINGS, wanted="the tracking numbers of an order")}
    for number in parcel.tracking_numbers:
        if number not in known:
            body = {"custom_tracking_provider": parcel.carrier or "", "tracking_number": number}
            if parcel.shipped_at:
                body["date_shipped"] = parcel.shipped_at[:10]
            ask("POST", path, body, wanted="a new tracking number", absent=frozenset(), once=True)
