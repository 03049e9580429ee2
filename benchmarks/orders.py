"""The data set: orders of a WooCommerce shop, the same for every run, and the truth about them.

Each order has 1 to 8 lines (3.5 on average) in 3 to 4 KB of JSON, names and titles in several scripts, and different
phones. All of them are made on the first day. On the second one order in five is edited (other status, quantities and
totals; one in five of these loses a line), one in twenty is merely touched, and the last minutes of the first day come
again as they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
PAGE = 100
AGAIN = timedelta(minutes=5)
"""How much of the first day's end the second pull shows again."""

_TITLES = (
    "Oolong tea 高山烏龍茶 150 g", "Chair, oak, 45 cm", "قهوة عربية محمصة", "USB-C cable 2 m",
    "新潟県産コシヒカリ 5kg", 'Mug ☕️ "good morning"', "Mössa av ull, grå", "Чай чёрный листовой",
)  # fmt: skip
_PEOPLE = (
    ("Anna", "Öberg", "Storgatan {n}", "Stockholm", "111 22", "SE", "070-{seven}"),
    ("小明", "王", "忠孝東路{n}號", "台北市", "106", "TW", "0912-{six}"),
    ("太郎", "山田", "千代田区1-{n}", "東京", "100-0001", "JP", "090-1{seven}"),
    ("Pat", "O'Brien", "{n} Main St", "Austin", "78701", "US", "(512) {seven}"),
)
_LINES = (1, 2, 2, 3, 3, 3, 4, 4, 5, 8)


class Truth(NamedTuple):
    """What must stand in the database: how many orders, lines and units, and the sum of totals in cents."""

    orders: int
    lines: int
    units: int
    cents: int


class Order(NamedTuple):
    """An order as JSON, with what counts of it."""

    json: bytes
    lines: int
    units: int
    cents: int


def modified(number: int, count: int) -> datetime:
    """When an order was last changed on the first day: in the order of their numbers."""
    return START + timedelta(seconds=number * 86_400 // count)


def edited(number: int) -> bool:
    return number % 5 == 0


def touched(number: int) -> bool:
    return number % 20 == 1


def second(count: int) -> Iterator[Order]:
    """The second pull, oldest change first: what comes again, then what was edited or touched."""
    late = next(number for number in range(count) if modified(number, count) >= START + DAY - AGAIN)
    yield from (order(number, modified(number, count)) for number in range(late, count) if not _changes(number))
    for number in filter(_changes, range(count)):
        yield order(number, modified(number, count) + DAY, revised=edited(number))


def _changes(number: int) -> bool:
    return edited(number) or touched(number)


def order(number: int, moment: datetime, *, revised: bool = False) -> Order:
    """One order; `revised` is its second version. Amounts are cents until they are spelled."""
    draw = random.Random(number)
    lines, net = [], 0
    units = 0
    items = draw.choice(_LINES)
    for place in range(items):
        quantity, price, title = draw.randint(1, 3), draw.randint(199, 99_900), draw.choice(_TITLES)
        sku = draw.randint(1, 3000)
        if revised and place == 0:
            quantity += 1
        if revised and number % 25 == 0 and place == items - 1 > 0:
            break  # the edit took this line off
        lines.append(_line(number, place, sku, title, quantity, price))
        net += quantity * price
        units += quantity
    tax = sum(line.pop("_tax") for line in lines)
    total = net + tax + 4900 + 1225
    stamp = _stamp(moment)
    status = "completed" if revised else "processing"
    placed = _stamp(START + timedelta(seconds=number % 80_000))
    person = _PEOPLE[number % len(_PEOPLE)]
    document = {
        "id": 100_000 + 16 * number, "parent_id": 0, "status": status, "currency": "SEK", "version": "9.8.1",
        "prices_include_tax": False, "date_created": placed, "date_modified": stamp, "discount_total": "0.00",
        "discount_tax": "0.00", "shipping_total": "49.00", "shipping_tax": "12.25", "cart_tax": _money(tax),
        "total": _money(total), "total_tax": _money(tax + 1225), "customer_id": 880_000 + number % 50_000,
        "order_key": f"wc_order_{number:013x}", "billing": _address(number, person, billing=True),
        "shipping": _address(number, person, billing=False), "payment_method": "stripe",
        "payment_method_title": "Card (Stripe)", "transaction_id": f"pi_{number:012d}",
        "customer_ip_address": "203.0.113.9", "customer_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "created_via": "checkout", "customer_note": "" if number % 9 else "請小心輕放 🙏",
        "date_completed": stamp if revised else None, "date_paid": placed, "cart_hash": f"{number:032x}",
        "number": str(100_000 + 16 * number),
        "meta_data": [
            {"id": number * 8, "key": "_wc_order_attribution_source_type", "value": "organic"},
            {"id": number * 8 + 1, "key": "_wc_order_attribution_utm_source", "value": "(none)"},
            {"id": number * 8 + 2, "key": "is_vat_exempt", "value": "no"},
        ],
        "line_items": lines,
        "tax_lines": [
            {
                "id": number * 32 + 30, "rate_code": "SE-MOMS-1", "rate_id": 1, "label": "Moms 25 %", "compound": False,
                "tax_total": _money(tax), "shipping_tax_total": "12.25", "rate_percent": 25, "meta_data": [],
            }
        ],
        "shipping_lines": [
            {
                "id": number * 32 + 31, "method_title": "Hemleverans 宅配", "method_id": "flat_rate",
                "instance_id": "1", "total": "49.00", "total_tax": "12.25",
                "taxes": [{"id": 1, "total": "12.25", "subtotal": ""}], "meta_data": [],
            }
        ],
        "fee_lines": [], "coupon_lines": [], "refunds": [], "payment_url": "", "is_editable": False,
        "needs_payment": False, "needs_processing": True, "date_created_gmt": placed, "date_modified_gmt": stamp,
        "date_completed_gmt": stamp if revised else None, "date_paid_gmt": placed, "currency_symbol": "kr",
        "_links": {
            "self": [{"href": f"https://shop.example/wp-json/wc/v3/orders/{100_000 + 16 * number}"}],
            "collection": [{"href": "https://shop.example/wp-json/wc/v3/orders"}],
        },
    }  # fmt: skip
    return Order(msgspec.json.encode(document), len(lines), units, total)


def _line(number: int, place: int, sku: int, title: str, quantity: int, price: int) -> dict[str, Any]:
    tax = (quantity * price + 2) // 4
    return {
        "id": number * 32 + place, "name": title, "product_id": 7_000_000 + sku, "variation_id": 0,
        "quantity": quantity, "tax_class": "", "subtotal": f"{quantity * price / 100:.6f}",
        "subtotal_tax": _money(tax), "total": f"{quantity * price / 100:.6f}", "total_tax": _money(tax),
        "taxes": [{"id": 1, "total": _money(tax), "subtotal": _money(tax)}], "meta_data": [],
        "sku": f"SKU-{sku:05d}", "global_unique_id": "", "price": f"{price / 100:.2f}",
        "image": {"id": str(sku), "src": f"https://shop.example/wp-content/uploads/{sku}.jpg"},
        "parent_name": None, "_tax": tax,
    }  # fmt: skip


def _address(number: int, person: tuple[str, ...], *, billing: bool) -> dict[str, str]:
    given, family, street, city, postal, country, phone = person
    digits = 2_000_000 + number * 7 % 8_000_000
    address = {
        "first_name": given, "last_name": family, "company": "", "address_1": street.format(n=number % 300),
        "address_2": "", "city": city, "state": "", "postcode": postal, "country": country,
        "phone": phone.format(seven=f"{digits:07d}", six=f"{digits % 1_000_000:06d}"),
    }  # fmt: skip
    return address | {"email": f"buyer{number}@example.com"} if billing else address


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


class Listing(NamedTuple):
    """What the shop serves for a span: where each page's body ends in its file, and how many orders there are."""

    since: str
    until: str
    file: str
    orders: int
    ends: list[int]


class Shop(NamedTuple):
    """The whole data set: the lists of the first day, in slices, that of the second, and the truth after each day."""

    folder: Path
    first: list[Listing]
    second: Listing
    truths: tuple[Truth, Truth]

    @property
    def lists(self) -> list[Listing]:
        return [*self.first, self.second]


def build(folder: Path, count: int, slices: int = 1) -> Shop:
    """Write all lists as ready bodies."""
    latest: dict[int, tuple[int, ...]] = {}
    first_day = []
    for place in range(slices):
        since, until = (START + DAY * end / slices for end in (place, place + 1))
        numbers = range(count * place // slices, count * (place + 1) // slices)
        some = (order(number, modified(number, count)) for number in numbers)
        first_day.append(_written(folder, f"first-{place}", since, until, some, latest))
    truth = _truth(latest)
    second_day = _written(folder, "second", START + DAY, START + 2 * DAY, second(count), latest)
    return Shop(folder, first_day, second_day, (truth, _truth(latest)))


def _written(
    folder: Path, name: str, since: datetime, until: datetime, some: Iterator[Order], latest: dict[int, tuple[int, ...]]
) -> Listing:
    ends: list[int] = []
    rows = at = 0
    with (folder / name).open("wb") as out:
        while page := list(islice(some, PAGE)):
            at += out.write(b"[" + b",".join(each.json for each in page) + b"]")
            ends.append(at)
            rows += len(page)
            latest.update((int(each.json[6 : each.json.index(b",")]), each[1:]) for each in page)
    return Listing(since.isoformat(), until.isoformat(), name, rows, ends)


def _truth(latest: dict[int, tuple[int, ...]]) -> Truth:
    return Truth(len(latest), *(sum(column) for column in zip(*latest.values(), strict=True)))
