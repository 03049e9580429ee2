"""`include/alerts.yml` and the calendar beside it: who is told what, when, and which days are like no other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ValidationError

from orderflow.config.document import Document, WrongFileError, parse, text_of
from orderflow.config.explain import explained, secrets
from orderflow.config.problem import Fault, Problem, nearest
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Day, Routing, Special

log = logging.getLogger(__name__)

ALERTS, CALENDAR = "alerts.yml", "calendar.yml"
CONNECTION = "orderflow_alerts"
"""Airflow connection whose extra fields name the ways out."""


def read(include: Path) -> Routing:
    """What the two files of this folder say; a file that is not there says nothing.

    Raises `ConfigError` with everything that is wrong with them, line by line.
    """
    told, special = _parsed(include / ALERTS), _parsed(include / CALENDAR)
    if found := _wrong(include, told, special):
        raise ConfigError("\n".join(map(str, found)))
    return _routing(told, special)


def special_days(include: Path, channel: str) -> dict[date, Special]:
    """Days like no other for this channel, by their kind; none where a file is wrong, which `problems` tells."""
    try:
        routing = read(include)
    except ConfigError as error:
        log.warning("calendar left out: %s", error)
        return {}
    kinds: tuple[Special, ...] = ("sale", "holiday")
    return {day: kind for kind in kinds for day in routing.special(channel, kinds=[kind])}


def problems(include: Path) -> list[Problem]:
    """Everything that is wrong with the two files of this folder; secrets as well, with which they can be read."""
    told, special = _parsed(include / ALERTS), _parsed(include / CALENDAR)
    hidden = secrets(told.value, CONNECTION)
    return [*_wrong(include, told, special), *told.problems(include / ALERTS, hidden)]


def warnings(include: Path, channels: Sequence[Channel]) -> list[Problem]:
    """Owners and channels that the two files (which are right) name, and none of all `channels` is."""
    told, special = _parsed(include / ALERTS), _parsed(include / CALENDAR)
    routing, names = _routing(told, special), {channel.name for channel in channels}
    owners = {channel.owner.partition("<")[0].strip() for channel in channels}
    unheard = [
        Fault(("routes", number, "owner"), f"no channel's owner is {route.owner!r}", nearest(route.owner, owners))
        for number, route in enumerate(routing.routes)
        if route.owner is not None and route.owner not in owners
    ]
    unseen = [
        Fault((number, "channels", place), f"there is no channel {name!r}", nearest(name, names))
        for number, day in enumerate(routing.calendar)
        for place, name in enumerate(day.channels)
        if name not in names
    ]
    return [*told.problems(include / ALERTS, unheard), *special.problems(include / CALENDAR, unseen)]


def _parsed(path: Path) -> Document:
    """The file; an empty one where there is none, unless it has an ending that nobody reads."""
    if not path.exists():
        other = path.with_suffix(".yaml")
        unread = Fault((), f"there is only {other.name}, which nobody reads", f"rename it to {path.name}")
        return Document(faults=[unread] if other.exists() else [])
    try:
        return parse(text_of(path))
    except WrongFileError as error:
        return Document(faults=[error.fault])


def _routing(told: Document, special: Document) -> Routing:
    return Routing.model_validate({**(told.value or {}), "calendar": special.value or []})


def _wrong(include: Path, told: Document, special: Document) -> list[Problem]:
    """What keeps them from being read."""
    wrong = _faults(told, Routing, told.value)
    if isinstance(told.value, dict) and "calendar" in told.value:
        wrong = [Fault(("calendar",), "unknown key 'calendar'", f"days stand in {CALENDAR}"), *wrong]
    days = _faults(special, Day, {"calendar": special.value})
    return [*told.problems(include / ALERTS, wrong), *special.problems(include / CALENDAR, days)]


def _faults(document: Document, model: type[BaseModel], value: object) -> list[Fault]:
    """What is wrong with one file, which says `value` of a `Routing`; `model` is what stands in its blocks."""
    if document.value is None:
        return document.faults
    try:
        Routing.model_validate(value)
    except ValidationError as error:
        return [*document.faults, *explained(error, model, document)]
    return document.faults
