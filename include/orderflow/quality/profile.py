"""The shape of a channel's raw records: which fields they have, of which types, and which categories occur.

A profile describes a sample, costs little, and holds no personal data: of values it keeps only small sets of codes, and
only in fields whose names say that they are categories. Comparing today's with the one of earlier batches tells when a
platform changed.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from orderflow.domain.source import Raw

SAMPLE = 200
"""Records of a batch that are looked at."""
MOST_CATEGORIES = 40
"""A field with more different values holds no categories."""
MOST_PATHS = 2_000
"""Fields beyond these are not told apart: some platforms use ids as names."""

_CATEGORY_NAME = re.compile(
    r"(^|_)(status|state|type|kind|method|currency|channel|source|carrier|reason|gateway|role|mode|unit|uom)(_code)?$"
)
_AMOUNT_PATH = re.compile(r"total|price")
_NO_AMOUNT_PATH = re.compile(
    r"discount|tax|shipping|freight|refund|fee|tip|duty|weight|count|quantity|qty|rate|percent|version|time|date|(id|at|no)$"
)
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")
_CATEGORY_VALUE = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,31}")
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ID_NAME = re.compile(r"\d{3,}|[0-9a-fA-F-]{16,}")


class FieldProfile(msgspec.Struct, omit_defaults=True):
    """One path of the records: in how many it occurs, with which JSON types, and its categories, where it has such."""

    records: int = 0
    types: set[str] = msgspec.field(default_factory=set)
    categories: set[str] | None = None
    """None: the field holds no categories, or too many."""
    where: dict[str, int] = msgspec.field(default_factory=dict)
    """Ordinal of a raw record by the type or category that it shows: where to look, and nothing of a person."""
    amounts: int = 0
    """How many positive amounts there were, where the path says that it holds prices or totals."""
    logarithms: float = 0.0
    """The sum of their decimal logarithms: what is typical of amounts that differ by factors."""
    last: datetime | None = None
    """End of the newest window that brought the field; set when profiles of several windows are merged."""

    @property
    def typical(self) -> float:
        """The geometric mean of the amounts."""
        return 10 ** (self.logarithms / self.amounts) if self.amounts else 0.0


class Profile(msgspec.Struct, omit_defaults=True):
    """`fields` by path: `line_items[].sku`; `records` is how many were looked at."""

    records: int = 0
    fields: dict[str, FieldProfile] = msgspec.field(default_factory=dict)

    def share(self, path: str) -> float:
        """In which part of the records the field occurs."""
        return self.fields[path].records / self.records if self.records and path in self.fields else 0.0

    def to_json(self) -> bytes:
        return _encoder.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Profile:
        return msgspec.json.decode(data, type=cls)


_encoder = msgspec.json.Encoder(order="sorted")
_decode = msgspec.json.Decoder(Raw, float_hook=float).decode


class Sampler:
    """Builds the profile of a batch of `expected` records from every n-th of them."""

    def __init__(self, expected: int) -> None:
        self._stride = max(1, expected // SAMPLE)
        self._profile = Profile()

    def see(self, ordinal: int, record: bytes) -> None:
        """Look at a JSON object, if its turn has come. What cannot be read where no mapping looks is left out."""
        if ordinal % self._stride == 0:
            with contextlib.suppress(UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
                add(self._profile, _decode(record), ordinal)

    def profile(self) -> Profile:
        return self._profile


def profile(records: Iterator[Raw]) -> Profile:
    """The profile of all these records."""
    found = Profile()
    for ordinal, raw in enumerate(records):
        add(found, raw, ordinal)
    return found


def add(found: Profile, raw: Raw, ordinal: int) -> None:
    """Count one more record, which is the batch's `ordinal`-th."""
    found.records += 1
    for path, values in _by_path(raw).items():
        field = found.fields.get(path)
        if field is None:
            if len(found.fields) >= MOST_PATHS:
                continue
            categories: set[str] | None = set() if _CATEGORY_NAME.search(_last_name(path)) else None
            field = found.fields[path] = FieldProfile(categories=categories)
        field.records += 1
        priced = _is_amount(path)
        for value in values:
            if priced:
                _add_amount(field, value)
            kind = _type(value)
            field.types.add(kind)
            field.where.setdefault(kind, ordinal)
            _add_category(field, value, ordinal)


def merged(one: Profile, other: Profile) -> Profile:
    """The profile of the records of both."""
    both = Profile(records=one.records + other.records)
    for path in dict.fromkeys([*one.fields, *other.fields]):
        found = [each.fields[path] for each in (one, other) if path in each.fields]
        sets = [field.categories for field in found]
        union = None if None in sets else set().union(*(each for each in sets if each is not None))
        both.fields[path] = FieldProfile(
            records=sum(field.records for field in found),
            types=set().union(*(field.types for field in found)),
            categories=union if union is None or len(union) <= MOST_CATEGORIES else None,
            amounts=sum(field.amounts for field in found),
            logarithms=sum(field.logarithms for field in found),
            last=max((field.last for field in found if field.last), default=None),
        )
    return both


def of_windows(profiles: Iterable[tuple[datetime, str]]) -> Profile | None:
    """What windows brought together, each given by its end and its profile's JSON; None where there is none."""
    whole: Profile | None = None
    for end, text in profiles:
        one = Profile.from_json(text)
        for field in one.fields.values():
            field.last = end
        whole = one if whole is None else merged(whole, one)
    return whole


def _by_path(raw: Raw) -> dict[str, list[Any]]:
    """The scalar values of a record by path; an empty list or object counts as a value."""
    found: dict[str, list[Any]] = {}
    waiting: list[tuple[str, Any]] = [("", raw)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend((f"{path}.{_name(name)}" if path else _name(name), each) for name, each in value.items())
        elif isinstance(value, list) and value:
            waiting.extend((f"{path}[]", each) for each in value)
        else:
            found.setdefault(path, []).append(value)
    return found


def _name(name: str) -> str:
    """A name as it stands in a path; names that are ids are all one."""
    return "*" if _ID_NAME.search(name) else name


def _last_name(path: str) -> str:
    return _SNAKE.sub("_", path.rpartition(".")[2].removesuffix("[]")).lower()


def _type(value: Any) -> str:
    """JSON's name for the value's type."""
    names = {
        str: "text",
        bool: "truth",
        int: "number",
        float: "number",
        type(None): "null",
        list: "list",
        dict: "object",
    }
    return names[type(value)]


@functools.lru_cache(maxsize=4096)
def _is_amount(path: str) -> bool:
    name = _SNAKE.sub("_", path).lower()
    return bool(_AMOUNT_PATH.search(name)) and not _NO_AMOUNT_PATH.search(name)


def _add_amount(field: FieldProfile, value: Any) -> None:
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if _AMOUNT.fullmatch(text) and float(text) > 0:
        field.amounts += 1
        field.logarithms += math.log10(float(text))


def _add_category(field: FieldProfile, value: Any, ordinal: int) -> None:
    if field.categories is None or not isinstance(value, str) or not value:
        return
    if not _CATEGORY_VALUE.fullmatch(value) and not (len(value) <= 12 and not value.isascii() and value.isalpha()):
        field.categories = None
        return
    field.categories.add(value)
    field.where.setdefault(value, ordinal)
    if len(field.categories) > MOST_CATEGORIES:
        field.categories = None
