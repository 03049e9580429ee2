"""Phones: E.164, by the rules of `phonenumbers`.

`phonenumbers` needs some 15 microseconds for a number, which is more than the rest of cleaning an order. So the plain
majority takes a short way that uses the library's own patterns and is taken only where it gives the library's answer:
digits and common separators, nothing in front of the national number but the national prefix.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata

_SEPARATORS = str.maketrans("", "", " -.()")


class _Plan(NamedTuple):
    """Numbering plan of a region: what a national number is, and what may stand in front of one."""

    code: str
    national: re.Pattern[str]
    prefix: re.Pattern[str] | None
    leaving: re.Pattern[str]
    """A number that begins with the country's own code or with the prefix for calls abroad."""


@functools.cache
def _plan(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    national = metadata and metadata.general_desc and metadata.general_desc.national_number_pattern
    if not metadata or not national:
        return None
    code, prefix = str(metadata.country_code), metadata.national_prefix_for_parsing
    return _Plan(
        code,
        re.compile(national),
        re.compile(prefix) if prefix else None,
        re.compile("|".join(filter(None, (code, metadata.international_prefix)))),
    )


@functools.cache
def _calling_code(digits: str) -> tuple[str, str] | None:
    """The calling code at the head of these digits, and its main region."""
    for length in (1, 2, 3):
        if regions := COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length])):
            return digits[:length], regions[0]
    return None


def _short_way(text: str, region: str | None) -> str | None:
    bare = text.translate(_SEPARATORS)
    digits = bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        return None
    if not bare.startswith("+"):
        plan = _plan(region) if region else None
        return _national(digits, plan) if plan and not plan.leaving.match(digits) else None
    called = _calling_code(digits[:3])
    plan = _plan(called[1]) if called else None
    if not called or not plan or plan.code != called[0]:
        return None
    spelled = _national(digits[len(plan.code) :], plan)
    return spelled if spelled == bare else None


def _national(digits: str, plan: _Plan) -> str | None:
    """The E.164 form of a number of this plan, where its prefix is a plain one or missing."""
    prefix = plan.prefix and plan.prefix.match(digits)
    if prefix:
        if prefix.lastindex or not prefix.end():
            return None
        digits = digits[prefix.end() :]
    return f"+{plan.code}{digits}" if plan.national.fullmatch(digits) else None


def _long_way(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    spelled: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{spelled};ext={number.extension}" if number.extension else spelled


def phone(text: str, region: str | None) -> str:
    """The number as E.164, with an extension behind it as `;ext=`.

    A number without a country code is one of `region` (alpha-2). What is no possible number, or is masked with
    asterisks, stays as it is.
    """
    if "*" in text:
        return text
    return _short_way(text, region) or _long_way(text, region)
