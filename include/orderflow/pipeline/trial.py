"""Trials: what a changed setting would do to orders that wait and to orders that were accepted.

Every trial is the real clean and validate in a folder of its own; nothing is staged. The same orders go through
unchanged first, and only differences count: so a trial on documents, where the raw record is gone, blames a cure for
nothing that the missing contacts cause.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pyarrow.compute as pc
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from upath import UPath

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.errors import OrderflowError
from orderflow.domain.order import Order
from orderflow.domain.source import Page
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.validate import validate
from orderflow.quality.report import queries
from orderflow.quality.report.clusters import Cluster, Trial
from orderflow.quality.report.cures import Cure, Usual, proposed
from orderflow.quality.report.values import Figures

log = logging.getLogger(__name__)

SAMPLE = 200
"""Waiting orders of a cluster, and accepted ones, that a cure is tried on."""
MOST_TRIALS = 40
MOST_READ = 50_000
"""Records of one landing folder that are read to find accepted ones."""

_OF_CONTACTS = ("SHIP_TO_MISSING",)
"""Rules that a document without contacts breaks for this alone."""

Raws = Callable[[int], bytes | None]
"""The raw record of a quarantine row, where it is kept."""


@dataclass(frozen=True, slots=True)
class Material:
    """One order to try a cure on: its raw record, or its canonical document."""

    data: bytes
    raw: bool
    fetched_at: datetime
    order_id: str | None = None
    row: int | None = None
    """Its row in quarantine; None for an accepted order."""


class Outcome(NamedTuple):
    accepted: bool
    content_hash: bytes | None


def try_cures(
    figures: Figures,
    channel: Channel,
    connection: Connection,
    *,
    raws: Raws | None = None,
    skus: Mapping[str, str] | None = None,
) -> None:
    """Work out cures for the clusters of `figures`, try each, and note what happened in the cluster.

    Reads only. A cure that cannot be tried is left out.
    """
    start, end = figures.days[0], figures.days[-1] + timedelta(days=1)
    values = {"channel": channel.name, "zone": figures.zone, "start": start, "end": end, "size": SAMPLE}
    with queries.reading(connection) as cursor:
        usual = Usual({row["value"]: row["orders"] for row in queries.ask(cursor, queries.USUAL, values)})
    planned = [(cluster, cure) for cluster in figures.clusters for cure in proposed(cluster, channel, usual, skus)]
    if not planned:
        return
    with queries.reading(connection) as cursor:
        accepted = list(_accepted(queries.ask(cursor, queries.SAMPLED, values)))
    judge = _Judge(channel, skus)
    refused: dict[int, list[Material]] = {}
    for cluster, cure in planned[:MOST_TRIALS]:
        if id(cluster) not in refused:
            refused[id(cluster)] = list(_refused(connection, cluster, raws))
        try:
            trial = judge.tried(cure, refused[id(cluster)], accepted)
        except OrderflowError as error:
            log.warning("cure not tried channel=%s code=%s: %s", channel.name, cluster.code, error)
            continue
        if trial.tried:
            cluster.trials.append(trial)


class _Judge:
    """Runs orders through clean and validate as the channel is, and as a cure would have it."""

    def __init__(self, channel: Channel, skus: Mapping[str, str] | None) -> None:
        self._channel = channel
        self._skus = skus
        self._known: dict[bytes, Outcome] = {}

    def tried(self, cure: Cure, refused: Sequence[Material], accepted: Sequence[Material]) -> Trial:
        waiting = [each for each in refused if each.raw or not cure.times]
        control = [each for each in accepted if each.raw or not cure.times]
        everything = [*waiting, *control]
        before = self._as_it_is(everything)
        after = _judged(cure.channel, cure.skus or self._skus, everything)
        trial = Trial(cure.words, cure.setting)
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            if number < len(waiting):
                trial.tried += not one.accepted
                if other.accepted and not one.accepted:
                    trial.released += 1
                    trial.rows.update(row for row in [waiting[number].row] if row is not None)
            elif one.accepted:
                trial.control += 1
                trial.broken += not other.accepted
                trial.changed += other.accepted and other.content_hash != one.content_hash
        return trial

    def _as_it_is(self, orders: Sequence[Material]) -> list[Outcome]:
        new = [each for each in orders if each.data not in self._known]
        for each, outcome in zip(new, _judged(self._channel, self._skus, new), strict=True):
            self._known[each.data] = outcome
        return [self._known[each.data] for each in orders]


def _judged(channel: Channel, skus: Mapping[str, str] | None, orders: Sequence[Material]) -> list[Outcome]:
    """What becomes of each order, one by one: orders with the same id do not replace each other."""
    outcomes = [Outcome(accepted=False, content_hash=None)] * len(orders)
    for raw in (True, False):
        places = [number for number, each in enumerate(orders) if each.raw is raw]
        if not places:
            continue
        reader = channel if raw else _of_documents(channel)
        for round_ in _rounds([orders[place] for place in places]):
            chosen = [places[number] for number in round_]
            for place, outcome in zip(chosen, _run(reader, skus, [orders[each] for each in chosen]), strict=True):
                outcomes[place] = outcome
    return outcomes


def _rounds(orders: Sequence[Material]) -> list[list[int]]:
    """Places of orders so that no round holds the same order twice: of two versions one would replace the other."""
    rounds: list[list[int]] = []
    seen: dict[str | bytes, int] = defaultdict(int)
    for number, each in enumerate(orders):
        turn = seen[each.order_id or each.data]
        seen[each.order_id or each.data] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(number)
    return rounds


def _run(channel: Channel, skus: Mapping[str, str] | None, orders: Sequence[Material]) -> list[Outcome]:
    calm = channel.validate_.model_copy(update={"guards": "warn", "orders_per_window": None})
    channel = channel.model_copy(update={"validate_": calm})
    with tempfile.TemporaryDirectory(prefix="orderflow-trial-") as name:
        folder = Path(name)
        with landing.Writer(folder) as writer:
            for each in orders:
                writer.write(Page([each.data], "trial"), each.fetched_at)
        start = min(each.fetched_at for each in orders)
        batch = Batch(
            channel=channel.name,
            window_start=start - timedelta(days=1),
            window_end=start,
            run_id="trial",
            landing=str(folder),
            counts=Counts(fetched=writer.records, pages=writer.pages, bytes=writer.bytes),
            purpose="replay",
        )
        with _unheard():
            validate(channel, clean(channel, batch, skus=skus))
        return _outcomes(folder, len(orders))


@contextmanager
def _unheard() -> Iterator[None]:
    """What the two stages log of a trial would read as if it had happened."""
    loggers = [logging.getLogger(stage.__module__) for stage in (clean, validate)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _outcomes(folder: Path, size: int) -> list[Outcome]:
    """By ordinal. A record that is unreadable, or that another of the same order replaced, is not accepted."""
    found = [Outcome(accepted=False, content_hash=None)] * size
    for chunk in files.chunks(folder):
        orders = files.read(folder, "orders", chunk, columns=["ordinal", "content_hash"]).to_pylist()
        verdicts = files.read(folder, "verdicts", chunk, columns=["order_row", "severity"])
        refused = set(verdicts.filter(pc.equal(verdicts["severity"], "refuse"))["order_row"].to_pylist())
        for row, order in enumerate(orders):
            found[order["ordinal"]] = Outcome(row not in refused, order["content_hash"])
    return found


def _of_documents(channel: Channel) -> Channel:
    """The channel, reading canonical documents instead of its platform's records; these hold no contacts."""

    def to_order(raw: Mapping[str, Any], _options: object) -> Order:
        return msgspec.convert(raw, Order)

    adapter = dataclasses.replace(channel.adapter, to_order=to_order, order_id=lambda raw: raw.get("order_id"))
    waived = channel.validate_.model_copy(update={"waive": [*channel.validate_.waive, *_OF_CONTACTS]})
    return channel.model_copy(update={"adapter": adapter, "validate_": waived})


def _refused(connection: Connection, cluster: Cluster, raws: Raws | None) -> Iterator[Material]:
    with queries.reading(connection) as cursor:
        rows = queries.ask(cursor, queries.WAITING, {"ids": cluster.subjects[:SAMPLE]})
    for row in rows:
        raw = raws(row["id"]) if raws is not None and row["sealed"] else None
        if raw is not None:
            yield Material(raw, raw=True, fetched_at=row["fetched_at"], order_id=row["order_id"], row=row["id"])
        elif row["document"] is not None:
            yield _of_document(row)


def _accepted(rows: Sequence[Mapping[str, Any]]) -> Iterator[Material]:
    """Raw records from the landing zone, where they still lie there; else the documents."""
    by_folder: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for row in rows:
        by_folder[row["landing"]][row["ordinal"]] = row
    for name, wanted in by_folder.items():
        left = dict(wanted)
        folder = cast(Path, UPath(name))
        if folder.is_dir() and max(wanted) < MOST_READ:
            for record in landing.records(folder):
                if record.ordinal in left:
                    order_id = left.pop(record.ordinal)["order_id"]
                    yield Material(record.data, raw=True, fetched_at=record.fetched_at, order_id=order_id)
                if not left:
                    break
        yield from map(_of_document, left.values())


def _of_document(row: Mapping[str, Any]) -> Material:
    document = msgspec.json.encode(row["document"])
    return Material(document, raw=False, fetched_at=row["fetched_at"], order_id=row["order_id"], row=row.get("id"))
