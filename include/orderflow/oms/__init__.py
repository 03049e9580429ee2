"""OMS targets: the order management systems that orders are delivered to, one file each in `include/targets`.

    # include/targets/demo.yml: the file's name is what a channel file calls the target
    title: Demo OMS
    kind: http                       # the module here that speaks to it: http, odoo, postgres, tryton
    connection: demo_oms             # an Airflow connection; no secret ever stands in this file
    ...                              # from here on: what that kind's options allow

A kind is a module or package with `OPTIONS`, a pydantic model of its part of the file, and
`open(options, account, runtime)`, which returns a `Target` that several threads may use at once and that does not talk
to the network before it is used.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Account, Runtime
from orderflow.domain.target import Target

KINDS = ("http", "odoo", "postgres", "tryton")

_NAME = "^[a-z0-9_]+$"
_FORMS = {_NAME: "use small letters, digits and underscores", "^/": "write it with a slash in front, like /orders"}
"""What the patterns of target files want, in words."""


@dataclass(frozen=True, slots=True)
class TargetFile:
    """One target file, read and checked. `name` is the file's name without `.yml`."""

    name: str
    title: str
    kind: str
    connection: str
    """Name of the Airflow connection that holds address and secret."""
    options: BaseModel = field(repr=False)
    """The kind's own part of the file."""


class _Head(BaseModel):
    """What every target file has; every further key is an option of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["http", "odoo", "postgres", "tryton"]
    connection: Annotated[str, Field(pattern=_NAME)]


def known(folder: Path) -> list[str]:
    """The names of all target files, sorted."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def find(name: str, folder: Path) -> TargetFile:
    """Read the target file called `name`; raises `ConfigError` with every problem of it, each with its line."""
    path = folder / f"{name}.yml"
    if not path.is_file():
        near = difflib.get_close_matches(name, known(folder), n=1)
        hint = f"did you mean {near[0]!r}? or " if near else ""
        raise ConfigError(
            f"there is no OMS target {name!r}; known: {', '.join(known(folder)) or 'none'}; {hint}add {path}"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); save it as UTF-8 and check its permissions") from error
    try:
        value = yaml.safe_load(text)
        lines = dict(_lines(yaml.compose(text), ()))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} holds no block of keys; write title, kind and connection")
    problems: list[tuple[int, str]] = []
    head = _checked(_Head, value, lines, problems)
    options: Any = None
    if (kind := value.get("kind")) in KINDS:
        rest = {key: each for key, each in value.items() if key not in _Head.model_fields}
        options = _checked(_module(kind).OPTIONS, rest, lines, problems)
    if head is None or options is None:
        raise ConfigError(f"{path}:\n" + "\n".join(f"  line {line}  {said}" for line, said in sorted(problems)))
    return TargetFile(name, head.title, head.kind, head.connection, options)


def open_target(file: TargetFile, account: Account, runtime: Runtime) -> Target:
    """Open the target of a file; `account` is what its connection holds."""
    target: Target = _module(file.kind).open(file.options, account, runtime)
    return target


def _module(kind: str) -> Any:
    return importlib.import_module(f"{__name__}.{kind}")


def _checked(
    model: type[BaseModel], value: dict[str, Any], lines: dict[Any, int], problems: list[tuple[int, str]]
) -> Any:
    """The model's instance, or None and what is wrong in `problems`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for each in error.errors():
            place = each["loc"]
            line = next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 1)
            problems.append((line, f"{'.'.join(map(str, place))}  {_words(each, model)}"))
        return None


def _words(error: Any, model: type[BaseModel]) -> str:
    """What is wrong and what to do, without the value: it might be a secret in the wrong place."""
    if error["type"] == "extra_forbidden":
        names = _keys(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), names, n=1)
        known = f"known are {', '.join(names)}" if names else "remove it"
        return "unknown key; " + (f"did you mean {near[0]!r}?" if near else known)
    if error["type"] == "missing":
        return "is missing; add it"
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] in _FORMS:
        return _FORMS[error["ctx"]["pattern"]]
    return str(error["msg"]).removeprefix("Value error, ")


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys of the block at a place; none where names of the file's own lead there."""
    block = model
    for step in place:
        told = block.model_fields[str(step)].annotation if str(step) in block.model_fields else None
        blocks = [each for each in (told, *get_args(told)) if isinstance(each, type) and issubclass(each, BaseModel)]
        if not blocks:
            return []
        block = blocks[0]
    return [*block.model_fields] if place else [*_Head.model_fields, *block.model_fields]


def _lines(node: yaml.Node | None, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The line of every place in a YAML document."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*place, key.value), key.start_mark.line + 1
            yield from _lines(value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*place, index), value.start_mark.line + 1
            yield from _lines(value, (*place, index))
