"""A certificate of reconciliation for people and their tools: a page, JSON, CSV.

Nothing here shows a buyer: a certificate holds ids, states, counts and amounts only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import msgspec

from orderflow.domain.reconciliation import CAUSES, Certificate, Difference, is_unexplained

MOST_ROWS = 1000
"""Differences that a page lists; JSON and CSV hold all of them."""

KINDS = {
    "wrong": "needs a person",
    "repaired": "repaired by itself",
    "held": "accounted for",
    "waits": "heals with time",
}

_SIDES = {"channel": "Channel", "staging": "Staging", "oms": "OMS"}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of show."""


def page(certificate: Certificate, differences: Iterable[Difference]) -> str:
    """One HTML file: the verdict, the sides with counts and sums, the differences by cause, and the chain."""
    rows = list(islice(differences, MOST_ROWS + 1))
    zone = ZoneInfo(certificate.timezone)

    def moment(value: datetime) -> str:
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"

    return _template().render(
        c=certificate,
        sha256=certificate.sha256,
        sides=[(_SIDES[name], certificate.sides[name]) for name in _SIDES],
        currencies=sorted({currency for side in certificate.sides.values() for currency in side.sums}),
        causes=[(name, CAUSES[name], tally) for name, tally in certificate.causes.items()],
        kinds=KINDS,
        rows=[(row, CAUSES[row.cause].kind, is_unexplained(row)) for row in rows[:MOST_ROWS]],
        more=len(rows) > MOST_ROWS,
        most=MOST_ROWS,
        moment=moment,
        sentence=_sentence,
    )


def to_json(certificate: Certificate, differences: Iterable[Difference]) -> Iterator[bytes]:
    """Pieces of one JSON document: the certificate as it was hashed, its hash, and every difference."""
    yield b'{"certificate":%b,"sha256":%b,"differences":[' % (
        certificate.body(),
        msgspec.json.encode(certificate.sha256),
    )
    for count, difference in enumerate(differences):
        yield (b",\n" if count else b"\n") + msgspec.json.encode(difference)
    yield b"\n]}\n"


def to_csv(certificate: Certificate, differences: Iterable[Difference]) -> Iterator[str]:
    """Lines of a CSV file: one per difference, with what it means and what to do about it."""
    yield _line(
        ["channel", "day", "revision", "order_id", "cause", "kind", "repaired", "field", "ours", "theirs", "note",
         "meaning", "cure"]
    )  # fmt: skip
    head = [certificate.channel, str(certificate.day), str(certificate.revision)]
    for row in differences:
        cause = CAUSES[row.cause]
        told = [row.field or "", _harmless(row.ours), _harmless(row.theirs), _harmless(row.note)]
        repaired = "yes" if row.repaired else "no"
        yield _line([*head, _harmless(row.order_id), row.cause, cause.kind, repaired, *told, cause.meaning, cause.cure])


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _harmless(value: str | None) -> str:
    """The value, with an apostrophe before what a spreadsheet would take for a formula; numbers stay numbers."""
    if value is None:
        return ""
    if value.startswith(_FORMULA) and not value.lstrip("+-").replace(".", "", 1).isdecimal():
        return f"'{value}"
    return value


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("certificate.html.j2")
