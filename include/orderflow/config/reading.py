"""A folder of channel files to channels, or every problem of every file at once.

A broken file stops no other: it gives problems instead of a channel. Nothing here looks at the network, a database,
the environment or the clock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from orderflow import adapters, oms
from orderflow.config.checks import Surroundings, check
from orderflow.config.document import Document, WrongFileError, parse, text_of
from orderflow.config.explain import explained, secrets
from orderflow.config.form import NAME, Form
from orderflow.config.problem import Fault, Problem, closest, nearest, split
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.snapshot import OURSELVES
from orderflow.domain.source import Adapter, Options

LONGEST_NAME = 100
"""Characters of a channel's name: ids of runs hold it beside two windows, and end at 250."""
_TAKEN = {
    "index": "the report's page of all channels",
    r"\d+d": "a report of so many days",
    OURSELVES: "what is wrong with Orderflow itself",
}
"""What things are called that stand beside those of channels."""
_GOES_ON = (
    "; if it delivered already, write the moment of the renaming as oms.since into it, for its orders count as new "
    "ones (the OMS hears of no later change to older ones)"
)
"""What earlier versions let run is another channel under its new name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder held: the channels that can run, and everything that is wrong with the others."""

    channels: list[Channel]
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    """What is probably not meant, though the channels concerned can run."""


def read(folder: Path, *, now: datetime | None = None, only: str | None = None) -> Reading:
    """Read every `*.yml` of `folder`, or that of the channel `only`.

    OMS targets stand in the folder `targets` beside it; those that channels name are read too, but not with `only`.
    `now` (aware) lets a start in the future be found.
    """
    around = Surroundings(targets=folder.parent / "targets", now=now)
    channels: list[Channel] = []
    problems: list[Problem] = []
    for path in _files(folder, only):
        read_one = _read_file(path, around)
        if isinstance(read_one, Channel):
            channels.append(read_one)
        else:
            problems.extend(read_one)
    if only is None:
        problems.extend(_broken_targets(around.targets, {channel.oms.target for channel in channels}))
    if folder.is_file():
        cure = f"name its folder, {folder.parent}: all are read at once"
        problems.append(Problem(folder, 1, "", "is a file", cure))
    elif not folder.is_dir():
        problems.append(Problem(folder, 1, "", "there is no such folder", "channel files lie in include/channels"))
    return Reading(channels, problems, _same_shop(folder, channels))


def _files(folder: Path, only: str | None) -> list[Path]:
    """Everything that is meant as a channel file, misspelt endings included; editors' hidden files are not."""
    if only is not None:
        return [path for path in [folder / f"{only}.yml"] if path.exists()]
    found = folder.iterdir() if folder.is_dir() else ()
    meant = [path for path in found if path.suffix.lower() in {".yml", ".yaml"} or _holds_files(path)]
    return sorted(path for path in meant if not path.name.startswith("."))


def _holds_files(path: Path) -> bool:
    return path.is_dir() and any(path.glob("**/*.y*ml"))


def _read_file(path: Path, around: Surroundings) -> Channel | list[Problem]:
    try:
        text = _text(path)
        document = parse(text)
        channel = _channel(path, text, document, around)
    except WrongFileError as error:
        document, channel = Document(), [error.fault]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, or one adapter, must not stop the other channels
        document, channel = Document(), [Fault((), f"cannot be checked: {type(error).__name__}: {error}", _OURS)]
    return channel if isinstance(channel, Channel) else document.problems(path, channel)


_OURS = "this is a fault of Orderflow or of the adapter; a developer must look"


def _text(path: Path) -> str:
    if path.is_dir():
        raise WrongFileError("is a folder", f"channel files lie directly in {path.parent.name}; move them there")
    if path.suffix != ".yml":
        raise WrongFileError(f"ends in {path.suffix}", f"channel files end in .yml; rename it to {path.stem}.yml")
    if why := misnamed(path.stem):
        plain = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[: LONGEST_NAME // 2] or "demo_shop"
        named = f"{plain}_shop" if misnamed(plain) else plain
        cure = f"{why}; rename it to {named}.yml{_GOES_ON if re.fullmatch(NAME, path.stem) else ''}"
        raise WrongFileError(f"{path.stem!r} cannot name a channel", cure)
    return text_of(path)


def misnamed(name: str) -> str | None:
    """Why no channel can be called that, and what to do; None for a good name."""
    if not re.fullmatch(NAME, name):
        return "use small letters, digits and underscores"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, which makes ids too long for Airflow; use at most {LONGEST_NAME}"
    if taken := next((what for form, what in _TAKEN.items() if re.fullmatch(form, name)), None):
        return f"{taken} is called that, and who may read one would read the other"
    return None


def _channel(path: Path, text: str, document: Document, around: Surroundings) -> Channel | list[Fault]:
    value = document.value
    if value is None and not document.faults:
        raise WrongFileError("is empty", "a channel needs title, owner, source, schedule and oms")
    if not isinstance(value, dict):
        return document.faults or [Fault((), "is not a block of keys", "write title, owner, source, schedule and oms")]
    source = value.get("source")
    source = source if isinstance(source, dict) else {}
    first = [*document.faults, *secrets(value, source.get("connection")), *check(value, around)]
    form: Form | None = None
    try:
        form = Form.model_validate(value)
    except ValidationError as error:
        first += explained(error, Form, document)
    adapter, options, wrong = _adapter(source, document)
    wrong += _untold(form, adapter)
    if first or wrong or form is None or adapter is None or options is None:
        return [*first, *wrong]
    return Channel(
        name=path.stem,
        adapter_name=form.source.adapter,
        adapter=adapter,
        connection=form.source.connection,
        options=options,
        text=text,
        **{field.alias or name: getattr(form, name) for name, field in Form.model_fields.items() if name != "source"},
    )


def _untold(form: Form | None, adapter: Adapter | None) -> list[Fault]:
    """What the channel is to be told, but its platform takes no word of."""
    if form is None or form.fulfilment is None or adapter is None:
        return []
    offered = sorted(adapter.limits.writes_back)
    cure = f"it can be told of {', '.join(offered)}" if offered else "remove the block fulfilment; it is only read"
    return [
        Fault(("fulfilment", "tell"), f"a channel of {form.source.adapter} cannot be told of {each}", cure)
        for each in form.fulfilment.tell
        if each not in offered
    ]


_find = cache(adapters.find)


def _adapter(source: dict[str, object], document: Document) -> tuple[Adapter | None, Options | None, list[Fault]]:
    """The adapter that the `source` block names, and its options out of the rest of that block."""
    name = source.get("adapter")
    if not isinstance(name, str):
        slip = closest("adapter", source) if "adapter" not in source else None
        meant = [Fault(("source", slip), f"unknown key {slip!r}", "did you mean 'adapter'?")] if slip else []
        return None, None, meant
    try:
        adapter = _find(name)
    except ConfigError as error:
        known = adapters.known()
        said = split(str(error)) if name in known else (f"unknown adapter {name!r}", nearest(name, known))
        return None, None, [Fault(("source", "adapter"), *said)]
    rest = {key: value for key, value in source.items() if key not in {"adapter", "connection"}}
    try:
        options = adapter.options.model_validate(rest)
        return adapter.described(options) if adapter.described else adapter, options, []
    except ValidationError as error:
        return adapter, None, explained(error, adapter.options, document, ("source",))


def _broken_targets(folder: Path, names: Iterable[str]) -> Iterator[Problem]:
    """What is wrong with the OMS targets that channels name. The channels run all the same: only deliveries wait."""
    for name in sorted(names):
        file = folder / f"{name}.yml"
        try:
            document = parse(text_of(file))
            spelt = document.faults
        except WrongFileError as error:
            document, spelt = Document(), [error.fault]
        if spelt:
            yield from document.problems(file, spelt)
            continue
        try:
            oms.find(name, folder)
        except ConfigError as error:
            found = _TARGET_PROBLEM.findall(str(error)) or [("1", "", str(error))]
            for line, path, said in found:
                yield Problem(file, int(line), path, *split(said))


_TARGET_PROBLEM = re.compile(r"^  line (\d+)  (\S*)  (.+)$", re.MULTILINE)


def _same_shop(folder: Path, channels: list[Channel]) -> list[Problem]:
    """Channels that ask the same account for the same orders: every order would be pulled twice."""
    shops: dict[object, list[Channel]] = defaultdict(list)
    for channel in channels:
        options = channel.options.model_dump_json()
        shops[channel.adapter_name, channel.connection, options, channel.oms.target].append(channel)
    return [
        Problem(
            folder / f"{channel.name}.yml",
            parse(channel.text).line(("source", "connection")),
            "source",
            f"asks for the same orders as {group[0].name}.yml (same adapter, connection, options and OMS target)",
            "remove one of the two files",
        )
        for group in shops.values()
        for channel in group[1:]
    ]
