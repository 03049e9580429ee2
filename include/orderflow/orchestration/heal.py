"""Healing: find what the ledger misses and pull it, behind the live windows, without anybody asking.

The DAG `heal` looks every two minutes. It runs the five stages itself, one mapped part per span, so that a channel's
own DAG (`max_active_runs=1`) stays free for the window that its schedule brings: a live run waits neither for a run
that heals nor for its slot (`max_active_tasks` and the lowest priority), and in the account's budget it comes first.
The database's claim on a span (`staging/healings.py`) makes a repeated or concurrent look harmless. A person's backfill
is a run of the same DAG with its span in the Params.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

import pendulum
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.timetables.interval import CronDataIntervalTimetable

from orderflow.domain.channel import Channel
from orderflow.domain.gap import SMALLEST_PIECE, Gap, longest_run, runs
from orderflow.domain.window import Window
from orderflow.orchestration.notify import tell
from orderflow.orchestration.window import newest
from orderflow.staging import healings, ledger, outbox
from orderflow.staging.healings import Claim
from orderflow.staging.pace import pace as measured

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Spans of one channel that are healed at once, at most."""
OMS_BACKLOG = 10_000
"""Orders that wait for a channel's OMS; above it nothing is healed, so that live orders do not stand in its queue."""
TELL_AFTER = 3
"""Healings in vain after which the owners are told, once."""
LEAVING = timedelta(minutes=10)
"""What the account can read for less than this counts as out of reach: a run could come too late."""
MOST_TICKS = 1000
"""Ticks of a span, the newest ones, of which Airflow is asked whether a run of theirs is under way."""
COMMAND_LIVES = timedelta(hours=1)
"""So long after its last sign a run of the command line, which Airflow does not know, counts as under way."""
MOST_PARTS = 1000
"""Parts of one backfill (Airflow maps 1,024 at most)."""
GAPS_TOLD = 20
"""Gaps of one channel that a look writes into its log."""
UNDER_WAY = ["queued", "running"]
OVER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class Scheduler(Protocol):
    """What healing asks Airflow; a task has no access to its database."""

    def paused(self, dag_id: str) -> bool:
        """Whether the DAG runs nothing: switched off, or not known yet."""
        ...

    def under_way(
        self, dag_id: str, *, run_ids: list[str] | None = None, logical_dates: list[datetime] | None = None
    ) -> bool:
        """Whether one of these runs (any run, if neither is given) is queued or running."""
        ...

    def states(self, dag_id: str, run_id: str, position: int) -> list[str | None]:
        """States of the tasks of one mapped part; empty before it was expanded."""
        ...


class TaskScheduler:
    """`Scheduler` over the connection that a running task has to Airflow's API server."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def paused(self, dag_id: str) -> bool:
        try:
            return bool(self._ti.get_dag(dag_id).is_paused)
        except AirflowRuntimeError as error:
            log.info("dag not known yet dag=%s: %s", dag_id, error)
            return True

    def under_way(
        self, dag_id: str, *, run_ids: list[str] | None = None, logical_dates: list[datetime] | None = None
    ) -> bool:
        count = self._ti.get_dr_count(dag_id=dag_id, run_ids=run_ids, logical_dates=logical_dates, states=UNDER_WAY)
        return bool(count)

    def states(self, dag_id: str, run_id: str, position: int) -> list[str | None]:
        found = self._ti.get_task_states(dag_id=dag_id, map_index=position, run_ids=[run_id])
        return list(found.get(run_id, {}).values())


@dataclass(frozen=True, slots=True)
class Look:
    """One look at all channels: the moment, the run that looks, and what it asks."""

    connection: Any
    scheduler: Scheduler
    now: datetime
    run_id: str


def find(look: Look, channels: Sequence[Channel]) -> list[Claim]:
    """What this run pulls, channel by channel; a look that is tried again hands out what it claimed before."""
    if earlier := healings.claimed(look.connection, look.run_id):
        return earlier
    claims: list[Claim] = []
    for channel in channels:
        if look.scheduler.paused(f"orders.{channel.name}"):
            log.info("channel left out channel=%s: its DAG is paused", channel.name)
            continue
        with healings.alone(look.connection, channel.name):
            for window, cause in due(look, channel):
                claims.append(_claimed(look, channel, window, cause, len(claims)))
    return claims


def asked(look: Look, channel: Channel, span: Window, *, again: bool) -> list[Claim]:
    """What a person's backfill pulls: the gaps of a span or, with `again`, all of it; newest first.

    What failed before is tried at once, and held windows stay with whom they are held for.
    """
    if earlier := healings.claimed(look.connection, look.run_id):
        return earlier
    with healings.alone(look.connection, channel.name):
        gaps = [Gap(window=span, cause="never run")] if again else _fillable(look, channel, span)
        pieces = runs([replace(gap, healings=0) for gap in gaps], now=look.now, longest=_longest(look, channel))
        if not pieces:
            log.info("nothing to pull channel=%s span=%s: the ledger has all of it", channel.name, span)
        if len(pieces) > MOST_PARTS:
            log.warning("backfill cut channel=%s runs=%d: the oldest are left to the next", channel.name, len(pieces))
        return [
            _claimed(look, channel, window, "asked for", number) for number, window in enumerate(pieces[:MOST_PARTS])
        ]


def due(look: Look, channel: Channel) -> list[tuple[Window, str]]:
    """The spans of a channel to pull now, newest first, and why; says in the log what it finds."""
    latest = newest(channel, look.now)
    if latest.end <= channel.start:
        return []
    gaps = _fillable(look, channel, Window(channel.start, latest.end))
    if gaps and gaps[-1].cause == "never run" and not _overdue(look, channel, latest):
        gaps = _before(gaps, latest.start)
    for gap in gaps[-GAPS_TOLD:]:
        log.info("gap found channel=%s %s", channel.name, gap)
    if len(gaps) > GAPS_TOLD:
        log.info("gaps found channel=%s gaps=%d: the newest are above", channel.name, len(gaps))
    _tell(look, channel, gaps)
    busy = [gap for gap in gaps if gap.cause == "in progress" and (gap.run_id or "").startswith("heal__")]
    pieces = runs(gaps, now=look.now, longest=_longest(look, channel))
    if pieces and not channel.shadow and (waiting := outbox.pending(look.connection, channel.name)) > OMS_BACKLOG:
        log.warning("healing waits channel=%s: %d orders wait for the OMS", channel.name, waiting)
        return []
    free = (piece for piece in pieces if not _scheduled(look, channel, piece))
    return [(piece, _cause(gaps, piece)) for piece in islice(free, max(0, AT_ONCE - len(busy)))]


def _fillable(look: Look, channel: Channel, span: Window) -> list[Gap]:
    """The gaps of a span as they really are: what runs is told from what died; what is out of reach is marked."""
    gaps = list(_reachable(look, channel, ledger.named_gaps(look.connection, channel.name, span)))
    found = [_as_it_is(look, channel, gap) for gap in gaps if gap.cause not in {"held", "unreachable"}]
    return healings.remembered(look.connection, channel.name, found)


def _as_it_is(look: Look, channel: Channel, gap: Gap) -> Gap:
    """A gap that a live run works on is in progress, even if its last try failed; one that a dead run left is not."""
    if gap.cause == "never run":
        return gap
    if _alive(look, channel, gap):
        return replace(gap, cause="in progress")
    if gap.cause == "in progress":
        return replace(gap, cause="failed", error="the run ended without a word (killed, deleted, or its machine was)")
    return gap


def _alive(look: Look, channel: Channel, gap: Gap) -> bool:
    run_id = gap.run_id or ""
    if run_id.startswith("heal__"):
        started = healings.started(look.connection, channel.name, run_id)
        if started is None or not look.scheduler.under_way("heal", run_ids=[started.dag_run_id]):
            return False
        states = look.scheduler.states("heal", started.dag_run_id, started.position)
        return not states or any(state not in OVER for state in states)
    if run_id.startswith("command__"):
        return gap.cause == "in progress" and gap.at is not None and look.now - gap.at < COMMAND_LIVES
    return look.scheduler.under_way(f"orders.{channel.name}", run_ids=[run_id])


def _reachable(look: Look, channel: Channel, gaps: Sequence[Gap]) -> Iterator[Gap]:
    """What the account can still read of these gaps; the rest is marked in the ledger, for good."""
    reach = channel.adapter.limits.reach
    edge = None if reach is None else (look.now - reach + LEAVING).replace(second=0, microsecond=0)
    for gap in gaps:
        if edge is None or reach is None or gap.cause == "unreachable" or edge <= gap.window.start:
            yield gap
            continue
        lost = Window(gap.window.start, min(edge, gap.window.end))
        why = f"{channel.adapter_name} shows nothing older than {reach.days} days"
        ledger.unreachable(look.connection, channel.name, lost, look.run_id, why)
        log.warning("gap out of reach channel=%s window=%s: %s", channel.name, lost, why)
        if lost.end < gap.window.end:
            yield replace(gap, window=Window(lost.end, gap.window.end))


def _before(gaps: Sequence[Gap], moment: datetime) -> list[Gap]:
    """These gaps without what nothing ran for at or after `moment`."""
    kept = [gap for gap in gaps if gap.cause != "never run" or gap.window.start < moment]
    return [
        replace(gap, window=Window(gap.window.start, min(gap.window.end, moment))) if gap.cause == "never run" else gap
        for gap in kept
    ]


def _overdue(look: Look, channel: Channel, latest: Window) -> bool:
    """Whether the schedule should have pulled its newest window long ago, and nothing is on its way to do so."""
    return look.now - latest.end > channel.schedule.deadline and not look.scheduler.under_way(f"orders.{channel.name}")


def _scheduled(look: Look, channel: Channel, piece: Window) -> bool:
    """Whether Airflow has a run of one of this span's ticks under way (a live one, or one of its own backfill)."""
    dag_id = f"orders.{channel.name}"
    if not look.scheduler.under_way(dag_id):
        return False
    ticks = _ticks(channel, piece)
    return bool(ticks) and look.scheduler.under_way(dag_id, logical_dates=ticks)


def _ticks(channel: Channel, piece: Window) -> list[datetime]:
    """Starts of the schedule's intervals within a span, newest first; at most `MOST_TICKS`."""
    table = CronDataIntervalTimetable(channel.schedule.cron, timezone=channel.schedule.timezone)
    ticks: list[datetime] = []
    moment = pendulum.instance(piece.end)
    while len(ticks) < MOST_TICKS:
        moment = table.infer_manual_data_interval(run_after=moment).start
        if moment < piece.start:
            break
        ticks.append(datetime.fromisoformat(moment.isoformat()).astimezone(UTC))
    return ticks


def _longest(look: Look, channel: Channel) -> timedelta | None:
    """How long a run of this channel may be; a mailbox gives everything it has, whatever the span."""
    if channel.adapter.limits.acknowledges:
        return None
    pace = measured(look.connection, channel.name)
    return max(longest_run(pace.orders, pace.span), SMALLEST_PIECE)


def _cause(gaps: Sequence[Gap], piece: Window) -> str:
    causes = {gap.cause for gap in gaps if gap.window.start < piece.end and gap.window.end > piece.start}
    return ", ".join(sorted(causes - {"in progress"}))


def _claimed(look: Look, channel: Channel, window: Window, cause: str, position: int) -> Claim:
    claim = healings.start(look.connection, channel.name, window, cause, look.run_id, position)
    log.warning("healing started channel=%s window=%s cause=%r run_id=%s", channel.name, window, cause, claim.run_id)
    return claim


def _tell(look: Look, channel: Channel, gaps: Sequence[Gap]) -> None:
    """Tell the owners, once, of what cannot be healed."""
    for gap in gaps:
        if gap.cause != "failed" or gap.healings < TELL_AFTER:
            continue
        if healings.tell_once(look.connection, channel.name, gap.window):
            tell(channel, "gap", f"{gap.healings} runs could not heal the gap {gap}")
