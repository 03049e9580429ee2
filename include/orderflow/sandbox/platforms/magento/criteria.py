"""Search criteria and field selections of a query, and what they choose."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

_FILTER = re.compile(
    r"searchCriteria\[(?:filter_groups|filterGroups)\]\[(\d+)\]\[filters\]\[(\d+)\]\[(field|value|condition_type)\]"
)
_SORT = re.compile(r"searchCriteria\[sortOrders\]\[(\d+)\]\[(field|direction)\]")


class Wrong(Exception):  # noqa: N818 -- an answer to the client, not a failure of ours
    """The criteria cannot be; message and parameters are Magento's."""

    def __init__(self, message: str, parameters: Any = None) -> None:
        super().__init__(message)
        self.message, self.parameters = message, parameters


class Filter(NamedTuple):
    field: str
    condition: str
    value: str


class Criteria(NamedTuple):
    groups: list[list[Filter]]
    sort: list[tuple[str, bool]]
    """Fields, each with whether it is descending."""
    size: int | None
    page: int

    def only(self, field: str, condition: str) -> str | None:
        """The value of a group that holds this filter alone, which therefore goes for all rows."""
        for group in self.groups:
            if len(group) == 1 and group[0][:2] == (field, condition):
                return group[0].value
        return None


def read(query: Mapping[str, str], fields: Iterable[str], most: int) -> Criteria:
    """Check a query against the fields that there are, and the largest page allowed (0: any). Raises `Wrong`."""
    if not any(name.startswith("searchCriteria") for name in query):
        raise Wrong('"%fieldName" is required. Enter and try again.', {"fieldName": "searchCriteria"})
    found: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    sort: dict[int, dict[str, str]] = defaultdict(dict)
    for name, value in query.items():
        if match := _FILTER.fullmatch(name):
            found[int(match[1])][int(match[2])][match[3]] = value
        elif match := _SORT.fullmatch(name):
            sort[int(match[1])][match[2]] = value
    groups = [
        [Filter(each["field"], each.get("condition_type", "eq"), each.get("value", "")) for each in group.values()]
        for _, group in sorted(found.items())
    ]
    known = set(fields)
    for group in groups:
        for each in group:
            if each.field not in known or each.condition not in TESTS:
                raise Wrong("Column not found: 1054 Unknown column '%1' in 'where clause'", [each.field])
    size, page = query.get("searchCriteria[pageSize]"), query.get("searchCriteria[currentPage]", "1")
    if most and int(size or 0) > most:
        raise Wrong("Maximum SearchCriteria pageSize is %max", {"max": most})
    order = [(each["field"], each.get("direction", "DESC").upper() != "ASC") for _, each in sorted(sort.items())]
    return Criteria(groups, order, int(size) if size else None, int(page))


TESTS: dict[str, Callable[[Any, str], bool]] = {
    "eq": lambda have, want: str(have) == want,
    "neq": lambda have, want: str(have) != want,
    "gt": lambda have, want: have > type(have)(want),
    "gteq": lambda have, want: have >= type(have)(want),
    "lt": lambda have, want: have < type(have)(want),
    "lteq": lambda have, want: have <= type(have)(want),
    "in": lambda have, want: str(have) in want.split(","),
    "nin": lambda have, want: str(have) not in want.split(","),
}


def choose(criteria: Criteria, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that all groups hold for, in the order asked for."""
    chosen = [
        row
        for row in rows
        if all(any(TESTS[each.condition](row[each.field], each.value) for each in group) for group in criteria.groups)
    ]
    for field, descending in reversed(criteria.sort):
        chosen.sort(key=lambda row: row[field], reverse=descending)
    return chosen


def cut(criteria: Criteria, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One page of the rows; the last one where the page asked for lies past the end."""
    if criteria.size is None:
        return rows
    last = max(1, -(-len(rows) // criteria.size))
    start = (min(criteria.page, last) - 1) * criteria.size
    return rows[start : start + criteria.size]


def selected(document: Any, wanted: dict[str, Any]) -> Any:
    """What a selection leaves of a document."""
    if isinstance(document, list):
        return [selected(each, wanted) for each in document]
    return {
        name: selected(document[name], inner) if inner else document[name]
        for name, inner in wanted.items()
        if name in document
    }


def selection(text: str) -> dict[str, Any]:
    """`items[entity_id,items[item_id]],total_count` as nested dictionaries; an empty one selects all."""
    root: dict[str, Any] = {}
    path = [root]
    name = ""
    for sign in text:
        if sign not in "[],":
            name += sign
            continue
        if name:
            path[-1].setdefault(name, {})
        if sign == "[":
            path.append(path[-1][name])
        elif sign == "]":
            path.pop()
        name = ""
    if name:
        root.setdefault(name, {})
    return root
