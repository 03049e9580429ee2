"""The ends of a window as a column of time spells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import types
from sqlalchemy.sql.type_api import TypeEngine

from orderflow.adapters.sql.options import Clock
from orderflow.domain.errors import DriftError
from orderflow.domain.window import Window

_SQLITE = "%Y-%m-%d %H:%M:%S"
"""SQLite has no type for times; its own functions write them so (sqlite.org, "Date And Time Functions")."""
_SECOND = timedelta(seconds=1)
BEFORE_ALL = Window(datetime(1970, 1, 2, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC))
"""What lies before its end is no time of an order, but what stands for none."""


def ends(clock: Clock, kind: TypeEngine[Any], dialect: str, window: Window) -> tuple[Any, Any]:
    """The window's start and end for `column >= start AND column < end`.

    Never narrower than the window: the end goes up to the next whole second where the column keeps none smaller, and
    both ends go apart by what a clock without zone is put back within the window.
    Raises `DriftError` where the column's type is none that `form` can be compared with.
    """
    form = _SQLITE if clock.form == "time" and dialect == "sqlite" else clock.form
    if form in {"epoch", "epoch_ms"}:
        _demand(clock, kind, isinstance(kind, types.Numeric | types.Integer), "a number")
        scale = 1000 if form == "epoch_ms" else 1
        return _floor(window.start, scale), -(-_micros(window.end) * scale // 1_000_000)
    if form != "time":
        _demand(clock, kind, dialect == "sqlite" or isinstance(kind, types.String), "text")
        start, end = _local(clock, window)
        whole = end if "%f" in form or not end.microsecond else end.replace(microsecond=0) + _SECOND
        return start.strftime(form), whole.strftime(form)
    _demand(clock, kind, isinstance(kind, types.DateTime), "a time with its day")
    if getattr(kind, "timezone", False) or type(kind).__name__ == "DATETIMEOFFSET":
        return window.start, window.end
    if in_session_zone(kind, dialect):
        return _local(clock.model_copy(update={"timezone": "UTC"}), window)
    return _local(clock, window)


def in_session_zone(kind: TypeEngine[Any], dialect: str) -> bool:
    """Whether the database keeps such times in UTC and tells them in the session's zone: TIMESTAMP of MySQL does.

    https://dev.mysql.com/doc/refman/8.4/en/datetime.html
    """
    return dialect in {"mysql", "mariadb"} and isinstance(kind, types.TIMESTAMP)


def _local(clock: Clock, window: Window) -> tuple[datetime, datetime]:
    """Both ends on the column's clock, without zone.

    Where that clock is put back within the window, an hour has two meanings: the ends then hold both.
    """
    zone = ZoneInfo(clock.timezone)
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    back = max((start.utcoffset() or timedelta()) - (end.utcoffset() or timedelta()), timedelta())
    return start.replace(tzinfo=None) - back, end.replace(tzinfo=None) + back


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _floor(moment: datetime, scale: int) -> int:
    return _micros(moment) * scale // 1_000_000


def _demand(clock: Clock, kind: TypeEngine[Any], fits: bool, wanted: str) -> None:
    if not fits:
        raise DriftError(
            f"column {clock.column} is of type {kind}, and form {clock.form!r} wants {wanted}; write the form that "
            "fits (time, epoch, epoch_ms, or the signs of strftime), or name another column"
        )
