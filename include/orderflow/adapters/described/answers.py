"""What a platform's answers hold, by the places that a channel file names: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from orderflow.adapters.described.asking import Success
from orderflow.adapters.described.values import Path, Step, parse, plain
from orderflow.adapters.http import BOM, named, sound, words
from orderflow.domain.errors import DeniedError, DriftError, TransientError

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])

_FOLLOWS = frozenset(
    {"next", "nexturl", "nextlink", "@odata.nextlink", "nextpage", "nextpageurl", "hasmore", "hasnext", "hasnextpage"}
)
_COUNTS = frozenset({"count", "total", "totalcount", "totalitems", "totalresults", "totalrecords", "totalelements"})
_COUNTING = ("x-total-count", "x-wp-total", "x-total")
"""How platforms call what says that more follows, and how many there are: in the body without `_`, in headers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with its JSON, the records in it byte for byte, and the question that it answers."""

    response: httpx.Response
    body: Any
    records: list[bytes]
    origin: str


def told(response: httpx.Response, body: Any, place: str) -> str | None:
    """What an answer says at a path or, behind `header:`, in a header; None for nothing.

    Raises `DriftError` where no single value stands there.
    """
    if place.startswith("header:"):
        return response.headers.get(place.removeprefix("header:").strip()) or None
    found = at(body, place)
    try:
        return None if found is None or found is False else plain(found)
    except TypeError:
        raise DriftError(
            f"{named(response.request)}: a list or an object stands at {place}, not one value; name the place inside "
            "of it in the channel file"
        ) from None


def at(body: Any, place: str) -> Any:
    """The first thing that stands at a path; None for nothing."""
    return next(iter(parse(place).of((body,))), None)


def rows(content: bytes, path: Path) -> list[bytes] | None:
    """The records that stand at a path, byte for byte; None where there is neither a list nor null.

    An empty list stands for an object without anything in it: so PHP writes one.
    """
    found, empty = _found(content, path)
    if not found:
        return [] if empty else None
    through, records = any(step.key is None for step in path.steps), list[bytes]()
    for each in found:
        start = bytes(each).lstrip()[:1]
        if start == b"[":
            records += map(bytes, _list(each) or [])
        elif bytes(each).strip() == b"null":
            continue
        elif not through:
            return None
        else:
            records.append(bytes(each))
    return records


def _found(content: bytes, path: Path) -> tuple[list[msgspec.Raw], bool]:
    """What stands at a path, as it is spelled; and whether the way ends at a list with nothing in it."""
    found, empty = [msgspec.Raw(sound(content.removeprefix(BOM)))], False
    for step in path.steps:
        empty = any(bytes(each).split() in ([b"[]"], [b"[", b"]"]) for each in found)
        found = [value for each in found for value in _into(each, step)]
        if not found:
            break
    return found, empty


def _into(raw: msgspec.Raw, step: Step) -> Iterator[msgspec.Raw]:
    if step.key is not None:
        yield from _key(raw, step.key)
        return
    elements = _list(raw) or []
    if step.at is not None:
        yield from elements[step.at :][:1]
    elif step.match:
        yield from (
            each
            for each in elements
            if all(wanted in [_text(it) for it in _key(each, key)] for key, wanted in step.match)
        )
    else:
        yield from elements


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return plain(_JSON.decode(raw))
    except TypeError:
        return None


def _key(raw: msgspec.Raw, key: str) -> Iterator[msgspec.Raw]:
    try:
        inner = _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return
    if key in inner:
        yield inner[key]


def _list(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    try:
        return _LIST.decode(raw)
    except msgspec.ValidationError:
        pass
    try:
        return list(_OBJECT.decode(raw).values())
    except msgspec.ValidationError:
        return None


def codes(success: Success, body: Any) -> set[str | None]:
    """The platform's own codes in an answer."""
    return (
        {plain(each) for each in parse(success.at).of((body,)) if not isinstance(each, dict | list)}
        if success.at
        else set()
    )


def words_at(success: Success, response: httpx.Response, body: Any) -> str | None:
    """What the platform says is wrong, where one value says it."""
    try:
        return told(response, body, success.message) if success.message else None
    except DriftError:
        return None


def fault(success: Success, response: httpx.Response, body: Any) -> TransientError | DeniedError | DriftError | None:
    """The error that a good status hides; None for a good answer."""
    found = codes(success, body)
    named_bad = found & set(map(plain, [*success.denied, *success.again, *success.expired]))
    not_good = bool(success.good) and not found & set(map(plain, success.good))
    if not (named_bad or not_good or (success.errors and at(body, success.errors))):
        return None
    code = ", ".join(sorted(filter(None, found))) or "no code"
    said = " ".join(filter(None, [code, words_at(success, response, body)]))
    where = f"{named(response.request)}: an error instead of orders ({words(said, response)})"
    if found & set(map(plain, success.again)):
        return TransientError(f"{where}; the platform is busy; the run tries again by itself")
    if found & set(map(plain, [*success.denied, *success.expired])):
        return DeniedError(f"{where}; renew the credentials in the connection, or grant the missing right")
    return DriftError(
        f"{where}; compare the request with the platform's documentation and `success` in the channel file"
    )


def raw_at(content: bytes, place: str) -> bytes | None:
    """The first JSON document at a path, byte for byte; None for nothing."""
    found, _ = _found(content, parse(place))
    return None if not found or bytes(found[0]).strip() == b"null" else bytes(found[0])


def lists(body: Any, above: str = "") -> Iterator[str]:
    """Where lists of objects stand in an answer, as a channel file would name them."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        yield above.removesuffix(".") or "the top"
    elif isinstance(body, dict):
        for key, value in body.items():
            yield from lists(value, f"{above}{key}.")


def whole(answer: Answer, place: str, amounts: Iterable[str]) -> Answer:
    """The answer; raises `DriftError` where it says that there are more orders than those in its list at `place`.

    What stands at `amounts` is no count of orders.
    """
    if sign := _more(answer, place, frozenset(amounts)):
        raise DriftError(
            f"{named(answer.response.request)}: {len(answer.records)} orders came, and {sign} says that there are "
            "more: the platform gives pages, and page.kind in the channel file is none; describe the pages there, or "
            "name it under page.amounts if it is a sum of money"
        )
    return answer


def _more(answer: Answer, place: str, amounts: frozenset[str]) -> str | None:
    """Where it says so, in one of the words that platforms have for it."""
    for name in _COUNTING:
        if _exceeds(answer.response.headers.get(name), answer):
            return f"the header {name}"
    beside = (each for each in _beside(answer, place) if each[0] not in amounts)
    counts = (name for name, key, value in beside if _word(key) in _COUNTS and _exceeds(value, answer))
    return follows(answer, place) or next(counts, None)


def follows(answer: Answer, place: str) -> str | None:
    """Where an answer says, in one of the words that platforms have for it, that another page follows."""
    if "next" in answer.response.links:
        return "the header Link"
    return next(
        (name for name, key, value in _beside(answer, place) if _word(key) in _FOLLOWS and _says(value)),
        None,
    )


def _says(value: Any) -> bool:
    """Whether a value says yes, or where to go on; an object of empty values says nothing."""
    return any(value.values()) if isinstance(value, dict) else bool(value) and value not in ("false", "0")


def _word(key: str) -> str:
    return key.replace("_", "").lower()


def _exceeds(value: Any, answer: Answer) -> bool:
    """Whether that is a number of orders, and more than came."""
    return str(value).isdecimal() and int(value) > len(answer.records)


def _beside(answer: Answer, place: str) -> Iterator[tuple[str, str, Any]]:
    """What stands beside the list at `place`: where, its key, and the value."""
    return _around(answer.body, [step.key for step in parse(place).steps])


def _around(body: Any, way: list[str | None], above: str = "") -> Iterator[tuple[str, str, Any]]:
    if not isinstance(body, dict) or not way or way[0] is None:  # None: the orders themselves, by their ids
        return
    for key, value in body.items():
        if key != way[0]:
            yield f"{above}{key}", key, value
        yield from _around(value, way[1:] if key == way[0] else [""], f"{above}{key}.")
