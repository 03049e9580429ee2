"""Records what a platform answers as a case for the contract tests, without secrets and without buyers' data.

`Recording` is a transport around the real one (`Runtime.transport`): every exchange goes through the scrubber on its
way to disk, and only so. What cannot be scrubbed, because it is no JSON, is not written down.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from orderflow.adapters.http import is_secret
from orderflow.domain.source import JsonValue

STAND_IN = "scrubbed-secret"
MAIL = "buyer@example.test"

_PEOPLE = re.compile(
    r"(customer|buyer|billing|shipping|recipient|receiver|consignee|consumer|contact|person|user|owner|"
    r"(address|addressee))(_?(info|details?|data))?$",
    re.IGNORECASE,
)
"""Keys of objects and lists that are about a person from top to bottom."""
_PERSONAL = re.compile(
    r"e?mail|phone|mobile|tel$|fax|first_?name|last_?name|full_?name|surname|address|street|zip|post_?(al)?_?code|"
    r"(customer|buyer|gift|staff)_?(note|message|name)|^note$|client_?ip|ip_?address|browser_?ip|user_?agent|"
    r"tax_?id|vat_?(id|number)|birth|latitude|longitude|order_?key|cart_?(hash|token)|checkout_?token|"
    r"payment_?url|status_?page_?url|transaction_?id|account_?number|authorization_?code",
    re.IGNORECASE,
)
"""Keys of values that are about a person, or open something of theirs, wherever they stand."""
_KEPT = re.compile(
    r"(^|_)id$|^Id$|country|currency|province_?code|^state$|locale|typename|role|type$|kind", re.IGNORECASE
)
"""Keys inside of people that name nobody, and that mapping needs."""
_MAIL = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+")
_NUMBER = re.compile(r"\+\d[\d ()/-]{6,}\d")
_MOMENTARY = re.compile(r"oauth_|timestamp|nonce|^sign", re.IGNORECASE)
_HEADERS = ("content-type", "retry-after", "link", "x-wp-total", "x-wp-totalpages", "x-shopify-api-version")
"""Headers of answers that adapters read; no other one is written down."""
_SCRIPTS = {
    "CJK": "某",
    "HIRAGANA": "の",
    "KATAKANA": "ノ",
    "HANGUL": "가",
    "HEBREW": "א",
    "ARABIC": "ع",
    "CYRILLIC": "ж",
}

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def mask(text: str) -> str:
    """A text of the same form that says nothing: every letter, digit and script becomes another of its kind."""
    return MAIL if _MAIL.fullmatch(text) else "".join(map(_blank, text))


def _blank(sign: str) -> str:
    if sign.isdigit():
        return "0"
    if not sign.isalpha():
        return sign
    script = unicodedata.name(sign, "").partition(" ")[0]
    return _SCRIPTS.get(script, "X" if sign.isupper() else "x")


class Scrubber:
    """Takes secrets and buyers' data out of JSON. `secrets` are known values, taken out wherever they stand."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without known secrets, e-mail addresses and international phone numbers."""
        for secret in self._secrets:
            text = text.replace(secret, STAND_IN)
        return _NUMBER.sub(lambda found: mask(found[0]), _MAIL.sub(MAIL, text))

    def body(self, body: bytes) -> bytes | None:
        """A JSON document, scrubbed, numbers as they were spelled; None for what is no JSON."""
        try:
            return _ENCODER.encode(self.value(_DECODER.decode(body)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def value(self, value: JsonValue, key: str = "", *, personal: bool = False) -> JsonValue:
        """Any JSON value; `key` is the name it stands under, and all of it is about a person where `personal`."""
        if isinstance(value, dict):
            inside = personal or bool(_PEOPLE.search(key))
            return {self.text(name): self.value(each, name, personal=inside) for name, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, key, personal=personal) for each in value]
        if not isinstance(value, str):
            return value
        if is_secret(key) and key != "code":
            return STAND_IN
        if _PERSONAL.search(key) or (personal and not _KEPT.search(key)):
            return mask(value)
        return self.text(value)


class Recording(httpx.BaseTransport):
    """Passes requests on to `inner` and keeps every exchange, scrubbed, for `write`."""

    def __init__(self, inner: httpx.BaseTransport, scrubber: Scrubber) -> None:
        self._inner, self._scrubber = inner, scrubber
        self._exchanges: list[tuple[dict[str, Any], dict[str, Any], bytes]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = self._asked(request)
        response = self._inner.handle_request(request)
        body = self._scrubber.body(response.read())
        headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
        answer: dict[str, Any] = {"status": response.status_code, "headers": self._scrubber.value(headers)}
        if body is None:
            answer["text"] = f"({len(response.content)} bytes that are no JSON, not recorded)"
        self._exchanges.append((asked, answer, body or b""))
        return response

    def write(self, folder: Path, told: Mapping[str, Any]) -> None:
        """Write `case.yml` and the bodies. `told` is what the case says besides: about, window, options, now."""
        folder.mkdir(parents=True, exist_ok=True)
        merged: dict[str, dict[str, Any]] = {}
        for number, (asked, answer, body) in enumerate(self._exchanges, 1):
            if body:
                answer["body"] = f"answer{number}.json"
                (folder / answer["body"]).write_bytes(body + b"\n")
            merged.setdefault(repr(asked), {"request": asked, "answers": []})["answers"].append(answer)
        connection = {"url": "https://recorded.example.test", "login": STAND_IN, "password": STAND_IN}
        case = {**told, "connection": connection, "exchanges": list(merged.values())}
        (folder / "case.yml").write_text(yaml.safe_dump(self._plain(case), sort_keys=False, allow_unicode=True))

    def _plain(self, case: Mapping[str, Any]) -> Any:
        return msgspec.to_builtins(
            {key: self._scrubber.value(value) if key == "options" else value for key, value in case.items()}
        )

    def _asked(self, request: httpx.Request) -> dict[str, Any]:
        """What tells a request from others: no header, no credential, and nothing that differs from run to run."""
        query = {
            name: self._scrubber.text(value)
            for name, value in request.url.params.items()
            if not is_secret(name) and not _MOMENTARY.search(name)
        }
        asked: dict[str, Any] = {"method": request.method, "path": request.url.path}
        if query:
            asked["query"] = query
        content = request.read()
        if content and "json" in request.headers.get("content-type", ""):
            asked["json"] = self._scrubber.value(msgspec.json.decode(content))
        return asked
