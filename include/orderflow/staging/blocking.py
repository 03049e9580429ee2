"""The first fact that keeps an order from the OMS, and the next step: a decision over the order's story.

Its sentences are `Message`s, so that a page may tell them in another language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from orderflow.domain.message import Message
from orderflow.staging.quarantine import DELIVERED_ELSEWHERE
from orderflow.staging.reviews import Review
from orderflow.staging.story import Answer, Pending, Span, Story, Waiting

Standing: TypeAlias = Literal[
    "in the OMS", "conflict", "refused by the OMS", "quarantined", "waits for the OMS", "not delivered",
    "within its settle lag", "window not due", "window failed", "window held", "window unreachable", "gap",
    "before the channel's start", "missed", "unreadable", "unknown", "not asked", "discarded",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the order stands, what blocks it (nothing, where it is in the OMS), and what to do next.

    `command` is the command line that does the next step, or shows what it needs; empty where none does.
    """

    standing: Standing
    fact: str
    step: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class OnChannel:
    """What the channel answered when it was asked for an order that staging does not have.

    `updated_at` (or when it was created, where the channel does not say) is None for an order that cannot be read;
    `fault` then says why. `exists` is None when the channel could not be asked; `fault` says why, `cure` what to do.
    """

    exists: bool | None
    updated_at: datetime | None = None
    day: date | None = None
    """The business day on which it was created, by which days are compared; None while that is not over."""
    fault: str = ""
    cure: str = ""


def here(story: Story, *, shadow: bool, now: datetime, since: datetime | None = None) -> Verdict | None:
    """The verdict on an order that staging or quarantine holds; None where neither does.

    `since` is the channel's `delivers_since`.
    """
    waiting = story.quarantine
    if waiting is not None and waiting.state in ("open", "parked"):
        return _waits(waiting)
    if story.version is None:
        if waiting is None:
            return None
        if waiting.state == "discarded":
            return _discarded(waiting)
        step = Message("the next replay judges it again") if waiting.state == "released" else _NOTHING
        fact = Message("quarantine row #{row} was {state}", row=waiting.id, state=Message(waiting.state))
        return Verdict("quarantined", fact, step)
    if story.pending is not None:
        return _owed(story.pending, shadow=shadow, now=now)
    answer = story.answer
    if waiting is not None and waiting.state == "discarded" and (answer is None or answer.version < story.version):
        fact = Message(
            "version {version} is staged, and goes no further: a person discarded quarantine row #{row}",
            version=story.version,
            row=waiting.id,
        )
        return Verdict("not delivered", fact, _REOPEN, f"orderflow quarantine reopen '#{waiting.id}' --why ...")
    if answer is None:
        created = story.moments.get("created")
        if since is not None and created is not None and created < since:
            return _handed_over_before(story.channel, created, since)
        return _unsent(story, Message("it was staged while the channel delivered nothing (shadow)"), shadow=shadow)
    if answer.outcome == "refused":
        return _refused(answer, waiting)
    if answer.version < story.version:
        fact = Message(
            "the OMS has version {theirs}, and version {ours} was never owed to it",
            theirs=answer.version,
            ours=story.version,
        )
        return _unsent(story, fact, shadow=shadow)
    fact = Message(
        "version {version} is in the OMS as {oms_id} since {at}",
        version=answer.version,
        oms_id=answer.oms_id,
        at=_time(answer.at),
    )
    return Verdict("in the OMS", fact, _NOTHING)


def discarded(review: Review) -> Verdict:
    """The verdict on an order that staging does not hold, because a person threw away the batch that brought it."""
    fact = Message(
        "{who} threw away the batch {window} that brought it, at {at}: {why}",
        who=review.decided_by,
        window=review.batch.window,
        at=_time(review.decided_at),
        why=review.decided_why,
    )
    command = f"orderflow backfill {review.batch.channel} {review.batch.window} --again"
    return Verdict("discarded", fact, Message("nothing, unless that was a mistake: pull its window again"), command)


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
        fact = Message("staging does not know it, and the channel was not asked: {fault}", fault=found.fault)
        return Verdict("not asked", fact, found.cure)
    if not found.exists:
        fact = Message("the channel does not know it, and neither does staging")
        return Verdict("unknown", fact, Message("check the id"))
    if found.updated_at is None:
        fact = Message("the channel has it, but it cannot be read: {fault}", fault=found.fault)
        return Verdict("unreadable", fact, Message("fix the mapping; its window then quarantines or stages it"))
    moment, settled = found.updated_at, found.updated_at + settle
    changed = Message("it changed on the channel at {at}", at=_time(moment))
    if moment < start:
        fact = Message("{changed}, before {start}", changed=changed, start=_time(start))
        step = Message("set schedule.start in the channel file earlier, then run a backfill")
        return Verdict("before the channel's start", fact, step)
    for span in held:
        if span.state in _PROVEN:
            told = {"changed": changed, "window": _span(span), "state": Message(span.state)}
            fact = Message("{changed}, and window {window} is {state} without it", **told)
            if found.day is None:
                command = f"orderflow backfill {channel} {_hour(settled)} --again"
                return Verdict("missed", fact, Message("pull its hour again"), command)
            step = Message("compare the day with the channel: that finds it and repairs it")
            return Verdict("missed", fact, step, f"orderflow reconcile {channel} --day {found.day}")
    for state, standing, step, command in _STUCK:
        for span in held:
            if span.state == state:
                fact = Message("its window {window} is {state}", window=_span(span), state=Message(state))
                if span.error:
                    fact = Message("{told}: {error}", told=fact, error=span.error)
                return Verdict(standing, fact, step, command.format(channel=channel, window=_span(span)))
    if settled > now:
        fact = Message("{changed}, and may show late until {at}", changed=changed, at=_time(settled))
        step = Message("wait for the next window")
        if due:
            step = Message("wait: the window that ends at {at} brings it", at=_time(due))
        return Verdict("within its settle lag", fact, step)
    if held or (due is not None and due > now):
        fact = Message("{changed}, and its window has not run to its end", changed=changed)
        step = Message("wait for the run")
        if due and due > now:
            step = Message("wait: the window ends at {at}", at=_time(due))
        return Verdict("window not due", fact, step)
    fact = Message("no window of the ledger asked the channel for {at}", at=_time(moment))
    step = Message("let healing find it, or pull its hour")
    return Verdict("gap", fact, step, f"orderflow backfill {channel} {_hour(settled)}")


_NOTHING = Message("nothing")
_DECIDED = Message("nothing: a person decided it")
_REOPEN = Message("nothing, unless that was a mistake: reopen the row, then release it")
_LEAVE_SHADOW = Message("take `shadow: true` out of the channel file; orderflow channel live then hands it over")
_PROVEN = ("loaded", "synced", "reconciled")
_STUCK: tuple[tuple[str, Standing, Message, str], ...] = (
    (
        "held",
        "window held",
        Message("look at the batch and let it go; one that was thrown away comes with a backfill and --again"),
        "orderflow review list {channel}",
    ),
    (
        "failed",
        "window failed",
        Message("cure what the error says; healing pulls it again, or pull it now"),
        "orderflow backfill {channel} {window}",
    ),
    (
        "unreachable",
        "window unreachable",
        Message("the account may not read that far back; ask for an export of the platform"),
        "",
    ),
)


def _waits(waiting: Waiting) -> Verdict:
    """The verdict on what is open or parked in quarantine; its row is quoted, because a shell reads # as a comment."""
    fact = Message(
        "quarantine row #{row} is {state}: {codes}",
        row=waiting.id,
        state=Message(waiting.state),
        codes=waiting.named,
    )
    step: str = "; ".join(waiting.messages)
    standing: Standing = "quarantined"
    if any(code.startswith("CONFLICT_") for code in waiting.codes):
        standing = "conflict"
    elif waiting.source == "oms" and DELIVERED_ELSEWHERE not in waiting.codes:
        standing = "refused by the OMS"
        step = Message("{told}; release it when that is settled", told=step)
    return Verdict(standing, fact, step, f"orderflow quarantine show '#{waiting.id}'")


def _discarded(waiting: Waiting) -> Verdict:
    if waiting.decided is None:
        fact = Message("its rule leaves nothing to decide: {codes}", codes=waiting.named)
        return Verdict("discarded", fact, _NOTHING)
    who, at, why = waiting.decided
    fact = Message("{who} discarded it at {at}: {why}", who=who, at=_time(at), why=why)
    return Verdict("discarded", fact, _REOPEN, f"orderflow quarantine reopen '#{waiting.id}' --why ...")


def _refused(answer: Answer, waiting: Waiting | None) -> Verdict:
    """The verdict on what the OMS refused and nobody is asked about any more."""
    state = waiting.state if waiting is not None else "gone"
    fact = Message(
        "the OMS refused version {version} at {at}: {reason}; its quarantine row is {state}",
        version=answer.version,
        at=_time(answer.at),
        reason=answer.reason,
        state=Message(state),
    )
    change = Message("change the order on the channel, or reopen its quarantine row")
    return Verdict("refused by the OMS", fact, _DECIDED if state == "discarded" else change)


def _owed(pending: Pending, *, shadow: bool, now: datetime) -> Verdict:
    standing: Standing = "waits for the OMS"
    version = pending.version
    if shadow:
        fact = Message("version {version} is staged, and the channel is in shadow", version=version)
        return Verdict(standing, fact, _LEAVE_SHADOW)
    if not pending.attempts:
        fact = Message("version {version} was not sent yet", version=version)
        return Verdict(standing, fact, Message("wait for the next sync"))
    fact = Message(
        "version {version} was sent {n} time: {answer}|version {version} was sent {n} times: {answer}",
        version=version,
        n=pending.attempts,
        answer=pending.last_error or Message("no answer yet"),
    )
    if pending.not_before is not None and pending.not_before > now:
        fact = Message("{told}; next attempt not before {at}", told=fact, at=_time(pending.not_before))
    return Verdict(standing, fact, Message("cure what the error says; the next sync sends it again"))


def _handed_over_before(channel: str, created: datetime, since: datetime) -> Verdict:
    fact = Message(
        "it was created at {at}, before oms.since ({since}) of the channel file", at=_time(created), since=_time(since)
    )
    step = Message(
        "nothing, if the OMS has it from what was there before; else hand over what was created from then on: this "
        "shows what it is, and with --go it is sent"
    )
    return Verdict("not delivered", fact, step, _live(channel, created))


def _live(channel: str, since: datetime) -> str:
    return f"orderflow channel live {channel} --since {since:%Y-%m-%dT%H:%M:%SZ}"


def _unsent(story: Story, fact: str, *, shadow: bool) -> Verdict:
    """The verdict on a version that no outbox ever held; a replay brings nothing new, and would not queue it."""
    if shadow:
        return Verdict("not delivered", fact, _LEAVE_SHADOW)
    since = story.moments.get("created") or min(each.at for each in story.facts)
    step = Message("hand over what was staged in shadow since then: this shows what it is, and with --go it is sent")
    return Verdict("not delivered", fact, step, _live(story.channel, since))


def _time(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _span(span: Span) -> str:
    return f"{span.start:%Y-%m-%dT%H:%MZ}/{span.end:%Y-%m-%dT%H:%MZ}"


def _hour(settled: datetime) -> str:
    """The hour around the moment, as the command line reads it."""
    start = settled.replace(minute=0, second=0, microsecond=0)
    return f"{start:%Y-%m-%dT%H:%MZ}/{start + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
