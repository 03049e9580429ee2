"""Rows as JSON records, exactly, and scalars of JSON as what a column is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Column, types
from sqlalchemy.sql.type_api import TypeEngine

from orderflow.adapters.sql import moments
from orderflow.domain.errors import DriftError


def record(row: Mapping[str, Any]) -> bytes:
    """A row as a JSON object, its columns by their names."""
    return msgspec.json.encode(row)


def value(column: str, found: Any) -> Any:
    """A driver's value as JSON: exact numbers and times as text, binary as Base64, NULL as null.

    Raises `DriftError` for a type that has no form in JSON.
    """
    match found:
        case None | bool() | int() | str() | timedelta() | bytes() | UUID():
            return found
        case Decimal():
            return f"{found:f}" if found.is_finite() else str(found)
        case float():
            return found if math.isfinite(found) else str(found)
        case datetime() | date() | time():
            return found.isoformat()
        case memoryview() | bytearray():
            return bytes(found)
        case list() | tuple():
            return [value(column, each) for each in found]
        case dict():
            return {str(name): value(column, each) for name, each in found.items()}
    raise DriftError(
        f"column {column} holds a {type(found).__name__}, which has no form in JSON; give a view that casts it to text"
    )


def reading(column: Column[Any], dialect: str) -> Callable[[Any], Any]:
    """How a value of this column becomes JSON; the blanks that fill up a CHAR(n) are none of it."""
    if isinstance(column.type, types.CHAR) and dialect != "sqlite":
        return lambda found: found.rstrip(" ") if isinstance(found, str) else value(column.name, found)
    if moments.in_session_zone(column.type, dialect):
        return lambda found: value(column.name, found.replace(tzinfo=UTC) if isinstance(found, datetime) else found)
    return partial(value, column.name)


def inner(found: Any) -> Any:
    """The JSON that a column holds, as it is written there; what is none stays text."""
    text = bytes(found) if isinstance(found, memoryview | bytearray) else found
    if not text or not isinstance(text, str | bytes):
        return text or None
    content = text.encode() if isinstance(text, str) else text
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return content.decode("utf-8", "replace")
    return msgspec.Raw(content)


def comparable(kind: TypeEngine[Any], told: Any) -> Any:
    """A scalar of JSON as a value of a column of this type; None for what such a column cannot hold."""
    if not isinstance(told, str):
        return told
    try:
        if isinstance(kind, types.Integer):
            return int(told)
        if isinstance(kind, types.Numeric):
            return Decimal(told)
        if isinstance(kind, types.DateTime):
            return datetime.fromisoformat(told)
        if isinstance(kind, types.Uuid):
            return UUID(told)
    except (ValueError, InvalidOperation):
        return None
    return told
