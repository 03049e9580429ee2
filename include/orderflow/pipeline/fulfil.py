"""Fulfil: tell a channel what became of its orders, each parcel and each answer once."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import msgspec

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, RecordError
from orderflow.domain.fulfilment import Fulfilling, Notice, Notices, Response, Shipping, Told
from orderflow.domain.order import Shipment
from orderflow.domain.source import Source
from orderflow.domain.target import Target
from orderflow.pipeline.progress import Progress, silent

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
"""How far behind the newest parcel the OMS is asked again: what it recorded, but showed later."""
BARREN = 3
"""Attempts in a row without an outcome, after which the channel counts as down."""


class Fulfilled(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did. `held` notices wait for something to be put right, `postponed` ones for another attempt."""

    noted: int = 0
    """Parcels and answers that were news."""
    accepted: int = 0
    refused: int = 0
    held: int = 0
    postponed: int = 0
    open: int = 0
    """What the channel has still to be told afterwards."""


def gather(channel: Channel, notices: Notices, target: Target | None) -> int:
    """Note what the OMS shipped, and what it decided, since the last look; returns how much is new.

    Raises `ConfigError` when parcels are wanted of a target that cannot tell them.
    """
    wanted = channel.fulfilment.tell if channel.fulfilment else []
    noted = 0
    if "shipments" in wanted:
        if not isinstance(target, Shipping):
            raise ConfigError(
                f"{channel.name}: the OMS target {channel.oms.target!r} tells nothing of parcels; add `shipments` to "
                "its file if it can, or take shipments out of fulfilment.tell"
            )
        newest = notices.newest()
        noted += notices.note(target.shipped(channel.name, newest and newest - OVERLAP))
    if "responses" in wanted:
        noted += notices.note_responses()
    return noted


def ready(channel: Channel, notice: Notice) -> Notice | str:
    """The notice in the channel's words, or why it waits."""
    carriers = channel.fulfilment.carriers if channel.fulfilment else {}
    match notice.content:
        case Shipment(carrier=str(carrier)) if carrier not in carriers:
            return (
                f"carrier {carrier!r} is not named; add it to fulfilment.carriers in {channel.name}.yml, "
                "in the platform's words"
            )
        case Shipment(carrier=str(carrier)):
            named = msgspec.structs.replace(notice.content, carrier=carriers[carrier])
            return replace(notice, content=named)
        case _:
            return notice


def fulfil(
    channel: Channel, notices: Notices, target: Target | None, source: Source, *, progress: Progress = silent
) -> Fulfilled:
    """Gather what is new, then tell the channel everything that is due, one notice after the other.

    Every outcome is stored as soon as it is known. Raises, after all that could be told was told, the error that kept
    notices from being told: nothing is lost by raising, what is open stays open. A shadow channel is told nothing.
    """
    if not isinstance(source, Fulfilling):
        raise ConfigError(
            f"{channel.name}: a channel of {channel.adapter_name} cannot be told anything; remove the block fulfilment"
        )
    noted = gather(channel, notices, target)
    if channel.shadow:
        return Fulfilled(noted=noted, open=notices.count_untold())
    counts = dict.fromkeys(("accepted", "refused", "held", "postponed"), 0)
    barren, graver = 0, None
    with notices.teller():
        total = notices.count_untold()
        for notice in (each for some in notices.untold() for each in some):
            outcome = _tell(channel, notices, source, notice)
            if isinstance(outcome, OrderflowError):
                counts["postponed"] += 1
                barren += 1
                graver = outcome if graver is None or isinstance(outcome, DeniedError | ConfigError) else graver
                if barren >= BARREN or isinstance(outcome, DeniedError | ConfigError):
                    break
            else:
                counts[outcome] += 1
                barren = barren if outcome == "held" else 0
            progress("fulfil", counts["accepted"] + counts["refused"], total)
    done = Fulfilled(noted=noted, **counts, open=notices.count_untold())
    log.info(
        "channel told channel=%s %s",
        channel.name,
        " ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(done).items()),
    )
    if graver is not None:
        raise graver
    return done


def _tell(channel: Channel, notices: Notices, source: Fulfilling, notice: Notice) -> str | OrderflowError:
    """What became of one notice: `accepted`, `refused`, `held`, or the error that leaves it open."""
    said = ready(channel, notice)
    if isinstance(said, str):
        notices.hold(notice, said)
        return "held"
    notices.claim(notice)
    try:
        told = source.fulfil(said)
    except RecordError as error:
        told = Told("refused", reason=f"{error.code}: {error.message}")
    except OrderflowError as error:
        notices.postpone(notice, str(error))
        return error
    notices.settle(notice, told)
    if told.outcome == "refused":
        kind = "answer" if isinstance(notice.content, Response) else "parcel"
        log.warning("%s refused channel=%s order=%s: %s", kind, channel.name, notice.order_id, told.reason)
    return told.outcome
