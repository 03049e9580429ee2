"""Lazada's spelling of times."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(text: str | None) -> str | None:
    """`2026-03-09 09:18:40 +0800`, or milliseconds since 1970 as text, as ISO 8601; anything else as it stands."""
    if not text:
        return None
    if len(text) == 25 and text[19] == " ":
        return f"{text[:10]}T{text[11:19]}{text[20:23]}:{text[23:]}"
    if len(text) == 13 and text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC).isoformat()
    return text
