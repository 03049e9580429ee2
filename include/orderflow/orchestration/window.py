"""Which window a run answers for: the only place that decides it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pendulum

from orderflow.domain.channel import Channel, demand_possible
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window

START, END = "window_start", "window_end"

SKEW = timedelta(minutes=1)
"""How far this worker's clock may be behind the scheduler's, who says when an interval is over."""


def window_of(channel: Channel, context: Mapping[str, Any], now: datetime) -> Window:
    """The window of the run with this Airflow context; `now` is the current moment, aware.

    Params (or the trigger's conf) `window_start` and `window_end` win, then the run's data interval, then the newest
    whole tick interval before the run. Raises `ConfigError` when a window is half given, before the channel's start,
    or not over yet: what is still to come would count as pulled.
    """
    if asked := _asked_for(context):
        window, slack = given(channel, asked.get(START), asked.get(END)), timedelta(0)
    elif (begin := context.get("data_interval_start")) and begin != context["data_interval_end"]:
        window, slack = Window(_plain(begin), _plain(context["data_interval_end"])), SKEW
    else:
        window, slack = newest(channel, getattr(context.get("dag_run"), "run_after", None) or now), SKEW
    demand_possible(channel, window, now, slack=slack)
    return window


def is_healing(context: Mapping[str, Any]) -> bool:
    """Whether the run catches up instead of following the clock: a backfill, or a window that somebody asked for."""
    return bool(_asked_for(context)) or getattr(context.get("dag_run"), "run_type", None) == "backfill"


def newest(channel: Channel, moment: datetime) -> Window:
    """The newest whole tick interval of the channel that was over at `moment` (aware); the scheduler's own ticks."""
    from airflow.timetables.interval import CronDataIntervalTimetable

    ticks = CronDataIntervalTimetable(channel.schedule.cron, timezone=channel.schedule.timezone)
    interval = ticks.infer_manual_data_interval(run_after=pendulum.instance(moment))
    return Window(_plain(interval.start), _plain(interval.end))


def _plain(moment: datetime) -> datetime:
    """A pendulum moment as a `datetime`: in `datetime.UTC` pendulum's own loses its zone when a span is added."""
    return datetime.fromisoformat(moment.isoformat())


def _asked_for(context: Mapping[str, Any]) -> dict[str, object]:
    """What the Params or the trigger's conf say of the window; empty when they say nothing."""
    given = {**context.get("params", {}), **(getattr(context.get("dag_run"), "conf", None) or {})}
    return {name: given[name] for name in (START, END) if given.get(name)}


def given(channel: Channel, start: object, end: object) -> Window:
    """The window of the Params; both ends must be there, in ISO 8601 with an offset."""
    missing = START if not start else END if not end else None
    if missing:
        raise ConfigError(
            f"{channel.name}: the run was given only one end of its window, {missing} is missing; give both, or none "
            "for the run's own interval"
        )
    try:
        return Window(datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end)))
    except ValueError as error:
        raise ConfigError(
            f"{channel.name}: {START}={start!r}, {END}={end!r} are not two ISO 8601 moments; "
            "write them like 2026-03-01T00:00:00Z"
        ) from error
