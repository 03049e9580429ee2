"""From an answer to a document or to the error that says who has to act."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

import httpx
import msgspec

from orderflow.adapters.http.redact import told, words
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, OrderflowError, TransientError

T = TypeVar("T")

Verdict: TypeAlias = tuple[type[OrderflowError], str]
"""The class of error for a status, and the cure."""

BOM = b"\xef\xbb\xbf"
"""What programs on Windows, and PHP files saved there, put before UTF-8; JSON is read without it (RFC 8259, 8.1)."""
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""One escape of JSON; its group is half a character whose other half is not there (a lone surrogate)."""
_ANY: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_TORN = "Input data was truncated"
"""What the decoder says of a document that ends early, unless in a number; of other faults it says where they stand."""
LONGEST_RETRY_AFTER = 86400.0
"""Seconds; a platform that asks for more than a day is asked again after a day."""

_AGAIN = "the platform is busy or down; the run tries again by itself"
_VERDICTS: Mapping[int, Verdict] = {
    304: (
        TransientError,
        "a cache on the way answers in the platform's place; when it stays, have it let us pass",
    ),
    400: (DriftError, "the platform refuses a request it used to take; compare it with the adapter's README"),
    401: (DeniedError, "the credentials are wrong or expired; renew them in the connection"),
    402: (DeniedError, "the account is frozen; its owner has to settle it with the platform"),
    403: (DeniedError, "the credentials lack a right, or a firewall refuses us; grant the right or allow our address"),
    404: (DriftError, "the platform no longer knows this address; compare it with the adapter's README"),
    407: (DeniedError, "a proxy on the way wants credentials; set them where the network is configured"),
    408: (TransientError, _AGAIN),
    410: (DriftError, "the platform has withdrawn this address; the adapter needs a newer version of the interface"),
    423: (DeniedError, "the account is locked; its owner has to settle it with the platform"),
    425: (TransientError, _AGAIN),
    429: (TransientError, "too many requests; the run goes on when the platform allows it"),
    501: (DriftError, "the platform does not offer this; compare the request with the adapter's README"),
}
_REDIRECTS = range(300, 400)
_MOVED: Verdict = (
    ConfigError,
    "the platform answers from another address; put that one into the connection, or its path where paths are named",
)
_REFUSED: Verdict = (DriftError, "the platform refuses the request; compare it with the adapter's README")
_BROKEN: Verdict = (TransientError, _AGAIN)


def retry_after(headers: httpx.Headers, now: datetime) -> float | None:
    """Seconds that the answer asks us to wait: whole or fractional seconds, or an HTTP date (RFC 9110, 10.2.3).

    Never negative and never more than a day; None when the header is missing or cannot be read.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def refusal(
    response: httpx.Response,
    *,
    wanted: str,
    now: datetime,
    table: Mapping[int, Verdict] | None = None,
    said: str | None = None,
) -> OrderflowError | None:
    """The error that an answer's status stands for, or None for a 2xx.

    `wanted` names what was asked for, `table` overrides the meaning of single statuses for a platform or route, `said`
    is the platform's own code or message.
    """
    status = response.status_code
    if 200 <= status < 300:
        return None
    family = _MOVED if status < 400 else _REFUSED if status < 500 else _BROKEN
    kind, cure = (table or {}).get(status) or _VERDICTS.get(status, family)
    if status in _REDIRECTS and (place := response.headers.get("location")):
        said = f"to {_place(response, place)}"
    reason = f" ({words(said, response)})" if said else ""
    message = f"{told(response.request)}: status {status}{reason} instead of {wanted}; {cure}"
    if issubclass(kind, TransientError):
        return kind(message, retry_after=retry_after(response.headers, now), status=status)
    return kind(message)


def _place(response: httpx.Response, location: str) -> str:
    """Where a redirect leads, without its query; a change of scheme or port alone shows, too."""
    try:
        target = response.request.url.join(location)
    except httpx.InvalidURL:
        return "no address"
    return f"{target.scheme}://{target.netloc.decode()}{target.path}"


def judge(
    response: httpx.Response,
    *,
    wanted: str,
    now: datetime,
    table: Mapping[int, Verdict] | None = None,
    said: str | None = None,
) -> None:
    """Raise the error that an answer's status stands for; see `refusal`."""
    if error := refusal(response, wanted=wanted, now=now, table=table, said=said):
        raise error


def read(response: httpx.Response, decoder: msgspec.json.Decoder[T], *, wanted: str) -> T:
    """Decode a JSON answer; the body decides, whatever its content type says.

    Raises `TransientError` for an empty or torn body and for a web page (maintenance, firewall, login), `DriftError`
    for any other format, for JSON of another shape, and for what is whole and still no JSON (RFC 8259): asked again, it
    would come again. No message shows what the body holds.
    """
    try:
        return _decoded(response.content.removeprefix(BOM), decoder)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(response, error, wanted) from None


def legible(record: bytes | msgspec.Raw) -> bytes:
    """A record with U+FFFD for what is no UTF-8 in it, to look something up in: a broken name must not hide an id.

    What is landed is the record as it came; cleaning says of it what is wrong.
    """
    return bytes(record).decode(errors="replace").encode()


def sound(body: bytes) -> bytes:
    """A document to slice records out of: as it came, unless half a character in it keeps it from being read."""
    try:
        _ANY.decode(body)
    except msgspec.DecodeError:
        return _mended(body)
    return body


def _decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A document; half a character, as programs leave it that cut a text inside of an emoji, is read as U+FFFD.

    One such name would else make all the orders of its page unreadable, and stop the channel for good.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested more deeply than can be read") from None
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        whole = _mended(body)
        if whole == body:
            raise
        return decoder.decode(whole)


def _mended(body: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], body)


def _damage(body: bytes) -> str:
    """What keeps a body from being JSON, whatever its character set; empty where nothing does."""
    whole = legible(body.removeprefix(BOM))
    try:
        _decoded(whole, _ANY)
    except msgspec.DecodeError as error:
        return _TORN if str(error).endswith(f"(byte {len(whole)})") else str(error)
    return ""


def _unreadable(response: httpx.Response, error: Exception, wanted: str) -> DriftError | TransientError:
    body = response.content.strip()
    declared = words(response.headers.get("content-type", "no content type"), response)
    where = f"{told(response.request)}: status {response.status_code}, {len(body)} bytes declared as {declared}"
    if not body:
        return TransientError(f"{where}: an empty body instead of {wanted}; {_AGAIN}")
    if body[:1] == b"<" and b"<?xml" not in body[:5]:
        return TransientError(
            f"{where}: a web page instead of {wanted}: maintenance, a firewall, a login page, or a program's notice; "
            "when it stays, open the address in a browser"
        )
    damage = _damage(body)
    if not damage and isinstance(error, msgspec.ValidationError):
        return DriftError(
            f"{told(response.request)}: {error} instead of {wanted}; the platform changed the shape of its answer"
        )
    if body[:1] not in b"{[":
        kind = "XML" if body[:5] == b"<?xml" else "text" if body[:64].isascii() else "binary data"
        return DriftError(f"{where}: {kind} instead of {wanted}; compare the request with the adapter's README")
    if damage == _TORN:
        return TransientError(f"{where}: JSON that ends early instead of {wanted}; {_AGAIN}")
    if not damage and isinstance(error, UnicodeDecodeError):
        return DriftError(f"{where}: JSON whose text is not UTF-8 instead of {wanted}; let the platform send UTF-8")
    return DriftError(
        f"{where}: {damage or error}, instead of {wanted}; NaN, a bare line break, or something behind the document, "
        "such as a second one or a program's notice, is no JSON: let the platform, or its plugin, send none"
    )
