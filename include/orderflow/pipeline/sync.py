"""Sync: bring the OMS everything it has not got yet, each version once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import Any

import msgspec

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, OrderflowError, TransientError
from orderflow.domain.staging import Staging
from orderflow.domain.target import Receipt, Submission, Target
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often in a row one sync sends the same orders, and settles none of them, before it leaves them to the next."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts, doubling from the first; a longer wait that the OMS asks for is left to the next sync."""

AHEAD = 3
"""Claims that wait, ready, for the next free thread, so that the OMS never waits for our bookkeeping."""

QUIET = 0.01
"""Seconds without an answer after which those that have come are stored, though more could be stored with them."""

TURN = 500
"""Orders of what catches up that one sender sends before another one may have its turn."""

BARREN = 3
"""Requests in a row (at least; or as many as fly at once) that settle nothing, after which the OMS counts as down."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What one sync did: sent = accepted + refused + postponed. `pending` is what the OMS still lacks afterwards."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    postponed: int = 0
    pending: int = 0
    windows: int = 0
    """Windows of which nothing is pending any more."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of one claim."""

    settled: list[tuple[Submission, Receipt]]
    unknown: list[Submission]
    error: Exception | None


def sync(
    channel: Channel,
    staging: Staging,
    target: Target,
    *,
    behind: bool = False,
    progress: Progress = silent,
    pause: Callable[[float], None] = time.sleep,
) -> Delivered:
    """Send what the channel has pending, `channel.oms.concurrency` requests at a time.

    What is live goes first, then some of what came with batches that catch up. A sync `behind` such a batch sends all
    of that, in turns: between them a live sync that waits for its channel's sender has its own.

    Raises, after everything known is stored, the error that kept orders from being delivered: `TransientError` when the
    OMS is down or the outcome of some orders stays unknown, `DeniedError` when it does not let us in. An OMS that takes
    some orders and denies others, or fails over them, gets the rest first. Nothing is ever lost by raising: what is
    pending stays in the outbox. `pause` waits that many seconds between attempts. A shadow channel sends nothing.
    """
    if channel.shadow:
        return Delivered(pending=staging.pending(channel.name))
    began = time.perf_counter()
    turns = [_turn(channel, staging, target, progress, pause)]
    while behind and turns[-1].more:
        turns.append(_turn(channel, staging, target, progress, pause))
    seconds = time.perf_counter() - began
    delivered = Delivered(
        sent=sum(turn.sent for turn in turns),
        accepted=sum(turn.accepted for turn in turns),
        refused=sum(turn.refused for turn in turns),
        postponed=sum(turn.postponed for turn in turns),
        pending=staging.pending(channel.name),
        windows=staging.synced(channel.name, seconds),
        seconds=seconds,
    )
    log.info(
        "synced channel=%s %s", channel.name, " ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(delivered).items())
    )
    if turns[-1].error is not None:
        raise turns[-1].error
    return delivered


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one hold of the sender's lock did. `more`: what catches up is not all sent, and nothing went wrong."""

    sent: int
    accepted: int
    refused: int
    postponed: int
    more: bool
    error: Exception | None


def _turn(
    channel: Channel, staging: Staging, target: Target, progress: Progress, pause: Callable[[float], None]
) -> _Turn:
    """All that is live, then at most `TURN` orders of what catches up."""
    sent = accepted = refused = postponed = barren = 0
    flying: set[Future[_Answer]] = set()
    answers: list[_Answer] = []
    doubted: list[_Answer] = []
    error: Exception | None = None
    works = False
    size, most = channel.oms.batch, channel.oms.concurrency
    behind = _Counted(staging.claims(channel.name, size, behind=True), TURN)
    claims = chain(staging.claims(channel.name, size), behind)
    with (
        staging.sender(channel.name),
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(most) as pool,
    ):
        coming: Future[Sequence[Submission] | None] | None = reader.submit(next, claims, None)
        total = staging.pending(channel.name)
        while coming or flying or answers or doubted:
            waiting: set[Future[Any]] = {*flying, coming} if coming and len(flying) < most + AHEAD else {*flying}
            done, _ = wait(waiting, QUIET if answers else None, FIRST_COMPLETED)
            if coming in done:
                claim = None
                try:
                    claim = coming.result()
                    coming = None if claim is None else reader.submit(next, claims, None)
                except OrderflowError as failure:  # one lane ends so; what flies is stored, and the other lane goes on
                    error, coming = _graver(error, failure), reader.submit(next, claims, None)
                if claim is not None:
                    sent += len(claim)
                    flying.add(pool.submit(_deliver, target, claim, pause))
            for delivery in flying & done:
                answer = delivery.result()
                works = works or bool(answer.settled)
                barren = 0 if answer.settled else barren + 1
                (doubted if isinstance(answer.error, DriftError) and not works else answers).append(answer)
                if answer.error is not None:
                    denied = isinstance(answer.error, DeniedError | ConfigError) and not works
                    if denied or barren >= max(BARREN, most):
                        coming = None
            flying -= done
            if doubted and not coming and not flying:
                if works:  # the OMS takes others: it is asked again what it has against these
                    flying |= {pool.submit(_deliver, target, _again(each.unknown), pause) for each in doubted}
                else:
                    answers += doubted
                doubted.clear()
            if answers and (not done or len(answers) >= most or not accepted):
                error = reduce(_graver, (each.error for each in answers if each.error), error)
                stored = _store(staging, answers)
                accepted += stored["accepted"]
                refused += stored["refused"]
                postponed += sum(len(answer.unknown) for answer in answers)
                answers.clear()
                progress("sync", accepted + refused, total)
    return _Turn(sent, accepted, refused, postponed, behind.cut and error is None, error)


def _store(staging: Staging, answers: Sequence[_Answer]) -> Counter[str]:
    """Write down what became of these claims; returns how many orders were accepted and refused."""
    settled = list(chain.from_iterable(answer.settled for answer in answers))
    staging.settle(settled)
    for answer in answers:
        if answer.error is not None:
            staging.postpone(answer.unknown, _told(answer.error))
    return Counter(receipt.outcome for _, receipt in settled)


class _Counted:
    """Claims, until they hold so many orders; `cut` tells that there may be more."""

    def __init__(self, claims: Iterator[Sequence[Submission]], most: int) -> None:
        self._claims, self._left = claims, most
        self.cut = False

    def __iter__(self) -> Iterator[Sequence[Submission]]:
        for claim in self._claims:
            yield claim
            self._left -= len(claim)
            if self._left <= 0:
                self.cut = True
                return


def _deliver(target: Target, claim: Sequence[Submission], pause: Callable[[float], None]) -> _Answer:
    """Send one claim, in a thread of its own, until every order in it is settled or the attempts are used up.

    What is sent again is marked as `earlier`: the target finds out first whether the OMS has it. An attempt that
    settles something uses up none: an OMS that takes one order a request, and fails over one in twenty, gets them all.
    """
    receipts: dict[str, Receipt] = {}
    waiting, error, attempt = list(claim), None, 0
    while attempt < ATTEMPTS:
        known = len(receipts)
        try:
            for receipt in target.submit(waiting):
                receipts[receipt.key] = receipt
            error = None
        except TransientError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - even a fault of the target's code leaves what is known to be stored
            return _answer(claim, receipts, failure)
        waiting = _again([each for each in claim if each.key not in receipts])
        if not waiting:
            break
        attempt = 0 if len(receipts) > known else attempt + 1
        wait = FIRST_WAIT * 2**attempt if error is None or error.retry_after is None else error.retry_after
        if attempt == ATTEMPTS or wait > LONGEST_WAIT:
            break
        pause(wait)
    if waiting and error is None:
        error = TransientError(
            f"the OMS answered {ATTEMPTS} times without saying what became of {len(waiting)} orders of "
            f"{waiting[0].channel}, such as {waiting[0].order_id}; they stay pending; look for their idempotency keys "
            "in the OMS's log"
        )
    return _answer(claim, receipts, error)


def _again(submissions: Sequence[Submission]) -> list[Submission]:
    """Marked as sent before: the OMS may have them."""
    return [msgspec.structs.replace(each, earlier=True) for each in submissions]


def _answer(claim: Sequence[Submission], receipts: dict[str, Receipt], error: Exception | None) -> _Answer:
    settled = [(each, receipts[each.key]) for each in claim if each.key in receipts]
    unknown = [each for each in claim if each.key not in receipts]
    return _Answer(settled, unknown, error if unknown else None)


def _told(error: Exception) -> str:
    """An error for the outbox; what is none of ours may quote the order, so only its kind is told."""
    if isinstance(error, OrderflowError):
        return str(error)
    return f"a fault in the code that talks to the OMS ({type(error).__name__}); the task's log shows where"


def _graver(first: Exception | None, second: Exception) -> Exception:
    """The error to raise: one that needs a person before one that time may heal, the earlier before the later."""
    if first is None or (isinstance(first, TransientError) and not isinstance(second, TransientError)):
        return second
    return first
