"""Get to know a channel: a few raw records through mapping, cleaning and rules, with nothing kept.

What the mapping read and what it left out is told by the struct that it reads, or seen by handing it records that
remember which keys were asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Channel
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.cleaning.mapped import decoded, mapped
from orderflow.pipeline.flow import judged


class Example(NamedTuple):
    """How one order breaks a rule; `value` is None where there is none, or where it is a buyer's."""

    order_id: str
    field: str
    value: str | None
    message: str


@dataclass(slots=True)
class Acquaintance:
    """What a few records say of a channel. Shares are fractions of the records."""

    records: int = 0
    mapped: int = 0
    filled: dict[str, float] = field(default_factory=dict)
    """Our fields that hold something, with the share of orders in which they do."""
    unused: dict[str, float] = field(default_factory=dict)
    """Places in the records that the mapping never looked at, with the share of records that have them."""
    unreadable: dict[str, int] = field(default_factory=dict)
    """`code field value: message` of records that could not be mapped (the value of the first), with how many."""
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    examples: dict[str, Example] = field(default_factory=dict)
    """One order for each rule that is broken."""
    documents: list[dict[str, Any]] = field(default_factory=list)
    """The orders as the OMS would get them, without contacts."""


class Seen(dict[str, Any]):
    """An object of a record that remembers which of its keys were asked for."""

    def __init__(self, raw: dict[str, Any], path: str, used: set[str]) -> None:
        super().__init__((key, _watched(value, f"{path}.{key}" if path else key, used)) for key, value in raw.items())
        self._path, self._used = path, used

    def _note(self, key: object) -> None:
        self._used.add(f"{self._path}.{key}" if self._path else str(key))

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def items(self) -> Any:
        for key in self:
            self._note(key)
        return super().items()

    def values(self) -> Any:
        for key in self:
            self._note(key)
        return super().values()


def _watched(value: Any, path: str, used: set[str]) -> Any:
    if isinstance(value, dict):
        return Seen(value, path, used)
    if isinstance(value, list):
        return [_watched(each, f"{path}[]", used) for each in value]
    return value


def places(value: Any, path: str = "") -> Iterator[str]:
    """The paths of everything in a record that is neither object nor list; lists as `[]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from places(inner, f"{path}[]")
    elif value not in (None, ""):
        yield path


def acquaint(
    channel: Channel, pages: Iterable[Page], window: Window, folder: Path, *, now: datetime, limit: int
) -> Acquaintance:
    """Map, clean and judge the first `limit` records of these pages in an empty scratch `folder`."""
    with landing.Writer(folder) as writer:
        for page in pages:
            writer.write(Page(list(page.records)[: limit - writer.records], page.origin), now)
            if writer.records >= limit:
                break
    found = Acquaintance(records=writer.records)
    if writer.records:
        _map(channel, folder, found)
        counts = Counts(pages=writer.pages, bytes=writer.bytes, fetched=writer.records)
        batch = Batch(
            channel=channel.name,
            window_start=window.start,
            window_end=window.end,
            run_id="try",
            landing=str(folder),
            purpose="hint",
            counts=counts,
        )
        batch = judged(channel, batch)
        found.reasons, found.warnings = batch.reasons, batch.warnings
        found.examples = _examples(folder)
        found.documents = [msgspec.json.decode(each) for each in _documents(folder)]
    return found


def _map(channel: Channel, folder: Path, found: Acquaintance) -> None:
    used = set(_fields(channel.adapter.record)) if channel.adapter.record else set()
    there: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    faults: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], object] = {}
    for record in landing.records(folder):
        try:
            raw = decoded(record.data)
            there.update(set(places(raw)))
            order = mapped(Seen(raw, "", used), lambda seen: channel.adapter.to_order(seen, channel.options))
        except RecordError as error:
            fault = (error.code, error.field, error.message)
            faults[fault] += 1
            first.setdefault(fault, error.value)
            continue
        found.mapped += 1
        filled.update(_filled(order))
    found.unreadable = {_told(*fault, first[fault]): count for fault, count in faults.most_common()}
    found.filled = {name: count / found.mapped for name, count in sorted(filled.items())}
    looked_at = used | {each.rpartition("[]")[0] for each in used}
    left = {place: count for place, count in there.items() if not _within(place, looked_at)}
    found.unused = {place: count / found.records for place, count in sorted(left.items())}


def _told(code: str, field: str, message: str, value: object) -> str:
    return f"{code} {field}{'' if value is None else f' {value}'}: {message}"


def _fields(record: type[msgspec.Struct]) -> Iterator[str]:
    """The paths of a struct's fields; lists as `[]`."""
    waiting: list[tuple[str, inspect.Type]] = [("", inspect.type_info(record))]
    while waiting:
        path, kind = waiting.pop()
        if isinstance(kind, inspect.StructType):
            waiting += [(f"{path}.{each.encode_name}".lstrip("."), each.type) for each in kind.fields]
        elif isinstance(kind, inspect.ListType):
            waiting.append((f"{path}[]", kind.item_type))
        elif isinstance(kind, inspect.UnionType):
            waiting += [(path, each) for each in kind.types]
        else:
            yield path


def _within(place: str, used: set[str]) -> bool:
    """Whether the mapping asked for this place, or took the list that it stands in as a whole."""
    return place in used or (place.endswith("[]") and place[:-2] in used)


def _filled(order: Order) -> set[str]:
    plain: dict[str, Any] = msgspec.to_builtins(order)
    return {each.replace("[]", "") for each in places(plain)}


def _examples(folder: Path) -> dict[str, Example]:
    found: dict[str, Example] = {}
    columns = ["code", "order_id", "field", "value", "message"]
    for number in files.chunks(folder):
        for row in files.read(folder, "verdicts", number, columns=columns).to_pylist():
            code = row.pop("code")
            found.setdefault(code, Example(**row))
    return found


def _documents(folder: Path) -> Iterator[bytes]:
    for number in files.chunks(folder):
        yield from files.read(folder, "orders", number, columns=["document"])["document"].to_pylist()
