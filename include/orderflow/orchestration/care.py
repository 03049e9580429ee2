"""What the DAGs that look after channels share: settings, what a run was asked for, the channels it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from airflow.sdk import get_current_context

from orderflow import config
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.orchestration.dag import AFTER_A_KILL, LONGEST_TASK
from orderflow.orchestration.retry import RETRIES, ErrorTreeRetryPolicy

DAGS: Mapping[str, Any] = MappingProxyType(
    {
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "is_paused_upon_creation": False,
        "tags": ("orderflow",),
    }
)
"""What all of them say: they run from the first start on, and never for a time that is over."""

TASKS: Mapping[str, Any] = MappingProxyType(
    {
        "owner": "orderflow",
        "retries": RETRIES,
        "retry_policy": ErrorTreeRetryPolicy(),
        "retry_delay": AFTER_A_KILL,
        "execution_timeout": LONGEST_TASK,
    }
)
"""`default_args` of their tasks."""

BEHIND: Mapping[str, Any] = MappingProxyType({**TASKS, "weight_rule": "absolute", "priority_weight": -1})
"""The same for tasks that any task of a channel's own run goes before."""


def asked() -> dict[str, Any]:
    """The Params of this run, with what its trigger's conf says instead."""
    context = get_current_context()
    return {**context["params"], **(context["dag_run"].conf or {})}


def named(include: Path, name: str) -> Channel:
    """One channel by its name; raises `ConfigError` with everything that is wrong with its file."""
    found = config.read(include / "channels", now=datetime.now(UTC), only=name)
    if found.channels:
        return found.channels[0]
    known = sorted(path.stem for path in (include / "channels").glob("*.yml"))
    raise ConfigError(
        "\n".join(map(str, found.problems))
        or f"there is no channel {name!r}; known are {', '.join(known) or 'none yet'}"
    )


def chosen(include: Path, due: Callable[[Channel], bool]) -> list[str]:
    """The channel of the Params, or the names of all that are `due` and whose DAG is not paused."""
    from orderflow.orchestration.heal import TaskScheduler

    if name := asked().get("channel"):
        return [named(include, name).name]
    scheduler = TaskScheduler(get_current_context()["ti"])
    found = config.read(include / "channels", now=datetime.now(UTC)).channels
    return [each.name for each in found if due(each) and not scheduler.paused(f"orders.{each.name}")]
