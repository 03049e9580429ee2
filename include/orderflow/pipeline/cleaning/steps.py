"""The steps of cleaning, in their order: each looks at typed frames and returns the columns that it rewrote.

Every step takes frames and settings, whether it needs both or not. Steps are pure, and idempotent: what they return,
they leave alone the next time. REPAIRS change what the channel sent, and every change is recorded; DERIVATIONS fill in
fields of our own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.order import postal_prefix
from orderflow.domain.sku import SkuMap
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import places, text
from orderflow.pipeline.cleaning.discounts import allocated_discounts
from orderflow.pipeline.cleaning.phones import phone
from orderflow.pipeline.frames import Column, Frames
from orderflow.quality.lookups import LOOKUP_FIELDS, lookup_problems
from orderflow.quality.personal import PERSONAL

_REPAIR_FIELDS = [
    ("order_row", pa.int64()),
    ("rule", pa.string()),
    ("table", pa.string()),
    ("position", pa.int64()),
    ("field", pa.string()),
    ("before_hash", pa.uint64()),
    ("after_hash", pa.uint64()),
    ("before", pa.string()),
]
REPAIR_SCHEMA = pa.schema(_REPAIR_FIELDS)
"""One row per value that a repair changed; hashes are null where there is no value, `before` where it is personal."""

Changes: TypeAlias = dict[Column, pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the steps know of the channel; `skus` is None where the channel's SKUs are the OMS's own."""

    timezone: str = "UTC"
    country: str | None = None
    currency: str | None = None
    lookups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    skus: Mapping[str, str] | None = None

    @classmethod
    def of(cls, channel: Channel, skus: Mapping[str, str] | None) -> Settings:
        """Raises `ConfigError` for look-ups that cannot work."""
        rules = channel.clean
        if problems := lookup_problems(rules.lookups):
            raise ConfigError(f"{channel.name}: clean.lookups: {'; '.join(problems)}")
        return cls(
            timezone=channel.timezone,
            country=rules.country,
            currency=rules.currency,
            lookups=rules.lookups,
            skus=(skus or {}) if rules.sku == "mapped" else None,
        )


Step: TypeAlias = Callable[[Frames, Settings], Changes]


def unicode_text(frames: Frames, _settings: Settings) -> Changes:
    return text.unicode_text(frames)


def trimmed(frames: Frames, _settings: Settings) -> Changes:
    return text.trimmed(frames)


def lookups(frames: Frames, settings: Settings) -> Changes:
    """Values that the channel file lists, in our spelling."""
    return {
        column: fr.mapped(fr.get(frames, *column), functools.partial(_looked_up, listed))
        for name, listed in settings.lookups.items()
        for column in LOOKUP_FIELDS[name]
    }


def _looked_up(listed: Mapping[str, str], value: str) -> str:
    return listed.get(value, value)


def countries(frames: Frames, settings: Settings) -> Changes:
    """Countries of contacts as alpha-2 codes; an address without one has the channel's."""
    spelled = fr.get(frames, "contacts", "country")
    coded = fr.mapped(spelled, places.country)
    if settings.country:
        city, postal = (fr.get(frames, "contacts", name).is_valid() for name in ("city", "postal_code"))
        lines = pc.greater(pc.list_value_length(fr.get(frames, "contacts", "address")), 0)
        addressed = pc.and_(coded.is_null(), pc.or_(pc.or_(city, postal), lines))
        coded = pc.if_else(addressed, settings.country, coded)
    return {("contacts", "country"): coded}


def regions(frames: Frames, _settings: Settings) -> Changes:
    return {("contacts", "region"): _by_country(frames, "region", places.region)}


def postal_codes(frames: Frames, _settings: Settings) -> Changes:
    return {("contacts", "postal_code"): _by_country(frames, "postal_code", places.postal_code)}


def phones(frames: Frames, settings: Settings) -> Changes:
    """Phones as E.164, by the contact's country, else the channel's."""

    def spelled(number: str, country: str | None) -> str:
        return phone(number, country or settings.country)

    return {("contacts", "phone"): _by_country(frames, "phone", spelled)}


def currencies(frames: Frames, settings: Settings) -> Changes:
    """Currencies in capitals; an order that names none has the channel's, in each set that holds an amount."""
    changes: Changes = {}
    for name, total in (("currency", "grand_total"), ("shop_currency", "shop_grand_total")):
        coded = pc.utf8_upper(fr.get(frames, "orders", name))
        if settings.currency and coded.null_count:
            unnamed = pc.and_(coded.is_null(), fr.get(frames, "orders", total).is_valid())
            coded = pc.if_else(unnamed, settings.currency, coded)
        changes["orders", name] = coded
    return changes


def discounts(frames: Frames, _settings: Settings) -> Changes:
    return allocated_discounts(frames)


def oms_skus(frames: Frames, settings: Settings) -> Changes:
    """What the OMS calls every article; null where a map is wanted and does not hold it.

    Pairs with dates are chosen by when the order was placed (else created, changed or fetched).
    """
    skus = fr.get(frames, "lines", "sku")
    if settings.skus is None:
        return {("lines", "oms_sku"): skus}
    mapped = fr.mapped(skus, settings.skus.get)
    if isinstance(settings.skus, SkuMap) and settings.skus.dated:
        dated = pc.is_in(skus, pa.array(list(settings.skus.dated), pa.string()))
        rows = np.flatnonzero(dated.to_numpy(zero_copy_only=False))
        found = map(settings.skus.at, skus.take(pa.array(rows)).to_pylist(), _placed(frames, rows))
        mapped = pc.replace_with_mask(mapped, dated, pa.array(list(found), pa.string()))
    return {("lines", "oms_sku"): mapped}


def _placed(frames: Frames, lines: fr.Ints) -> list[datetime]:
    """When the orders of these lines were placed, as well as it is known."""
    names = ("placed_at", "channel_created_at", "channel_updated_at", "fetched_at")
    known = pc.coalesce(*(frames["orders"][name] for name in names if name in frames["orders"]))
    moments = known.take(fr.get(frames, "lines", "order_row").take(pa.array(lines)))
    return [moment or datetime.min.replace(tzinfo=UTC) for moment in moments.to_pylist()]


def destinations(frames: Frames, _settings: Settings) -> Changes:
    """The three coarse parts of the delivery address that stay readable, from the order's first `ship_to` contact."""
    to_ship = pc.equal(fr.get(frames, "contacts", "role"), "ship_to").fill_null(False).to_numpy(zero_copy_only=False)
    rows, first = np.unique(fr.get(frames, "contacts", "order_row").to_numpy()[to_ship], return_index=True)
    chosen = np.flatnonzero(to_ship)[first]
    source = np.zeros(fr.size(frames), np.int64)
    source[rows] = chosen
    has = np.zeros(len(source), bool)
    has[rows] = True
    taken = pa.array(source, mask=~has)
    mask = pa.array(has)
    changes: Changes = {}
    for name, field_name in (
        ("country", "ship_country"),
        ("region", "ship_region"),
        ("postal_code", "ship_postal_prefix"),
    ):
        values = fr.get(frames, "contacts", name)
        if name == "postal_code":
            values = fr.mapped(values, postal_prefix)
        changes["orders", field_name] = pc.if_else(mask, values.take(taken), fr.get(frames, "orders", field_name))
    return changes


REPAIRS: tuple[Step, ...] = (
    unicode_text,
    trimmed,
    lookups,
    countries,
    regions,
    postal_codes,
    phones,
    currencies,
    discounts,
)
DERIVATIONS: tuple[Step, ...] = (oms_skus, destinations)


def apply(frames: Frames, settings: Settings) -> tuple[Frames, pa.Table]:
    """Every step, one after the other; returns the frames and what was repaired (`REPAIR_SCHEMA`)."""
    repairs = [REPAIR_SCHEMA.empty_table()]
    for step in REPAIRS:
        changes = step(frames, settings)
        for (table, field_name), after in changes.items():
            before = fr.get(frames, table, field_name)
            rows = _changed(before, after)
            if len(rows):
                repairs.append(recorded(frames, step.__name__, (table, field_name), before, after, rows))
        frames = fr.put(frames, changes)
    for step in DERIVATIONS:
        frames = fr.put(frames, step(frames, settings))
    return frames, pa.concat_tables(repairs)


def times_to_utc(texts: Frames, typed: Frames) -> pa.Table:
    """A repair row for every time that the channel did not spell in UTC, with its own spelling."""
    repairs = [REPAIR_SCHEMA.empty_table()]
    for column in fr.columns("time"):
        before, after = fr.get(texts, *column), fr.get(typed, *column)
        in_utc = pc.or_(pc.ends_with(before, "Z"), pc.ends_with(before, "+00:00"))
        rows = np.flatnonzero(pc.and_(after.is_valid(), pc.invert(in_utc)).fill_null(False))
        if len(rows):
            repairs.append(recorded(texts, "times_to_utc", column, before, after, rows))
    return pa.concat_tables(repairs)


def recorded(frames: Frames, rule: str, column: Column, before: pa.Array, after: pa.Array, rows: fr.Ints) -> pa.Table:
    table, field_name = column
    chosen = pa.array(rows)
    old, new = before.take(chosen), after.take(chosen)
    own = table == "orders"
    size = len(rows)
    return pa.table(
        {
            "order_row": chosen if own else fr.get(frames, table, "order_row").take(chosen),
            "rule": pa.repeat(rule, size),
            "table": pa.repeat(table, size),
            "position": pa.nulls(size, pa.int64()) if own else fr.get(frames, table, "position").take(chosen),
            "field": pa.repeat(field_name, size),
            "before_hash": hashed(old),
            "after_hash": hashed(new),
            "before": pa.nulls(size, pa.string()) if column in PERSONAL else _text(old),
        },
        schema=REPAIR_SCHEMA,
    )


def _by_country(frames: Frames, name: str, function: Callable[[str, str | None], str]) -> pa.Array:
    """A contact's field rewritten by its country, each different pair once."""
    values = fr.get(frames, "contacts", name)
    if fr.empty(values):
        return values
    country_codes = fr.get(frames, "contacts", "country").fill_null("")
    pairs = pc.binary_join_element_wise(country_codes, values, "\x1f")

    def rewrite(pair: str) -> str:
        code, _, value = pair.partition("\x1f")
        return function(value, code or None)

    return fr.mapped(pairs, rewrite)


def _changed(before: pa.Array, after: pa.Array) -> fr.Ints:
    if after is before or after.equals(before):
        return np.zeros(0, np.int64)
    if pa.types.is_list(before.type):
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return np.array([row for row, (old, new) in enumerate(pairs) if old != new], np.int64)
    differ = pc.or_(pc.not_equal(before, after).fill_null(False), pc.xor(before.is_null(), after.is_null()))
    return np.flatnonzero(differ)


def _text(values: pa.Array) -> pa.Array:
    if pa.types.is_list(values.type):
        return pa.array([" | ".join(filter(None, value)) for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def hashed(values: pa.Array) -> pa.Array:
    """64-bit hashes of the values' text: they tell whether two values differ and are no protection."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    texts = _text(values)
    hashes = pd.util.hash_array(texts.fill_null("").to_numpy(zero_copy_only=False), categorize=False)
    return pa.array(hashes, mask=texts.is_null().to_numpy(zero_copy_only=False))
