"""Pinduoduo's spelling of amounts and times."""

from __future__ import annotations

from typing import Any

CURRENCY = "CNY"
"""No field says it: amounts are yuan, in orders."""


def time_text(text: Any) -> str | None:
    """`2026-03-09 09:18:40`, which is UTC+8, as ISO 8601; empty means that it has not happened. Else as it stands."""
    if not text:
        return None
    text = str(text)
    return f"{text[:10]}T{text[11:]}+08:00" if len(text) == 19 and text[10] == " " else text
