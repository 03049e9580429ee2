"""A window as WooCommerce's filters understand it.

Both bounds are exclusive and tick in seconds, so the lower one is a second earlier. With `dates_are_gmt=true` a value
without offset is compared with the GMT columns as it stands, except that PHP first reads it in the site's time zone: a
wall time that does not exist there, because clocks went forward over it, moves ahead by the gap, and the rows between
are lost (WordPress, `class-wp-date-query.php`, `build_mysql_datetime`). Two hours earlier is out of reach of any gap,
which is at most two hours long.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from orderflow.domain.window import Window

WIDEST_GAP = timedelta(hours=2)
_NIGHT = frozenset({22, 23, 0, 1, 2, 3})
_GAP_DAYS = frozenset({4, 5, 6})
"""Friday to Sunday; with `_NIGHT` every gap that any zone of the tz database has from 2024 to 2033."""


def between(kind: Literal["modified", "created"], window: Window, zone: str | None) -> dict[str, str]:
    """The parameters for orders modified or created within `window`; `zone` is the site's, where it is known."""
    prefix = "modified_" if kind == "modified" else ""
    start, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (window.start, window.end))
    after = start.replace(microsecond=0) - timedelta(seconds=1)
    if _may_not_exist(after, zone):
        after -= WIDEST_GAP
    before = end.replace(microsecond=0) + timedelta(seconds=end.microsecond > 0)
    return {f"{prefix}after": after.isoformat(), f"{prefix}before": before.isoformat(), "dates_are_gmt": "true"}


def _may_not_exist(wall: datetime, zone: str | None) -> bool:
    """Whether clocks skip this wall time, in the zone, or in some zone when it is not known."""
    if zone is None:
        return wall.weekday() in _GAP_DAYS and wall.hour in _NIGHT
    there = wall.replace(tzinfo=ZoneInfo(zone))
    return there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != wall
