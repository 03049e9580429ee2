"""Amounts and times of JSON platforms in our spelling: what the mappings of several adapters share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from orderflow.domain.errors import RecordError
from orderflow.domain.money import AMOUNT, decimal
from orderflow.domain.source import Raw


def amount_text(value: Any) -> str | None:
    """An amount as it stands; None where there is none."""
    return None if value is None or value == "" else str(value)


def amount(value: Any) -> Decimal:
    """An amount to calculate with; where there is none, nothing. Raises `RecordError` for what is no number."""
    if value is None or value == "":
        return Decimal(0)
    return decimal(str(value) if isinstance(value, (str, int)) else type(value).__name__)


def total_of(values: Iterable[Any]) -> Decimal:
    return sum(map(amount, values), Decimal(0))


def sum_text(values: Iterable[Any]) -> str:
    return f"{total_of(values):f}"


def epoch_text(seconds: Any) -> str | None:
    """Epoch seconds as ISO text; 0 and null mean that it has not happened. What is no such number stays as it is."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return str(seconds)


def located(error: RecordError, record: Any) -> RecordError:
    """The same refusal, and of an amount that is none its path in the record: looked for only where one is refused.

    It is the first place that holds the value; one below the field that the error names goes before others.
    """
    if error.code != "AMOUNT_MALFORMED":
        return error
    places = [path for path, _, value in _members(record, "") if str(value) == error.value]
    named = [path for path in places if error.field in re.split(r"[.\[]", path)]
    return RecordError("AMOUNT_MALFORMED", next(iter(named or places), error.field), error.value, error.message)


def unread(record: Any, is_amount: Callable[[str, Raw], bool]) -> RecordError | None:
    """Why arithmetic failed on a record: its first amount that is no number, else the first that is not there.

    `is_amount` is asked of a name and of the object that it stands in. None where every amount is fine.
    """
    members = _members(msgspec.to_builtins(record), "")
    found = [(path, value) for path, inside, value in members if is_amount(path.rpartition(".")[2], inside)]
    for path, value in found:
        told = str(value) if isinstance(value, (str, int)) else type(value).__name__
        if value not in (None, "") and not AMOUNT.fullmatch(told):
            return RecordError(
                "AMOUNT_MALFORMED", path, told[:40], "an amount is digits with at most one decimal point"
            )
    lacking = next((path for path, value in found if value in (None, "")), None)
    return (
        RecordError("AMOUNT_MISSING", lacking, None, "an order of this platform has this amount") if lacking else None
    )


def _members(value: Any, path: str) -> Iterator[tuple[str, Raw, Any]]:
    """Every member of every object inside, with its path and the object."""
    if isinstance(value, list):
        for place, each in enumerate(value):
            yield from _members(each, f"{path}[{place}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            here = f"{path}.{name}" if path else str(name)
            yield here, value, each
            yield from _members(each, here)
