"""Who orders, from where, and at what price: the parts of a new order that are drawn from the vocabulary."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from random import Random
from string import ascii_uppercase

from orderflow.domain.money import exponent
from orderflow.sandbox.order import Address, Pair
from orderflow.sandbox.vocabulary import RATES, Country, Product

_COMPANIES = ("", "", "", "", "Öl & Söhne GmbH", "株式会社 例", "شركة المثال", "")
_EXTRAS = ("", "", "", "lgh 1304", "c/o Ek", "3F 右側", "🔔 2×")


def filled(pattern: str, random: Random) -> str:
    """`pattern` with a digit for every `#` and a capital letter for every `@`."""
    draw = {"#": lambda: str(int(random.random() * 10)), "@": lambda: ascii_uppercase[int(random.random() * 26)]}
    return "".join(draw[sign]() if sign in draw else sign for sign in pattern)


def address_of(country: Country, random: Random) -> Address:
    given, family = random.choice(country.people)
    city, region = random.choice(country.cities)
    return Address(
        given=given,
        family=family,
        company=random.choice(_COMPANIES),
        street=filled(random.choice(country.streets), random),
        extra=random.choice(_EXTRAS),
        city=city,
        region=region,
        postcode=filled(country.postcode, random),
        country=country.code,
        country_name=country.name,
        phone=filled(country.phone, random),
    )


@lru_cache(maxsize=4096)
def priced_unit(product: Product, currency: str, shop_currency: str) -> Pair:
    """The product's unit price in both currencies; the shop's price is the base, the buyer's follows from it."""
    shop = in_minor(Fraction(product.cents, 100) * RATES[shop_currency], shop_currency)
    return exchanged(shop, currency, shop_currency)


def exchanged(shop: int, currency: str, shop_currency: str) -> Pair:
    """An amount of the shop's minor units with its counterpart in the buyer's currency."""
    if currency == shop_currency:
        return Pair(shop, shop)
    value = Fraction(shop, 10 ** exponent(shop_currency)) * RATES[currency] / RATES[shop_currency]
    return Pair(in_minor(value, currency), shop)


def in_minor(value: Fraction, currency: str) -> int:
    """The value in whole minor units; prices in Taiwan dollars have no cents in practice."""
    if currency == "TWD":
        return 100 * round(value)
    units: int = round(value * 10 ** exponent(currency))
    return units
