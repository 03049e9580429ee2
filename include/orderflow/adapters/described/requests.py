"""Requests put together from a channel file: pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode
from zoneinfo import ZoneInfo

import httpx
import msgspec

from orderflow.adapters.described.asking import FORMS, Between, Call, unit
from orderflow.adapters.described.values import within
from orderflow.domain.errors import DriftError
from orderflow.domain.window import Window

_TICK = timedelta(microseconds=1)


def question(call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
    """Method, path, query and body of a call with `values` in their places; a query in the path stays."""
    path, _, query = call.path.partition("?")
    params = {**parse_qs(query, keep_blank_values=True), **call.params}
    if call.body is None:
        return {"method": call.method, "path": path, "params": {**params, **values}, "json": None}
    body = copy.deepcopy(call.body)
    for name, value in values.items():
        within(body, name, value)
    return {"method": call.method, "path": path, "params": params, "json": body}


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


def own(base: httpx.URL, url: str) -> httpx.URL:
    """The address of a next page, which must be the platform's own.

    Behind a proxy that brings TLS a platform may take its own address for one of plain HTTP: it is asked over TLS.
    """
    target = base.join(url)
    if (base.scheme, target.scheme, target.host) == ("https", "http", base.host):
        target = target.copy_with(scheme="https", port=base.port)
    here, there = (f"{each.scheme}://{each.netloc.decode()}" for each in (base, target))
    if here != there:
        raise DriftError(
            f"{here}: the next page stands at {there}, another address; credentials are not sent there; put that "
            "address into the connection"
        )
    return target


def filtered(between: Between, window: Window, *, resolution: timedelta, timezone: str) -> dict[str, Any]:
    """The parameters that ask for this window, and never for less.

    The end is rounded up to what the platform's time, and the form that it is written in, can tell apart. Where the
    clocks are put back, a local time is written that lies outside of the window in both of its meanings.
    """
    if sentence := between.sentence:
        start, end = _written(window, sentence.form, resolution, timezone)
        return {sentence.name: sentence.text.replace("{start}", str(start)).replace("{end}", str(end))}
    found: dict[str, Any] = {}
    for place, moment in enumerate((between.start, between.end)):
        if moment is not None:
            written = _written(window, moment.form, resolution, timezone)[place]
            found |= dict.fromkeys(moment.names, str(written) if moment.quoted else written)
    return found


def _written(window: Window, form: str, resolution: timedelta, timezone: str) -> tuple[str | int, str | int]:
    """Both ends of a window in a form."""
    if form in FORMS:
        return _universal(window.start, form), _universal(window.end + resolution - _TICK, form)
    start, end = (each.astimezone(ZoneInfo(timezone)) for each in (window.start, window.end))
    end += max(resolution, unit(form)) - _TICK
    return (start - _twice(start)).strftime(form), (end + _twice(end)).strftime(form)


def _twice(local: datetime) -> timedelta:
    """By how much the clocks are put back, for a local time that comes twice; else nothing."""
    first, second = (local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return max(first - second, timedelta())


def _universal(when: datetime, form: str) -> str | int:
    match form:
        case "iso":
            return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "iso_ms":
            return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
        case "epoch":
            return int(when.timestamp())
    return int(when.timestamp()) * 1000 + when.microsecond // 1000


def origin(asked: Mapping[str, Any]) -> str:
    """The question as evidence: path and query, or path and the variables of the body."""
    body = asked["json"]
    if body is None:
        query = urlencode(asked["params"] or {}, quote_via=quote, doseq=True)
        return f"{asked['path']}?{query}" if query else str(asked["path"])
    shown = body.get("variables", body) if isinstance(body, dict) else body
    return f"{asked['path']} {msgspec.json.encode(shown).decode()}"
