"""pydantic's findings in the words of a channel file: what was found, what is allowed, what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from orderflow.config.docs import field_docs
from orderflow.config.document import Document
from orderflow.config.form import LINE, NAME, OWNER, Form, SourceBlock
from orderflow.config.problem import Fault, Location, dotted, nearest, shown, split

Finding: TypeAlias = Mapping[str, Any]
"""One entry of `ValidationError.errors()`."""

Words: TypeAlias = tuple[str, str]
"""Message and cure."""

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|credential|signature|(api|private|access|auth|consumer|license)_?key|^key$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@|-----BEGIN |\beyJ[\w-]{8,}\.eyJ|\bAKIA[A-Z0-9]{16}\b|"
    r"://(hooks\.slack\.com|discord(app)?\.com/api/webhooks|[a-z0-9-]+\.webhook\.office\.com)/|"
    r"\b((shpat|shpss|ck|cs|sk_live|gh[pousr])_|(xox[bp]|glpat)-)\w{8}"
)

_SENT = frozenset({"headers", "params", "constants"})
"""Blocks whose keys are names of the platform's own, sent as they stand in the file."""
_SENT_SECRET = re.compile(
    r"(pass(word|wd|phrase|code)|secret|token|credential|signature|(api|private|access|auth|consumer|license)[-_]?key|"
    r"authorization|cookie)$",
    re.IGNORECASE,
)

_EXAMPLES: Mapping[Location, str] = MappingProxyType(
    {
        ("title",): "title: Demo shop",
        ("owner",): "owner: marketplace-asia",
        ("source",): "source: {adapter: ..., connection: ...}",
        ("source", "adapter"): "adapter: shopify",
        ("source", "connection"): "connection: demo_shopify",
        ("schedule",): 'schedule: {cron: "0 * * * *", start: 2026-01-31}',
        ("schedule", "cron"): 'cron: "0 * * * *"',
        ("schedule", "start"): "start: 2026-01-31",
        ("oms",): "oms: {target: demo}",
        ("oms", "target"): "target: demo",
    }
)

_PATTERNS = MappingProxyType(
    {
        NAME: "small letters, digits and underscores",
        OWNER: "a name, then an address or page in angle brackets if there is one: asia <asia@shop.example>",
        "^[A-Z]{3}$": "three capital letters, such as TWD",
        "^[A-Z]{2}$": "two capital letters, such as TW",
        LINE: "one line of text, without control characters",
    }
)


def explained(error: ValidationError, model: type[BaseModel], document: Document, prefix: Location = ()) -> list[Fault]:
    """Every finding as a fault; `model` is what was validated, `prefix` where it stands in the file."""
    findings = [{**each, "loc": _keys_alone(model, each["loc"])} for each in error.errors(include_url=False)]
    return [_explain(each, model, document, prefix) for finding in findings for each in _apart(finding)]


def _apart(finding: Finding) -> Iterator[Finding]:
    """One finding, or each of several that were found together: an error's `places` say where each of them stands."""
    places: Mapping[Location, str] = getattr(finding.get("ctx", {}).get("error"), "places", {})
    if not places:
        yield finding
    for at, said in places.items():
        yield {**finding, "loc": (*finding["loc"], *at), "ctx": {"error": said}}


def _unknown_key(path: Location, known: set[str], connection: object, blocks: Mapping[str, set[str]]) -> Fault:
    """A key that the form does not have: a secret, a misplaced key, or a slip of the pen."""
    key = str(path[-1])
    if _SECRET_KEY.search(key):
        return _secret(path, f"the key {key!r} looks like a secret", connection)
    block = ".".join(str(step) for step in path[:-1])
    home = next((place for place, keys in blocks.items() if key in keys and place != block), None)
    if home is not None:
        return Fault(
            path, f"unknown key {key!r}", f"it belongs under {home!r}" if home else "it belongs at the top level"
        )
    return Fault(path, f"unknown key {key!r}", nearest(key, known) or "remove it")


def secrets(value: object, connection: object, path: Location = ()) -> Iterator[Fault]:
    """What looks like a secret anywhere in the file: passwords in addresses, private keys, tokens that are sent."""
    if isinstance(value, str) and _SECRET_VALUE.search(value):
        yield _secret(path, "the value holds a password, key or token", connection)
    elif isinstance(value, dict):
        sent = bool(path) and path[-1] in _SENT
        for key, inner in value.items():
            if sent and isinstance(inner, str) and _SENT_SECRET.search(key):
                yield _secret((*path, key), f"{key!r} looks like a secret; `auth` says how one is sent", connection)
            else:
                yield from secrets(inner, connection, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from secrets(inner, connection, (*path, number))


def _keys_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


_BLOCKS = MappingProxyType(
    {"": _keys_of(Form)}
    | {
        field.alias or name: _keys_of(field.annotation)
        for name, field in Form.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
)
"""The keys of a channel file, by the block that they belong under."""


def _secret(path: Location, said: str, connection: object) -> Fault:
    named = isinstance(connection, str) and re.fullmatch(NAME, connection)
    where = f"the Airflow connection {connection!r}" if named else "an Airflow connection"
    cure = f"no secret ever stands in this file; put it into {where} and replace it: it was readable here"
    return Fault(path, said, cure)


def _explain(finding: Finding, model: type[BaseModel], document: Document, prefix: Location) -> Fault:
    kind: str = finding["type"]
    whole: Location = (*prefix, *finding["loc"])
    if kind == "missing":
        path = (*document.existing(whole[:-1]), whole[-1])
        if isinstance(path[-1], int):
            return Fault(path[:-1], "holds too few values", "write all of them: [least, most]")
        return Fault(path, f"missing key {path[-1]!r}", _how_to_add(path, _block(model, path[len(prefix) : -1])))
    path = document.existing(whole)
    if kind == "extra_forbidden":
        block = _block(model, path[len(prefix) : -1])
        known = set().union(*map(_keys_of, block))
        if path[:-1] == ("source",):
            known |= _keys_of(SourceBlock)
        blocks = _BLOCKS if model is Form or prefix else {}
        return _unknown_key(path, known, _connection(document), blocks)
    if finding["input"] is None:
        if path and isinstance(path[-1], int):
            return Fault(path, "a value is missing", "write one, or remove its place in the list")
        return Fault(path, f"{path[-1]!r} has no value" if path else "is empty", "write one or remove the key")
    if kind == "value_error":
        return Fault(path, *split(str(finding["ctx"]["error"])))
    return Fault(path, *_WORDS.get(kind, _as_pydantic_says)(finding))


def _keys_alone(model: type[BaseModel], path: Location) -> Location:
    """The path without the kinds that pydantic puts into it: a key may be called like its block's kind (`token`)."""
    models, kept, kind_comes = [model], [], False
    for step in path:
        if kind_comes:
            kind_comes = False
            continue
        kept.append(step)
        fields = [field for each in models for name, field in each.model_fields.items() if step in (name, field.alias)]
        models = [inner for field in fields for inner in _models(field.annotation)] if fields else models
        kind_comes = any(field.discriminator for field in fields)
    return tuple(kept)


def _how_to_add(path: Location, models: list[type[BaseModel]]) -> str:
    if path in _EXAMPLES:
        return f"add it, such as {_EXAMPLES[path]}"
    docs = next((docs[path[-1]] for docs in map(field_docs, models) if path[-1] in docs), "")
    return f"add it under {dotted(path[:-1])!r}" + (f" ({docs.rstrip('.')})" if docs else "")


def _connection(document: Document) -> object:
    source = document.value.get("source") if isinstance(document.value, dict) else None
    return source.get("connection") if isinstance(source, dict) else None


def _block(model: type[BaseModel], path: Location) -> list[type[BaseModel]]:
    """The models that may stand at `path` of `model`."""
    models = [model]
    for step in path:
        if isinstance(step, int):
            continue
        inner: list[type[BaseModel]] = []
        for each in models:
            for name, field in each.model_fields.items():
                if step in {name, field.alias}:
                    inner.extend(_models(field.annotation))
        models = inner or models
    return models


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _as_pydantic_says(finding: Finding) -> Words:
    said: str = finding["msg"]
    return f"{shown(finding['input'])} does not fit", said[:1].lower() + said[1:]


def _expects(what: str, cure: str) -> Callable[[Finding], Words]:
    return lambda finding: (f"{shown(finding['input'])} is not {what}", cure)


def _text(finding: Finding) -> Words:
    value = finding["input"]
    return f"{shown(value)} is not text", f'quote it: "{shown(value)}"' if isinstance(
        value, int | float
    ) else "write text"


def _literal(finding: Finding) -> Words:
    return f"{shown(finding['input'])} is not allowed here", f"write {finding['ctx']['expected']}"


def _tag(finding: Finding) -> Words:
    """One of several forms of a block, told apart by one key of it."""
    told = finding["ctx"]
    key = told["discriminator"].strip("'")
    allowed = [each.strip("'") for each in told["expected_tags"].split(", ")]
    return f"{key} {told['tag']!r} is not allowed here", nearest(told["tag"], allowed) or f"write {', '.join(allowed)}"


def _untagged(finding: Finding) -> Words:
    return f"the key {finding['ctx']['discriminator']} is missing, which says what kind it is", "add it"


def _pattern(finding: Finding) -> Words:
    pattern = finding["ctx"]["pattern"]
    return f"{shown(finding['input'])} does not fit", f"write {_PATTERNS.get(pattern, f'text that matches {pattern}')}"


def _bound(word: str, key: str) -> Callable[[Finding], Words]:
    def words(finding: Finding) -> Words:
        value, limit = finding["input"], finding["ctx"][key]
        share = isinstance(value, str) and value.endswith("%")
        return f"{shown(value)} is out of range", f"write {word} {f'{limit * 100}%' if share else limit}"

    return words


_WHOLE = _expects("a whole number", "write digits only, such as 100")
_NUMBER = _expects("a number", "write digits with at most one decimal point, such as 0.05")
_TRUTH = _expects("true or false", "write true or false")
_LIST = _expects("a list", "write it like [a, b]")
_KEYS = _expects("a block of keys", "write its keys below it, indented, or like {key: value}")
_DAY = _expects("a date", "write it like 2026-01-31")
_MOMENT = _expects("a moment", "write it like 2026-01-31T12:00:00Z")

_WORDS: Mapping[str, Callable[[Finding], Words]] = MappingProxyType(
    {
        "string_type": _text,
        "string_too_short": _expects("long enough", "write a text"),
        "string_too_long": _expects("short enough", "shorten it"),
        "string_pattern_mismatch": _pattern,
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "decimal_type": _NUMBER,
        "decimal_parsing": _NUMBER,
        "finite_number": _NUMBER,
        "bool_type": _TRUTH,
        "bool_parsing": _TRUTH,
        "list_type": _LIST,
        "tuple_type": _LIST,
        "set_type": _LIST,
        "frozen_set_type": _LIST,
        "dict_type": _KEYS,
        "model_type": _KEYS,
        "model_attributes_type": _KEYS,
        "date_type": _DAY,
        "date_parsing": _DAY,
        "date_from_datetime_parsing": _DAY,
        "date_from_datetime_inexact": _DAY,
        "datetime_type": _MOMENT,
        "datetime_parsing": _MOMENT,
        "datetime_from_date_parsing": _MOMENT,
        "literal_error": _literal,
        "union_tag_invalid": _tag,
        "union_tag_not_found": _untagged,
        "enum": _literal,
        "greater_than": _bound("more than", "gt"),
        "greater_than_equal": _bound("at least", "ge"),
        "less_than": _bound("less than", "lt"),
        "less_than_equal": _bound("at most", "le"),
        "too_long": _expects("short enough", "write fewer values"),
        "too_short": _expects("long enough", "write at least one value"),
    }
)
