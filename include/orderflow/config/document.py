"""YAML text to plain values, without YAML's surprises.

PyYAML speaks YAML 1.1, where `NO` is false, `010` is eight, `12:30` is 750 and the second of two equal keys wins in
silence (yaml.org/type). A channel file means what a person reads: whatever could be read differently is a fault, and
dates stay text until their field says that it wants a date. Anchors, merges and tags are refused: nothing is computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orderflow.config.problem import Fault, Location, Problem, dotted

_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?\d+\.\d*([eE][-+]?\d+)?")
_ZERO_FIRST = re.compile(r"[-+]?0[\d_]+")
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Document:
    """One YAML file: its `value`, what is wrong with its spelling, and where everything stands."""

    value: Any = None
    faults: list[Fault] = field(default_factory=list)
    root: yaml.Node | None = None

    def line(self, path: Location) -> int:
        """Line (from 1) of the key at `path`, or of the deepest block that exists on the way there."""
        return _line_of(self.root, path)

    def existing(self, path: Location) -> Location:
        """The part of `path` that stands in the file, without what pydantic puts between (the tags of unions)."""
        node, found = self.root, []
        for step in path:
            inner = _step(node, step)
            if inner is not None:
                node = inner
                found.append(step)
        return tuple(found)

    def problems(self, file: Path, faults: Iterable[Fault]) -> list[Problem]:
        """The first fault of every place, by line: what is misspelt is not judged a second time."""
        first: dict[object, Fault] = {}
        for fault in faults:
            first.setdefault(fault.path or (fault.path, fault.line), fault)
        found = []
        for fault in first.values():
            line = self.line(fault.path) if fault.line is None else fault.line
            found.append(Problem(file, line, dotted(fault.path), fault.message, fault.cure))
        return sorted(found, key=lambda problem: problem.line)


class WrongFileError(Exception):
    """The file is wrong as a whole: nothing inside of it can be read."""

    def __init__(self, message: str, cure: str, line: int = 1) -> None:
        super().__init__(message)
        self.fault = Fault((), message, cure, line)


def text_of(path: Path) -> str:
    """What the file holds; raises `WrongFileError`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongFileError(f"cannot be opened: {error.strerror}", "check the file and its permissions") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WrongFileError(f"is not UTF-8 (byte {content[error.start]:#04x})", "save it as UTF-8", line) from error


def parse(text: str) -> Document:
    """Read one YAML document; never raises for what the text holds."""
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        return Document(faults=list(_syntax_faults(text, error)))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = Fault((), f"holds the unprintable character U+{error.character:04X}", "remove it", line)
        return Document(faults=[fault])
    finally:
        loader.dispose()
    document = Document(root=root)
    if root is not None:
        document.value = _plain(root, (), document.faults, set())
    return document


def _syntax_faults(text: str, error: yaml.MarkedYAMLError) -> Iterator[Fault]:
    indents = [row[: len(row) - len(row.lstrip())].strip(" ") for row in text.splitlines()]
    for line, odd in enumerate(indents, 1):
        if odd:
            what = "a tab" if "\t" in odd else f"the character U+{ord(odd[0]):04X}, which is no plain space"
            yield Fault((), f"is indented with {what}", "indent with two spaces", line)
    if not any(indents):
        mark = error.problem_mark or error.context_mark
        said = error.problem or "is no YAML"
        if "another document" in said:
            said, cure = "a second document begins here", "keep one channel in one file, without a line '---'"
        else:
            cure = "check indentation, colons and quotes here and on the line before"
        yield Fault((), f"cannot be read: {said}", cure, mark.line + 1 if mark else 1)


def _plain(node: yaml.Node, path: Location, faults: list[Fault], seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        faults.append(Fault(path, "repeats another block by an alias (*)", "write the values out"))
        return None
    seen.add(id(node))
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _mapping(node, path, faults, seen)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_plain(item, (*path, n), faults, seen) for n, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        value, wrong, cure = _scalar(node, kind)
        if wrong:
            faults.append(Fault(path, wrong, cure, line))
        return value
    faults.append(Fault(path, f"the tag {node.tag.replace(_TAG, '!!')} is not allowed", "write plain values", line))
    return None


def _mapping(node: yaml.MappingNode, path: Location, faults: list[Fault], seen: set[int]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    first: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            faults.append(Fault(path, "a list or block stands where a key belongs", "write one word as the key", line))
            continue
        key = key_node.value
        kind = key_node.tag.removeprefix(_TAG)
        ours = len(path) < 2  # keys further down may be a platform's own words, spelled as it does
        if ours and not key.isprintable() and "".join(filter(str.isprintable, key)).isascii():
            faults.append(Fault((*path, key), f"the key {key!r} holds an invisible character", "type it anew", line))
        if kind == "merge":
            faults.append(Fault((*path, key), "merges another block (<<)", "write the keys out", line))
        elif key in first:
            said = f"the key {key!r} stands twice, first in line {first[key]}"
            faults.append(Fault((*path, key), said, "keep one of the two", line))
        else:
            if kind not in {"str", "timestamp"}:
                cure = f'quote it: "{key}"'
                faults.append(Fault((*path, key), f"the key {key!r} is read as {_KINDS.get(kind, kind)}", cure, line))
            first[key] = line
            value[key] = _plain(value_node, (*path, key), faults, seen)
    return value


_KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing", "value": "a default"}


def _scalar(node: yaml.ScalarNode, kind: str) -> tuple[Any, str, str]:
    """The value, and what is wrong with its spelling with its cure (two empty texts when nothing is)."""
    text: str = node.value
    quote = f'quote it if it is text: "{text}"'
    plain = node.style is None or node.style == ""
    if plain and _ZERO_FIRST.fullmatch(text):
        return text, f"{text} begins with a zero, which YAML may read as an octal number", quote
    if kind in {"str", "timestamp", "value"}:
        return text, "", ""
    if kind == "null":
        return None, "", ""
    if kind == "bool":
        if text.lower() in {"true", "false"}:
            return text.lower() == "true", "", ""
        return text, f"{text} is read as true or false", f'quote it if it is text: "{text}", or write true or false'
    if kind == "int":
        if _INTEGER.fullmatch(text):
            return int(text), "", ""
        return text, f"{text} is not a plain number: YAML reads it as {_number(text)}", quote
    if kind == "float":
        if _FLOAT.fullmatch(text):
            return float(text), "", ""
        return text, f"{text} is not a plain number", quote
    return text, f"the tag {node.tag.replace(_TAG, '!!')} is not allowed", "write plain values"


def _number(text: str) -> int:
    """What YAML 1.1 makes of an unusual whole number."""
    return int(yaml.safe_load(text))


def _step(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None


def _line_of(node: yaml.Node | None, path: Location) -> int:
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            key = next((key for key, _ in node.value if key.value == step), None)
            if key is None:
                break
            line = key.start_mark.line + 1
        node = _step(node, step)
        if node is None:
            break
        if isinstance(step, int):
            line = node.start_mark.line + 1
    return line
