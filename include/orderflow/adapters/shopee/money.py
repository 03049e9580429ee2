"""Shopee's money: fees and reductions of the checkout, promotions, payments. Amounts are decimal text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from orderflow.adapters.shopee.values import amount_text, time_text
from orderflow.domain.order import Charge, Discount, Payment
from orderflow.domain.source import Raw

FEES = {
    "shipping_fee": "shipping",
    "shipping_fee_sst_amount": "shipping",
    "buyer_paid_packaging_fee": "packaging",
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
    "shopee_coins_redeemed": ("platform", "platform"),
    "credit_card_promotion": ("platform", "platform"),
    "discount_pix": ("platform", "platform"),
    "trade_in_bonus": ("platform", "shared"),
}
"""What is taken off, by its name in `buyer_payment_info`: our kind of discount and who pays for it. Sent negative."""


def promotions(taken_off: str, income: Raw) -> Iterator[Discount]:
    """Reductions that already stand in the line totals. Who pays is known where the escrow's two parts explain all."""
    if not Decimal(taken_off):
        return
    seller, platform = (amount_text(income.get(name)) or "0" for name in ("seller_discount", "shopee_discount"))
    parts = {"seller": seller, "platform": platform}
    if Decimal(seller) + Decimal(platform) != Decimal(taken_off):
        parts = {"unknown": taken_off}
    for funder, amount in parts.items():
        if Decimal(amount):
            kind = "platform" if funder == "platform" else "automatic"
            yield Discount(kind=kind, title="item promotions", funded_by=funder, amount=amount, allocated=amount)


def vouchers(checkout: Raw, income: Raw) -> Iterator[Discount]:
    codes = income.get("seller_voucher_code") or []
    for name, (kind, funder) in REDUCTIONS.items():
        amount = (amount_text(checkout.get(name)) or "").lstrip("-")
        if amount and Decimal(amount):
            code = ",".join(codes) if name == "seller_voucher" and codes else None
            yield Discount(kind=kind, code=code, title=name, funded_by=funder, amount=amount, allocated="0")


def charges_of(checkout: Raw, detail: Raw) -> list[Charge]:
    fees = checkout or {"shipping_fee": detail.get("estimated_shipping_fee")}
    method = detail.get("shipping_carrier") or None
    found = []
    for name, kind in FEES.items():
        amount = amount_text(fees.get(name))
        if amount and Decimal(amount):
            carrier = method if name == "shipping_fee" else None
            found.append(Charge(kind=kind, charge_id=name, title=name, method=carrier, amount=amount, total=amount))
    return found


def payments_of(detail: Raw, total: str | None) -> list[Payment]:
    """Brazil states every payment; elsewhere there is one, of the whole amount.

    The `pay_time` of an order with cash on delivery is no payment yet: the courier brings the money.
    """
    paid_at, method = time_text(detail.get("pay_time")), detail.get("payment_method") or None
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
