"""From a record to our order, by the paths that the channel file names: pure, compiled once per file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orderflow.adapters.described.sums import as_told, computed, rounded_off, says_something, totals
from orderflow.adapters.described.values import (
    Marks,
    PathText,
    Place,
    Places,
    Reader,
    Scope,
    Value,
    parse,
    plain,
    reader,
)
from orderflow.domain import order as ours
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order, Part
from orderflow.domain.source import Raw

STATUSES: Mapping[str, tuple[str, ...]] = {
    "order_status": ours.ORDER_STATUS,
    "payment_status": ours.PAYMENT_STATUS,
    "fulfilment_status": ours.FULFILMENT_STATUS,
    "return_status": ours.RETURN_STATUS,
}
"""Fields of an order that hold one of our own words."""
WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "order": {**STATUSES, "masking": ours.MASKING},
    "lines": {"kind": ours.LINE_KINDS},
    "charges": {"kind": ours.CHARGE_KINDS},
    "discounts": {"funded_by": ours.FUNDERS, "kind": ("code", "automatic", "manual", "platform")},
    "taxes": {"liable": ("seller", "marketplace", "unknown")},
    "payments": {
        "kind": ("authorization", "capture", "sale", "void", "gift_card", "cod"),
        "status": ("success", "pending", "failure"),
    },
}
"""Every field that holds one of our own words."""
FLAGS = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}
LISTS = {"order": ("tags", "programs", "hold_reasons"), "shipments": ("tracking_numbers",), "contacts": ("address",)}
"""Fields that hold several texts."""
_KINDS = {"amount", "time", "code"}


def kinds(part: type[msgspec.Struct]) -> dict[str, str]:
    """The scalar fields of a part of an order with what each holds: `amount`, `time`, `code`, `text` or `flag`."""
    found = {}
    for name, hint in get_type_hints(part, include_extras=True).items():
        if get_origin(hint) is Annotated:
            found[name] = next(mark for mark in get_args(hint)[1:] if mark in _KINDS)
        elif hint is bool:
            found[name] = "flag"
        elif hint is str or set(get_args(hint)) == {str, type(None)}:
            found[name] = "text"
    return found


FIELDS: Mapping[str, dict[str, str]] = {
    "order": kinds(Order),
    **{name: kinds(part) for name, part in ours.PARTS.items()},
}


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quantities(Block):
    """Which lines a parcel or a refund is about."""

    each: PathText
    line_id: PathText
    quantity: PathText


class Elements(Block):
    """The elements of one part of the order: one for each that `each` leads to, or one out of the record itself."""

    each: PathText | None = None
    where: dict[PathText, str | list[str]] = {}
    """Only those whose value at a path is this, or one of these."""
    fields: dict[str, Places]
    lines: Quantities | None = None
    """Of shipments and refunds: the lines in it."""


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Blocks: TypeAlias = Annotated[
    list[Elements], BeforeValidator(_listed, json_schema_input_type=Elements | list[Elements])
]
Contacts: TypeAlias = dict[Literal["ship_to", "bill_to", "sold_to"], dict[str, Places]]


class Mapped(Block):
    """Which value of a record is which field of our order."""

    decimal: Literal[".", ","] = "."
    """The decimal mark of amounts that stand as text."""
    grouping: Annotated[str, Field(max_length=1)] = ""
    """What groups their thousands: `.` in 1.234,50."""
    order: dict[str, Places]
    lines: Blocks = []
    charges: Blocks = []
    discounts: Blocks = []
    taxes: Blocks = []
    payments: Blocks = []
    shipments: Blocks = []
    refunds: Blocks = []
    contacts: Contacts = {}
    ext: dict[str, PathText] = {}
    """What only this channel has, under a name of its own."""

    @model_validator(mode="after")
    def _known_fields(self) -> Mapped:
        found = dict(_mistakes("order", self.order, ("order",)))
        for name in ours.PARTS:
            if name == "contacts":
                for role, fields in self.contacts.items():
                    found |= _mistakes(name, fields, (name, role))
                continue
            blocks = getattr(self, name)
            for number, block in enumerate(blocks):
                place = (name, number) if len(blocks) > 1 else (name,)
                found |= _mistakes(name, block.fields, (*place, "fields"))
                if block.lines and name not in {"shipments", "refunds"}:
                    found[*place, "lines"] = f"{name}: only shipments and refunds say which lines they are about"
        if "order_id" not in self.order:
            found["order",] = "order.order_id must say where the order's id stands"
        if found:
            raise MistakesError(found)
        return self

    @cached_property
    def compiled(self) -> Callable[[Raw], Order]:
        """The mapping as a function."""
        return _compiled(self)


class MistakesError(ValueError):
    """Several things that are wrong, by the keys that lead to each."""

    def __init__(self, places: Mapping[tuple[str | int, ...], str]) -> None:
        super().__init__(" | ".join(places.values()))
        self.places = places


def _mistakes(
    part: str, fields: Mapping[str, Places], above: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the fields of one part, with the keys that lead there."""
    known, several = FIELDS[part], LISTS.get(part, ())
    for name, place in fields.items():
        if name not in known and name not in several:
            near = difflib.get_close_matches(name, [*known, *several], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([*known, *several])}"
            yield (*above, name), f"{part}.{name} is no field of ours; {hint}"
        elif isinstance(place, list) and name not in several:
            yield (*above, name), f"{part}.{name} holds one value; name one path, or join several with `join`"
        elif isinstance(place, Value) and place.sum and known.get(name) != "amount":
            yield (*above, name), f"{part}.{name} is no amount; only amounts are added"
        elif isinstance(place, Value) and (words := WORDS.get(part, {}).get(name)):
            said = [*place.values.values(), *filter(None, [place.default, plain(place.constant)])]
            if wrong := next((word for word in said if word not in words), None):
                yield (*above, name), f"{part}.{name}: {wrong!r} is none of {', '.join(words)}"


Fill: TypeAlias = Callable[[Scope, str], dict[str, Any]]


def _compiled(told: Mapped) -> Callable[[Raw], Order]:
    to_order, unrounded = _mapping(told), _unrounded(told)
    if unrounded is None:
        return to_order
    to_unrounded = _mapping(unrounded)

    def rounded(raw: Raw) -> Order:
        order = to_order(raw)
        return msgspec.structs.replace(order, rounding=rounded_off(order, to_unrounded(raw)))

    return rounded


def _unrounded(told: Mapped) -> Mapped | None:
    """The mapping with amounts as they are told; None where none is rounded, or the file says what rounding is."""
    whole = told.model_dump(exclude_unset=True)
    exact = as_told(whole)
    return None if exact == whole or "rounding" in told.order else Mapped.model_validate(exact)


def _mapping(told: Mapped) -> Callable[[Raw], Order]:
    marks = Marks(told.decimal, told.grouping)
    fill = _filler("order", told.order, marks)
    currency_of = reader("currency", "code", told.order["currency"]) if "currency" in told.order else None  # type: ignore[arg-type] # `_mistakes` refused lists
    makers = {
        name: [_maker(name, block, marks) for block in getattr(told, name)] for name in ours.PARTS if name != "contacts"
    }
    contacts = [(role, _filler("contacts", fields, marks)) for role, fields in told.contacts.items()]
    raw_status = [(field, told.order[field]) for field in STATUSES if field in told.order]
    statuses = [(field, reader(field, "code", _bare(place))) for field, place in raw_status]
    extras = [(name, parse(path)) for name, path in told.ext.items()]
    stated = frozenset(told.order)

    def to_order(raw: Raw) -> Order:
        scope: Scope = (raw,)
        currency = (currency_of(scope, "") if currency_of else None) or ""
        fields = fill(scope, currency)
        if not fields.get("order_id"):
            raise RecordError("ORDER_ID_MISSING", "order_id", None, "a record without an id is no order")
        parts = {name: [each for make in some for each in make(scope, currency)] for name, some in makers.items()}
        if parts["lines"]:
            parts["lines"] = [msgspec.structs.replace(line, number=n) for n, line in enumerate(parts["lines"], 1)]
        people = [ours.Contact(role=role, **found) for role, take in contacts if (found := take(scope, currency))]
        totals(fields, parts, stated)
        spelled = {field: text for field, read in statuses if (text := read(scope, currency)) is not None}
        ext = {name: ", ".join(filter(None, map(_shown, path.of(scope)))) for name, path in extras}
        fields |= {**parts, "contacts": people, "raw_status": spelled, "ext": {k: v for k, v in ext.items() if v}}
        return Order(**fields)

    return to_order


def _bare(place: Places) -> Place:
    """The place of a status without what its words mean."""
    return place.model_copy(update={"values": {}, "default": None}) if isinstance(place, Value) else str(place)


def _shown(value: Any) -> str | None:
    """A value as text, whatever it is."""
    try:
        return plain(value)
    except TypeError:
        return msgspec.json.encode(value).decode()


def _filler(part: str, fields: Mapping[str, Places], marks: Marks) -> Fill:
    """Reads the fields of one part; those that hold nothing are left out."""
    known, several, words = FIELDS[part], LISTS.get(part, ()), WORDS.get(part, {})
    single: list[tuple[str, str, Reader]] = []
    lists: list[tuple[str, list[Reader]]] = []
    for name, place in fields.items():
        if name in several:
            places = place if isinstance(place, list) else [place]
            lists.append((name, [_each_text(name, each) for each in places]))
        else:
            single.append((name, known[name], reader(name, known[name], place, marks)))  # type: ignore[arg-type] # as above

    def fill(scope: Scope, currency: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, kind, read in single:
            text = read(scope, currency)
            if text is None:
                continue
            if name in words and text not in words[name]:
                raise _unknown(name, text, words[name])
            found[name] = _flag(name, text) if kind == "flag" else text
        for name, reads in lists:
            texts = [text for read in reads for text in (read(scope, currency) or "").split("\n") if text]
            if texts:
                found[name] = texts
        return found

    return fill


def _each_text(name: str, place: Place) -> Reader:
    """Reads several texts, one per line."""
    if isinstance(place, Value):
        return reader(name, "text", place)
    path = parse(place)

    def read(scope: Scope, _: str) -> str | None:
        found = [each for value in path.of(scope) for each in (value if isinstance(value, list) else [value])]
        texts = (_shown(each) for each in found if each is not False)
        return "\n".join(text.replace("\n", " ") for text in texts if text) or None

    return read


def _unknown(field: str, text: str, words: Iterable[str]) -> RecordError:
    return RecordError(
        "STATUS_UNKNOWN",
        field,
        text,
        f"it means none of {', '.join(words)}; say what it means under `values` of {field} in the channel file",
    )


def _flag(field: str, text: str) -> bool:
    try:
        return FLAGS[text.strip().lower()]
    except KeyError:
        raise RecordError("FLAG_MALFORMED", field, text, f"a flag is one of {', '.join(FLAGS)}") from None


def _maker(part: str, block: Elements, marks: Marks) -> Callable[[Scope, str], list[Any]]:
    """Makes the elements of one part, out of each place that the block leads to."""
    kind: type[Part] = ours.PARTS[part]
    each = parse(block.each) if block.each is not None else None
    fill = _filler(part, block.fields, marks)
    wanted = [(parse(path), {words} if isinstance(words, str) else set(words)) for path, words in block.where.items()]
    pairs = _pairs(block.lines, marks) if block.lines else None
    constants = all(isinstance(place, Value) and place.constant is not None for place in block.fields.values())

    def make(scope: Scope, currency: str) -> list[Any]:
        made = []
        for element in [scope] if each is None else each.elements(scope):
            if not all(words & {_shown(value) for value in path.of(element)} for path, words in wanted):
                continue
            fields = fill(element, currency)
            if pairs:
                fields["lines"] = pairs(element)
            if each is None and (constants or not says_something(part, fields, FIELDS[part])):
                continue
            if part == "lines":
                fields["number"] = 0
            made.append(kind(**computed(part, fields)))
        return made

    return make


def _pairs(told: Quantities, marks: Marks) -> Callable[[Scope], list[tuple[str, str]]]:
    each, line_id, quantity = parse(told.each), parse(told.line_id), parse(told.quantity)

    def pairs(scope: Scope) -> list[tuple[str, str]]:
        found = []
        for element in each.elements(scope):
            ids = list(filter(None, map(_shown, line_id.of(element))))
            counts = [marks.read("lines", text, each) for each in quantity.of(element) if (text := _shown(each))]
            if ids and counts:
                found.append((ids[0], counts[0]))
        return found

    return pairs
