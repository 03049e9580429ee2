"""The words of the pages, in English and in Traditional Chinese.

English stands in templates and modules as it is; `chinese/*.yml` (one file per page) maps it to Chinese. What has no
translation is shown in English. Where a count stands before a noun the text has two forms, `{n} order|{n} orders`, and
Chinese one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import yaml

from orderflow.domain.message import Message, said
from orderflow.domain.window import Window

Language: TypeAlias = Literal["en", "zh-Hant"]
FOLDER = Path(__file__).parent / "chinese"
LONGEST = 1000
"""Characters of a text that may be a sentence of ours with values in it: finding out takes their cube."""


@dataclass(frozen=True, slots=True)
class Words:
    """A page's language. Called with an English text it gives the text in that language."""

    language: Language

    def __call__(self, text: str, /, **values: object) -> str:
        """`text` translated, then its `{names}` filled in; a `Message` brings its own values.

        A whole sentence that only comes as text (the database keeps it, or it is an error) is found by its template.
        """
        if isinstance(text, Message):
            told = {name: self(each) if isinstance(each, Message) else each for name, each in text.values.items()}
            return self(text.template, **told)
        if self.language == "en":
            return said(text, **values)
        found = chinese().get(text)
        if found is None and not values:
            return self._recognised(text)
        return said(found or text, **values)

    def _recognised(self, text: str) -> str:
        if len(text) > LONGEST:
            return text
        for pattern, template in _patterns():
            if found := pattern.fullmatch(text):
                return said(template, **{name: self(each) for name, each in found.groupdict().items()})
        return text

    def length(self, time: timedelta | None) -> str:
        """A length of time, roughly: two units at most."""
        if time is None:
            return "–"
        minutes = int(time.total_seconds() // 60)
        if time < timedelta(minutes=1):
            return self("{n} s", n=max(0, int(time.total_seconds())))
        if minutes < 60:
            return self("{n} min", n=minutes)
        if minutes < 48 * 60:
            hours, rest = divmod(minutes, 60)
            return self("{n} h", n=hours) + (f" {self('{n} min', n=rest)}" if rest and hours < 10 else "")
        days, rest = divmod(minutes // 60, 24)
        return self("{n} day|{n} days", n=days) + (f" {self('{n} h', n=rest)}" if rest and days < 10 else "")


def moment(at: datetime | None) -> str:
    """A moment in its own zone, in figures that every language reads: `2026-03-01 08:15 UTC`."""
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M}\N{NO-BREAK SPACE}{at.tzname()}"


def span(window: Window) -> str:
    """From when to when: `2026-03-01 08:00 – 2026-03-01 09:00 UTC`."""
    return f"{window.start:%Y-%m-%d %H:%M} – {moment(window.end)}"


def language(asked: str | None, remembered: str | None, accepted: str) -> Language:
    """The language of a page: what the address asks for, else the cookie says, else the browser prefers first."""
    for text in (asked, remembered):
        if text:
            return "zh-Hant" if text.lower().startswith("zh") else "en"
    first = max((_preference(part) for part in accepted.split(",")), default=(0.0, ""), key=lambda each: each[0])[1]
    return "zh-Hant" if first.startswith("zh") else "en"


def _preference(part: str) -> tuple[float, str]:
    """Weight and tag of one part of Accept-Language (RFC 9110, 12.5.4); other languages than ours weigh nothing."""
    tag, _, weight = part.strip().lower().partition(";q=")
    if not tag.startswith(("zh", "en")):
        return 0.0, ""
    try:
        return float(weight or 1), tag
    except ValueError:
        return 0.0, ""


@cache
def chinese() -> dict[str, str]:
    """All translations: English to Traditional Chinese."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        found |= yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}
    return found


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """What the sentences of `sentences.yml` look like with values in them; those with most words of their own first."""
    kept = yaml.load((FOLDER / "sentences.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    forms = {form: found for text, found in kept.items() for form in text.split("|") if "{" in form}
    return [(_pattern(form), forms[form]) for form in sorted(forms, key=lambda each: -len(re.sub(r"{\w+}", "", each)))]


def _pattern(form: str) -> re.Pattern[str]:
    counted = re.escape(form).replace(r"\{n\}", r"(?P<n>[\d,]+)")
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", counted), re.DOTALL)
