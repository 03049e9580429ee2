"""Good orders for tests, a channel whose raw records are canonical orders, and whole batches of them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Charge, Contact, Discount, Line, Order, Payment, Shipment, Tax
from orderflow.domain.source import Adapter, Limits, Options, Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing

FETCHED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(datetime(2026, 3, 1, 11, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC))

NAMES = ["王小明", "Anna Öberg", "مريم علي", 'O\'Brien "Pat"', "山田 太郎", "Zoë 😀", "김민수", "שרה כהן"]
SKUS = [f"SKU-{number:03d}" for number in range(1, 41)]
TITLES = ["Tea 茶", "Chair, oak", "قهوة", "USB-C \\ cable", "お米 5kg", "Mug ☕️", "T-shirt", "ספר"]


def unmapped(raw: dict[str, Any], options: Options) -> Order:
    """The mapping of a platform that speaks our own language, and fails when it is told to."""
    if "refuse" in raw:
        raise RecordError(raw["refuse"], "status", raw.get("value"), "the test wants it so")
    if "crash" in raw:
        raise KeyError(raw["crash"])
    if "wrong" in raw:
        return Order(order_id="W1", order_number=raw["wrong"])
    return msgspec.convert(raw, Order)


ADAPTER = Adapter(options=Options, limits=Limits(timezone="Asia/Taipei"), open=lambda *_: None, to_order=unmapped)


def channel(*, adapter: Adapter = ADAPTER, clean: dict | None = None, validate: dict | None = None) -> Channel:
    return Channel(
        name="shop_tw",
        title="The test shop",
        owner="tests",
        adapter_name="same",
        adapter=adapter,
        connection="shop_tw",
        options=Options(),
        schedule={"cron": "0 * * * *", "start": "2026-01-01"},
        clean=clean or {},
        validate={"guards": "warn"} | (validate or {}),
        oms={"target": "demo"},
    )


def order(number: int = 1, **changes: Any) -> Order:
    """A good order that breaks no rule: two lines, shipping, tax on top, a discount inside the lines, one payment."""
    seed = random.Random(number)
    placed = FETCHED - timedelta(minutes=seed.randint(60, 600))
    quantities = [seed.randint(1, 5), seed.randint(1, 3)]
    prices = [Decimal(seed.randint(100, 9999)) / 100 for _ in quantities]
    discount = Decimal(seed.randint(1, 50)) / 100
    gross = [price * quantity for price, quantity in zip(prices, quantities, strict=True)]
    totals = [gross[0] - discount, gross[1]]
    tax = (sum(totals) / 4).quantize(Decimal("0.01"))
    grand = sum(totals) + tax + Decimal("49.00")
    lines = [
        Line(
            number=place,
            line_id=f"{number}-{place}",
            sku=seed.choice(SKUS),
            product_id=str(seed.randint(1000, 9999)),
            title=seed.choice(TITLES),
            quantity=str(quantity),
            quantity_ordered=str(quantity),
            unit_price=f"{price:.2f}",
            discount=f"{discount:.2f}" if place == 1 else "0.00",
            total=f"{total:.2f}",
        )
        for place, (quantity, price, total) in enumerate(zip(quantities, prices, totals, strict=True), 1)
    ]
    good = Order(
        order_id=f"A{number}",
        order_number=f"#{number}",
        origin="web",
        placed_at=placed.isoformat(),
        channel_created_at=placed.isoformat(),
        channel_updated_at=(placed + timedelta(minutes=5)).isoformat(),
        paid_at=(placed + timedelta(minutes=1)).isoformat(),
        payment_status="paid",
        raw_status={"financial_status": "paid", "fulfillment_status": None},
        buyer_id=f"B{number % 7}",
        tags=["gift", "急"] if number % 3 == 0 else [],
        currency="EUR",
        items_total=f"{sum(totals):.2f}",
        discount_total=f"{discount:.2f}",
        charge_total="49.00",
        tax_total=f"{tax:.2f}",
        grand_total=f"{grand:.2f}",
        paid=f"{grand:.2f}",
        lines=lines,
        charges=[Charge(method="standard", title="Frakt", amount="49.00", total="49.00")],
        discounts=[
            Discount(
                kind="code", code="VÅR26", funded_by="seller", amount=f"{discount:.2f}", allocated=f"{discount:.2f}"
            )
        ],
        taxes=[Tax(title="VAT", rate="0.25", amount=f"{tax:.2f}", liable="seller")],
        payments=[
            Payment(
                payment_id=f"P{number}",
                kind="sale",
                method="card",
                gateway="adyen",
                amount=f"{grand:.2f}",
                at=(placed + timedelta(minutes=1)).isoformat(),
            )
        ],
        contacts=[
            Contact(
                name=seed.choice(NAMES),
                email=f"buyer{number}@example.com",
                phone="070-123 45 67",
                address=["Storgatan 1", "lgh 1101"],
                city="Stockholm",
                postal_code="11122",
                country="Sweden",
            ),
            Contact(role="bill_to", name=seed.choice(NAMES), country="SE"),
        ],
    )
    return msgspec.structs.replace(good, **changes)


def with_line(good: Order, place: int = 0, **changes: Any) -> Order:
    """The order with one line changed."""
    lines = list(good.lines)
    lines[place] = msgspec.structs.replace(lines[place], **changes)
    return msgspec.structs.replace(good, lines=lines)


def with_part(good: Order, table: str, place: int = 0, **changes: Any) -> Order:
    """The order with one of its parts changed."""
    parts = list(getattr(good, table))
    parts[place] = msgspec.structs.replace(parts[place], **changes)
    return msgspec.structs.replace(good, **{table: parts})


def shipment(good: Order, **changes: Any) -> Shipment:
    """A parcel with all the goods of the order, on its way for an hour."""
    fields = {
        "shipment_id": "S1",
        "status": "in_transit",
        "carrier": "postnord",
        "tracking_numbers": ["00370"],
        "shipped_at": (FETCHED - timedelta(minutes=30)).isoformat(),
        "lines": [(line.line_id, line.quantity) for line in good.lines],
    }
    return Shipment(**(fields | changes))


def land(folder: Path, orders: list[Order | bytes], *, page: int = 100, fetched: datetime = FETCHED) -> Batch:
    """A batch as extract leaves it. Bytes go as they are."""
    records = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in orders]
    with landing.Writer(folder) as writer:
        for start in range(0, len(records), page):
            writer.write(Page(records[start : start + page], f"/orders?page={start // page}"), fetched)
    return Batch(
        channel="shop_tw",
        window_start=WINDOW.start,
        window_end=WINDOW.end,
        run_id="test",
        landing=str(folder),
        counts=Counts(fetched=writer.records, pages=writer.pages, bytes=writer.bytes),
    )
