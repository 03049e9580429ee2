"""Codes of currencies and countries: what an order can be paid in, and where it can be sent."""

from __future__ import annotations

import pycountry

_WITHDRAWN = {
    "ANG", "AZM", "BGN", "BYR", "CSD", "CUC", "CYP", "EEK", "GHC", "HRK", "LTL", "LVL", "MRO", "MTL", "MZM", "ROL",
    "SDD", "SIT", "SKK", "SLL", "SRG", "STD", "TMM", "TRL", "VEB", "VEF", "ZMK", "ZWD", "ZWL", "ZWR",
}  # fmt: skip
"""ISO 4217, list three: no state has them any more, orders of earlier years and their refunds do."""
_NO_MONEY = {"XTS", "XXX"}
"""ISO 4217's codes for no currency, and for a test of one."""
_RESERVED = {"AC", "IC", "TA", "XK"}
"""Ascension, the Canary Islands, Tristan da Cunha and Kosovo, as posts, carriers and platforms write them: codes that
ISO 3166 does not list and gives to nobody else."""

CURRENCIES = tuple(sorted({each.alpha_3 for each in pycountry.currencies} - _NO_MONEY | _WITHDRAWN))
COUNTRIES = tuple(sorted({each.alpha_2 for each in pycountry.countries} | _RESERVED))
