"""Orders out of nothing: when they arrive, what is in them, and what happens to them, as a function of the seed alone.

Order number n of a shop is drawn from its own generator, seeded with the shop's seed and n, so that any order can be
made without the others and looks the same in every process. Only the arrival times come from one common stream.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from random import Random

import msgspec
from msgspec.structs import replace

from orderflow.sandbox import events
from orderflow.sandbox.order import NOTHING, Code, Item, Order, Pair, Payment, Shipment, price
from orderflow.sandbox.people import address_of, exchanged, priced_unit
from orderflow.sandbox.shop import DAY, Shop
from orderflow.sandbox.vocabulary import BY_CURRENCY, CODES, GATEWAYS, GIFTS, LONG_NOTE, METHODS, NOTES, PRODUCTS, TAGS

INJECTED = 10_000_000
"""Orders put in by hand are numbered from here on."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one order. `late` is how many seconds after `at` the order list shows it."""

    at: int
    change: str
    seed: int
    late: int = 0
    parcel: Shipment | None = None
    """What was sent, where the platform was told so from outside."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One state of one order: from `at` on in truth, from `visible_from` on in the platform's lists.

    `modified_at` is what the platform says; where it is blind to a change it stays behind `at`.
    """

    number: int
    at: int
    modified_at: int
    visible_from: int
    change: str
    order: Order
    defect: str | None = None
    seed: int = 0


class Arrivals:
    """The moments at which a shop's orders are placed, extended as far as anyone asks."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._random = Random(seed_of(shop, "arrivals"))
        self._moments: list[int] = []
        self._live = shop.live_from.timestamp() if shop.live_from else math.inf
        self._next = self._following(shop.start.timestamp(), 1)

    def until(self, moment: int) -> list[int]:
        """Seconds of all arrivals up to and including `moment`; the place in the list is the order's index."""
        if self._shop.ends is not None:
            moment = min(moment, int(self._shop.ends.timestamp()))
        while (coming := self._shop.awake(int(self._next), self._shop.start.timestamp())) <= moment:
            crowd = self._random.randint(3, 25) if self._random.random() < self._shop.bursts else 1
            self._moments += [coming] * crowd
            self._next = self._following(self._next, crowd)
        return self._moments[: bisect_right(self._moments, moment)]

    def _following(self, now: float, crowd: int) -> float:
        """When the next one comes, after a crowd a while later; what would come after `live_from` is drawn anew."""
        rate = self._shop.rate if now < self._live else self._shop.live_rate
        following = now + crowd * self._gap(rate)
        return self._live + self._gap(self._shop.live_rate) if now < self._live <= following else following

    def _gap(self, rate: float) -> float:
        return self._random.expovariate(max(rate, 1e-6) / 3600)


def seed_of(shop: Shop, *parts: object) -> int:
    """A generator's seed out of the shop's seed and what it is for; the same everywhere."""
    text = "\0".join(map(str, (shop.seed, shop.name, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def history(
    shop: Shop,
    index: int,
    placed_at: int,
    kinds: tuple[str, ...] = (),
    extra: Iterable[Event] = (),
    *,
    defect: str | None = None,
    late: int | None = None,
) -> list[Version]:
    """All versions of one order, oldest first: what was planned for it, and the `extra` events put in by hand.

    `kinds` are the defects that may be planted; `defect` plants this one whatever the shop's share. `late` is how many
    seconds after it was placed the order is listed; drawn unless given.
    """
    random = Random(seed_of(shop, index))
    order = _placed(shop, index, placed_at, random)
    plan = _plan(shop, placed_at, random)
    if defect is None and kinds and random.random() < shop.defects:
        defect = random.choice(kinds)
    heals = random.random() < 0.15
    lag = _lag(shop, random)
    first = Event(at=placed_at, change="place", seed=0, late=lag if late is None else late)
    happening = [event for event in plan if shop.ends is None or event.at <= shop.ends.timestamp()]
    versions = _lived(shop, order, first, [*happening, *extra])
    if defect is None:
        return versions
    planned = _lived(shop, order, first, plan) if heals else []
    # By the whole plan, so that neither the shop's end nor what is put in by hand changes what was shown before.
    healed_at = planned[-1].at if len(planned) > 1 else math.inf
    seed = seed_of(shop, index, "defect")
    return [replace(each, defect=defect, seed=seed) if each.at < healed_at else each for each in versions]


def _lived(shop: Shop, order: Order, first: Event, happening: Iterable[Event]) -> list[Version]:
    """The order's versions, oldest first, when these events happen; one that does not apply makes none."""
    versions = [_version(shop, None, first, order)]
    for event in sorted(happening, key=lambda each: each.at):
        change, _ = events.CHANGES[event.change]
        if event.parcel is not None:
            after = events.dispatch(order, event.parcel)
        else:
            after = change(order, Random(event.seed), event.at)
        if after is not None and not order.trashed:
            order = after
            versions.append(_version(shop, versions[-1], event, order))
    return versions


def _version(shop: Shop, before: Version | None, event: Event, order: Order) -> Version:
    if before is None:
        return Version(
            number=0, at=event.at, modified_at=event.at, visible_from=event.at + event.late, change="place", order=order
        )
    moves = events.CHANGES[event.change][1] not in shop.blind
    return Version(
        number=before.number + 1,
        at=event.at,
        modified_at=event.at if moves else before.modified_at,
        visible_from=max(event.at + event.late, before.visible_from),
        change=event.change,
        order=order,
    )


def _placed(shop: Shop, index: int, at: int, random: Random) -> Order:
    currency = random.choice(shop.currencies) if shop.currencies and random.random() < 0.45 else shop.currency
    country = random.choice(BY_CURRENCY[currency])
    address = address_of(country, random)
    other = address if random.random() < 0.8 else address_of(country, random)
    count = random.randint(30, 120) if random.random() < shop.long else min(8, 1 + int(random.expovariate(0.6)))
    items = [_item(n + 1, currency, shop.currency, random) for n in range(count)]
    if random.random() < 0.05:
        items.append(Item(line_id=count + 1, product=random.choice(GIFTS), ordered=1, ever=1, quantity=1, unit=NOTHING))
    method = random.choice(METHODS)
    shipping = Pair(0, 0) if method[0] == "pickup" else priced_unit(PRODUCTS[15], currency, shop.currency)
    number = f"#{1001 + index}" if index < INJECTED else f"#X{index - INJECTED + 1}"
    name = "".join(sign for sign in address.given.lower() if sign.isascii() and sign.isalpha())
    slow = random.random() < 0.08
    order = Order(
        index=index,
        number=number,
        placed_at=at,
        country=country,
        currency=currency,
        shop_currency=shop.currency,
        taxes_included=random.random() < (0.1 if country.code == "US" else 0.7),
        ship_to=address,
        bill_to=other,
        email=f"{name or 'buyer'}.{index}@{random.choice(('kund.test', '例え.test', 'mail.example'))}",
        customer_id=7_000_000 + index % 4_001,
        locale=country.locale,
        note=LONG_NOTE if random.random() < 0.003 else random.choice(NOTES),
        tags=tuple(random.sample(TAGS, random.randint(0, 2))),
        source=random.choice(("web", "web", "web", "pos", "shopify_draft_order")),
        test=random.random() < shop.tests,
        items=tuple(items),
        method=method,
        shipping=shipping,
        tip=exchanged(500, currency, shop.currency) if random.random() < 0.03 else NOTHING,
        code=_code(currency, shop.currency, random) if random.random() < 0.25 else None,
        gateway=("bank_transfer", "Bank 振込") if slow else random.choice(GATEWAYS),
        slow_payment=slow,
        serial=count + 1,
    )
    if slow:
        return order
    if random.random() < 0.12:
        return events.authorize(order, random, at) or order
    buyer, shops = price(order)
    paid = Payment(number=order.serial + 1, kind="sale", amount=Pair(buyer.total, shops.total), at=at)
    return replace(order, payments=(paid,), serial=order.serial + 1, paid_at=at)


def _item(line_id: int, currency: str, shop_currency: str, random: Random) -> Item:
    product = random.choice(PRODUCTS)
    quantity = 1 if random.random() < 0.7 else random.randint(2, 12)
    own_rate = random.choice((100, 250, 333)) if random.random() < 0.12 else 0
    unit = priced_unit(product, currency, shop_currency)
    return Item(
        line_id=line_id,
        product=product,
        ordered=quantity,
        ever=quantity,
        quantity=quantity,
        unit=unit,
        own_rate=own_rate,
    )


def _code(currency: str, shop_currency: str, random: Random) -> Code:
    draw, code = random.random(), random.choice(CODES)
    if draw < 0.6:
        return Code(code=code, rate=random.choice((100, 150, 333)))
    if draw < 0.85:
        return Code(code=code, fixed=exchanged(700, currency, shop_currency))
    return Code(code="FREE-FRAKT", ships_free=True)


def _plan(shop: Shop, placed_at: int, random: Random) -> list[Event]:
    """What is going to happen, as far as the order lets it, be it after the shop's end."""
    planned: list[tuple[float, str]] = [(random.uniform(600, 4 * 3600), "pay")]
    draw = random.random()
    if draw < shop.edits:
        changes = ("change_quantity", "add_line", "remove_line", "change_address", "annotate", "annotate", "touch")
        planned += [(random.uniform(120, 6 * 3600), random.choice(changes)) for _ in range(random.randint(1, 3))]
    if random.random() < shop.cancellations:
        planned.append((random.uniform(300, 12 * 3600), random.choice(("cancel", "cancel", "cancel", "fail"))))
    if random.random() < shop.fulfilments:
        sent = random.uniform(3600, 1.5 * DAY)
        if random.random() < 0.2:
            planned.append((sent - random.uniform(60, 3000), "ship_part"))
        planned += [(sent, "ship"), (sent + random.uniform(DAY, 4 * DAY), "deliver")]
        planned.append((sent + random.uniform(5 * DAY, 9 * DAY), "close"))
    if random.random() < shop.refunds:
        refund = random.choice(("refund_part", "refund_part", "refund_part", "refund_all", "refund_amount"))
        planned.append((random.uniform(3600, 7 * DAY), refund))
    if random.random() < shop.trash:
        planned.append((random.uniform(600, DAY), "trash"))
    happening: list[Event] = []
    at = placed_at
    for after, change in sorted(planned):
        at = max(at + 1, placed_at + int(after * shop.pace))  # never two changes of one order in one second
        awake = shop.awake(at, placed_at)
        happening.append(Event(at=awake, change=change, seed=random.getrandbits(48), late=_lag(shop, random)))
    return happening


def _lag(shop: Shop, random: Random) -> int:
    return random.randint(1, shop.late_by) if shop.late_by and random.random() < shop.late else 0


def moment(when: datetime) -> int:
    """Whole epoch seconds: worlds have the resolution of the platforms' modified times."""
    return int(when.timestamp())
