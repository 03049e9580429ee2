"""The first fact that keeps an order from the OMS, and the next step: a decision over the order's story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from orderflow.staging.story import Pending, Span, Story

Standing: TypeAlias = Literal[
    "in the OMS", "conflict", "refused by the OMS", "quarantined", "waits for the OMS", "not delivered",
    "within its settle lag", "window not due", "window failed", "window held", "window unreachable", "gap",
    "before the channel's start", "missed", "unreadable", "unknown", "not asked",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the order stands, what blocks it (nothing, where it is in the OMS), and what to do next."""

    standing: Standing
    fact: str
    step: str


@dataclass(frozen=True, slots=True)
class OnChannel:
    """What the channel answered when it was asked for an order that staging does not have.

    `updated_at` (or when it was created, where the channel does not say) is None for an order that cannot be read;
    `fault` then says why. `exists` is None when the channel could not be asked; `fault` says why.
    """

    exists: bool | None
    updated_at: datetime | None = None
    fault: str = ""


def here(story: Story, *, shadow: bool, now: datetime) -> Verdict | None:
    """The verdict on an order that staging or quarantine holds; None where neither does."""
    waiting = story.quarantine
    if waiting is not None and waiting.state in ("open", "parked"):
        message = "; ".join(str(reason.get("message")) for reason in waiting.reasons)
        fact = f"quarantine row {waiting.id} is {waiting.state}: {', '.join(waiting.codes)}"
        command = f"orderflow quarantine show '#{waiting.id}'"
        if any(code.startswith("CONFLICT_") for code in waiting.codes):
            return Verdict("conflict", fact, f"{message}; see {command}")
        if waiting.source == "oms":
            return Verdict("refused by the OMS", fact, f"{message}; see {command}, and release it when it is settled")
        return Verdict("quarantined", fact, f"{message}; see {command}")
    if story.version is None:
        if waiting is None:
            return None
        step = "the next replay judges it again" if waiting.state == "released" else "nothing: a person decided it"
        return Verdict("quarantined", f"quarantine row {waiting.id} was {waiting.state}", step)
    if story.pending is not None:
        return _owed(story.pending, shadow=shadow, now=now)
    answer = story.answer
    if answer is None:
        step = _LEAVE_SHADOW if shadow else "replay the order, so that it is sent"
        return Verdict("not delivered", "it was staged while the channel delivered nothing (shadow)", step)
    if answer.outcome == "refused":
        state = waiting.state if waiting is not None else "gone"
        fact = f"the OMS refused version {answer.version} at {_time(answer.at)}: {answer.reason}"
        decided = "nothing: a person decided it"
        step = decided if state == "discarded" else "change the order on the channel, or reopen its quarantine row"
        return Verdict("refused by the OMS", f"{fact}; its quarantine row is {state}", step)
    if answer.version < story.version:
        fact = f"the OMS has version {answer.version}, and version {story.version} was never owed to it"
        return Verdict("not delivered", fact, "replay the order, so that it is sent")
    return Verdict(
        "in the OMS", f"version {answer.version} is in the OMS as {answer.oms_id} since {_time(answer.at)}", "nothing"
    )


def elsewhere(
    found: OnChannel,
    held: Sequence[Span],
    *,
    channel: str,
    start: datetime,
    settle: timedelta,
    due: datetime | None,
    now: datetime,
) -> Verdict:
    """The verdict on an order that staging does not hold: where it got stuck between the channel and us.

    `held` are the windows that should have held it, `due` the end of the window that will, where none was run yet.
    """
    if found.exists is None:
        fact = f"staging does not know it, and the channel was not asked: {found.fault}"
        return Verdict("not asked", fact, "check the id; ask the channel (without --offline)")
    if not found.exists:
        return Verdict("unknown", "the channel does not know it, and neither does staging", "check the id")
    if found.updated_at is None:
        fact = f"the channel has it, but it cannot be read: {found.fault}"
        return Verdict("unreadable", fact, "fix the mapping; its window then quarantines or stages it")
    moment, settled = found.updated_at, found.updated_at + settle
    changed = f"it changed on the channel at {_time(moment)}"
    if moment < start:
        step = "set schedule.start in the channel file earlier, then run a backfill"
        return Verdict("before the channel's start", f"{changed}, before {_time(start)}", step)
    for span in held:
        if span.state in _PROVEN:
            step = f"orderflow reconcile {channel} {moment:%Y-%m-%d} finds and repairs it"
            return Verdict("missed", f"{changed}, and window {_span(span)} is {span.state} without it", step)
    for state, standing, step in _STUCK:
        for span in held:
            if span.state == state:
                fact = f"its window {_span(span)} is {state}{f': {span.error}' if span.error else ''}"
                return Verdict(standing, fact, step.format(channel=channel, window=_span(span)))
    if settled > now:
        step = f"wait: the window that ends at {_time(due)} brings it" if due else "wait for the next window"
        return Verdict("within its settle lag", f"{changed}, and may show late until {_time(settled)}", step)
    if held or (due is not None and due > now):
        step = f"wait: the window ends at {_time(due)}" if due and due > now else "wait for the run"
        return Verdict("window not due", f"{changed}, and its window has not run to its end", step)
    step = f"orderflow backfill {channel} {_hour(settled)}, or let healing find it"
    return Verdict("gap", f"no window of the ledger asked the channel for {_time(moment)}", step)


_LEAVE_SHADOW = "take `shadow: true` out of the channel file; orderflow channel live then hands it over"
_PROVEN = ("loaded", "synced", "reconciled")
_STUCK: tuple[tuple[str, Standing, str], ...] = (
    ("held", "window held", "look at the batch and let it go: orderflow review {channel}"),
    (
        "failed",
        "window failed",
        "cure what the error says; healing pulls it again, or: orderflow backfill {channel} {window}",
    ),
    ("unreachable", "window unreachable", "the account may not read that far back; ask for an export of the platform"),
)


def _owed(pending: Pending, *, shadow: bool, now: datetime) -> Verdict:
    standing: Standing = "waits for the OMS"
    if shadow:
        return Verdict(standing, f"version {pending.version} is staged, and the channel is in shadow", _LEAVE_SHADOW)
    if not pending.attempts:
        return Verdict(standing, f"version {pending.version} was not sent yet", "wait for the next sync")
    later = pending.not_before is not None and pending.not_before > now
    wait = f"; next attempt not before {_time(pending.not_before)}" if later else ""
    fact = f"version {pending.version} was sent {pending.attempts} times: {pending.last_error or 'no answer yet'}{wait}"
    return Verdict(standing, fact, "cure what the error says; the next sync sends it again")


def _time(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _span(span: Span) -> str:
    return f"{span.start:%Y-%m-%dT%H:%MZ}/{span.end:%Y-%m-%dT%H:%MZ}"


def _hour(settled: datetime) -> str:
    """The hour around the moment, as the command line reads it."""
    start = settled.replace(minute=0, second=0, microsecond=0)
    return f"{start:%Y-%m-%dT%H:%MZ}/{start + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
