"""Places in JSON: dotted paths."""

from __future__ import annotations

from typing import Any

import msgspec

from orderflow.domain.source import JsonValue


def at(body: Any, place: str) -> JsonValue:
    """What stands at a dotted path; None where the path leads nowhere."""
    for name in place.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def text(value: JsonValue) -> str | None:
    """A value as text; what is neither text nor a number as it stands in JSON: `true`, `["one","two"]`."""
    if isinstance(value, bool | list | dict):
        return msgspec.json.encode(value).decode()
    return None if value is None else str(value)
