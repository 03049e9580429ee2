"""Submissions for the tests of ERP targets: orders with data in several scripts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from orderflow.domain.order import Charge, Contact, Discount, Line, Order, Tax
from orderflow.domain.source import Runtime
from orderflow.domain.target import Receipt, Submission, Target, idempotency_key

CHANNEL = "shopee_tw"
TITLES = ["高山烏龍茶 ☕", "تمر مجدول", "Überraschung & Söhne", "שוקולד", "𠮷野家 🍜", "x" * 300]
NAMES = ["王小明", "فاطمة الزهراء", "Zoë O'Neil", "Åsa Öberg", "עמית לוי"]


NETWORK = httpx.HTTPTransport()
"""One for all: making one costs more than a call."""


def runtime(transport: Any = NETWORK, sleep: Callable[[float], None] = time.sleep) -> Runtime:
    return Runtime(clock=lambda: datetime.now(UTC), sleep=sleep, transport=transport)


class Killed(BaseException):
    """The process dies here."""


class Deadly(httpx.BaseTransport):
    """Lets `calls` calls through and dies right after the last one was carried out, before its answer is read."""

    def __init__(self, calls: int, death: Callable[[], BaseException]) -> None:
        self.left, self.death = calls, death

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        response = NETWORK.handle_request(request)
        if self.left == 0:
            response.read()
            raise self.death()
        return response


def submission(number: int, version: int = 1, *, earlier: bool = False, **fields: Any) -> Submission:
    """Order `number` of the channel: 3 x 10.00 and 4.50 shipping, EUR with taxes inside, unless `fields` say else."""
    order = Order(**{"order_id": f"24-{number:05d}", **_plain(number), **fields})
    document = msgspec.to_builtins(order) | {"channel": CHANNEL, "version": version}
    content = msgspec.json.encode(document)
    key = idempotency_key(CHANNEL, order.order_id, version, content)
    return Submission(key, CHANNEL, order.order_id, version, content, earlier)


def taxed_on_top(number: int) -> Submission:
    """An order from New York: 118.25 dollars out of taxes on top, an open discount, a rounding and odd prices."""
    return submission(
        number,
        currency="USD",
        taxes_included=False,
        tax_total="8.25",
        taxes=[Tax(title="NY State", amount="4"), Tax(title="NYC", amount="4.25")],
        lines=[line(1, quantity="3", total="10"), line(2, "SKU-002", quantity="7000", total="100.01")],
        charges=[Charge(kind="gift_wrap", amount="2", total="2")],
        discounts=[Discount(title="優惠", amount="5", allocated="3")],
        rounding="-0.01",
        grand_total="118.25",
        contacts=[person(number, country="US", region="NY")],
    )


def line(number: int = 1, sku: str = "SKU-001", quantity: str = "3", total: str = "30", **fields: Any) -> Line:
    return Line(number=number, sku=sku, title=TITLES[number % len(TITLES)], quantity=quantity, total=total, **fields)


def person(number: int = 1, **fields: Any) -> Contact:
    values = {
        "role": "ship_to",
        "name": NAMES[number % len(NAMES)],
        "email": f"buyer{number}@example.test",
        "phone": "+886912345678",
        "address": [f"信義路五段{number}號", "شقة 4"],
        "city": "臺北市",
        "postal_code": "110",
        "country": "TW",
        "note": "請按門鈴 🔔",
    }
    return Contact(**values | fields)


def settle(target: Target, *submissions: Submission) -> list[Receipt]:
    return list(target.submit(submissions))


def _plain(number: int) -> dict[str, Any]:
    return {
        "order_number": f"#{number}",
        "placed_at": "2026-03-04T05:06:07Z",
        "channel_updated_at": "2026-03-04T05:06:07Z",
        "currency": "EUR",
        "taxes_included": True,
        "tax_total": "5.5",
        "grand_total": "34.5",
        "buyer_id": f"buyer-{number}",
        "lines": [line()],
        "charges": [Charge(kind="shipping", title="宅配", amount="4.5", total="4.5")],
        "contacts": [person(number)],
    }
