"""Whether the expectations of a channel file can be checked: columns that exist and fit, spans, and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from orderflow.config.problem import Fault, Location, nearest
from orderflow.domain.expectation import COLUMNS, Kind

_FITS: Mapping[str, tuple[Kind, ...]] = {
    "filled": ("text", "number", "time", "truth"),
    "one_of": ("text",),
    "between": ("number",),
    "matches": ("text",),
    "mean": ("number",),
    "distinct": ("text", "number", "time"),
}
"""The lists of expectations on one column, with the kinds of columns that they can judge."""

_OTHER_TONGUE = re.compile(r"\(\?(?![:=!])|\\[AZzbBpP]|[*+?}]\+")
"""What Python and PostgreSQL read differently: inline flags, named groups, borders, possessive repeats."""


def expected(block: object) -> Iterator[Fault]:
    """Every fault of `validate.expectations`; values of the wrong type are left to the form."""
    if not isinstance(block, dict):
        return
    path: Location = ("validate", "expectations")
    yield from _span((*path, "orders_per_day"), _ends(block.get("orders_per_day")))
    for name, kinds in _FITS.items():
        for place, each in _listed(block, path, name):
            yield from _column((*place, "column"), each.get("column"), kinds)
            yield from _span(place, (each.get("least"), each.get("most")))
            if name in {"between", "mean", "distinct"} and each.get("least") is None and each.get("most") is None:
                yield Fault(place, "has neither least nor most", "write at least one of them")
            if name == "matches":
                yield from _pattern((*place, "pattern"), each.get("pattern"))
    for place, each in _listed(block, path, "unique"):
        columns = each.get("columns")
        for number, column in enumerate(columns if isinstance(columns, list) else ()):
            yield from _column((*place, "columns", number), column, _FITS["filled"])
        yield from _one_table(place, columns if isinstance(columns, list) else [])
    for place, each in _listed(block, path, "ordered"):
        for end in ("earlier", "later"):
            yield from _column((*place, end), each.get(end), ("time",))
        yield from _one_table(place, [each.get("earlier"), each.get("later")])


def _listed(block: Mapping[str, Any], path: Location, name: str) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    found = block.get(name)
    for number, each in enumerate(found if isinstance(found, list) else ()):
        if isinstance(each, dict):
            yield (*path, name, number), each


def _column(path: Location, name: object, kinds: tuple[Kind, ...]) -> Iterator[Fault]:
    if not isinstance(name, str):
        return
    if name not in COLUMNS:
        yield Fault(path, f"staged orders have no column {name!r}", nearest(name, COLUMNS))
    elif COLUMNS[name] not in kinds:
        fitting = [each for each, kind in COLUMNS.items() if kind in kinds]
        yield Fault(path, f"{name!r} holds {COLUMNS[name]}s, not {' or '.join(kinds)}s", nearest(name, fitting))


def _one_table(path: Location, columns: list[Any]) -> Iterator[Fault]:
    names = [each for each in columns if isinstance(each, str)]
    if len({name.startswith("lines.") for name in names}) > 1:
        yield Fault(path, "names columns of orders and of lines", "take all of them from one table")


def _ends(value: object) -> tuple[object, object]:
    return (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (None, None)


def _span(path: Location, ends: tuple[object, object]) -> Iterator[Fault]:
    try:
        least, most = (None if end is None else Decimal(str(end)) for end in ends)
    except InvalidOperation:
        return
    if any(end is not None and not end.is_finite() for end in (least, most)):
        return
    if least is not None and most is not None and most < least:
        yield Fault(path, f"nothing lies between {least} and {most}", "write the smaller one first")


def _pattern(path: Location, pattern: object) -> Iterator[Fault]:
    if not isinstance(pattern, str):
        return
    try:
        re.compile(pattern)
    except re.error as error:
        yield Fault(path, f"{pattern!r} is no regular expression: {error}", "correct it, such as ^#[0-9]+$")
        return
    if found := _OTHER_TONGUE.search(pattern):
        yield Fault(
            path,
            f"{pattern!r} means different things to Python and PostgreSQL at {found[0]!r}",
            "write it with classes, groups, alternatives and plain repeats, such as ^#[0-9]+$",
        )
