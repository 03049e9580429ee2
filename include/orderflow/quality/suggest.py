"""Suggestions for the SKU map: which article a channel's SKU could mean, how sure that is, and why.

Evidence is the GTIN, the code itself, what other channels call the article, and the title. Numbers decide against
likeness: `TEA-250` and `TEA-500` are alike and never the same, so that codes and titles whose numbers differ do not
count. A suggestion is never applied by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, process

from orderflow.domain.sku import Article

LEAST = 50
"""Suggestions that are less sure are not made."""
_ALIKE = 75
"""Likeness (0 to 100) from which codes and titles count at all."""
_CANDIDATES = 25
_NUMBER = re.compile(r"\d+")
_SIZES = frozenset(["xs", "s", "m", "l", "xl", "xxl", "xxxl"])
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An article that the SKU could mean; `confidence` is from 50 to 99 percent."""

    oms_sku: str
    confidence: int
    why: str


class Suggester:
    """Suggests from these articles. Building it costs one pass over them, each question a scan of their codes."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._by_gtin: dict[str, set[str]] = defaultdict(set)
        self._by_code: dict[str, set[str]] = defaultdict(set)
        self._by_sku: dict[str, set[str]] = defaultdict(set)
        self._by_title: dict[str, set[str]] = defaultdict(set)
        for article in articles:
            for gtin in article.gtins:
                if (known := _gtin(gtin)) is not None:
                    self._by_gtin[known].add(article.oms_sku)
            self._by_code[_code(article.oms_sku)].add(article.oms_sku)
            for sku in article.skus:
                self._by_sku[_code(sku)].add(article.oms_sku)
            for title in article.titles:
                self._by_title[_words(title)].add(article.oms_sku)
        for index in (self._by_code, self._by_sku, self._by_title):
            index.pop("", None)
        self._codes = list(self._by_code)
        self._titles = list(self._by_title)

    def suggest(
        self,
        sku: str,
        title: str | None = None,
        gtin: str | None = None,
        *,
        refused: Collection[str] = (),
        most: int = 3,
    ) -> list[Suggestion]:
        """The likeliest articles, surest first; those that people `refused` for this SKU are none."""
        doubts: dict[str, float] = defaultdict(lambda: 1.0)
        whys: dict[str, list[str]] = defaultdict(list)
        for oms_sku, weight, why in self._evidence(sku, title, gtin):
            if oms_sku in refused:
                continue
            doubts[oms_sku] *= 1 - weight
            whys[oms_sku].append(why)
        ranked = sorted(doubts, key=lambda oms_sku: (doubts[oms_sku], oms_sku))
        found = []
        for place, oms_sku in enumerate(ranked):
            sure = 1 - doubts[oms_sku]
            rivals = [1 - doubts[other] for other in ranked[: place + 2] if other != oms_sku]
            if rivals and max(rivals) > sure - 0.05:
                sure *= 0.7
                whys[oms_sku].append("another article fits as well")
            if round(100 * sure) >= LEAST:
                found.append(Suggestion(oms_sku, min(99, round(100 * sure)), "; ".join(whys[oms_sku])))
        return sorted(found, key=lambda each: (-each.confidence, each.oms_sku))[:most]

    def _evidence(self, sku: str, title: str | None, gtin: str | None) -> Iterator[tuple[str, float, str]]:
        """Article, how much this alone proves (0 to 1), and why."""
        if (known := _gtin(gtin or "")) is not None:
            yield from ((oms_sku, 0.96, f"same GTIN {gtin}") for oms_sku in self._by_gtin.get(known, ()))
        code = _code(sku)
        if len(code) >= 3:
            same = self._by_code.get(code, set())
            yield from ((oms_sku, 0.9, "same code but for spelling") for oms_sku in same)
            yield from (
                (oms_sku, 0.85, "other orders call the article so")
                for oms_sku in self._by_sku.get(code, set()) - same
                if code != _code(oms_sku)
            )
            for found, likeness in _alike(code, self._codes, fuzz.ratio):
                if found != code:
                    weight = 0.75 * (likeness - 60) / 40
                    yield from ((oms_sku, weight, f"code {likeness:.0f}% alike") for oms_sku in self._by_code[found])
        words = _words(title or "")
        if words:
            best: dict[str, float] = {}
            for found, likeness in _alike(words, self._titles, fuzz.token_sort_ratio):
                for oms_sku in self._by_title[found]:
                    best[oms_sku] = max(best.get(oms_sku, 0), likeness)
            for oms_sku, likeness in best.items():
                yield oms_sku, 0.8 * (likeness - 60) / 40, f"title {likeness:.0f}% alike"


def _alike(text: str, known: list[str], scorer: Any) -> Iterator[tuple[str, float]]:
    """Those known that are like the text and have its numbers and sizes, likest first."""
    marks = _marks(text)
    for found, likeness, _ in process.extract(text, known, scorer=scorer, score_cutoff=_ALIKE, limit=_CANDIDATES):
        if _marks(found) == marks:
            yield found, likeness


def _marks(text: str) -> tuple[list[str], list[str]]:
    """Its numbers without leading zeros, and its sizes: what tells articles of one name apart."""
    numbers = sorted(number.lstrip("0") for number in _NUMBER.findall(text))
    return numbers, sorted(word for word in text.split() if word in _SIZES)


def _code(sku: str) -> str:
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", sku).casefold()).strip().replace(" ", "")


def _words(title: str) -> str:
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", title).casefold()).strip()


def _gtin(code: str) -> str | None:
    """A GTIN as 14 digits; None for what is none."""
    digits = code.strip()
    if len(digits) not in {8, 12, 13, 14} or not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        return None
    return digits.zfill(14)
