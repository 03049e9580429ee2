"""What people write into an address or a form, as values: a day, a month, a number."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from orderflow.domain.errors import ConfigError

MOST = 2**63 - 1
"""The largest number that the database counts to."""


def day(text: str) -> date:
    """Raises `ConfigError` for what is no day, or one without a day before and behind it in every time zone."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not MINYEAR < found.year < MAXYEAR:
        raise ConfigError(f"{text!r} is no day; write it like 2026-03-01")
    return found


def month(text: str) -> date:
    """Its first day. Raises `ConfigError`."""
    try:
        return day(f"{text}-01")
    except ConfigError:
        raise ConfigError(f"{text!r} is no month; write it like 2026-03") from None


def _number(text: Any) -> int:
    """Raises `ConfigError`."""
    if not (str(text).isascii() and str(text).isdigit() and int(text) <= MOST):
        raise ConfigError(f"{text!r} is no number of anything here; write a whole number like 12")
    return int(text)


Day: TypeAlias = Annotated[date, BeforeValidator(day)]
"""A parameter of a page that is a day; what is none gets our own page that says so, as with `Number`."""
Number: TypeAlias = Annotated[int, BeforeValidator(_number)]
"""A parameter of a page that is a number from 0 up."""
