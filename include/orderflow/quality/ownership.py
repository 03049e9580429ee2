"""Who has to act on what waits in quarantine, and which rules a person may let pass for one order."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow.domain.errors import ConfigError
from orderflow.quality.rules import RULES

WAIVABLE = frozenset(code for code, rule in RULES.items() if rule.waivable)
"""Codes of rules that may be waived for one content of one order."""

_OTHERS = {"OMS_REFUSED": "channel team", "UNSTORABLE": "platform developer"}
"""Owners of reasons that are no rules of validation."""

OWNERS = tuple(sorted({*(rule.owner for rule in RULES.values()), *_OTHERS.values()}))


def owners(codes: Iterable[str]) -> list[str]:
    """The teams that own these reasons."""
    return sorted({_owner(code) for code in codes})


def codes_of(owner: str) -> frozenset[str]:
    """The reasons that a team owns; raises `ConfigError` for a team that owns none."""
    if owner not in OWNERS:
        raise ConfigError(f"no rule is owned by {owner!r}; owners are {', '.join(OWNERS)}")
    return frozenset(code for code in {*RULES, *_OTHERS} if _owner(code) == owner)


def _owner(code: str) -> str:
    return RULES[code].owner if code in RULES else _OTHERS.get(code, "platform developer")
