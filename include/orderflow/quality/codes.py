"""Codes of currencies and countries: what an order can be paid in, and where it can be sent."""

from __future__ import annotations

import pycountry

from orderflow.domain.money import WITHDRAWN

_NO_MONEY = {"XTS", "XXX"}
"""ISO 4217's codes for no currency, and for a test of one."""
_RESERVED = {"AC", "IC", "TA", "XK"}
"""Ascension, the Canary Islands, Tristan da Cunha and Kosovo, as posts, carriers and platforms write them: codes that
ISO 3166 does not list and gives to nobody else."""

CURRENCIES = tuple(sorted({each.alpha_3 for each in pycountry.currencies} - _NO_MONEY | WITHDRAWN))
COUNTRIES = tuple(sorted({each.alpha_2 for each in pycountry.countries} | _RESERVED))
