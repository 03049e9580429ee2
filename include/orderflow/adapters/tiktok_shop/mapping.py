"""From a TikTok Shop order to ours: pure, and plain dictionary access, because it runs once per order.

Lines come one for each unit, without quantity. A line that names the articles it consists of, whatever its type, is a
bundle: ours has one more line for each of them, which cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow.adapters.amounts import epoch_text, located, sum_text, total_of
from orderflow.adapters.tiktok_shop.contacts import contacts, masking
from orderflow.adapters.tiktok_shop.money import charges_of, discounts_of, extras_of, tax_of, taxes_of, totals_of
from orderflow.adapters.tiktok_shop.statuses import ARRIVED, CANCELLED, SENT, STATES, State
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Line, Order, Payment, Shipment
from orderflow.domain.source import Raw

if TYPE_CHECKING:
    from orderflow.adapters.tiktok_shop import Options

TRUE = frozenset({True, "true", "True", "1"})
"""TikTok spells truth in several ways."""
BY_SELLER = "FULFILLMENT_BY_SELLER"
"""Any other `fulfillment_type` names a warehouse of the platform's: the seller must not send such an order."""
BY_TIKTOK = "FULFILLMENT_BY_TIKTOK"
EXT = ("delivery_option_name", "delivery_type", "order_type", "shipping_type", "split_or_combine_tag", "warehouse_id")
PROGRAMS = {
    "fulfillment_type": "fbt",
    "is_sample_order": "sample",
    "is_replacement_order": "replacement",
    "is_exchange_order": "exchange",
}
KINDS = {"COMBO": "bundle_parent", "VIRTUAL": "service"}


def order_id(raw: Raw) -> str:
    return str(raw["id"])


def to_order(raw: Raw, options: Options) -> Order:  # noqa: ARG001 -- the port hands every mapping its options
    """Our order; raises `RecordError` for an unknown status and a record of another shape."""
    try:
        return _order(raw)
    except RecordError as error:
        raise located(error, raw) from None
    except KeyError as error:
        raise RecordError("RAW_SHAPE", str(error.args[0]), None, "a TikTok Shop order has this field") from None
    except (TypeError, AttributeError) as error:
        raise RecordError("RAW_SHAPE", "order", None, f"not the shape of a TikTok Shop order: {error}") from None


def _order(raw: Raw) -> Order:
    state, items, payment = _state("status", raw["status"]), raw["line_items"], raw["payment"]
    currencies = {payment.get("currency")} | {item["currency"] for item in items if item.get("currency")}
    if len(currencies) > 1:
        raise RecordError("CURRENCY_MIXED", "line_items.currency", ", ".join(map(str, currencies)), "lines differ")
    gone = [item for item in items if item.get("display_status") == CANCELLED and state.order != "cancelled"]
    totals = totals_of(payment, items, gone)
    lines = _lines(raw, items, cancelled=bool(gone))
    charges = charges_of(payment, raw.get("delivery_option_name") or None)
    charges += extras_of(payment, items, totals) if not gone else []
    discounts = list(discounts_of(payment, items, gone))
    paid = _payment(raw, state, totals.grand)
    holds = _holds(raw)
    return Order(
        order_id=raw["id"],
        order_number=raw["id"],
        parent_id=raw.get("replaced_order_id") or raw.get("exchange_source_order_id") or None,
        origin="marketplace",
        placed_at=epoch_text(raw["create_time"]),
        channel_created_at=epoch_text(raw["create_time"]),
        channel_updated_at=epoch_text(raw["update_time"]),
        paid_at=paid.at if paid else None,
        cancelled_at=epoch_text(raw.get("cancel_time")),
        order_status="on_hold" if holds and state.order == "open" else state.order,
        payment_status=_payment_status(paid, state),
        fulfilment_status=state.fulfilment,
        raw_status={"status": raw["status"]},
        cancel_reason=raw.get("cancel_reason") or None,
        hold_reasons=holds,
        buyer_id=raw.get("user_id") or None,
        programs=[program for name, program in PROGRAMS.items() if raw.get(name) in TRUE | {BY_TIKTOK}],
        currency=payment.get("currency"),
        taxes_included=totals.taxes_included,
        items_total=sum_text(line.total for line in lines),
        discount_total=sum_text(discount.amount for discount in discounts),
        charge_total=sum_text(charge.total for charge in charges),
        tax_total=totals.tax,
        grand_total=totals.grand,
        paid=totals.grand if paid and paid.status == "success" else "0",
        masking=masking(raw),
        lines=lines,
        charges=charges,
        discounts=discounts,
        taxes=taxes_of(payment, [item for item in items if item.get("display_status") != CANCELLED] if gone else items),
        payments=[paid] if paid else [],
        shipments=_shipments(raw, items),
        contacts=contacts(raw),
        ext={name: str(raw[name]) for name in EXT if raw.get(name)},
    )


def _holds(raw: Raw) -> list[str]:
    """Why an order must not be sent yet. `is_on_hold_order` does not say: it stays true once the hold is over."""
    waits = ["on_hold_order"] if raw["status"] == "ON_HOLD" else []
    return [*waits, "buyer_asks_to_cancel"] if raw.get("is_buyer_request_cancel") in TRUE else waits


def _state(field: str, status: str) -> State:
    state = STATES.get(status)
    if state is None:
        raise RecordError("STATUS_UNKNOWN", field, status, f"known: {', '.join(STATES)}")
    return state


def _lines(raw: Raw, items: list[Raw], *, cancelled: bool) -> list[Line]:
    """One line for each unit, and behind a combo one for each of its articles."""
    ship_by, deliver_by = epoch_text(raw.get("tts_sla_time")), epoch_text(raw.get("delivery_sla_time"))
    fulfilled_by = "merchant" if raw.get("fulfillment_type") in {None, "", BY_SELLER} else "marketplace"
    lines: list[Line] = []
    for item in items:
        status = item.get("display_status") or raw["status"]
        _state("line_items.display_status", status)
        gone = cancelled and status == CANCELLED
        units, sent = "0" if gone else "1", "1" if status in SENT else "0"
        parts, kind = item.get("combined_listing_skus") or (), KINDS.get(item.get("sku_type") or "", "product")
        kind = "bundle_parent" if parts else "gift" if item.get("is_gift") in TRUE else kind
        lines.append(
            Line(
                number=len(lines) + 1,
                line_id=item["id"],
                kind=kind,
                sku=item.get("unboxing_sku_code") or item.get("seller_sku") or None,
                product_id=item["product_id"],
                variant_id=item["sku_id"],
                title=" ".join(text for text in (item["product_name"], _variant(item)) if text),
                quantity=units,
                quantity_ordered="1",
                quantity_fulfilled=sent,
                unit_price=str(item["original_price"]),
                discount="0" if gone else f"{total_of([item['original_price']]) - total_of([item['sale_price']]):f}",
                tax="0" if gone else f"{tax_of(item):f}",
                total="0" if gone else str(item["sale_price"]),
                fulfilled_by=fulfilled_by,
                ship_by=ship_by,
                deliver_by=deliver_by,
            )
        )
        for part in parts:
            count = str(part["sku_count"])
            lines.append(
                Line(
                    number=len(lines) + 1,
                    line_id=f"{item['id']}:{part['sku_id']}",
                    kind="bundle_child",
                    parent_line_id=item["id"],
                    sku=part.get("seller_sku") or None,
                    product_id=part.get("product_id"),
                    variant_id=part["sku_id"],
                    title=item["product_name"],
                    quantity="0" if gone else count,
                    quantity_ordered=count,
                    unit_price="0",
                    discount="0",
                    total="0",
                    fulfilled_by=fulfilled_by,
                    ship_by=ship_by,
                    deliver_by=deliver_by,
                )
            )
    return lines


def _variant(item: Raw) -> str:
    """TikTok calls the only variant of an article `Default`."""
    name = item.get("sku_name") or ""
    return "" if name == "Default" else str(name)


def _payment(raw: Raw, state: State, total: str | None) -> Payment | None:
    """TikTok tells when, and not how much: it is the whole amount. Cash is paid when the parcel is delivered."""
    method = raw.get("payment_method_name") or None
    if raw.get("is_cod") in TRUE:
        done = state.fulfilment == "delivered"
        return Payment(kind="cod", status="success" if done else "pending", method=method, amount=total)
    at = epoch_text(raw.get("paid_time"))
    return Payment(method=method, amount=total, at=at) if at else None


def _payment_status(paid: Payment | None, state: State) -> str:
    if paid and paid.status == "success":
        return "paid"
    if state.order == "cancelled":
        return "voided"
    return "cod_due" if paid else "unpaid"


def _shipments(raw: Raw, items: list[Raw]) -> list[Shipment]:
    """Lines of one package are one parcel, once it is under way."""
    parcels: dict[str, list[Raw]] = {}
    for item in items:
        if item.get("display_status") in SENT:
            parcels.setdefault(item.get("package_id") or item["id"], []).append(item)
    return [
        Shipment(
            shipment_id=package,
            status=",".join(sorted({item["display_status"] for item in together})),
            carrier=together[0].get("shipping_provider_name") or None,
            tracking_numbers=list(
                dict.fromkeys(item["tracking_number"] for item in together if item.get("tracking_number"))
            ),
            shipped_at=epoch_text(raw.get("collection_time")),
            delivered_at=(
                epoch_text(raw.get("delivery_time"))
                if all(item["display_status"] in ARRIVED for item in together)
                else None
            ),
            lines=[(item["id"], "1") for item in together],
        )
        for package, together in parcels.items()
    ]
