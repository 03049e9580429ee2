"""Values of a JSON record: where they stand, how they are written, and what they become.

A path names keys joined by dots (`customer.address.city`). `[]` goes through every element of a list
(`parcels[].items`), `[0]` to one of them, `[key=value]` to those whose `key` is `value` (`meta[key=vat].value`), and
`[key={path}]` to those whose `key` is what stands at another path (`/taxes[uid={tax_uid}].name`); `&` joins several
of these. A key that holds a dot or a bracket stands in double quotes. Inside a list, `^` leads one element up
(`^.currency`) and `/` to the whole record (`/currency`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from orderflow.adapters.cells import amount
from orderflow.adapters.described.sums import negated, total
from orderflow.domain.errors import RecordError
from orderflow.domain.money import WITHDRAWN, exponent

_STEP = re.compile(r'"(?P<quoted>[^"]+)"|\[(?P<inside>[^\]]*)\]|(?P<key>[^.\[\]"]+)|(?P<dot>\.)')

_NEVER = re.compile(r"0{4}-00-00|0001-01-01|[0./:\s-]+$")
"""How platforms write a time that has not come: MySQL's zero date, the first day of .NET, an epoch of 0."""

Scope: TypeAlias = tuple[Any, ...]
"""The whole record, then the elements that lead to the one in hand, which stands last."""


class Step(NamedTuple):
    """One step of a path: into a key, to an element, or through all elements (that match)."""

    key: str | None = None
    at: int | None = None
    match: tuple[tuple[str, str | Path], ...] = ()


class Path(NamedTuple):
    """A parsed path: how many elements to go up (-1: to the record), and the steps from there."""

    up: int
    steps: tuple[Step, ...]

    def of(self, scope: Scope) -> list[Any]:
        """Everything that stands there; nothing for a key that is missing."""
        found = [self._start(scope)[-1]]
        for step in self.steps:
            found = [each for value in found for each in _into(value, step, scope)]
        return found

    def elements(self, scope: Scope) -> list[Scope]:
        """The elements of the list that stands there, each behind those it stands in; null is a list without any."""
        start = self._start(scope)
        found = [(start, start[-1])]
        for step in self.steps:
            found = [
                (above if step.key is not None else (*above, each), each)
                for above, value in found
                for each in _into(value, step, scope)
            ]
        through = bool(self.steps) and self.steps[-1].key is None
        return [
            each
            for above, value in found
            if value is not None
            for each in (
                [(*above, inner) for inner in value]
                if isinstance(value, list)
                else [above if through else (*above, value)]
            )
        ]

    def _start(self, scope: Scope) -> Scope:
        return scope[:1] if self.up < 0 else scope[: max(1, len(scope) - self.up)]


def _into(value: Any, step: Step, scope: Scope) -> Iterator[Any]:
    if step.key is not None:
        if isinstance(value, Mapping) and step.key in value:
            yield value[step.key]
        return
    elements = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    if step.at is not None:
        yield from elements[step.at : step.at + 1] if step.at >= 0 else elements[step.at :][:1]
    elif step.match:
        pairs = [
            (key, set(map(_scalar, told.of(scope))) if isinstance(told, Path) else {told}) for key, told in step.match
        ]
        yield from (
            each
            for each in elements
            if isinstance(each, Mapping) and all((_scalar(each.get(key)) or ...) in wanted for key, wanted in pairs)
        )
    else:
        yield from elements


def _scalar(value: Any) -> str | None:
    """What a condition compares: an object, or a list, is no value that a file could name."""
    return None if isinstance(value, Mapping | list) else plain(value)


def parse(text: str) -> Path:
    """Read a path; raises `ValueError` for what is none."""
    if text.startswith("/"):
        return Path(-1, _steps(text, text[1:]))
    up = len(text) - len(text.lstrip("^"))
    return Path(up, _steps(text, text[up:].removeprefix(".") if up else text))


def _steps(whole: str, text: str) -> tuple[Step, ...]:
    steps, at = [], 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(f"{whole!r} is no path; write keys joined by dots, such as data.orders or lines[].sku")
        at = found.end()
        if found["dot"] is None:
            steps.append(_step(whole, found))
    return tuple(steps)


def _step(whole: str, found: re.Match[str]) -> Step:
    inside = found["inside"]
    if inside is None:
        return Step(key=found["quoted"] or found["key"])
    pairs = inside.split("&")
    if "=" in inside:
        conditions = [each.partition("=") for each in (pairs if all("=" in pair for pair in pairs) else [inside])]
        return Step(match=tuple((key.strip(), _wanted(value.strip())) for key, _, value in conditions))
    if not inside:
        return Step()
    if re.fullmatch(r"-?\d+", inside):
        return Step(at=int(inside))
    raise ValueError(f"{whole!r}: [{inside}] is neither [], [0] nor [key=value]")


def _wanted(text: str) -> str | Path:
    return parse(text[1:-1]) if text.startswith("{") and text.endswith("}") else text


def within(body: dict[str, Any], name: str, value: Any) -> None:
    """Put a value where a name leads: `a.b` into objects, made on the way, `[0]` into a list that stands there.

    Raises `LookupError`, `TypeError` or `AttributeError` for a name that leads elsewhere.
    """
    place: Any = body
    *above, last = parse(name).steps
    for step in above:
        place = place[step.at] if step.key is None else place.setdefault(step.key, {})
    place[last.at if last.key is None else last.key] = value


def _is_path(text: str) -> str:
    parse(text)
    return text


PathText = Annotated[str, AfterValidator(_is_path)]


def plain(value: Any) -> str | None:
    """A JSON scalar as text; None for null and for empty text. Objects and lists have none: `TypeError`."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        raise TypeError
    return str(value)


def _reads_time(form: str) -> str:
    known = False
    try:
        datetime.strptime("", form)  # noqa: DTZ007 -- only its signs are looked at
    except ValueError as error:
        known = "%" in form and "does not match" in str(error)
    if form not in {"epoch", "epoch_ms"} and not known:
        raise ValueError(f"{form!r} is none of epoch, epoch_ms, nor signs of strptime; leave it out for ISO 8601")
    return form


class Value(BaseModel):
    """Where a value stands, if more is to be said of it than its path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: PathText | None = None
    first_of: list[PathText] = []
    """The first of these paths that holds something."""
    join: list[PathText] = []
    """Several values, joined by a blank."""
    sum: list[PathText] = []
    """Several amounts, added: what a shop told apart that is one for us. One behind `-` is taken off (a tax out of
    `[with_tax, -without_tax]`), and then all of them must be there.
    """
    constant: str | bool | int | None = None
    """A value that stands nowhere in the record."""
    unit: Annotated[str, Field(pattern="^(major|minor)$")] = "major"
    """`minor`: whole cents (of the order's currency, or with `digits` decimal places)."""
    digits: Annotated[int, Field(ge=0, le=6)] | Literal["currency"] | None = None
    """Decimal places of the minor unit; of a major one, those that it is rounded to (`21.349999999999998`): a number,
    or `currency` for those of the order's own (Medusa does not round: 75.771275 USD, 137.5 JPY).
    """
    scale: Decimal = Decimal(1)
    """What an amount is multiplied by: -1 for discounts told as negative numbers, 0.01 for a rate in percent."""
    time: Annotated[str, AfterValidator(_reads_time)] | None = None
    """`epoch`, `epoch_ms`, or the signs of strptime; ISO 8601 unless given."""
    values: dict[str, str] = {}
    """What the platform's words mean; `"*"` is for all others."""
    default: str | None = None
    """What an empty value means."""

    @model_validator(mode="after")
    def _one_place(self) -> Value:
        lists = [bool(each) for each in (self.first_of, self.join, self.sum)]
        if sum([self.path is not None, self.constant is not None, *lists]) != 1:
            raise ValueError("a value needs exactly one of path, first_of, join, sum and constant")
        return self


def _form(told: object) -> str:
    return "value" if isinstance(told, Mapping | Value) else "places" if isinstance(told, list) else "path"


_Path: TypeAlias = Annotated[PathText, Tag("path")]
_Value: TypeAlias = Annotated[Value, Tag("value")]
Place: TypeAlias = Annotated[_Path | _Value, Discriminator(_form)]
"""A value's path, or all that is to be said of it."""
Places: TypeAlias = Annotated[_Path | _Value | Annotated[list[Place], Tag("places")], Discriminator(_form)]
"""A place, or several: the lines of an address, the tags of an order."""


class Marks(NamedTuple):
    """How amounts are written where they stand as text."""

    decimal: str
    grouping: str

    def read(self, field: str, text: str, value: Any) -> str:
        """Decimal text with a point; raises `RecordError` where a mark cannot mean that."""
        return text if self == POINT or not isinstance(value, str) else amount(field, text, **self._asdict())


POINT = Marks(".", "")

Reader: TypeAlias = Callable[[Scope, str], str | None]
"""Reads one field: `reader(scope, currency)`; None where there is nothing."""


def reader(field: str, kind: str, place: Place, marks: Marks = POINT) -> Reader:
    """How to read a field of this kind (`amount`, `time`, `code`, `text` or `flag`)."""
    told = Value(path=place) if isinstance(place, str) else place
    gather = _gatherer(field, kind, told, marks if kind == "amount" else POINT)
    convert = _converter(field, kind, told)

    def read(scope: Scope, currency: str) -> str | None:
        text = gather(scope)
        if text is None or (kind == "time" and _NEVER.match(text)):
            return told.default
        text = told.values.get(text, told.values.get("*", text)) if told.values else text
        return convert(text, currency)

    return read


def _gatherer(field: str, kind: str, told: Value, marks: Marks) -> Callable[[Scope], str | None]:
    if told.constant is not None:
        constant = plain(told.constant)
        return lambda _: constant
    wanted = told.join or told.first_of or told.sum or [told.path or ""]
    says_false = kind == "flag" or bool(told.values)
    signs = ["-" if told.sum and each.startswith("-") else "" for each in wanted]
    paths = [parse(each.removeprefix(sign)) for each, sign in zip(wanted, signs, strict=True)]

    def texts(scope: Scope, path: Path, name: str) -> list[str]:
        try:
            found = (each for each in path.of(scope) if says_false or each is not False)
            return [marks.read(field, text, each) for each in found if (text := plain(each)) is not None]
        except TypeError:
            raise RecordError("RAW_SHAPE", field, None, f"{name} holds a list or an object, not one value") from None

    def gather(scope: Scope) -> str | None:
        found = [texts(scope, path, name) for path, name in zip(paths, wanted, strict=True)]
        if told.join:
            return " ".join(text for some in found for text in some) or None
        if any(signs):  # without one of them, what is left is an amount that nobody told
            signed = [negated(text) if sign else text for some, sign in zip(found, signs, strict=True) for text in some]
            return total(signed) if all(found) else None
        some = [text for some in found for text in some] if told.sum else next(filter(None, found), [])
        if kind == "amount" and len(some) > 1:
            return total(some)
        return ", ".join(some) or None

    return gather


def _converter(field: str, kind: str, told: Value) -> Callable[[str, str], str | None]:
    if kind == "amount" and (told.unit == "minor" or told.scale != 1 or told.digits is not None):
        minor = told.unit == "minor"

        def scaled(text: str, currency: str) -> str:
            digits = _digits(currency) if told.digits == "currency" or (minor and told.digits is None) else told.digits
            try:
                number = Decimal(text) * told.scale
                if digits is None:
                    return f"{number:f}"
                cent = Decimal(1).scaleb(-digits)
                return f"{number * cent if minor else number.quantize(cent, ROUND_HALF_UP):f}"
            except ArithmeticError:
                return text

        return scaled
    if kind == "time" and told.time:
        return lambda text, _: _moment(field, text, told.time or "")
    return lambda text, _: text


@cache
def _digits(currency: str) -> int:
    """Decimal places of a currency; raises `RecordError` where none is told by its code, for a guess may be wrong."""
    import pycountry

    code = currency.strip().upper()
    if code not in WITHDRAWN and pycountry.currencies.get(alpha_3=code) is None:
        raise RecordError(
            "CURRENCY_UNKNOWN",
            "currency",
            currency,
            "an amount needs a code of ISO 4217 here for its decimal places; name its place as currency of "
            "the order in the channel file, with `values` for the platform's own words, or say `digits`",
        )
    return exponent(code)


def _moment(field: str, text: str, form: str) -> str:
    """ISO 8601 out of another spelling."""
    try:
        if form in {"epoch", "epoch_ms"}:
            seconds = Decimal(text) / (1000 if form == "epoch_ms" else 1)
            return datetime.fromtimestamp(float(seconds), UTC).isoformat()
        return datetime.strptime(text.strip(), form).isoformat()  # noqa: DTZ007 -- the zone is the channel's
    except (ValueError, InvalidOperation, OverflowError, OSError):
        raise RecordError("TIME_MALFORMED", field, text, f"a time is written as {form}") from None
