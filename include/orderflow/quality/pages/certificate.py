"""A certificate of reconciliation for people and their tools: a page, JSON, CSV.

Nothing here shows a buyer: a certificate holds ids, states, counts and amounts only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from orderflow.domain.reconciliation import CAUSES, Certificate, Difference, is_unexplained
from orderflow.quality.codes import CURRENCIES
from orderflow.quality.pages.rendering import render
from orderflow.quality.pages.words import bare, harmless, number, plain

Say: TypeAlias = Callable[..., str]
"""Called with an English text and the values of its `{names}`, gives it in the language of a page."""
MOST_ROWS = 200
"""Differences that a page lists; JSON and CSV hold all of them."""

KINDS = {
    "wrong": "needs a person",
    "repaired": "repaired by itself",
    "held": "accounted for",
    "waits": "heals with time",
}
"""What becomes of a difference, in words."""
TONES = {"wrong": "bad", "repaired": "good", "held": "held", "waits": "warn"}
"""The same as a colour's name in the pages' style."""

_SIDES = {"channel": "Channel", "staging": "Staging", "oms": "OMS"}


def page(certificate: Certificate, differences: Iterable[Difference]) -> str:
    """One HTML file: the verdict, the sides with counts and sums, the differences by cause, and the chain."""
    return render("certificate.html", **told(certificate, differences))


def told(certificate: Certificate, differences: Iterable[Difference], t: Say = plain) -> dict[str, Any]:
    """The values of the template `certificate.html`, in the language that `t` speaks."""
    rows = list(islice(differences, MOST_ROWS + 1))
    shown = rows[:MOST_ROWS]
    zone = ZoneInfo(certificate.timezone)

    def exactly(value: datetime) -> str:
        local = value.astimezone(zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {timezone(local.utcoffset() or timedelta(0))}"

    tone, verdict = _verdict(certificate, t)
    return {
        "c": certificate,
        "sha256": certificate.sha256,
        "tone": tone,
        "verdict": verdict,
        "sides": [(_SIDES[name], certificate.sides[name]) for name in _SIDES],
        "sums": _sums(certificate),
        "causes": [(name, CAUSES[name], tally) for name, tally in certificate.causes.items()],
        "kinds": KINDS,
        "tones": TONES,
        "rows": [(row, CAUSES[row.cause].kind, is_unexplained(row)) for row in shown],
        "columns": [name for name in ("field", "ours", "theirs", "note") if any(getattr(row, name) for row in shown)],
        "more": len(rows) > MOST_ROWS,
        "most": MOST_ROWS,
        "exactly": exactly,
        "made_at": certificate.made_at.astimezone(zone),
    }


def _verdict(certificate: Certificate, t: Say) -> tuple[str, str]:
    """The colour's name, and the one sentence that says how the day stands."""
    orders, differing, unexplained = (
        certificate.agreed + certificate.differing, certificate.differing, certificate.unexplained,
    )  # fmt: skip
    if unexplained:
        return "bad", t("{n} order needs a person.|{n} orders need a person.", n=number(unexplained))
    open_ = certificate.state == "provisional"
    tone, so_far = ("warn", t(" so far; the day is not settled yet")) if open_ else ("good", "")
    if not orders:
        return tone, t("No side holds an order of this day{so_far}.", so_far=so_far)
    if differing > certificate.repaired:
        lost = (
            "Nothing is lost{so_far}: {n} of {all} orders differ, each for a known reason."
            if differing > 1
            else "Nothing is lost{so_far}: {n} of {all} orders differs, for a known reason."
            if orders > 1
            else "Nothing is lost{so_far}: {n} of {all} order differs, for a known reason."
        )
        told = t(lost, so_far=so_far, n=number(differing), all=number(orders))
        return "warn" if open_ else "held", told
    return tone, t("Every order of this day is accounted for{so_far}.", so_far=so_far)


def _sums(certificate: Certificate) -> list[tuple[str, bool, list[str]]]:
    """Currency, whether it is one, and its sum on each side."""
    sides = [certificate.sides[name] for name in _SIDES]
    currencies = {currency for side in sides for currency in side.sums}
    return [
        (
            currency,
            currency in CURRENCIES,
            [
                bare(Decimal(side.sums[currency]), currency) if side.compared and currency in side.sums else "–"
                for side in sides
            ],
        )
        for currency in sorted(currencies, key=lambda each: (each not in CURRENCIES, each))
    ]


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
        told = [row.field or "", harmless(row.ours or ""), harmless(row.theirs or ""), harmless(row.note or "")]
        repaired = "yes" if row.repaired else "no"
        yield _line([*head, harmless(row.order_id), row.cause, cause.kind, repaired, *told, cause.meaning, cause.cure])


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()
