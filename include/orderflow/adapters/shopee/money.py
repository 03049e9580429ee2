"""Shopee's money: fees and reductions of the checkout, promotions, payments. Amounts are decimal text."""

from __future__ import annotations

from collections.abc import Iterator

from orderflow.adapters.amounts import amount, amount_text, epoch_text, total_of
from orderflow.domain.order import Charge, Discount, Payment
from orderflow.domain.source import Raw

FEES = {
    "shipping_fee": "shipping",
    "shipping_fee_sst_amount": "shipping",
    "buyer_paid_packaging_fee": "packaging",
    "buyer_instant_fee": "service",
    "buyer_paid_extended_warranty": "service",
    "buyer_paid_installation_fee": "service",
    "buyer_service_fee": "service",
    "initial_buyer_txn_fee": "service",
    "insurance_premium": "service",
    "shopeevip_subtotal": "service",
    "bcrs_deposit": "surcharge",
    "bulky_handling_fee": "surcharge",
    "buyer_tax_amount": "duty",
    "icms_tax_amount": "duty",
    "import_tax_amount": "duty",
    "iof_tax_amount": "duty",
}
"""What the buyer pays beside the goods, by its name in `buyer_payment_info`."""

REDUCTIONS = {
    "seller_voucher": ("code", "seller"),
    "shopee_voucher": ("platform", "platform"),
    "ads_voucher_discount": ("platform", "platform"),
    "shopee_coins_redeemed": ("platform", "platform"),
    "credit_card_promotion": ("platform", "platform"),
    "discount_pix": ("platform", "platform"),
    "trade_in_bonus": ("platform", "shared"),
}
"""What is taken off, by its name in `buyer_payment_info`: our kind of discount and who pays for it. Sent negative."""


def promotions(taken_off: str, income: Raw) -> Iterator[Discount]:
    """Reductions that already stand in the line totals. Who pays is known where the escrow's two parts explain all.

    The parts of the whole settlement leave out what makes a gift free; those of its items do not.
    """
    if not amount(taken_off):
        return
    items = income.get("items") or []
    sums = (
        {"seller": amount(income.get("seller_discount")), "platform": amount(income.get("shopee_discount"))},
        {
            "seller": total_of(item.get("seller_discount") for item in items),
            "platform": total_of(item.get("shopee_discount") for item in items),
        },
    )
    explained = (parts for parts in sums if sum(parts.values()) == amount(taken_off))
    parts = next(explained, {"unknown": amount(taken_off)})
    for funder, less in parts.items():
        if less:
            kind, off = "platform" if funder == "platform" else "automatic", f"{less:f}"
            yield Discount(kind=kind, title="item promotions", funded_by=funder, amount=off, allocated=off)


def vouchers(checkout: Raw, income: Raw) -> Iterator[Discount]:
    codes = income.get("seller_voucher_code") or []
    for name, (kind, funder) in REDUCTIONS.items():
        if less := abs(amount(checkout.get(name))):
            code = ",".join(codes) if name == "seller_voucher" and codes else None
            yield Discount(kind=kind, code=code, title=name, funded_by=funder, amount=f"{less:f}", allocated="0")


def charges_of(checkout: Raw, detail: Raw) -> list[Charge]:
    fees = checkout or {"shipping_fee": detail.get("estimated_shipping_fee")}
    method = detail.get("shipping_carrier") or None
    found = []
    for name, kind in FEES.items():
        if amount(fees.get(name)):
            carrier, fee = method if name == "shipping_fee" else None, amount_text(fees[name])
            found.append(Charge(kind=kind, charge_id=name, title=name, method=carrier, amount=fee, total=fee))
    return found


def payments_of(detail: Raw, total: str | None) -> list[Payment]:
    """Brazil states every payment; elsewhere there is one, of the whole amount.

    The `pay_time` of an order with cash on delivery is no payment yet: the courier brings the money.
    """
    paid_at, method = epoch_text(detail.get("pay_time")), detail.get("payment_method") or None
    if detail.get("cod"):
        done = detail["order_status"] == "COMPLETED"
        return [Payment(kind="cod", status="success" if done else "pending", method=method, amount=total)]
    if not paid_at:
        return []
    return [
        Payment(
            payment_id=part.get("transaction_id") or None,
            method=part.get("payment_method") or method,
            amount=amount_text(part["payment_amount"]),
            at=paid_at,
        )
        for part in detail.get("payment_info") or []
        if part.get("payment_amount")
    ] or [Payment(method=method, amount=total, at=paid_at)]
