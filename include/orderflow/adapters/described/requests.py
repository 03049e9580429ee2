"""Requests put together from a channel file: pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from orderflow.adapters.described.asking import Between, Call, Moment, within
from orderflow.domain.window import Window

_TICK = timedelta(microseconds=1)


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
