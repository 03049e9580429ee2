"""Places: countries as ISO 3166-1 alpha-2, regions as carriers want them, postal codes as each country writes them."""

from __future__ import annotations

import functools
import gettext
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pycountry

_LANGUAGES = (
    "ar", "bg", "bn", "cs", "da", "de", "el", "es", "et", "fa", "fi", "fr", "gu", "he", "hi", "hr", "hu",
    "id", "is", "it", "ja", "ka", "km", "kn", "ko", "lo", "lt", "lv", "ml", "mn", "mr", "ms", "my", "nb_NO",
    "ne", "nl", "nn", "pa", "pl", "pt", "pt_BR", "ro", "ru", "si", "sk", "sl", "sq", "sr", "sv", "sw", "ta",
    "te", "th", "tl", "tr", "uk", "ur", "uz", "vi", "zh_CN", "zh_HK", "zh_TW",
)  # fmt: skip
"""Languages in which addresses name countries."""

_OTHER_NAMES = {
    "burma": "MM", "canary islands": "IC", "cape verde": "CV", "congo (drc)": "CD", "czech republic": "CZ",
    "dr congo": "CD", "east timor": "TL", "eire": "IE", "el": "GR", "england": "GB", "great britain": "GB",
    "holland": "NL",
    "hong kong sar": "HK", "hong kong sar china": "HK", "hongkong": "HK", "ivory coast": "CI", "korea": "KR",
    "kosovo": "XK", "ksa": "SA", "macao sar china": "MO", "macau": "MO", "macau sar": "MO", "macedonia": "MK",
    "mainland china": "CN", "northern ireland": "GB", "palestine": "PS", "prc": "CN", "republic of china": "TW",
    "republic of ireland": "IE", "republic of korea": "KR", "roc": "TW", "russia": "RU", "saint helena": "SH",
    "saint martin": "MF", "scotland": "GB", "swaziland": "SZ", "taiwan": "TW", "turkey": "TR", "uae": "AE",
    "uk": "GB", "united states of america": "US", "us of a": "US", "us virgin islands": "VI", "vatican": "VA",
    "vatican city": "VA", "virgin islands (british)": "VG", "virgin islands (us)": "VI", "wales": "GB",
    "рф": "RU",
    "россия": "RU", "السعودية": "SA", "الامارات": "AE", "ประเทศไทย": "TH", "ไทย": "TH", "대만": "TW", "한국": "KR",
    "中华人民共和国": "CN", "中華人民共和國": "CN", "中国大陆": "CN", "中國大陸": "CN", "中華民國": "TW", "台湾": "TW",
    "台灣": "TW", "臺灣": "TW", "澳门": "MO", "澳門": "MO",
}  # fmt: skip
"""Names that people write and ISO 3166 does not list."""

_REGION_CODES = frozenset({"AU", "BR", "CA", "IT", "US"})
"""Countries whose post and carriers write a region as its letters (`CA`, `NSW`, `MI`); elsewhere its name stays."""

_POSTAL_CODES = {
    "BR": (r"(\d{5})(\d{3})", r"\1-\2"),
    "CA": (r"([A-Z]\d[A-Z])(\d[A-Z]\d)", r"\1 \2"),
    "GB": (r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})", r"\1 \2"),
    "JP": (r"(\d{3})(\d{4})", r"\1-\2"),
    "NL": (r"(\d{4})([A-Z]{2})", r"\1 \2"),
    "PL": (r"(\d{2})(\d{3})", r"\1-\2"),
    "PT": (r"(\d{4})(\d{3})", r"\1-\2"),
    "SE": (r"(\d{3})(\d{2})", r"\1 \2"),
    "US": (r"(\d{5})(\d{4})", r"\1-\2"),
}
"""How a country's post divides the letters and digits of a code (Universal Postal Union, postal addressing systems)."""


_ACCENTS = re.compile("[\u0300-\u036f]")
"""Accents of Latin, Greek and Cyrillic letters; other scripts write vowels so."""
_PREFIXES = {
    "AT": "A|AT", "BE": "B|BE", "BG": "BG", "CH": "CH", "CZ": "CZ", "DE": "D|DE", "DK": "DK", "EE": "EE", "ES": "E|ES",
    "FI": "FI|FIN", "FR": "F|FR", "GR": "GR", "HR": "HR", "HU": "H|HU", "IT": "I|IT", "NL": "NL", "NO": "N|NO",
    "PL": "PL", "PT": "P|PT", "RO": "RO", "SE": "S|SE", "SI": "SI", "SK": "SK",
}  # fmt: skip
"""What people write before a code for the country, where its post does not (Latvia's and Lithuania's do)."""


def _key(name: str) -> str:
    """A name without case, accents, dots, article and kinds of apostrophe, `&` and `St.` written out."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", name)).casefold().replace(".", "").replace("\u2019", "'")
    words = unicodedata.normalize("NFC", bare).replace("&", " and ").split()
    words = words[words[:1] == ["the"] :]
    return " ".join("saint" if word == "st" and len(words) > 1 else word for word in words)


@functools.cache
def _names() -> dict[str, str]:
    """Codes and English names; they win over other languages."""
    names = {}
    for country in pycountry.countries:
        for attribute in ("name", "official_name", "common_name", "alpha_3", "alpha_2"):
            if spelled := getattr(country, attribute, None):
                names[_key(spelled)] = country.alpha_2
    return names | _OTHER_NAMES


@functools.cache
def _foreign_names() -> dict[str, str]:
    """Names in other languages that mean one country only."""
    found: dict[str, set[str]] = {}
    for language in _LANGUAGES:
        for name, code in _translated(language):
            found.setdefault(_key(name), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1}


def _translated(language: str) -> Iterator[tuple[str, str]]:
    catalogue = Path(pycountry.LOCALES_DIR, language, "LC_MESSAGES", "iso3166-1.mo")
    with catalogue.open("rb") as file:
        translate = gettext.GNUTranslations(file).gettext
    for country in pycountry.countries:
        for attribute in ("name", "common_name", "official_name"):
            if spelled := getattr(country, attribute, None):
                yield translate(spelled), country.alpha_2


@functools.lru_cache(maxsize=4096)
def country(text: str) -> str:
    """The alpha-2 code of a country's code or name; what names no country stays as it is."""
    if code := _named(text):
        return code
    if both := re.fullmatch(r"(.+)\(([A-Za-z]{2,4})\)", text):  # United Kingdom (UK), Taiwan (ROC)
        name, short = map(_named, both.groups())
        if name and name == short:  # one alone misleads: Virgin Islands (US), Congo (DRC)
            return name
    return text


def _named(text: str) -> str | None:
    key = _key(text)
    return _names().get(key) or _foreign_names().get(key)


@functools.lru_cache(maxsize=8192)
def region(text: str, country_code: str | None) -> str:
    """The region's letters where carriers use them, without the country in front; else the text as it is.

    A number (WooCommerce writes `JP13`, `TR34`, `TH-10`) becomes the name that ISO 3166-2 has for it.
    """
    if country_code is None or not re.fullmatch("[A-Z]{2}", country_code):
        return text
    if numbered := re.fullmatch(rf"{country_code}-?([0-9]+)", text, re.IGNORECASE):
        code = f"{country_code}-{numbered[1]}"
        if found := pycountry.subdivisions.get(code=code):  # type: ignore[no-untyped-call]
            return str(found.name)
    bare = text[3:] if re.match(rf"{country_code}-\w", text, re.IGNORECASE) else text
    if country_code not in _REGION_CODES:
        return bare
    return _regions(country_code).get(_key(bare), bare)


@functools.cache
def _regions(country_code: str) -> dict[str, str]:
    """Letters of a country's regions by name and by letters; letters win."""
    listed = pycountry.subdivisions.get(country_code=country_code)  # type: ignore[no-untyped-call]
    found = [(each.name, each.code.partition("-")[2]) for each in listed]
    lettered = [(name, code) for name, code in found if code.isalpha()]
    return {_key(name): code for name, code in lettered} | {_key(code): code for _, code in lettered}


@functools.lru_cache(maxsize=65536)
def postal_code(text: str, country_code: str | None) -> str:
    """The postal code in ASCII capitals, divided as the country's post does it."""
    plain = " ".join(unicodedata.normalize("NFKC", text).upper().replace("〒", "").split())
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    if prefix := _PREFIXES.get(country_code or ""):
        plain = re.sub(rf"^(?:{prefix})[- ]?(?=\d)", "", plain)
    if country_code not in _POSTAL_CODES:
        return plain or text
    pattern, division = _POSTAL_CODES[country_code]
    bare = re.sub(r"[ -]", "", plain)
    return re.sub(pattern, division, bare) if re.fullmatch(pattern, bare) else plain or text
