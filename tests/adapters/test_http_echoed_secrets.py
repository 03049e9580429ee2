"""A platform that repeats our credentials, wherever in its answers: nothing that is raised or logged shows them."""

from __future__ import annotations

import base64
import copy
import logging
import re
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from orderflow.domain.errors import OrderflowError
from orderflow.sandbox.conformance import cases
from orderflow.sandbox.conformance.cases import Case, Exchange, Recorded

TALKING = [case for case in cases.every() if case.talks]
NAMES = sorted({case.adapter_name for case in TALKING})
SHORT = {"password": "p7-k/+q=", "access_token": "a5&t", "refresh_token": "r4=x/", "consumer_secret": "c6-s"}
EVIDENCE = re.compile(r"(id|id_str|_sn|number|cursor)$", re.IGNORECASE)
"""Names of what tells orders and pages apart."""
MOST_PLACES = 60
"""Texts in an answer, at most, each of which repeats the credentials once; pages of orders are longer."""


def renamed(value: Any, names: dict[str, str]) -> Any:
    """The same with other credentials, wherever they stand."""
    if isinstance(value, dict):
        return {renamed(key, names): renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    for old, new in names.items():
        value = value.replace(old, new) if isinstance(value, str) else value
    return value


def shortened(case: Case) -> Case:
    """The case with credentials that look like nothing in particular."""
    connection = case.told["connection"]
    held = {**connection.get("extra", {}), "password": connection.get("password")}
    names = {held[name]: new for name, new in SHORT.items() if held.get(name)}
    return Case(case.adapter_name, case.name, case.folder, renamed(case.told, names))


def secrets_of(case: Case) -> list[str]:
    """What the connection holds and must not be told, as it stands and as addresses and headers have it."""
    connection = case.told["connection"]
    held = connection.get("extra", {})
    plain = [text for name in SHORT if (text := {**held, "password": connection.get("password")}.get(name))]
    pair = f"{connection.get('login')}:{connection.get('password')}"
    packed = [base64.b64encode(each.encode()).decode() for each in [*plain, pair]]
    return [*plain, *(quote(each, safe="") for each in plain), *packed]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts and numbers stand in a document that are no ids and no cursors: these are told as they came."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*at, key))
    elif not (at and EVIDENCE.search(str(at[-1]))):
        yield at


def with_text(document: Any, place: tuple[Any, ...], text: str) -> Any:
    """The document with a text behind what stands in a place."""
    if not place:
        return f"{'' if document is None else document} {text}".strip()
    made = copy.copy(document)
    made[place[0]] = with_text(document[place[0]], place[1:], text)
    return made


def said(case: Case, answer: dict[str, Any]) -> Any:
    """The JSON of an answer; nothing where it is none."""
    try:
        return answer["json"] if "json" in answer else msgspec.json.decode((case.folder / answer["body"]).read_bytes())
    except (KeyError, msgspec.DecodeError):
        return {}


class Likely(Recorded):
    """Answers what was recorded for the most similar question: with other credentials signatures differ."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        of_path = [each for each in self.exchanges if each.request.get("path", request.url.path) == request.url.path]
        likely = [each for each in self.exchanges if each.fits(request)] or of_path or self.exchanges
        return min(likely, key=lambda each: each.used).answer(request)


def echoing(case: Case, echo: str) -> Iterator[Recorded]:
    """The recorded answers, one text or header after the other with the credentials behind it."""
    exchanges = case.told["exchanges"]
    for number, exchange in enumerate(exchanges):
        for turn, answer in enumerate(exchange["answers"]):
            document = said(case, answer)
            variants = [{"json": with_text(document, place, echo)} for place in islice(places(document), MOST_PLACES)]
            variants += [
                {"status": status, "text": echo, "headers": headers}
                for status, headers in (
                    (200, {"content-type": echo}),
                    (302, {"location": f"/{quote(echo)}?to={quote(echo)}"}),
                    (400, {"content-type": f"text/plain; {echo}"}),
                    (401, {"www-authenticate": f'Bearer error="{echo}"'}),
                    (429, {"retry-after": echo}),
                )
            ]
            for variant in variants:
                told = copy.deepcopy(exchanges)
                if "text" in variant:
                    told[number]["answers"] = [variant]
                else:
                    told[number]["answers"][turn] = {"status": answer.get("status", 200), **variant}
                yield Likely([Exchange(each["request"], each["answers"], case.folder) for each in told])


def shown_by(case: Case, folder: Path, transport: Recorded, lines: list[str]) -> str:
    """All that is raised and logged while the case is run."""
    lines.clear()
    try:
        found = cases.pages(case, case.open(folder, transport=transport).source)
        raised = [f"{page.origin} {page.cursor}" for page in found]
    except OrderflowError as error:
        raised = traceback.format_exception(error)
    return "\n".join([*raised, *lines])


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the project logs, down to the last detail."""
    found: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("orderflow")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield found
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.mark.parametrize("name", NAMES)
def test_no_platform_gets_our_credentials_into_a_message_by_repeating_them(name: str, tmp_path: Path, lines: list[str]):
    masked = 0
    for case in map(shortened, [each for each in TALKING if each.adapter_name == name]):
        hidden = secrets_of(case)
        for transport in echoing(case, f"({' | '.join(hidden)})"):
            shown = shown_by(case, tmp_path, transport, lines)
            assert [each for each in hidden if each in shown] == [], f"{case.name}: {shown}"
            masked += "(***" in shown
    assert masked
