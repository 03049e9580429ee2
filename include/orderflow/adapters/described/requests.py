"""Requests put together from a channel file, and what their answers hold: pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec

from orderflow.adapters.described.asking import Between, Call, Moment, within
from orderflow.adapters.described.values import Path, parse, plain
from orderflow.domain.window import Window

_TICK = timedelta(microseconds=1)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def question(call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
    """Method, path, query and body of a call with `values` in their places."""
    if call.body is None:
        return {"method": call.method, "path": call.path, "params": {**call.params, **values}, "json": None}
    body = copy.deepcopy(call.body)
    for name, value in values.items():
        within(body, name, value)
    return {"method": call.method, "path": call.path, "params": dict(call.params), "json": body}


def with_id(asked: Mapping[str, Any], order_id: str) -> dict[str, Any]:
    """The question with an order's id wherever `{id}` stands; in the path it is escaped."""
    path = asked["path"].replace("{id}", httpx.URL(path=f"/{order_id}").raw_path.decode()[1:].replace("/", "%2F"))
    filled: dict[str, Any] = _filled({**asked, "path": ""}, order_id)
    return {**filled, "path": path}


def _filled(value: Any, order_id: str) -> Any:
    if isinstance(value, str):
        return value.replace("{id}", order_id)
    if isinstance(value, Mapping):
        return {name: _filled(inner, order_id) for name, inner in value.items()}
    return [_filled(inner, order_id) for inner in value] if isinstance(value, list) else value


def filtered(between: Between, window: Window, *, resolution: timedelta, timezone: str) -> dict[str, Any]:
    """The parameters that ask for this window. The end is rounded up to what the platform's time can tell apart."""
    end = window.end + resolution - _TICK
    if sentence := between.sentence:
        texts = {
            "start": _written(window.start, sentence.form, timezone),
            "end": _written(end, sentence.form, timezone),
        }
        return {
            sentence.name: sentence.text.replace("{start}", str(texts["start"])).replace("{end}", str(texts["end"]))
        }
    found = {}
    for moment, at_ in ((between.start, window.start), (between.end, end)):
        if moment is not None:
            found[moment.name] = _sent(moment, at_, timezone)
    return found


def _sent(moment: Moment, when: datetime, timezone: str) -> str | int:
    written = _written(when, moment.form, timezone)
    return str(written) if moment.quoted else written


def _written(when: datetime, form: str, timezone: str) -> str | int:
    match form:
        case "iso":
            return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "iso_ms":
            return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
        case "epoch":
            return int(when.timestamp())
        case "epoch_ms":
            return int(when.timestamp()) * 1000 + when.microsecond // 1000
        case _:
            return when.astimezone(ZoneInfo(timezone)).strftime(form)


def told(response: httpx.Response, body: Any, place: str) -> str | None:
    """What an answer says at a path or, behind `header:`, in a header; None for nothing."""
    if place.startswith("header:"):
        return response.headers.get(place.removeprefix("header:").strip()) or None
    found = at(body, place)
    return None if found is None or found is False else plain(found)


def at(body: Any, place: str) -> Any:
    """The first thing that stands at a path; None for nothing."""
    return next(iter(parse(place).of((body,))), None)


def rows(content: bytes, path: Path) -> list[bytes] | None:
    """The records that stand at a path, byte for byte; None where there is neither a list nor null."""
    found = [msgspec.Raw(content)]
    for step in path.steps:
        if step.key is not None:
            found = [value for each in found for value in _key(each, step.key)]
        else:
            found = [value for each in found for value in _list(each) or []]
        if not found:
            return None
    if path.steps and path.steps[-1].key is None:
        return [bytes(each) for each in found]
    if len(found) == 1 and bytes(found[0]).strip() == b"null":
        return []
    through = any(step.key is None for step in path.steps)
    if through:
        return [bytes(each) for each in found if bytes(each) != b"null"]
    listed = _list(found[0]) if bytes(found[0]).lstrip()[:1] == b"[" else None
    return None if listed is None else [bytes(each) for each in listed]


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
