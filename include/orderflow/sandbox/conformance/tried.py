"""What trying one behaviour gave."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, TypeAlias

Left: TypeAlias = Literal["not offered", "not tried"]


class Tried(NamedTuple):
    """`wrong` says what did not hold; `note` what was tried, or why it was `left` out."""

    wrong: list[str]
    note: str
    left: Left | None = None
    facts: Mapping[str, str] = {}
    """What was measured on the way, for the feature table."""


def lost(wanted: Collection[str], found: Collection[str], what: str) -> list[str]:
    """One finding for orders that are missing, one for those that came uninvited."""
    missing, strange = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    told = [f"{what}: {len(missing)} of {len(wanted)} orders are missing: {', '.join(missing[:3])}"] if missing else []
    return told + ([f"{what}: orders that are not there: {', '.join(strange[:3])}"] if strange else [])
