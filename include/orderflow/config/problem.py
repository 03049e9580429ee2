"""What is wrong with a channel file: where, what, and the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Location: TypeAlias = tuple[str | int, ...]
"""The keys (and list positions, from 0) that lead from the top of a file to a value."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at one place of one file. `line` counts from 1; None until somebody looks it up."""

    path: Location
    message: str
    cure: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault with its file. Printed as `file:line  path  message; cure`."""

    file: Path
    line: int
    path: str
    """Dotted, list positions in brackets: `validate.orders_per_window[0]`; empty for the file as a whole."""
    message: str
    cure: str = ""

    def __str__(self) -> str:
        text = "; ".join(part for part in (self.message, self.cure) if part)
        return "  ".join(part for part in (f"{self.file}:{self.line}", self.path, text) if part)


def dotted(path: Location) -> str:
    """`("alerts", 1)` as `alerts[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def split(message: str) -> tuple[str, str]:
    """Message and cure of an error whose text is written `what is wrong; what to do`."""
    said, _, cure = message.partition("; ")
    return said, cure


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'lookback'?`, or the known words, or an empty text when there are none."""
    words = sorted(known)
    if close := closest(word, words):
        return f"did you mean {close!r}?"
    return f"known are {listed(words)}" if words else ""


def closest(word: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The known word that is written most like this one, capitals or not; `alike` is 1 for the same letters."""
    by_small = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=alike)
    return by_small[found[0]] if found else None


def listed(words: Sequence[str]) -> str:
    """The first dozen words, separated by commas."""
    return ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")


def shown(value: object) -> str:
    """A value as a message quotes it: at most 60 characters, and never what stands inside a block."""
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
