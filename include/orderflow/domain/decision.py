"""What people decided about single orders, as the stages are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Edit:
    """One value that a person corrected; it is applied again to every later version until it is withdrawn.

    `path` leads into the canonical order as its mapping gives it: `currency`, `lines.2.sku`, `contacts.1.postal_code`
    (parts are counted from 1). `value` is text as the channel would have written it; None empties the field.
    """

    path: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Waiver:
    """Rules that a person let pass for one order; with a `content_hash` for this content of it only."""

    codes: frozenset[str]
    content_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that holds for a channel now, by order id."""

    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict)
    waived: Mapping[str, Waiver] = field(default_factory=dict)
