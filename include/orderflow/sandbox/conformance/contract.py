"""What every adapter promises, checked on recorded cases. A check says what is wrong; nothing where the promise holds.

The contract tests and `orderflow certify` run these same checks. `folder` is an empty one for each call.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msgspec

from orderflow.domain import errors
from orderflow.domain.order import Order
from orderflow.domain.source import Acknowledging, Page
from orderflow.sandbox.conformance import cases
from orderflow.sandbox.conformance.cases import Case

Check: TypeAlias = Callable[[Case, Path], list[str]]

KINDS = ("one_page", "several_pages", "empty", "drift")
"""Cases, by the beginning of their names, that no adapter may be without."""


def good(case: Case) -> bool:
    """Whether orders, and no error, come of the case."""
    return "expect" not in case.told


def paged(case: Case) -> bool:
    return good(case) and case.told.get("ask", "fetch") == "fetch"


def first(case: Case) -> bool:
    """Whether a platform's spoilt answers can be tried on this case."""
    return case.name == "one_page" and case.talks


def yields_its_orders(case: Case, folder: Path) -> list[str]:
    """Exactly what `expected.json` says comes of it, and everything that was recorded was asked for."""
    opened = case.open(folder)
    found, expected = cases.outcome(case, opened.source), case.expected
    idle = [exchange.request for exchange in opened.recorded.exchanges if not exchange.used]
    wrong = [f"recorded but never asked for: {idle}"] if idle else []
    return wrong if found == expected else [*wrong, f"not what expected.json says: {difference(found, expected)}"]


def difference(found: Any, expected: Any, where: str = "") -> str:
    """The first place in which two JSON values differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in [*expected, *found]:
            if found.get(name) != expected.get(name):
                return difference(found.get(name), expected.get(name), f"{where}.{name}".lstrip("."))
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for number, (left, right) in enumerate(zip(found, expected, strict=True)):
            if left != right:
                return difference(left, right, f"{where}[{number}]")
    if isinstance(found, list) and isinstance(expected, list):
        return f"{where} has {len(found)} entries instead of {len(expected)}"
    return f"{where} is {found!r} instead of {expected!r}"


def has_typed_fields(case: Case, folder: Path) -> list[str]:
    """Every field of an order has its declared type: ids are text, whatever JSON type the platform gave them."""
    records = [record for page in cases.pages(case, case.open(folder).source) for record in page.records]
    wrong = []
    for record in records:
        try:
            order = case.adapter.to_order(cases.DECODER.decode(record), case.options)
        except errors.RecordError:
            continue
        try:
            msgspec.convert(msgspec.to_builtins(order), Order, strict=True)
        except msgspec.ValidationError as error:
            wrong.append(f"order {order.order_id}: {error}")
    return wrong


def gives_the_same_again(case: Case, folder: Path) -> list[str]:
    """Asking twice gives the same, on the open source and on a fresh one."""
    source = case.open(folder / "first").source
    before = cases.outcome(case, source)
    again = cases.outcome(case, case.open(folder / "again").source)
    return [] if again == before else [f"the second time differs: {difference(again, before)}"]


def has_origins_and_cursors(case: Case, folder: Path) -> list[str]:
    """Every page tells where it came from, has a cursor that JSON can hold, and records as bytes."""
    wrong = []
    for number, page in enumerate(cases.pages(case, case.open(folder).source)):
        if not isinstance(page, Page) or not page.origin:
            wrong.append(f"page {number} has no origin")
        elif json.loads(json.dumps(page.cursor)) != page.cursor:
            wrong.append(f"page {number}: JSON cannot hold its cursor {page.cursor!r}")
        elif not all(isinstance(record, bytes) for record in page.records):
            wrong.append(f"page {number} has records that are no bytes")
    return wrong


def goes_on_behind_each_page(case: Case, folder: Path) -> list[str]:
    """A page's cursor handed back as `after` yields exactly the rest."""
    whole = cases.pages(case, case.open(folder / "whole").source)
    wrong = []
    for number, page in enumerate(whole):
        if page.cursor is None:
            continue
        rest = cases.pages(case, case.open(folder / str(number)).source, after=page.cursor)
        if records(rest) != records(whole[number + 1 :]):
            wrong.append(f"going on behind page {number} does not yield the rest")
    return wrong


def records(pages: list[Page]) -> list[bytes]:
    return [record for page in pages for record in page.records]


def adds_up(case: Case, _: Path) -> list[str]:
    """The money equation of `domain.order` holds in both currencies, unless the case says that it cannot."""
    if not case.told.get("balanced", True):
        return []
    return [
        f"order {order['order_id']}: {left} is left over in its {side or 'presentment '}amounts"
        for order in case.expected["orders"]
        for side in (("", "shop_") if order.get("shop_currency") else ("",))
        if (left := residue(order, side))
    ]


def residue(order: dict[str, Any], side: str) -> Decimal:
    """What the equation of `domain.order` leaves over."""

    def amounts(part: str, name: str) -> Decimal:
        return sum((Decimal(each.get(side + name) or 0) for each in order.get(part, [])), Decimal(0))

    def amount(name: str) -> Decimal:
        return Decimal(order.get(side + name) or 0)

    tax = Decimal(0) if order.get("taxes_included") else amount("tax_total")
    unallocated = amounts("discounts", "amount") - amounts("discounts", "allocated")
    left = amounts("lines", "total") + amounts("charges", "total") + tax - unallocated + amount("rounding")
    return left - amount("grand_total")


def raises_its_error(case: Case, folder: Path) -> list[str]:
    """A failing case raises the error that says who must act, with everything that it must tell."""
    expect = case.told["expect"]
    try:
        cases.outcome(case, case.open(folder).source)
    except errors.OrderflowError as error:
        wrong = [f"{part!r} is not in the message: {error}" for part in expect["message"] if part not in str(error)]
        if type(error).__name__ != expect["error"]:
            wrong.append(f"{type(error).__name__} instead of {expect['error']}: {error}")
        after = getattr(error, "retry_after", None)
        if "retry_after" in expect and (after is None or abs(after - expect["retry_after"]) > 0.001):
            wrong.append(f"asks to wait {after} s instead of {expect['retry_after']}")
        return wrong
    return [f"no {expect['error']} came"]


def _says(*told: Any, **more: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(*told, **more)


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("recorded", request=request)


ANSWERS: dict[str, tuple[Callable[[httpx.Request], httpx.Response], type[errors.OrderflowError]]] = {
    "401": (_says(401), errors.DeniedError),
    "403": (_says(403, html="<html>blocked</html>"), errors.DeniedError),
    "429": (_says(429, headers={"retry-after": "3600"}), errors.TransientError),
    "503": (_says(503), errors.TransientError),
    "moved": (_says(301, headers={"location": "https://elsewhere.test"}), errors.ConfigError),
    "web page": (_says(200, html="<!DOCTYPE html><p>Sign in"), errors.TransientError),
    "nothing": (_says(200), errors.TransientError),
    "torn": (_says(200, content=b'{"a": [1, 2'), errors.TransientError),
    "garbage": (_says(200, content=b"\x00\xff\xfe garbage"), errors.DriftError),
    "other shape": (_says(200, json={"no": {"such": ["shape"]}}), errors.DriftError),
    "refused": (_refuse, errors.TransientError),
}
"""What a platform answers to everything while it is broken, and the error that says who must act."""


def names_who_must_act(case: Case, folder: Path, answer: str) -> list[str]:
    """A platform that answers nothing but this ends in the right error; no answer is taken for an empty page."""
    handler, kind = ANSWERS[answer]
    opened = case.open(folder, transport=httpx.MockTransport(handler))
    try:
        cases.pages(case, opened.source)
    except kind as error:
        wrong = [] if "; " in str(error) else [f"{answer}: the message does not end with its cure: {error}"]
        if answer == "429" and getattr(error, "retry_after", None) != 3600:
            wrong.append("429: the platform's wait of 3600 s is not handed on")
        if answer == "429" and opened.time.slept:
            wrong.append("429: an hour is waited for inside the run")
        return wrong
    except errors.OrderflowError as error:
        return [f"{answer}: {type(error).__name__} instead of {kind.__name__}: {error}"]
    return [f"{answer}: no error came, so it passed for an empty window"]


def keeps_secrets(case: Case, folder: Path) -> list[str]:
    """No secret shows in any log line, error, representation or page."""
    if case.talks and not case.secrets:
        return ["the case names no secret; a case of a platform names those that it uses"]
    opened = case.open(folder)
    shown = [repr(opened.source), repr(vars(opened.source)), repr(opened.runtime)]
    with _listening() as lines:
        try:
            found = [] if "ask" in case.told else cases.pages(case, opened.source)
            shown += [f"{page.origin} {page.cursor}" for page in found]
            shown.append(str(cases.outcome(case, opened.source)))
        except errors.OrderflowError as error:
            shown += traceback.format_exception(error)
    shown += lines
    return [f"a secret ({secret[:3]}…) shows" for secret in case.secrets if any(secret in text for text in shown)]


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, down to the last detail."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def may_be_told_twice(case: Case, folder: Path) -> list[str]:
    """A mailbox gives nothing again that was acknowledged, and takes an acknowledgement twice; others have none."""
    opened = case.open(folder)
    mailbox = isinstance(opened.source, Acknowledging)
    if mailbox != case.adapter.limits.acknowledges:
        return ["`Limits.acknowledges` and the source's `acknowledge` contradict each other"]
    if not isinstance(opened.source, Acknowledging):
        return []
    origins = [page.origin for page in cases.pages(case, opened.source)]
    opened.source.acknowledge(origins)
    rest = records(cases.pages(case, opened.source))
    wrong = ["what was acknowledged comes again"] if cases.mapped(case, rest)["orders"] else []
    opened.source.acknowledge(origins)
    again = records(cases.pages(case, opened.source))
    return wrong if again == rest else [*wrong, "acknowledging twice changes what comes"]


def whole(adapter_name: str) -> list[str]:
    """Whether an adapter has a recorded case of each kind, and every case says what it is about."""
    found = cases.of(adapter_name)
    missing = [kind for kind in KINDS if not any(case.name.startswith(kind) for case in found)]
    wrong = [f"no recorded case for {missing}; add {cases.folder_of(adapter_name)}/<kind>"] if missing else []
    return wrong + [f"{case.name} does not say what it is about" for case in found if not case.told.get("about")]
