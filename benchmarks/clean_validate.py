"""What clean and validate cost: CPU microseconds per order and peak memory of each stage.

    python benchmarks/clean_validate.py [orders] [folder]

Builds a batch of orders as large platforms send them (about 3.5 KB of JSON, 3.5 lines, names and titles in several
scripts, every phone different), then runs each stage in a process of its own. `read`, `decode` and `map` are measured
alone as well: they are a part of clean.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "include"))

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.order import Charge, Contact, Discount, Line, Order, Payment, Tax
from orderflow.domain.source import Adapter, Limits, Options, Page

START = datetime(2026, 3, 1, tzinfo=UTC)
TITLES = [
    "Oolong tea 高山烏龍茶 150 g",
    "Chair, oak, 45 cm",
    "قهوة عربية",
    "USB-C cable 2 m",
    "新潟県産コシヒカリ 5kg",
    "Mug ☕️",
]
PEOPLE = [
    ("Anna Öberg", "Storgatan {n}", "Stockholm", "111 22", "SE", "070-{p}"),
    ("王小明", "忠孝東路{n}號", "台北市", "106", "TW", "0912-{t}"),
    ("山田 太郎", "千代田区1-{n}", "東京", "100-0001", "JP", "090-1{p}"),
    ("Pat O'Brien", "{n} Main St", "Austin", "78701", "US", "(512) {p}"),
]
STAGES = ("read", "decode", "map", "clean", "validate")


def raw_order(number: int) -> dict[str, Any]:
    """One order in the way of large platforms: nested, wordy, amounts as text."""
    draw = random.Random(number)
    placed = START + timedelta(seconds=number % 86_000)
    name, street, city, postal, country, phone = PEOPLE[number % len(PEOPLE)]
    address = {
        "first_name": name.split(" ")[0],
        "name": name,
        "address1": street.format(n=number % 300),
        "address2": None,
        "city": city,
        "zip": postal,
        "country_code": country,
        "province": None,
        "phone": phone.format(p=f"{2_000_000 + number * 7 % 8_000_000:07d}", t=f"{number * 7 % 1_000_000:06d}"),
        "company": None,
    }
    lines, items = [], 0
    for place in range(draw.choice((2, 3, 3, 4, 4, 5))):
        quantity, price = draw.randint(1, 3), draw.randint(199, 99_900)
        items += quantity * price
        lines.append(
            {
                "id": number * 10 + place,
                "product_id": 7_000_000 + draw.randint(1, 3000),
                "variant_id": 9_000_000 + draw.randint(1, 3000),
                "sku": f"SKU-{draw.randint(1, 3000):05d}",
                "title": draw.choice(TITLES),
                "vendor": "House brand",
                "quantity": quantity,
                "current_quantity": quantity,
                "fulfillable_quantity": quantity,
                "price": f"{price / 100:.2f}",
                "total_discount": "0.00",
                "gift_card": False,
                "taxable": True,
                "requires_shipping": True,
                "grams": 500,
                "properties": [],
                "tax_lines": [{"title": "VAT", "rate": 0.25, "price": f"{quantity * price / 500:.2f}"}],
                "discount_allocations": [],
                "fulfillment_status": None,
            }
        )
    discount = 500 if number % 4 == 0 else 0
    grand = items + 4900 - discount
    return {
        "id": 5_000_000_000 + number,
        "name": f"#{number}",
        "created_at": placed.isoformat(),
        "processed_at": placed.isoformat(),
        "updated_at": (placed + timedelta(minutes=7)).isoformat(),
        "cancelled_at": None,
        "closed_at": None,
        "test": False,
        "currency": "TWD",
        "taxes_included": True,
        "financial_status": "paid",
        "fulfillment_status": None,
        "source_name": "web",
        "customer_locale": "zh-TW",
        "tags": "new, vip" if number % 5 == 0 else "",
        "customer": {"id": 880_000 + number % 50_000, "email": f"buyer{number}@example.com", "orders_count": 3},
        "note": None if number % 9 else "請小心輕放 🙏",
        "subtotal_price": f"{items / 100:.2f}",
        "total_discounts": f"{discount / 100:.2f}",
        "total_shipping": "49.00",
        "total_tax": f"{grand / 500:.2f}",
        "total_price": f"{grand / 100:.2f}",
        "client_details": {"browser_ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        "landing_site": "/collections/tea?utm_source=mail&utm_campaign=spring",
        "note_attributes": [],
        "shipping_lines": [{"id": number, "title": "Home delivery 宅配", "code": "standard", "price": "49.00"}],
        "discount_codes": [{"code": "SPRING", "amount": f"{discount / 100:.2f}", "type": "fixed"}] if discount else [],
        "tax_lines": [{"title": "VAT", "rate": 0.25, "price": f"{grand / 500:.2f}"}],
        "transactions": [
            {"id": 66_000_000 + number, "kind": "sale", "gateway": "card", "amount": f"{grand / 100:.2f}"}
        ],
        "shipping_address": address,
        "billing_address": address,
        "line_items": lines,
        "fulfillments": [],
        "refunds": [],
    }


def to_order(raw: dict[str, Any], options: Options) -> Order:  # noqa: ARG001 - the shape of every mapping
    """A mapping as adapters have them."""
    items = raw["line_items"]
    return Order(
        order_id=str(raw["id"]),
        order_number=raw["name"],
        origin=raw["source_name"],
        placed_at=raw["processed_at"],
        channel_created_at=raw["created_at"],
        channel_updated_at=raw["updated_at"],
        cancelled_at=raw["cancelled_at"],
        payment_status=raw["financial_status"],
        raw_status={"financial_status": raw["financial_status"], "fulfillment_status": raw["fulfillment_status"]},
        buyer_id=str(raw["customer"]["id"]),
        locale=raw["customer_locale"],
        tags=raw["tags"].split(",") if raw["tags"] else [],
        currency=raw["currency"],
        taxes_included=raw["taxes_included"],
        items_total=raw["subtotal_price"],
        discount_total=raw["total_discounts"],
        charge_total=raw["total_shipping"],
        tax_total=raw["total_tax"],
        grand_total=raw["total_price"],
        paid=raw["total_price"],
        lines=[
            Line(
                number=number,
                line_id=str(item["id"]),
                sku=item["sku"],
                product_id=str(item["product_id"]),
                variant_id=str(item["variant_id"]),
                title=item["title"],
                quantity=str(item["current_quantity"]),
                quantity_ordered=str(item["quantity"]),
                unit_price=item["price"],
                discount=item["total_discount"],
                tax=item["tax_lines"][0]["price"],
                total=f"{int(item['price'].replace('.', '')) * item['quantity'] / 100:.2f}",
            )
            for number, item in enumerate(items, 1)
        ],
        charges=[
            Charge(title=line["title"], method=line["code"], amount=line["price"], total=line["price"])
            for line in raw["shipping_lines"]
        ],
        discounts=[
            Discount(kind="code", code=each["code"], funded_by="seller", amount=each["amount"])
            for each in raw["discount_codes"]
        ],
        taxes=[Tax(title=tax["title"], rate=str(tax["rate"]), amount=tax["price"]) for tax in raw["tax_lines"]],
        payments=[
            Payment(payment_id=str(each["id"]), kind=each["kind"], gateway=each["gateway"], amount=each["amount"])
            for each in raw["transactions"]
        ],
        contacts=[
            Contact(
                role=role,
                name=raw[place]["name"],
                phone=raw[place]["phone"],
                email=raw["customer"]["email"],
                address=[raw[place]["address1"]],
                city=raw[place]["city"],
                postal_code=raw[place]["zip"],
                country=raw[place]["country_code"],
                note=raw["note"] if role == "ship_to" else None,
            )
            for role, place in (("ship_to", "shipping_address"), ("bill_to", "billing_address"))
        ],
    )


def channel() -> Channel:
    adapter = Adapter(options=Options, limits=Limits(), open=lambda *_: None, to_order=to_order)  # type: ignore[arg-type,return-value]
    return Channel.model_validate(
        {
            "name": "bench",
            "title": "Benchmark",
            "owner": "nobody",
            "adapter_name": "bench",
            "adapter": adapter,
            "connection": "bench",
            "options": Options(),
            "schedule": {"cron": "0 * * * *", "start": "2026-01-01"},
            "oms": {"target": "demo"},
        }
    )


def pages(count: int) -> Iterator[Page]:
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        yield Page(
            [json.dumps(raw_order(number), ensure_ascii=False).encode() for number in numbers], f"/orders?from={start}"
        )


def land(folder: Path, count: int) -> Batch:
    from orderflow.pipeline import landing

    with landing.Writer(folder) as writer:
        for page in pages(count):
            writer.write(page, START + timedelta(days=2))
    return Batch(
        channel="bench",
        window_start=START,
        window_end=START + timedelta(days=1),
        run_id="bench",
        landing=str(folder),
        counts=Counts(fetched=writer.records, pages=writer.pages, bytes=writer.bytes),
    )


def run(stage: str, batch: Batch) -> Batch:
    """One stage in this process."""
    from orderflow.pipeline import landing

    if stage == "clean":
        from orderflow.pipeline.clean import clean

        return clean(channel(), batch)
    if stage == "validate":
        from orderflow.pipeline.validate import validate

        return validate(channel(), batch)
    import gc

    from orderflow.pipeline.cleaning.mapped import _decode

    gc.disable()
    for record in landing.records(Path(batch.landing)):
        if stage != "read":
            raw = _decode(record.data)
            if stage == "map":
                to_order(raw, Options())
    return batch


def warm_up() -> None:
    """A small batch first: imports, and what libraries do once, are not what is measured."""
    with tempfile.TemporaryDirectory() as folder:
        batch = land(Path(folder) / "batch", 200)
        for stage in ("clean", "validate"):
            batch = run(stage, batch)


def measure(stage: str, batch: Batch) -> tuple[Batch, float, float]:
    """The stage in a process of its own: its batch, CPU seconds (after a warm-up) and peak megabytes."""
    told = subprocess.run(
        [sys.executable, __file__, "--stage", stage],
        input=json.dumps(batch.to_json()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    answer = json.loads(told)
    return Batch.from_json(answer["batch"]), answer["seconds"], answer["megabytes"]


def report(count: int, folder: Path) -> None:
    batch = land(folder, count)
    orders = batch.counts.fetched
    print(f"{orders:,} orders, {batch.counts.bytes / orders:,.0f} bytes each")
    print(f"{'stage':<10}{'us/order':>10}{'peak MB':>10}")
    costs: dict[str, float] = {}
    for stage in STAGES:
        batch, seconds, megabytes = measure(stage, batch)
        costs[stage] = seconds * 1e6 / orders
        print(f"{stage:<10}{costs[stage]:>10.1f}{megabytes:>10.0f}", flush=True)
    mapping = costs["map"] - costs["decode"]
    print(
        f"clean + validate without the adapter's mapping: {costs['clean'] + costs['validate'] - mapping:.1f} us/order"
    )
    print(f"accepted {batch.counts.accepted:,}, quarantined {batch.counts.quarantined:,}, warnings {batch.warnings}")


def main() -> None:
    if sys.argv[1:2] == ["--stage"]:
        stage = sys.argv[2]
        batch = Batch.from_json(json.load(sys.stdin))
        warm_up()
        before = time.process_time()
        batch = run(stage, batch)
        seconds = time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        json.dump({"batch": batch.to_json(), "seconds": seconds, "megabytes": peak}, sys.stdout)
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if len(sys.argv) > 2:
        report(count, Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(count, Path(folder) / "batch")


if __name__ == "__main__":
    main()
