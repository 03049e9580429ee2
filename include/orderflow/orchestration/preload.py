"""What tasks and DAG files need is imported once, by the process from which theirs are forked.

LocalExecutor forks every task from a worker, which is forked from the scheduler, and the DAG processor forks every
parse. What these two have in memory their children need not import again, which is most of a short task's CPU. Airflow
calls `on_starting` in both before they fork. Modules are imported, and the certificates read that are trusted: no
connection, client or pool of ours is open then. Where tasks are not forked from the scheduler (Celery, Kubernetes), or
where an import fails, which Airflow logs, each task imports what it needs by itself. New code is seen when scheduler
and DAG processor start again.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys

from airflow.listeners import hookimpl

DAGS = ("dag", "fulfil", "heal_dag", "hints", "quality", "reconcile", "replay", "review", "sweep", "upkeep", "watch")
"""Modules of `orderflow.orchestration` that DAG files import; each of them with the adapters of its channels."""
STAGES = ("oms", "pipeline", "quality", "staging")
"""Packages that tasks import from."""
LATE = ("pandera.backends.pandas.builtin_checks", "pyarrow.acero", "pyarrow.dataset")
"""Modules of libraries that are imported by their first use."""


@hookimpl
def on_starting() -> None:
    """Airflow's listener. Every component calls it, and every task, for which all is done already."""
    import_for(*sys.argv[1:2])


@functools.cache
def import_for(command: str = "") -> None:
    """Import what the children of this Airflow command need; once, and remembered across forks."""
    if command in {"scheduler", "dag-processor"}:
        for name in DAGS:
            importlib.import_module(f"orderflow.orchestration.{name}")
        _import_all("adapters")
    if command == "scheduler":
        for name in STAGES:
            _import_all(name)
        for name in LATE:
            importlib.import_module(name)
        importlib.import_module("orderflow.wire").trusted()


def _import_all(name: str) -> None:
    package = importlib.import_module(f"orderflow.{name}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
