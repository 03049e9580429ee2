"""Values as people and their spreadsheet programs write them, read without guessing."""

from __future__ import annotations

import re

from orderflow.domain.errors import RecordError

_EDGES = (
    " \t\n\x0b\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\0\xad\u200b\u200e\u200f\u2060\ufeff"
)
"""White space and invisible characters, which two spellings of one order number often differ in."""

_EXPONENT = re.compile(r"\d([.,]\d+)?E\+\d{1,3}", re.ASCII)
"""How spreadsheet programs write a long number into text."""


_ERROR = re.compile(
    r"#(N/[ABD]|NV|¡?(REF|DIV/0|NUM)!|(VALUE|NULL|NUL|SPILL|CALC|BEZUG|WERT|ZAHL|VALEUR|NOMBRE|¡VALOR|RIF|VALORE)!"
    r"|(VERW|WAARDE|GETAL|DEEL/0)!|¿?(NAME|NOM|NOMBRE|NOME|NAAM)\?)|(Err|Fehler):\d{3}"
)
"""What Excel and Calc write into text for a cell that shows an error; most of it in the language of who saved it."""

_TOTALS = {
    "total", "totals", "grand total", "subtotal", "sub-total", "sub total", "sum",
    "summe", "gesamt", "gesamtsumme", "zwischensumme", "ergebnis", "gesamtergebnis",
    "total général", "sous-total", "somme", "suma", "total general", "totale", "totale generale", "subtotale", "somma",
    "totaal", "subtotaal", "eindtotaal", "soma", "summa", "totalt", "i alt", "razem", "celkem", "toplam",
    "итого", "всего", "المجموع", "合計", "合计", "總計", "总计", "総計", "小計", "小计", "共計", "共计",
    "합계", "총계", "소계",
}  # fmt: skip
"""What people write beside the sums of a table."""
ARTICLE = ("sku", "gtin", "product_id", "variant_id")
"""Fields of a line that name its article, which sums have none of."""

_ALIKE = " \xa0\u2009\u202f'\u2019"
_PLAIN_MARKS = str.maketrans(_ALIKE, "    ''")
"""Blanks and apostrophes that group thousands: programs write one or the other, as the country's settings say."""


def bare(text: str) -> str:
    """Text without white space around it, and out of the `="0012"` that keeps a spreadsheet from taking its zeros."""
    plain = text.strip(_EDGES)
    return plain[2:-1].strip(_EDGES) if plain[:2] == '="' and plain[2:].endswith('"') else plain


def whole(field: str, text: str, place: str = "") -> str:
    """Text or an identifier as it stands; raises `RecordError` for the rest of a number that a spreadsheet cut, and for
    the word that it writes in place of a value.
    """
    if text[:1] in "#EF" and _ERROR.fullmatch(text):
        raise RecordError("CELL_ERROR", field, text, f"{place}the cell shows an error; ask the sender")
    if "E+" in text and _EXPONENT.fullmatch(text):
        raise RecordError(
            "DIGITS_LOST",
            field,
            text,
            f"{place}a spreadsheet program wrote a long number like this, and its last digits are gone; have the "
            "column formatted as text, and the file sent again",
        )
    return text


def is_total(text: str) -> bool:
    """Whether a cell says that its row is no line of an order, but the sum of others."""
    return " ".join(bare(text).rstrip(": ").casefold().split()) in _TOTALS


def amount(field: str, text: str, *, decimal: str, grouping: str, place: str = "") -> str:
    """Decimal text with a point. Raises `RecordError` where a mark cannot mean what the channel file declares.

    `24,50` where the comma groups thousands is no 2450: grouping marks have digits by threes behind them (by twos
    further left, as in India).
    """
    plain = text.strip()
    if grouping and grouping in _ALIKE:
        plain, grouping = plain.translate(_PLAIN_MARKS), grouping.translate(_PLAIN_MARKS)
    if grouping and grouping in plain:
        mark = re.escape(grouping)
        if not re.fullmatch(
            rf"[+-]?\d{{1,3}}({mark}\d{{2,3}})*{mark}\d{{3}}({re.escape(decimal)}\d*)?", plain, re.ASCII
        ):
            raise RecordError(
                "AMOUNT_MALFORMED",
                field,
                text,
                f"{place}{grouping!r} groups thousands and {decimal!r} is the decimal mark in this channel, which "
                "cannot be so here; ask the sender, or correct grouping and decimal",
            )
        plain = plain.replace(grouping, "")
    if decimal == ",":
        if "." in plain:
            raise RecordError("AMOUNT_MALFORMED", field, text, f"{place}the decimal mark is a comma; declare grouping")
        plain = plain.replace(",", ".")
    return plain
