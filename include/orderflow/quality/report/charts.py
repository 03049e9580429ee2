"""Charts as SVG inside the page: no script, no file, colours from the page's own style, readable in print.

Every chart has a title and a description for people who do not see it, and stands beside a table with its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import count

from markupsafe import Markup, escape

WIDTH, HEIGHT = 760, 230
_RIGHT, _TOP, _BOTTOM = 8, 12, 30
_DIGIT = 12
"""Width of a digit at the size that the axis has on a phone (`style.css`)."""
_ids = count(1)


def stacked(
    days: Sequence[date],
    layers: Mapping[str, Sequence[int]],
    *,
    title: str,
    band: tuple[int, int] | None = None,
) -> Markup:
    """Bars per day, one layer upon the other; a layer's name is its class. `band`: the span that is expected."""
    sums = [sum(values) for values in zip(*layers.values(), strict=True)] or [0]
    top = _round_up(max([*sums, band[1] if band else 0, 1]))
    left = 16 + _DIGIT * len(f"{top:,}")
    wide = (WIDTH - left - _RIGHT) / max(len(days), 1)
    parts = [*_grid(top, left)]
    if band:
        low, high = (_y(each, top) for each in band)
        parts.append(
            f'<rect class="band" x="{left}" y="{high:.1f}" width="{WIDTH - left - _RIGHT}" '
            f'height="{max(low - high, 1):.1f}"/>'
        )
    below = [0] * len(days)
    for name, values in layers.items():
        for place, value in enumerate(values):
            if value:
                start, end = _y(below[place], top), _y(below[place] + value, top)
                parts.append(
                    f'<rect class="{escape(name)}" x="{left + place * wide + wide * 0.14:.1f}" y="{end:.1f}" '
                    f'width="{wide * 0.72:.1f}" height="{max(start - end, 0.6):.1f}">'
                    f"<title>{days[place]:%a %d %b}: {value:,} {escape(name)}</title></rect>"
                )
            below[place] += value
    every = max(1, -(-len(days) // 9))
    for place, day in enumerate(days):
        if (len(days) - 1 - place) % every == 0:
            parts.append(
                f'<text class="axis" text-anchor="middle" x="{left + (place + 0.5) * wide:.1f}" '
                f'y="{HEIGHT - 10}">{day:%d %b}</text>'
            )
    shown = ", ".join(f"{day:%d %b} {whole:,}" for day, whole in zip(days, sums, strict=False))
    expected = f"; expected {band[0]:,} to {band[1]:,} a day" if band else ""
    return _svg(parts, WIDTH, HEIGHT, title, f"Per day: {shown}{expected}.", "chart")


def sparkline(values: Sequence[int], *, title: str) -> Markup:
    """A small row of bars, one per day."""
    wide, high = 7, 22
    top = max([*values, 1])
    parts = []
    for place, value in enumerate(values):
        tall = max(1.5 if value else 0.6, value / top * (high - 2))
        kind = "spark" if value else "spark none"
        parts.append(
            f'<rect class="{kind}" x="{place * wide}" y="{high - tall:.1f}" width="{wide - 2}" height="{tall:.1f}"/>'
        )
    return _svg(parts, wide * max(len(values), 1), high, title, ", ".join(map(str, values)), "sparkline")


def shares(parts: Mapping[str, int], *, title: str) -> Markup:
    """One bar over the whole width, cut by share; a part's name is its class."""
    whole = sum(parts.values())
    drawn, at = [], 0.0
    for name, value in parts.items():
        wide = WIDTH * value / whole if whole else 0
        if value:
            drawn.append(
                f'<rect class="{escape(name)}" x="{at:.1f}" y="0" width="{max(wide, 1.5):.1f}" height="14">'
                f"<title>{value:,} {escape(name)}</title></rect>"
            )
        at += wide
    if not whole:
        drawn.append(f'<rect class="none" x="0" y="0" width="{WIDTH}" height="14"/>')
    said = ", ".join(f"{value:,} {name}" for name, value in parts.items())
    return _svg(drawn, WIDTH, 14, title, said, "shares")


def _svg(parts: Sequence[str], width: float, height: float, title: str, description: str, kind: str) -> Markup:
    number = next(_ids)
    small = f' width="{width}" height="{height}"' if kind == "sparkline" else ""
    fit = f'{small} preserveAspectRatio="none"' if kind != "chart" else ""
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="c{number} d{number}"{fit}>'
        f'<title id="c{number}">{escape(title)}</title><desc id="d{number}">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _grid(top: int, left: int) -> Iterator[str]:
    for part in range(5):
        value = top * part // 4
        if part and value == top * (part - 1) // 4:
            continue
        at = _y(value, top)
        yield f'<line class="grid" x1="{left}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="axis" text-anchor="end" x="{left - 8}" y="{at + 4:.1f}">{value:,}</text>'


def _y(value: float, top: int) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def _round_up(value: int) -> int:
    """The next number that four grid lines divide well: 4, 8, 20, 40, 80, 200, ..."""
    size = 1
    while True:
        for step in (4, 8, 12, 20, 28):
            if value <= step * size:
                return step * size
        size *= 10
