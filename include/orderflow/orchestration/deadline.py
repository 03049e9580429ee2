"""From when a run's deadline counts: since it was queued, as Airflow's own `DAGRUN_QUEUED_AT`.

Airflow 3.3 moves a deadline of its own reference when a task is cleared, and fails at it (the interval is stored as a
dictionary and taken for a number): nobody could clear a task of a run within its deadline, HTTP 500. It leaves alone a
reference of ours, which the plugin registers: a run that is cleared keeps the deadline that it had.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference


class QueuedAt(BaseDeadlineReference):
    """When the run was queued first."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
        """Asked by whoever creates the run: scheduler or API server."""
        from airflow.serialization.definitions.deadline import SerializedReferenceModels

        own = SerializedReferenceModels.DagRunQueuedAtDeadline()  # type: ignore[no-untyped-call] # Airflow's own
        return own.evaluate_with(session=session, interval=timedelta(0), dag_id=dag_id, run_id=run_id)
