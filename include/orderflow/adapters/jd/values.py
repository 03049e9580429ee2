"""JD's spelling of times and codes."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_NEVER = ("0001-", "1970-")
"""How the placeholders begin that stand for no time."""


def time_text(text: Any) -> str | None:
    """`2026-03-09 09:18:40`, which is Beijing's time, as ISO 8601; None for a placeholder; anything else as it is."""
    if not text or str(text).startswith(_NEVER):
        return None
    match = _TIME.fullmatch(str(text))
    return f"{match[1]}T{match[2]}+08:00" if match else str(text)


def code_of(text: Any) -> str:
    """The number before the words: `4` of `4-在线支付`."""
    return str(text or "").partition("-")[0].strip()
