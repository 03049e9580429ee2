"""TOP's spelling of lists, times and identifiers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from orderflow.domain.source import Raw

ZONE = timezone(timedelta(hours=8))
"""All times of TOP; written without an offset."""
TIME = "%Y-%m-%d %H:%M:%S"


def time_text(value: Any) -> str | None:
    """`2026-03-09 09:18:40` as ISO 8601 with its offset; anything else as it stands."""
    text = str(value or "")
    if len(text) == 19 and text[10] == " ":
        return f"{text[:10]}T{text[11:]}+08:00"
    return text or None


def deadline_text(value: Any) -> str | None:
    """A deadline that TOP writes as a moment or as a day, which ends at midnight; nothing for any other form."""
    text = str(value or "")
    if len(text) == 10:
        text += " 23:59:59"
    return time_text(text) if len(text) == 19 else None


def moment_text(moment: datetime) -> str:
    """A moment as TOP writes it."""
    return moment.astimezone(ZONE).strftime(TIME)


def id_text(raw: Raw, name: str) -> str:
    """`tid_str` or `oid_str` where TOP sends it, else the number, which is longer than a float can hold."""
    return str(raw.get(f"{name}_str") or raw[name])


def rows(raw: Raw, many: str, one: str) -> list[Raw]:
    """The list `{many: {one: [...]}}`; TOP leaves an empty one out."""
    return (raw.get(many) or {}).get(one) or []
