"""Sync: bring the OMS everything it has not got yet, each version once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import msgspec

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.staging import Staging
from orderflow.domain.target import Receipt, Submission, Target
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often one sync sends the same orders before it leaves them to the next."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts, doubling from the first; a longer wait that the OMS asks for is left to the next sync."""

AHEAD = 1
"""Claims that wait, ready, for the next free thread, so that the OMS never waits for our bookkeeping."""

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
    error: OrderflowError | None


def sync(
    channel: Channel,
    staging: Staging,
    target: Target,
    *,
    progress: Progress = silent,
    pause: Callable[[float], None] = time.sleep,
) -> Delivered:
    """Send what the channel has pending, `channel.oms.concurrency` requests at a time.

    Raises, after everything known is stored, the error that kept orders from being delivered: `TransientError` when the
    OMS is down or the outcome of some orders stays unknown, `DeniedError` when it does not let us in. Nothing is ever
    lost by raising: what is pending stays in the outbox. `pause` waits that many seconds between attempts. A shadow
    channel sends nothing.
    """
    if channel.shadow:
        return Delivered(pending=staging.pending(channel.name))
    began = time.perf_counter()
    sent = accepted = refused = postponed = barren = 0
    flying: set[Future[_Answer]] = set()
    error: OrderflowError | None = None
    with staging.sender(channel.name), ThreadPoolExecutor(channel.oms.concurrency) as pool:
        total = staging.pending(channel.name)
        claims = staging.claims(channel.name, channel.oms.batch)
        going = True
        while going or flying:
            while going and len(flying) < channel.oms.concurrency + AHEAD:
                claim = next(claims, None)
                if claim is None:
                    going = False
                else:
                    sent += len(claim)
                    flying.add(pool.submit(_deliver, target, claim, pause))
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for answer in (future.result() for future in done):
                staging.settle(answer.settled)
                taken = sum(receipt.outcome == "accepted" for _, receipt in answer.settled)
                accepted += taken
                refused += len(answer.settled) - taken
                postponed += len(answer.unknown)
                barren = 0 if answer.settled else barren + 1
                if answer.error is not None:
                    staging.postpone(answer.unknown, str(answer.error))
                    error = _graver(error, answer.error)
                    hopeless = isinstance(answer.error, DeniedError | ConfigError)
                    going &= not hopeless and barren < max(BARREN, channel.oms.concurrency)
            progress("sync", accepted + refused, total)
        delivered = Delivered(
            sent=sent,
            accepted=accepted,
            refused=refused,
            postponed=postponed,
            pending=staging.pending(channel.name),
            windows=staging.synced(channel.name),
            seconds=time.perf_counter() - began,
        )
    log.info(
        "synced channel=%s %s", channel.name, " ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(delivered).items())
    )
    if error is not None:
        raise error
    return delivered


def _deliver(target: Target, claim: Sequence[Submission], pause: Callable[[float], None]) -> _Answer:
    """Send one claim, in a thread of its own, until every order in it is settled or the attempts are used up.

    What is sent again is marked as `earlier`: the target finds out first whether the OMS has it.
    """
    receipts: dict[str, Receipt] = {}
    waiting, error = list(claim), None
    for attempt in range(ATTEMPTS):
        try:
            for receipt in target.submit(waiting):
                receipts[receipt.key] = receipt
            error = None
        except TransientError as failure:
            error = failure
        except OrderflowError as failure:
            return _answer(claim, receipts, failure)
        waiting = [replace(each, earlier=True) for each in claim if each.key not in receipts]
        if not waiting:
            break
        wait = FIRST_WAIT * 2**attempt if error is None or error.retry_after is None else error.retry_after
        if attempt + 1 == ATTEMPTS or wait > LONGEST_WAIT:
            break
        pause(wait)
    if waiting and error is None:
        error = TransientError(
            f"the OMS answered {ATTEMPTS} times without saying what became of {len(waiting)} orders of "
            f"{waiting[0].channel}, such as {waiting[0].order_id}; they stay pending; look for their idempotency keys "
            "in the OMS's log"
        )
    return _answer(claim, receipts, error)


def _answer(claim: Sequence[Submission], receipts: dict[str, Receipt], error: OrderflowError | None) -> _Answer:
    settled = [(each, receipts[each.key]) for each in claim if each.key in receipts]
    unknown = [each for each in claim if each.key not in receipts]
    return _Answer(settled, unknown, error if unknown else None)


def _graver(first: OrderflowError | None, second: OrderflowError) -> OrderflowError:
    """The error to raise: one that needs a person before one that time may heal, the earlier before the later."""
    if first is None or (isinstance(first, TransientError) and not isinstance(second, TransientError)):
        return second
    return first
