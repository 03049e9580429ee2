"""`include/alerts.yml` and the calendar beside it: who is told what, when, and which days are like no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orderflow.config.document import Document, parse
from orderflow.config.explain import explained
from orderflow.config.problem import Fault, Problem, dotted
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Routing

ALERTS, CALENDAR = "alerts.yml", "calendar.yml"


def read(include: Path) -> Routing:
    """What the two files of this folder say; a file that is not there says nothing.

    Raises `ConfigError` with everything that is wrong with them, line by line.
    """
    routing, days = _parsed(include / ALERTS), _parsed(include / CALENDAR)
    problems = [
        *_problems(include / ALERTS, routing, routing.value),
        *_problems(include / CALENDAR, days, {"calendar": days.value}),
    ]
    if isinstance(routing.value, dict) and "calendar" in routing.value:
        line = routing.line(("calendar",))
        problems.append(
            Problem(include / ALERTS, line, "calendar", "unknown key 'calendar'", f"days stand in {CALENDAR}")
        )
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    return Routing.model_validate({**(routing.value or {}), "calendar": days.value or []})


def _parsed(path: Path) -> Document:
    return parse(path.read_text("utf-8-sig")) if path.is_file() else Document()


def _problems(path: Path, document: Document, value: Any) -> list[Problem]:
    """What is wrong with one file; `value` is what it says of a `Routing`."""
    if document.faults:
        return [_problem(path, document, fault) for fault in document.faults]
    if document.value is None:
        return []
    try:
        Routing.model_validate(value)
    except ValidationError as error:
        return [_problem(path, document, fault) for fault in explained(error, Routing, document)]
    return []


def _problem(path: Path, document: Document, fault: Fault) -> Problem:
    line = document.line(fault.path) if fault.line is None else fault.line
    return Problem(path, line, dotted(fault.path), fault.message, fault.cure)
