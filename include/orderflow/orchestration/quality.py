"""The DAG `quality`: expectations on staged orders, and the data-quality report."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    get_current_context,
    get_parsing_context,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

from orderflow import config
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, OrderflowError
from orderflow.domain.window import Window
from orderflow.orchestration import assets, ports, settings
from orderflow.orchestration.care import BEHIND, DAGS

log = logging.getLogger(__name__)

DAILY = "30 1 * * *"
"""In UTC: the day before is over in Europe, Africa and Asia; the Americas' is taken as far as it goes."""
REPORTS = "ORDERFLOW_REPORTS"
"""Environment variable with the folder of reports; else `reports` in ORDERFLOW_HOME, else in AIRFLOW_HOME."""
LONGEST = timedelta(hours=2)

_DOCUMENTATION = """\
Looks at staged orders by SQL, every night, and after a load where the channel file says
`validate: {expectations: {after_load: true}}`. It describes and warns; it holds nothing back.

| task | what |
|---|---|
| `check` | Great Expectations: the canonical contract and the channel's own expectations, over one day's orders |
| `report` | the data-quality report: HTML pages that need nothing but a browser, with CSV and Parquet beside them |

**On demand:** trigger it with a channel, a day, or both. Without Airflow: `orderflow expectations`, `orderflow report`.
"""


class Check(NamedTuple):
    """One day of one channel to look at."""

    channel: Channel
    day: date


def build(include: Path) -> DAG:
    """Reads the channel files to know after whose loads it runs; not in a worker, where that is decided already."""
    with DAG(
        dag_id="quality",
        description="Check what is expected of staged orders, and write the data-quality report",
        doc_md=_DOCUMENTATION,
        schedule=_schedule(include),
        max_active_runs=1,
        params=_params(),
        default_args={**BEHIND, "execution_timeout": LONGEST},
        **DAGS,
    ) as dag:

        @task(multiple_outputs=False)
        def check() -> dict[str, Any]:
            """Ask the database what is expected of each channel's day, and keep the answers."""
            return run_checks(include)

        @task(trigger_rule="all_done")
        def report() -> str:
            """Write the report's pages and tables."""
            return write_report(include)

        check() >> report()
    return dag


def run_checks(include: Path) -> dict[str, Any]:
    """The task `check`. One channel that cannot be checked does not keep the others from it."""
    from orderflow.quality.expectations.checkpoint import check
    from orderflow.staging import expectations as shelf

    context, now = get_current_context(), datetime.now(UTC)
    asked_by = _asked_by(context)
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for channel, day in _checks(context, config.read(include / "channels").channels, now):
        try:
            run = check(
                channel, settings.staging_dsn(), day, now=now, run_id=context["run_id"], asked_by=asked_by,
            )  # fmt: skip
            with ports.database("orderflow quality") as connection:
                shelf.keep(connection, run)
        except ConfigError as error:
            wrong.append(f"{channel.name}: {error}")
            continue
        found[f"{channel.name} {day}"] = {"orders": run.orders, "expected": len(run.results), "failed": run.failed}
        for each in run.results:
            if not each.success:
                log.warning(
                    "expectation not met channel=%s day=%s %r unexpected=%d of=%d %s",
                    channel.name, day, each.meaning, each.unexpected, each.evaluated, each.error or "",
                )  # fmt: skip
    if wrong:
        raise ConfigError("; ".join(wrong))
    return found


def write_report(include: Path) -> str:
    """The task `report`; returns the page's path. A channel that cannot be read is left out, and said."""
    from orderflow.pipeline.trial import try_cures
    from orderflow.quality.report import writing
    from orderflow.quality.report.figures import figures
    from orderflow.staging import quarantine
    from orderflow.staging.vault import Vault

    context, now = get_current_context(), datetime.now(UTC)
    if _asked_by(context) == "load":
        raise AirflowSkipException("a load asked for expectations only; the report is written every night")
    params = context["params"]
    channels = _chosen(config.read(include / "channels").channels, params.get("channel"))
    last = date.fromisoformat(params["day"]) if params.get("day") else now.date() - timedelta(days=1)
    vault = Vault.parse(settings.vault_key())
    found = []
    with ports.database("orderflow report") as connection:
        for channel in channels:
            try:
                each = figures(connection, channel, last=last, days=params["days"], now=now)
                mapped = ports.skus(channel) if channel.clean.sku == "mapped" else None
                try_cures(
                    each, channel, connection, raws=lambda row: quarantine.raw(connection, vault, row), skus=mapped
                )
            except ConfigError as error:
                log.warning("channel left out of the report channel=%s: %s", channel.name, error)
                continue
            found.append(each)
    root = reports_root()
    root.mkdir(parents=True, exist_ok=True)
    folder = writing.write(root, writing.name_of(last, params["days"], params.get("channel")), found, made_at=now)
    log.info("report written page=%s channels=%d", folder / "index.html", len(found))
    return str(folder / "index.html")


def reports_root() -> Path:
    """Where reports lie: `ORDERFLOW_REPORTS`, else beside everything else of Orderflow or of Airflow."""
    given = os.environ.get(REPORTS)
    home = os.environ.get("ORDERFLOW_HOME") or os.environ.get("AIRFLOW_HOME") or "~/airflow"
    return Path(given or f"{home}/reports").expanduser()


def _schedule(include: Path) -> Any:
    daily = CronTriggerTimetable(DAILY, timezone="UTC")
    if get_parsing_context().dag_id:
        return daily
    asking = [
        assets.staged(channel.name)
        for channel in config.read(include / "channels").channels
        if channel.validate_.expectations.after_load
    ]
    return AssetOrTimeSchedule(timetable=daily, assets=reduce(or_, asking)) if asking else daily


def _params() -> dict[str, Param]:
    return {
        "channel": Param(
            None, type=["null", "string"], title="Channel", description="Leave empty for all channels."
        ),
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Orders created on this day, in the channel's time zone. Leave empty for the last whole day.",
        ),
        "days": Param(7, type="integer", minimum=1, maximum=92, title="Days", description="How many days to report."),
    }  # fmt: skip


def _asked_by(context: Mapping[str, Any]) -> Literal["schedule", "person", "load"]:
    if context.get("triggering_asset_events"):
        return "load"
    return "person" if getattr(context.get("dag_run"), "run_type", None) == "manual" else "schedule"


def _checks(context: Mapping[str, Any], channels: Sequence[Channel], now: datetime) -> list[Check]:
    """What this run looks at: what was loaded, what somebody asked for, or the last whole day of every channel."""
    if events := context.get("triggering_asset_events"):
        return _loaded(events, channels)
    params = context["params"]
    day = date.fromisoformat(params["day"]) if params.get("day") else None
    return [Check(each, day or last_day(each, now)) for each in _chosen(channels, params.get("channel"))]


def last_day(channel: Channel, now: datetime) -> date:
    """The newest day that is over, where the channel is."""
    return now.astimezone(ZoneInfo(channel.schedule.timezone)).date() - timedelta(days=1)


def _loaded(events: Mapping[Any, Iterable[Any]], channels: Sequence[Channel]) -> list[Check]:
    """Of every channel whose load asked for it: the day in which the loaded windows end, each once."""
    asking = {assets.staged(each.name).name: each for each in channels if each.validate_.expectations.after_load}
    found: dict[tuple[str, date], Check] = {}
    for asset, all_of_it in events.items():
        channel = asking.get(getattr(asset, "name", None) or "")
        for event in all_of_it if channel else ():
            try:
                end = Window.parse(str(event.extra["window"])).end - timedelta(microseconds=1)
            except (KeyError, ValueError, OrderflowError):
                log.warning("load event without a window asset=%s", getattr(asset, "name", asset))
                continue
            assert channel is not None
            day = end.astimezone(ZoneInfo(channel.schedule.timezone)).date()
            found[channel.name, day] = Check(channel, day)
    return list(found.values())


def _chosen(channels: Sequence[Channel], name: str | None) -> Sequence[Channel]:
    chosen = [each for each in channels if name in {None, "", each.name}]
    if name and not chosen:
        raise ConfigError(
            f"there is no channel {name!r} that can run; known are {', '.join(each.name for each in channels)}"
        )
    return chosen
