"""The DAG `upkeep`: what is older than its days goes, and nothing that anybody still waits for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from orderflow.orchestration import ports, settings
from orderflow.orchestration.care import BEHIND, DAGS
from orderflow.orchestration.quality import reports_root

log = logging.getLogger(__name__)

DAILY = "15 3 * * *"
LONGEST = timedelta(hours=4)

_DOCUMENTATION = """\
Removes, every night, what is older than the days given below. Raw landing folders stay as long as an order of theirs
waits in quarantine, or their window is not loaded. Buyers that were forgotten and that a restored backup brought back
go as well. **Trigger it with `dry_run`** to see what would go. Without Airflow:
`orderflow upkeep --dry-run`.
"""
_KEPT = {
    "raw": (90, "Raw landing folders, and raw records of orders that were discarded or superseded"),
    "expectations": (180, "Results of expectations"),
    "reports": (90, "Data-quality reports"),
    "calls": (400, "What calls to channels and the OMS cost"),
    "alerts": (90, "Alerts that are over, and heartbeats"),
}


def build() -> DAG:
    """Reads nothing: a run does."""
    with DAG(
        dag_id="upkeep",
        description="Remove what is old and not needed",
        doc_md=_DOCUMENTATION,
        schedule=DAILY,
        max_active_runs=1,
        params={
            "dry_run": Param(False, type="boolean", title="Dry run", description="Only count what would go."),
            **{
                name: Param(days, type="integer", minimum=1, title=f"Days of {name}", description=f"{what}.")
                for name, (days, what) in _KEPT.items()
            },
        },
        default_args={**BEHIND, "execution_timeout": LONGEST},
        **DAGS,
    ) as dag:

        @task(multiple_outputs=False)
        def expire() -> dict[str, Any]:
            """Remove it, or count it."""
            return run_upkeep()

        expire()
    return dag


def run_upkeep() -> dict[str, Any]:
    """The task `expire`: counts by what was removed."""
    from orderflow.pipeline.expiry import Keep, upkeep
    from orderflow.staging import erasure
    from orderflow.staging import upkeep as rows

    params, now = get_current_context()["params"], datetime.now(UTC)
    dry_run = bool(params["dry_run"])
    with ports.database("orderflow upkeep") as connection:
        gone = upkeep(
            Keep(**{name: params[name] for name in _KEPT}),
            landing=settings.landing_root(),
            reports=reports_root(),
            rows=lambda kind, days: rows.expire(connection, kind, days=days, now=now, dry_run=dry_run),
            forget=partial(erasure.again, connection, dry_run=dry_run),
            needed=rows.needed_landings(connection),
            now=now,
            dry_run=dry_run,
        )
    for kind, each in gone.items():
        word = "would remove" if dry_run else "removed"
        log.info("%s %s count=%d bytes=%d needed=%d", word, kind, each.count, each.bytes, each.kept)
    return {kind: {"count": each.count, "bytes": each.bytes, "kept": each.kept} for kind, each in gone.items()}
