"""The DAG `heal`: one task that finds what to pull, and the five stages for each span that it finds."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, AssetAlias, Param, get_current_context, task, task_group

from orderflow import config
from orderflow.domain.channel import Channel, demand_possible
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.orchestration import ports, tasks
from orderflow.orchestration.care import BEHIND, DAGS, asked, named
from orderflow.orchestration.window import END, START, given

if TYPE_CHECKING:
    from orderflow.staging.healings import Claim

log = logging.getLogger(__name__)

EVERY = "*/2 * * * *"
RUNS_AT_ONCE = 3
"""A backfill that somebody asked for may take hours; the others go on looking."""
TASKS_AT_ONCE = 2
"""Tasks of one run at once. Together with `RUNS_AT_ONCE` the most workers that healing ever takes."""
HEALED = AssetAlias("orders/healed")
"""Stands for the assets of whichever channel is healed."""

_DOCUMENTATION = """\
Looks every two minutes for what the ledger misses on any channel: windows that never ran (Airflow was down, a DAG was
paused, a channel was renamed, its schedule changed, a row was deleted) and windows that failed for good. Neighbours
become one run, new gaps come before old ones, and everything comes behind the live windows.

| the gap | what happens |
|---|---|
| never ran, failed | pulled by the next look |
| failed again | tried in halves, after 2 minutes, 4, 8 ... 6 hours; from the third time on its owners know |
| in progress, held for a person | left alone |
| older than the account may read | marked as unreachable, never tried again |
| of a channel whose DAG is paused | waits until the DAG is not |

**Backfill.** Trigger this DAG with a channel and a span: what the ledger misses there is pulled; with `again`, all of
it. `orderflow backfill CHANNEL A/B --dry-run` says before what that costs. `orderflow status` names every gap.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: a look does."""
    with DAG(
        dag_id="heal",
        description="Fill what the ledger misses, behind the live windows",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        max_active_runs=RUNS_AT_ONCE,
        max_active_tasks=TASKS_AT_ONCE,
        params=_params(),
        default_args=dict(BEHIND),
        **DAGS,
    ) as dag:

        @task
        def find() -> list[dict[str, Any]]:
            """Name every gap, and claim those that this run fills."""
            return look(include)

        _pull(include, find())
    return dag


def _pull(include: Path, found: Any) -> None:
    """The five stages of each span; what is nearer to its end goes first, all of it after live tasks."""

    @task_group
    def pull(part: dict[str, Any]) -> None:
        @task(multiple_outputs=False, priority_weight=-6, map_index_template="{{ label }}")
        def extract(part: dict[str, Any]) -> dict[str, Any]:
            """Pull the span from the channel and write it down as it came."""
            channel, window = named(include, part["channel"]), _window(part)
            _label(channel.name, window)
            notes = [f"healed: {part['cause']}"]
            return tasks.pull(channel, window, part["run_id"], healing=True, notes=notes)

        @task(multiple_outputs=False, priority_weight=-5, map_index_template="{{ label }}")
        def clean(batch: dict[str, Any]) -> dict[str, Any]:
            """Map the raw records to canonical orders and make them the same for every channel."""
            return tasks.clean(_of(include, batch), batch)

        @task(multiple_outputs=False, priority_weight=-4, map_index_template="{{ label }}")
        def validate(batch: dict[str, Any]) -> dict[str, Any]:
            """Decide order by order what may go on, and whether the batch as a whole is plausible."""
            return tasks.validate(_of(include, batch), batch)

        @task(multiple_outputs=False, priority_weight=-3, outlets=[HEALED], map_index_template="{{ label }}")
        def load_to_staging(batch: dict[str, Any]) -> dict[str, Any]:
            """Write orders, quarantine, outbox and ledger in one transaction."""
            return tasks.load_to_staging(_of(include, batch), batch, alias=HEALED)

        @task(multiple_outputs=False, priority_weight=-2, outlets=[HEALED], map_index_template="{{ label }}")
        def sync_to_oms(batch: dict[str, Any]) -> dict[str, int]:
            """Hand the OMS what it has not got yet, and keep its receipts."""
            return tasks.sync_to_oms(_of(include, batch), batch, include, alias=HEALED)

        sync_to_oms(load_to_staging(validate(clean(extract(part)))))  # type: ignore[arg-type] # XComArgs: Airflow types none

    pull.expand(part=found)


def look(include: Path) -> list[dict[str, Any]]:
    """What this run pulls, as JSON: the span in its Params, or whatever any channel misses now."""
    return [
        {
            "channel": claim.channel,
            START: claim.window.start.isoformat(),
            END: claim.window.end.isoformat(),
            "run_id": claim.run_id,
            "cause": claim.cause,
        }
        for claim in _claims(include)
    ]


def _claims(include: Path) -> list[Claim]:
    from orderflow.orchestration import heal

    context, params = get_current_context(), asked()
    now = datetime.now(UTC)
    with ports.database("orderflow heal") as connection:
        at = heal.Look(connection, heal.TaskScheduler(context["ti"]), now, context["run_id"])
        if name := params.get("channel"):
            channel = named(include, name)
            span = given(channel, params.get(START), params.get(END))
            demand_possible(channel, span, now)
            return heal.asked(at, channel, span, again=bool(params.get("again")))
        if params.get(START) or params.get(END):
            raise ConfigError("a span was given without a channel; name the channel, or leave the span empty")
        return heal.find(at, config.read(include / "channels", now=now).channels)


def _of(include: Path, plain: dict[str, Any] | None) -> Channel:
    """The channel of a batch; names the part after it in the UI."""
    batch = tasks.handed(plain)
    _label(batch.channel, batch.window)
    return named(include, batch.channel)


def _label(name: str, window: Window) -> None:
    get_current_context()["label"] = f"{name} {window}"  # type: ignore[typeddict-unknown-key] # Airflow's own way


def _window(part: dict[str, Any]) -> Window:
    return Window(datetime.fromisoformat(part[START]), datetime.fromisoformat(part[END]))


def _params() -> dict[str, Param]:
    """What somebody asks for; all empty: whatever is missing."""
    return {
        "channel": Param(
            None,
            type=["null", "string"],
            title="Channel",
            description="Pull a span of this channel only. Leave everything empty to look for gaps of all channels.",
        ),
        START: Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window start",
            description="First moment of the span.",
        ),
        END: Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window end",
            description="End of the span, which must lie in the past.",
        ),
        "again": Param(
            False,
            type="boolean",
            title="Pull again",
            description="Pull what the ledger has already, too. Nothing is written twice.",
        ),
    }
