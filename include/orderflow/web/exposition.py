"""Prometheus's text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Values: TypeAlias = Iterable[tuple[Sequence[str], float]]
"""Values of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `labels` are the names of its labels; of a histogram, without that of the bucket."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]

    def lines(self, values: Values) -> Iterator[str]:
        """Its lines, the head included; nothing where there are no values.

        Of a histogram, each value is a bucket: its last label is the upper bound (not cumulated), or `sum`.
        """
        samples = list(self._buckets(values) if self.kind == "histogram" else self._plain(values))
        if samples:
            yield f"# HELP {self.name} {_escaped(self.help)}"
            yield f"# TYPE {self.name} {self.kind}"
            yield from samples

    def _plain(self, values: Values) -> Iterator[str]:
        for labels, value in values:
            yield f"{self.name}{_braced(self.labels, labels)} {_number(value)}"

    def _buckets(self, values: Values) -> Iterator[str]:
        series: dict[tuple[str, ...], dict[str, float]] = {}
        for (*labels, bound), value in values:
            series.setdefault(tuple(labels), {})[bound] = value
        bounds = sorted(
            {bound for buckets in series.values() for bound in buckets if bound != "sum"} | {"+Inf"}, key=float
        )
        for own, buckets in series.items():
            shown = _braced(self.labels, own)
            open_ = f"{self.name}_bucket{shown[:-1]}," if shown else f"{self.name}_bucket{{"
            count = 0.0
            for bound in bounds:
                count += buckets.get(bound, 0.0)
                yield f'{open_}le="{bound}"}} {_number(count)}'
            yield f"{self.name}_sum{shown} {_number(buckets.get('sum', 0.0))}"
            yield f"{self.name}_count{shown} {_number(count)}"


def text(families: Mapping[Family, Values]) -> bytes:
    """The whole answer."""
    return "".join(f"{line}\n" for family, values in families.items() for line in family.lines(values)).encode()


def _braced(names: tuple[str, ...], values: Sequence[str]) -> str:
    return _shape(names) % tuple(map(_quoted, values))


@lru_cache
def _shape(names: tuple[str, ...]) -> str:
    return "{" + ",".join(f'{name}="%s"' for name in names) + "}" if names else ""


@lru_cache(maxsize=10_000)
def _quoted(value: str) -> str:
    """Kept: a channel's name stands in hundreds of lines, and every other label in those of each channel."""
    return _escaped(value).replace('"', '\\"')


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if value % 1 == 0 and abs(value) < 1e15:
        return str(int(value))
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
