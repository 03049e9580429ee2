"""How values are written on pages, and in the tables beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from markupsafe import Markup

from orderflow.domain.message import said
from orderflow.domain.money import exponent

SPACE = "\N{NO-BREAK SPACE}"

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9]+(\.[0-9]+)?\Z)")
"""The beginning of what a spreadsheet would run instead of show; numbers are none."""
_HAN = re.compile("[\u4e00-\u9fff]")
_JOINT = re.compile(r"(?<=\w[_./:])(?=\w)")
"""Where a name could be parted, and a browser does not see it."""


def number(value: int) -> str:
    return f"{value:,}"


def percent(share: float) -> str:
    """A share, never rounded to all or nothing: 99.99 percent is not 100."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def bare(value: Decimal, currency: str) -> str:
    """An amount in its currency's decimals; finer ones are shown as they are."""
    places = exponent(currency)
    fine = value.normalize()
    scale = -int(fine.as_tuple().exponent)
    return f"{value:,.{max(places, min(scale, 6))}f}".replace("-", "\N{MINUS SIGN}")


def amount(value: Decimal, currency: str) -> str:
    unit = "without currency" if currency == "?" else currency
    return f"{bare(value, currency)}{SPACE}{unit}"


def by_size(amounts: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    return sorted(amounts.items(), key=lambda item: -abs(item[1]))


def top(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The two largest."""
    return dict(by_size(amounts)[:2])


def in_words(amounts: Mapping[str, Decimal]) -> str:
    shown = [amount(value, currency) for currency, value in by_size(amounts)]
    return ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "") if shown else "unknown"


def listed(amounts: Mapping[str, Decimal]) -> str:
    """All of them in a line, the largest first; empty for none."""
    return ", ".join(amount(value, currency) for currency, value in by_size(amounts))


def moment(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M}{SPACE}{at.tzname() or ''}".rstrip()


def day(at: date) -> str:
    return f"{at:%a %d %b %Y}"


def ago(length: timedelta) -> str:
    """A length of time, roughly."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return said("{n} day|{n} days", n=minutes // 1440)


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def sentence(text: str) -> str:
    """The text with a capital and the full stop of its script."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}{'。' if _HAN.search(text) else '.'}"


def harmless(text: str) -> str:
    """The text for a cell of a CSV file, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def cut(text: str, length: int) -> str:
    """At most so many characters; what is cut ends with a whole word, where a blank stands in its second half."""
    if len(text) <= length:
        return text
    kept = text[:length]
    words = kept[: kept.rfind(" ")] if kept.rfind(" ") > length // 2 else kept[:-1]
    return f"{words.rstrip(' ,;:')}…"


def breakable(text: str) -> Markup:
    """A name or an id, escaped, whose line may end behind what joins its words, and not inside of one."""
    return Markup("<wbr>").join(_JOINT.split(text))


def plain(text: str, **values: object) -> str:
    """An English text with its `{names}` filled in: what pages are written with that speak no other language."""
    return said(text, **values)


FILTERS = {each.__name__: each for each in (
    number, percent, bare, amount, by_size, top, in_words, moment, day, ago, seconds, sentence, cut,
    breakable,
)}  # fmt: skip
