"""How a stage tells what it is doing, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""`progress(stage, done, total)`: orders done so far, and how many there will be (None: not known yet)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""
