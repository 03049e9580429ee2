"""Validate: every order is accepted or quarantined as a whole, with every rule that it breaks.

pandera judges the chunks that clean wrote, some at a time; the verdicts do not depend on how the orders were cut into
chunks. Then the batch guards judge the whole. Per chunk n `verdicts-n.arrow` has one row per broken rule and value:
`order_row`, `order_id`, `code`, `severity` (`refuse` or `warn`), `field` (`grand_total`, or `lines.2.total` for the
second line's), `value` (masked where personal) and `message`. An order without a `refuse` is accepted:

    cleaned = accepted + quarantined.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import structs
from upath import UPath

from orderflow.domain.batch import Batch, tally
from orderflow.domain.channel import Channel, Validation
from orderflow.domain.decision import Decisions
from orderflow.domain.errors import BalanceError, ConfigError, DriftError
from orderflow.domain.money import MILLION
from orderflow.domain.order import PARTS
from orderflow.pipeline.clean import PROFILE
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.cleaning.waivers import waived
from orderflow.pipeline.fingerprint import fingerprint
from orderflow.pipeline.frames import FIELDS
from orderflow.pipeline.progress import Progress, silent
from orderflow.quality.band import for_window
from orderflow.quality.checks.order import hashed
from orderflow.quality.guards import Finding, History, findings
from orderflow.quality.profile import Profile
from orderflow.quality.rules import RULES
from orderflow.quality.schemas import broken
from orderflow.quality.view import View

log = logging.getLogger(__name__)

CHUNKS_AT_ONCE = 2

VERDICTS = pa.schema(
    [
        ("order_row", pa.int64()),
        ("order_id", pa.string()),
        ("code", pa.string()),
        ("severity", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
    ]
)

_UNJUDGED = {
    "orders": {"raw_status", "ext", "tags", "programs", "parent_id", "cancel_reason", "buyer_id", "locale"},
    "lines": {"product_id", "variant_id"},
    "charges": {"charge_id", "title", "method"},
    "discounts": {"code", "title"},
    "taxes": {"title", "jurisdiction"},
    "payments": {"method", "gateway"},
    "shipments": {"carrier", "tracking_numbers"},
    "refunds": {"reason"},
    "contacts": {"region", "tax_id", "note"},
}
"""Fields that no check looks at: they are not read."""


def validate(
    channel: Channel,
    batch: Batch,
    *,
    history: History | None = None,
    decisions: Decisions | None = None,
    progress: Progress = silent,
) -> Batch:
    """Judge every cleaned order, then the batch (guards judge windows only); replaces an earlier attempt's verdicts.

    Raises `ConfigError` when the channel file waives an unknown rule, and `DriftError` when a guard alarms and the
    channel file says `guards: stop`. With `guards: hold` the batch returns with `held` set, with `warn` with a note.
    """
    began = time.perf_counter()
    folder = cast(Path, UPath(batch.landing))
    severities = _severities(channel)
    files.clear(folder, ["verdicts"])
    chunks = list(files.chunks(folder))
    if batch.counts.cleaned and not chunks:
        raise BalanceError(
            f"{folder}: clean counted {batch.counts.cleaned} orders, but its files are gone (removed, or written by "
            "another version of Orderflow); run clean of this batch again"
        )
    repeated = _repeated_numbers(folder, chunks)
    reasons: dict[str, int] = {}
    warnings: dict[str, int] = {}
    judged, refused = batch.counts.known, 0
    for numbers in (chunks[at : at + CHUNKS_AT_ONCE] for at in range(0, len(chunks), CHUNKS_AT_ONCE)):
        view, starts = _view(folder, numbers, channel.validate_, repeated)
        verdicts = _verdicts(view, severities)
        if decisions and decisions.waived:
            verdicts = waived(verdicts, decisions.waived, _contents(folder, numbers))
        _write(folder, numbers, starts, verdicts)
        reasons = tally(reasons, _orders_by_code(verdicts, "refuse"))
        warnings = tally(warnings, _orders_by_code(verdicts, "warn"))
        refused += pc.count_distinct(verdicts.filter(pc.equal(verdicts["severity"], "refuse"))["order_row"]).as_py()
        judged += view.size
        del view, verdicts
        pa.default_memory_pool().release_unused()
        progress("validate", judged, batch.counts.cleaned)
    unreadable = (files.counted(files.read(folder, "unreadable", chunk, columns=["code"])["code"]) for chunk in chunks)
    batch = structs.replace(
        batch.counted(accepted=judged - refused, quarantined=refused),
        reasons=tally(reasons, *unreadable),
        warnings=warnings,
        held=None,
        judged_by=fingerprint(channel),
        seconds=batch.seconds | {"validate": time.perf_counter() - began},
    ).balance("validate")
    log.info("validated accepted=%d quarantined=%d", judged - refused, refused)
    if batch.purpose != "window":
        return batch
    rules = for_window(channel, batch.window)
    return _guarded(channel, batch, findings(batch, rules, history=history, profile=_profile(folder)))


def _severities(channel: Channel) -> dict[str, str]:
    """The severity of every rule on this channel."""
    for code in channel.validate_.waive:
        if code not in RULES:
            raise ConfigError(f"{channel.name}: validate.waive: unknown rule {code!r}; the rules are in docs/rules.md")
        if not RULES[code].waivable:
            raise ConfigError(f"{channel.name}: validate.waive: {code} cannot be waived; remove it from the list")
    lowered = dict.fromkeys(channel.validate_.waive, "warn")
    return {code: lowered.get(code, rule.severity) for code, rule in RULES.items()}


def _contents(folder: Path, chunks: Sequence[int]) -> pa.ChunkedArray:
    """The content hash of every order of these chunks."""
    return pa.chunked_array(
        files.read(folder, "orders", chunk, columns=["content_hash"])["content_hash"].combine_chunks()
        for chunk in chunks
    )


def _repeated_numbers(folder: Path, chunks: Sequence[int]) -> frozenset[int]:
    """Hashes of the order numbers that several orders of the batch have."""
    found = [np.zeros(0, np.uint64)]
    for chunk in chunks:
        numbers = files.read(folder, "orders", chunk, columns=["order_number"])["order_number"].drop_null()
        found.append(hashed(numbers.combine_chunks()))
    ordered = np.concatenate(found)
    ordered.sort()
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _view(folder: Path, chunks: Sequence[int], rules: Validation, repeated: frozenset[int]) -> tuple[View, list[int]]:
    """The orders of some chunks as one, and the row at which each chunk begins."""
    orders = [files.read(folder, "orders", chunk, columns=[*_judged("orders"), "fetched_at"]) for chunk in chunks]
    starts = [0, *itertools.accumulate(map(len, orders))]

    def joined(name: str, columns: list[str] | None = None) -> pa.Table:
        tables = [files.read(folder, name, chunk, columns=columns) for chunk in chunks]
        return pa.concat_tables(map(_moved, tables, starts))

    view = View(
        tables={
            "orders": pa.concat_tables(orders),
            **{name: joined(name, ["order_row", "position", *_judged(name)]) for name in PARTS},
        },
        problems=joined("problems"),
        tolerance=int(rules.tolerance * MILLION),
        repeated_numbers=repeated,
    )
    return view, starts


def _judged(table: str) -> list[str]:
    return [field.name for field in FIELDS[table] if field.name not in _UNJUDGED[table]]


def _moved(table: pa.Table, start: int) -> pa.Table:
    place = table.schema.get_field_index("order_row")
    return table.set_column(place, "order_row", pc.add(table["order_row"], start))


def _verdicts(view: View, severities: dict[str, str]) -> pa.Table:
    """All broken rules, those found while typing included, in the order of orders, codes and fields."""
    typed = view.problems
    found = pa.concat_tables([typed, _not_untyped(broken(view), typed).select(typed.column_names)])
    codes = found["code"].combine_chunks().dictionary_encode()
    fields = pc.binary_join_element_wise(found["table"], found["position"].cast(pa.string()), found["field"], ".")
    return pa.table(
        {
            "order_row": found["order_row"],
            "order_id": view.column("orders", "order_id").take(found["order_row"].combine_chunks()),
            "code": found["code"],
            "severity": _by_code(codes, [severities[code] for code in codes.dictionary.to_pylist()]),
            "field": pc.if_else(pc.equal(found["table"], "orders"), found["field"], fields),
            "value": found["value"],
            "message": _by_code(codes, [RULES[code].message for code in codes.dictionary.to_pylist()]),
        },
        schema=VERDICTS,
    ).sort_by([(name, "ascending") for name in ("order_row", "code", "field", "value")])


def _by_code(codes: pa.DictionaryArray, values: list[str]) -> pa.Array:
    return pa.array(values, pa.string()).take(codes.indices)


def _not_untyped(found: pa.Table, problems: pa.Table) -> pa.Table:
    """What is broken, without the values that only seem to be missing because they could not be typed."""
    if not len(problems) or not len(found):
        return found
    place = ["order_row", "table", "position", "field"]
    untyped = problems.filter(pc.not_equal(problems["code"], "TIME_AMBIGUOUS")).select(place).to_pandas()
    places = found.select(place).to_pandas()
    known = pd.MultiIndex.from_frame(places.fillna({"position": 0})).isin(
        pd.MultiIndex.from_frame(untyped.fillna({"position": 0}))
    )
    return found.filter(pa.array(~known))


def _write(folder: Path, chunks: Sequence[int], starts: Sequence[int], verdicts: pa.Table) -> None:
    rows = verdicts["order_row"].to_numpy()
    for chunk, (start, end) in zip(chunks, itertools.pairwise(starts), strict=True):
        first, last = np.searchsorted(rows, [start, end])
        files.write(folder, chunk, {"verdicts": _moved(verdicts.slice(first, last - first), -start)})


def _orders_by_code(verdicts: pa.Table, severity: str) -> dict[str, int]:
    """How many orders break each rule."""
    chosen = verdicts.filter(pc.equal(verdicts["severity"], severity)).select(["order_row", "code"])
    return files.counted(chosen.group_by(["order_row", "code"]).aggregate([])["code"])


def _profile(folder: Path) -> Profile | None:
    path = folder / PROFILE
    return Profile.from_json(path.read_bytes()) if path.exists() else None


def _guarded(channel: Channel, batch: Batch, found: Sequence[Finding]) -> Batch:
    """What the channel file says to do about the findings."""
    alarms = [f"{each.code}: {each.message}" for each in found if each.severity == "alarm"]
    notes = [f"{each.code}: {each.message}" for each in found]
    told = [note for note in batch.notes if note not in notes]
    batch = structs.replace(batch, notes=[*told, *notes])
    if not alarms:
        return batch
    where = f"{channel.name} {batch.window}: {'; '.join(alarms)}"
    if channel.validate_.guards == "stop":
        raise DriftError(
            f"{where}; nothing was loaded; the raw data lies in {batch.landing}; if the channel is right, widen the "
            "limit in the channel file; if the platform changed, adapt the adapter; then clear the validate task"
        )
    log.warning("guard alarmed %s", where)
    return structs.replace(batch, held="; ".join(alarms)) if channel.validate_.guards == "hold" else batch
