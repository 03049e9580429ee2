"""The DAG `reconcile`: once a day, every channel's newest whole day on all sides, with a certificate for each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_current_context, task

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, OrderflowError
from orderflow.domain.reconciliation import Certificate, business_day, newest_day
from orderflow.orchestration import ports, settings, tasks
from orderflow.orchestration.care import BEHIND, DAGS, asked, chosen, named
from orderflow.orchestration.notify import tell

if TYPE_CHECKING:
    from orderflow.domain.target import Target
    from orderflow.pipeline.reconcile import Repair
    from orderflow.staging.sides import DaySides
    from orderflow.staging.store import Store

log = logging.getLogger(__name__)

EVERY = "0 9 * * *"
"""In UTC: by then yesterday is over everywhere but on some islands of the Pacific, whose day follows a day later."""
AT_ONCE = 2
"""Channels that are reconciled at once."""
AGAIN = timedelta(days=7)
"""For so long a day is reconciled again, daily, until it is settled and everything in it is explained."""
MOST_DAYS = 400
"""Days of one run that somebody asked for."""

_DOCUMENTATION = """\
Every day at 09:00 UTC, for every channel: the newest whole business day (in the channel's time zone) as the channel's
own list, staging and the OMS hold it. Each order that differs is named with its cause; what was missed is pulled by
its id, goes through the same stages as any other order, and reaches the OMS. The result is a certificate, chained to
the one before: `orderflow reconcile CHANNEL --show --page FILE` shows it, `--verify` checks the chain.

Days of the last week that are not settled, or hold what nothing explains, are looked at again. The owners are told when
a person has to look. Trigger this DAG with a channel and days to reconcile those now.
"""


def build(include: Path) -> DAG:
    """Reads no channel file: the first task does."""
    with DAG(
        dag_id="reconcile",
        description="Compare channel, staging and OMS by business day; repair what was missed; certify",
        doc_md=_DOCUMENTATION,
        schedule=EVERY,
        max_active_runs=1,
        max_active_tasks=AT_ONCE,
        params=_params(),
        default_args=dict(BEHIND),
        **DAGS,
    ) as dag:

        @task
        def channels() -> list[str]:
            """Name the channels to reconcile."""
            now = datetime.now(UTC)
            return chosen(include, lambda channel: has_a_day(channel, now))

        @task(map_index_template="{{ label }}")
        def reconcile(name: str) -> dict[str, Any]:
            """Compare one channel's days, repair what was missed, and certify; other channels do not depend on it."""
            get_current_context()["label"] = name  # type: ignore[typeddict-unknown-key] # Airflow's own way
            return reconciled(named(include, name), include)

        reconcile.expand(name=channels())
    return dag


def has_a_day(channel: Channel, now: datetime) -> bool:
    """Whether a whole business day lies behind the channel's start."""
    return business_day(_newest(channel, now), _zone(channel)).start >= channel.start


def reconciled(channel: Channel, include: Path) -> dict[str, Any]:
    """Reconcile the days of one channel; returns what each certificate says, by day.

    A day that fails does not keep the others from their certificates; its error is raised behind them.
    """
    now = datetime.now(UTC)
    with ports.staging_of(channel, tasks.teller()) as store:
        days = _asked_days(asked()) or _due(channel, store, now)
        target = None if channel.shadow else ports.target(channel, include / "targets")
        repair = _repair(channel, store, target)
        made: dict[str, Any] = {}
        failure: OrderflowError | None = None
        for day in days:
            try:
                certificate = _certified(channel, day, target, repair, get_current_context()["run_id"])
            except OrderflowError as error:
                log.error("day not certified channel=%s day=%s: %s", channel.name, day, error)  # noqa: TRY400 - its message says all
                failure = failure or error
                continue
            made[str(day)] = {
                "number": certificate.number,
                "state": certificate.state,
                "agreed": certificate.agreed,
                "repaired": certificate.repaired,
                "unexplained": certificate.unexplained,
            }
    if wrong := {day: each["unexplained"] for day, each in made.items() if each["unexplained"]}:
        told = ", ".join(f"{count} of {day}" for day, count in wrong.items())
        tell(channel, "difference", f"orders that no side explains: {told}")
    if failure is not None:
        raise failure
    return made


def _certified(channel: Channel, day: date, target: Target | None, repair: Repair, run_id: str) -> Certificate:
    from orderflow.pipeline.reconcile import lags
    from orderflow.pipeline.reconcile import reconcile as run
    from orderflow.staging.sides import DaySides

    window = business_day(day, _zone(channel))
    with ports.database("orderflow reconcile") as own, ports.source(channel, healing=True) as (source, runtime):
        sides = DaySides(own, channel.name, window, **lags(channel), since=channel.delivers_since)
        certificate = run(
            channel,
            day,
            sides,
            source=source,
            target=target,
            repair=repair,
            run_id=run_id,
            runtime=runtime,
            progress=tasks.teller(),
        )
        _publish(certificate, sides)
    for cause, tally in certificate.causes.items():
        log.warning("orders differ day=%s cause=%s orders=%d repaired=%d", day, cause, tally.orders, tally.repaired)
    return certificate


def _publish(certificate: Certificate, sides: DaySides) -> None:
    """The certificate as page, JSON and CSV beside the landing zone, for those who have no database."""
    from orderflow.quality.pages import certificate as pages

    folder = settings.landing_root() / "certificates" / certificate.channel
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{certificate.day}-r{certificate.revision}"
    (folder / f"{name}.html").write_text(pages.page(certificate, sides.differences()), encoding="utf-8")
    with (folder / f"{name}.json").open("wb") as out:
        out.writelines(pages.to_json(certificate, sides.differences()))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
        out.writelines(pages.to_csv(certificate, sides.differences()))
    log.info("certificate written page=%s", folder / f"{name}.html")


def _repair(channel: Channel, store: Store, target: Target | None) -> Repair:
    from orderflow.pipeline.flow import staged
    from orderflow.pipeline.reconcile import Repair
    from orderflow.pipeline.sync import sync
    from orderflow.staging import skus
    from orderflow.staging.decisions import decisions

    stage = partial(
        staged,
        channel,
        staging=store,
        skus=skus.current(store.connection, channel.name),
        decisions=decisions(store.connection, channel.name, store.vault),
        progress=tasks.teller(),
    )
    return Repair(settings.landing_root(), stage, partial(sync, channel, store, target) if target else _nothing)


def _nothing() -> None:
    """A channel in shadow delivers nothing."""


def _due(channel: Channel, store: Store, now: datetime) -> list[date]:
    """The newest whole day, and those of the last week that are still open; oldest first."""
    from orderflow.staging import certificates

    newest = _newest(channel, now)
    open_ = certificates.provisional(store.connection, channel.name, newest - AGAIN)
    return [*(day for day in open_ if day < newest), newest]


def _newest(channel: Channel, now: datetime) -> date:
    return newest_day(_zone(channel), now, after=channel.settle + channel.lookback)


def _zone(channel: Channel) -> str:
    return channel.schedule.timezone


def _asked_days(params: Mapping[str, Any]) -> list[date]:
    """The days of the Params; empty where they name none."""
    first, last = params.get("day"), params.get("until")
    if not first and not last:
        return []
    start, end = (date.fromisoformat(str(each)) for each in (first or last, last or first))
    count = (end - start).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise ConfigError(f"{start} to {end} are {count} days; choose 1 to {MOST_DAYS}, the earlier one first")
    return [start + timedelta(days=number) for number in range(count)]


def _params() -> dict[str, Param]:
    return {
        "channel": Param(
            None,
            type=["null", "string"],
            title="Channel",
            description="Reconcile this channel now. Leave empty for all of them.",
        ),
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="A business day in the channel's time zone. Leave empty for the newest whole one.",
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Until",
            description="The last of several days. Leave empty for one day.",
        ),
    }
