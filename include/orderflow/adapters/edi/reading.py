"""One file of a mailbox, read once: what its envelopes say, what is wrong with them, and what came before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from orderflow.adapters.edi.archive import Archive, key
from orderflow.adapters.edi.envelope import Fault, Interchange, Unit, Verdict
from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi.text import decoded
from orderflow.adapters.files import Copy, FileError
from orderflow.domain.errors import RecordError

WHOLE = -1
"""Stands for the whole file where interchanges are numbered."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one standard is read and answered: pure functions, one value per standard."""

    charset: Callable[[bytes, str | None], tuple[str, int]]
    """How to decode a file, from its first bytes and what the partners agreed on: a codec, and bytes to skip."""
    walk: Callable[[Iterable[str]], Iterator[Interchange | Unit]]
    order_id: Callable[[str, str], str | None]
    """The order that a message (its text and its delimiters) is about."""
    rank: Callable[[str, str], int]
    """Where a message (its kind, its text) belongs among those about its order; 0 where the time of sending decides."""
    faults: Callable[[Message], list[Fault]]
    acknowledgement: Callable[[Interchange, Sequence[Verdict], datetime], str | None]
    answers: frozenset[str]
    """Message kinds that are answers to ours, and no orders."""
    cure: str
    """What to do about bytes that are not of the character set."""
    suffix: str = ".edi"
    """How names of documents that we write end."""


class Terms(Protocol):
    """What the partners agreed on, as the channel's options say it."""

    @property
    def partner(self) -> str | None: ...
    @property
    def charset(self) -> str | None: ...
    @property
    def reuses_control_numbers(self) -> bool: ...
    @property
    def files(self) -> str: ...
    @property
    def outbox(self) -> str: ...
    @property
    def settle(self) -> timedelta: ...
    @property
    def patience(self) -> timedelta: ...


@dataclass(slots=True)
class File:
    """One file, judged."""

    copy: Copy
    format: Format
    charset: str = "utf-8"
    skip: int = 0
    interchanges: list[Interchange] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    """What each interchange says, as a hash."""
    keys: list[str] = field(default_factory=list)
    """The archive's name of each interchange."""
    faults: dict[int, Fault] = field(default_factory=dict)
    """By interchange; `WHOLE`: of the file."""
    repeats: set[int] = field(default_factory=set)
    """Interchanges that came before."""

    def text(self) -> Iterator[str]:
        return decoded(self.copy.file, self.charset, cure=self.format.cure, skip=self.skip)

    def of(self, found: Interchange | Unit) -> Interchange:
        """The interchange with all that is known of it at its end."""
        return self.interchanges[found.interchange if isinstance(found, Unit) else found.number]

    def is_answered(self, interchange: Interchange, now: datetime) -> bool:
        """Whether it is at fault in a way that its standard answers, so that the sender knows and nothing is left."""
        own = interchange.fault is not None and interchange.closed
        return own and self.format.acknowledgement(interchange, [], now) is not None

    def is_new(self, interchange: Interchange) -> bool:
        """Whether its messages are to be delivered."""
        return interchange.number not in self.repeats and interchange.number not in self.faults


def judge(copy: Copy, format_: Format, terms: Terms, archive: Archive, taken: dict[str, str]) -> File:
    """Read a file once. `taken` are the interchanges of this reading so far, by key, and is added to."""
    file = File(copy, format_)
    try:
        copy.file.seek(0)
        copy.manifest.check(rows=copy.manifest.rows or 0, sha256=copy.sha256)
        file.charset, file.skip = format_.charset(copy.file.read(1024), terms.charset)
        _survey(file)
    except FileError as error:
        unread = Fault(code="FILE_FAULT", field="file", message=error.message)
        differs = Fault(code="MANIFEST_DIFFERS", field="file", message=error.message)
        file.faults[WHOLE] = unread if copy.content is None else differs
        return file
    except RecordError as error:
        value = None if error.value is None else str(error.value)
        file.faults[WHOLE] = Fault(code=error.code, field=error.field, value=value, message=error.message)
        return file
    except UnicodeError:  # some character sets, such as UTF-7, can spell what is no character at all
        message = f"it holds what is no character in {file.charset}; {format_.cure}"
        file.faults[WHOLE] = Fault(code="CHARACTER_SET", field="file", message=message)
        return file
    for interchange, content in zip(file.interchanges, file.digests, strict=True):
        unique = interchange.control and not terms.reuses_control_numbers
        name = key(interchange.sender, interchange.sent_at, interchange.control, "" if unique else content)
        file.keys.append(name)
        if interchange.fault is not None:
            file.faults[interchange.number] = interchange.fault
        elif terms.partner not in (None, interchange.sender):
            file.faults[interchange.number] = _stranger(interchange, terms.partner)
        else:
            _compare(file, interchange, archive, taken)
    return file


def _survey(file: File) -> None:
    """Walk through the file; raises `RecordError` for one that cannot be read to its end."""
    content = hashlib.sha256()
    for found in file.format.walk(file.text()):
        if isinstance(found, Unit):
            content.update(found.text.encode())
        else:
            content.update("\0".join(found.header).encode())
            file.interchanges.append(found)
            file.digests.append(content.hexdigest())
            content = hashlib.sha256()
    if not file.interchanges:
        raise RecordError("INTERCHANGE_TORN", "file", None, "it is empty")


def _compare(file: File, interchange: Interchange, archive: Archive, taken: dict[str, str]) -> None:
    """Tell an interchange that came before from one that has another's number."""
    content, name = file.digests[interchange.number], file.keys[interchange.number]
    entry = archive.entry(name)
    before = entry.content if entry else taken.get(name)
    if before is None:
        taken[name] = content
    elif before == content:
        file.repeats.add(interchange.number)
    else:
        file.faults[interchange.number] = Fault(
            code="CONTROL_NUMBER_REUSED",
            field="control",
            value=interchange.control,
            message=f"{interchange.sender} sent another interchange with this control number on "
            f"{interchange.sent_at[:10]} ({f'file {entry.file}' if entry else 'it lies in the inbox, too'}); ask for "
            "one with a new number, or set source.reuses_control_numbers if this sender does not count",
        )


def _stranger(interchange: Interchange, partner: str | None) -> Fault:
    return Fault(
        code="SENDER_UNKNOWN",
        field="sender",
        value=interchange.sender,
        message=f"this channel takes interchanges of {partner}; give {interchange.sender} a channel of its own",
    )
