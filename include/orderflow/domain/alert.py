"""What is worth a message, found by pure functions over what is known of a channel.

A condition is one kind of trouble of one channel. It is raised when it is seen first, and is over when the facts show
that it is: what cannot be judged right now stays as it is. What only follows from another condition is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from orderflow.domain.channel import Channel, print_duration
from orderflow.domain.snapshot import COVERED, KINDS, Condition, Kind, Severity, Snapshot

REFUSED_LOOK, FEWEST_REFUSED = 50, 5
"""Latest orders over which the refused share is taken, and how many refused ones it takes to mean anything."""
TOKEN_LEFT, TOKEN_SHORT = timedelta(days=7), timedelta(days=1)
VERSION_LEFT, VERSION_SHORT = timedelta(days=30), timedelta(days=7)
SLOWER, SLOWER_STILL = 3.0, 2.0
"""Answers that take so many times longer than usual are slow; they are until they take less than the second."""
SLOW_SECONDS = 0.5
"""A call that takes less than this more than usual is quick enough."""
THROTTLED = timedelta(minutes=10)
"""Waiting for a budget, in an hour, that is too much; half of it is enough again."""
PATIENCE = timedelta(hours=1)
"""How long a live order may wait for the OMS."""
VALUABLE = 20
"""Orders in quarantine are worth a message when they come to so many usual orders."""
RESTORED_FOR = timedelta(days=1)
REPEATS_WITHIN = timedelta(hours=6)
"""A trouble that only an event tells of is over when it has not been told for so long."""


def conditions(snapshot: Snapshot, channel: Channel, now: datetime) -> list[Condition]:
    """Every trouble that the channel is in, without what only follows from another one."""
    found = {each.kind: each for judge in _JUDGES if (each := judge(snapshot, channel, now))}
    return [each for each in found.values() if each.kind in snapshot.open or not covered(each.kind, found)]


def covered(kind: Kind, others: Mapping[Any, Any]) -> bool:
    """Whether one of the other kinds says the same already."""
    return bool(COVERED.get(kind, frozenset()) & others.keys())


def raised(channel: str, kind: Kind, what: str, **facts: Any) -> Condition:
    return Condition(channel, kind, KINDS[kind], what, facts)


def ran_into(channel: str, error: str | None, at: datetime, **facts: Any) -> Condition:
    """What a failed run's error means; `error` is `Class: message` as the ledger has it."""
    said = error or (
        "it left no word in the ledger: its process was killed, or it stopped before it had a window (a wrong "
        "window_start or window_end, say); the log of its failed task knows"
    )
    kind: Kind = "failed"
    if said.startswith("DeniedError"):
        kind = "access"
    elif "TOO_MANY_REFUSED" in said:
        kind = "refused"
    elif "TOO_FEW_ORDERS" in said or "UNEXPECTEDLY_EMPTY" in said:
        kind = "silent"
    run = f"the run {facts['run_id']}" if error is None and "run_id" in facts else "a run"
    return raised(channel, kind, f"{run} failed: {said[:500]}", at=at.isoformat(), **facts)


def _failed(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    """Only a run itself knows that it was its last try; over when a later run gets through."""
    del channel, now
    return _until_done(snapshot, "failed")


def _until_done(snapshot: Snapshot, kind: Kind) -> Condition | None:
    """The open condition of a run that failed, while no run got through since."""
    seen = snapshot.open.get(kind)
    if seen is None or "at" not in seen.condition.facts:
        return None
    at = datetime.fromisoformat(seen.condition.facts["at"])
    return None if snapshot.done_at is not None and snapshot.done_at > at else seen.condition


def _late(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    seen = snapshot.open.get("late")
    due = snapshot.due_until
    if seen is not None and (until := seen.condition.facts.get("until")):
        asked = datetime.fromisoformat(until)
        due = max(due, asked) if asked <= now else due  # somebody started a run of a time that is still to come
    proven, started = snapshot.proven_until, snapshot.started_at
    if started is None or now - started < channel.schedule.deadline:
        return None
    if due <= channel.start or (proven is not None and proven >= due):
        return None
    behind = (
        f"orders are here up to {_told(proven)}, {print_duration(_minutes(now - proven))} ago"
        if proven
        else ("no order has come yet")
    )
    why = f"; the latest attempt said: {snapshot.error[:300]}" if snapshot.error else "; no attempt left an error"
    return raised(
        channel.name,
        "late",
        f"{behind}, though those up to {_told(due)} are due{why}",
        until=due.isoformat(),
        proven_until=proven.isoformat() if proven else None,
    )


def _access(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    if denied := _until_done(snapshot, "access"):
        return denied
    ends = snapshot.token_ends
    if ends is None or ends - now > TOKEN_LEFT:
        return None
    severity: Severity = "warning" if ends - now > TOKEN_SHORT else "critical"
    left = f"ends in {print_duration(_minutes(ends - now))}" if ends > now else "has ended"
    what = f"the access of the connection {channel.connection} {left} ({_told(ends)}), and nothing renews it"
    return Condition(channel.name, "access", severity, what, {"ends": ends.isoformat()})


def _version(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del snapshot
    last = channel.adapter.sunset(channel.options)
    if last is None or last - now.date() > VERSION_LEFT:
        return None
    severity: Severity = "warning" if last - now.date() > VERSION_SHORT else "critical"
    what = f"{channel.adapter_name} answers the API version that the channel file names until {last} only"
    return Condition(channel.name, "version", severity, what, {"last_day": last.isoformat()})


def _refused(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    orders = refused = 0
    for of, wrong in snapshot.latest:
        orders, refused = orders + of, refused + wrong
        if orders >= REFUSED_LOOK:
            break
    limit = channel.validate_.quarantine_at_most
    if refused < FEWEST_REFUSED or refused <= limit * orders:
        return _until_done(snapshot, "refused")
    share = refused / orders
    what = f"{refused} of the latest {orders} orders ({share:.0%}) are refused, more than the {limit:.0%} allowed"
    kept = snapshot.open["refused"].condition.facts if "refused" in snapshot.open else {}
    return raised(channel.name, "refused", what, **{**kept, "orders": orders, "refused": refused})


def _held(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    if not snapshot.held or snapshot.held_since is None:
        return None
    what = (
        f"{_count(snapshot.held, 'batch waits', 'batches wait')} for a person's decision, "
        f"for {print_duration(_minutes(now - snapshot.held_since))}: orderflow review list"
    )
    return raised(channel.name, "held", what, batches=snapshot.held)


def _gap(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    if not snapshot.gaps:
        return None
    first = min(snapshot.gaps)
    more = f" and {len(snapshot.gaps) - 1} more" if len(snapshot.gaps) > 1 else ""
    what = f"{_count(len(snapshot.gaps), 'span', 'spans')} could not be healed by repeated runs: {first}{more}"
    return raised(channel.name, "gap", what, spans=[str(each) for each in list(snapshot.gaps)[:20]])


def _silent(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    short, seen = snapshot.flow.shortfall, snapshot.open.get("silent")
    if short is None:
        if seen is None or snapshot.flow.flowing:
            return None
        return _until_done(snapshot, "silent") if "at" in seen.condition.facts else seen.condition
    since = short.since
    if seen is not None and (known := seen.condition.facts.get("since")):
        since = min(since, datetime.fromisoformat(known))
    missing = short.expected - short.orders
    risk = {each.currency: str(round(each.median * Decimal(missing * each.share), 2)) for each in snapshot.money}
    money = " and ".join(f"{amount} {currency}" for currency, amount in risk.items()) or "no known value"
    what = (
        f"{_count(short.orders, 'order', 'orders')} since {_told(short.since)}, where about {short.expected:.0f} are "
        f"usual: about {missing:.0f} orders and {money} at risk"
    )
    return raised(
        channel.name, "silent", what, since=since.isoformat(), orders=short.orders, expected=round(short.expected, 1),
        at_risk=risk,
    )  # fmt: skip


def _backlog(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    since, seen = snapshot.pending_since, "backlog" in snapshot.open
    patience = max(PATIENCE, channel.schedule.deadline) / (2 if seen else 1)
    if channel.shadow or since is None:
        return None
    if now - since < patience:
        return _until_done(snapshot, "backlog")
    what = (
        f"{_count(snapshot.pending, 'order waits', 'orders wait')} for the OMS {channel.oms.target}, "
        f"the oldest for {print_duration(_minutes(now - since))}"
    )
    return raised(channel.name, "backlog", what, orders=snapshot.pending, oldest=since.isoformat())


def _slow(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    factor = SLOWER_STILL if "slow" in snapshot.open else SLOWER
    slow = [each for each in snapshot.speeds if each.now > factor * each.usual and each.now - each.usual > SLOW_SECONDS]
    if not slow:
        return None
    worst = max(slow, key=lambda each: each.now / max(each.usual, 0.001))
    usual = f"{worst.usual:.1f} s are" if worst.usual >= 0.1 else "less than 0.1 s is"
    what = f"{worst.endpoint} answers in {worst.now:.1f} s on average, where {usual} usual"
    return raised(
        channel.name, "slow", what, endpoint=worst.endpoint, seconds=round(worst.now, 2), usual=round(worst.usual, 2)
    )


def _throttled(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    limit = THROTTLED / (2 if "throttled" in snapshot.open else 1)
    if snapshot.throttled < limit:
        return None
    waited, account = print_duration(_minutes(snapshot.throttled)), f"{channel.adapter_name}.{channel.connection}"
    what = f"the budget of {account} is used up: tasks waited {waited} for it in the last hour"
    return raised(channel.name, "throttled", what, seconds=round(snapshot.throttled.total_seconds()))


def _difference(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    if not snapshot.differences:
        return None
    what = (
        f"{_count(snapshot.differences, 'order', 'orders')} of the last week's certificates that no side explains, "
        f"the earliest of {snapshot.difference_day}"
    )
    return raised(channel.name, "difference", what, orders=snapshot.differences, day=str(snapshot.difference_day))


def _quarantine(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    del now
    usual = {each.currency: each.median for each in snapshot.money}
    high = {
        currency: (orders, value)
        for currency, (orders, value) in snapshot.waiting.items()
        if usual.get(currency) and value >= VALUABLE * usual[currency]
    }
    if not high:
        return None
    told = ", ".join(f"{orders} orders of {value} {currency}" for currency, (orders, value) in sorted(high.items()))
    return raised(channel.name, "quarantine", f"waiting in quarantine for more than a day: {told}")


def _replay(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    """Told by the load that could not; over when it has not been told again for some hours."""
    del channel
    seen = snapshot.open.get("replay")
    return seen.condition if seen is not None and now - seen.last_at < REPEATS_WITHIN else None


def _restored(snapshot: Snapshot, channel: Channel, now: datetime) -> Condition | None:
    """Told for a day, so that people take their decisions again."""
    if snapshot.recalled_at is None or now - snapshot.recalled_at > RESTORED_FOR:
        return None
    lost, recalled = snapshot.lost, snapshot.recalled
    stood = f"to {_told(snapshot.stood_at)}" if snapshot.stood_at else "to before its first load"
    what = (
        f"staging went back {stood}, by a restored backup or a standby that lacked the last commits; "
        f"{recalled} of the {_count(lost, 'load', 'loads')} it lacked came back out of the landing zone"
        f"{'' if recalled >= lost else ': compare the days'}; what people decided and corrected since then is "
        "lost: do it again"
    )
    return raised(channel.name, "restored", what, lost=lost, recalled=recalled)


_JUDGES: Sequence[Callable[[Snapshot, Channel, datetime], Condition | None]] = (
    _failed, _late, _access, _refused, _held, _silent, _gap, _backlog, _throttled, _slow, _difference, _quarantine,
    _version, _replay, _restored,
)  # fmt: skip


def _told(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}" if moment else "never"


def _minutes(span: timedelta) -> timedelta:
    """Whole minutes, at least one: people need no seconds."""
    return max(timedelta(minutes=1), timedelta(minutes=span // timedelta(minutes=1)))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
