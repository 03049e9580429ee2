"""A folder that partners put interchanges into, and the folder that their acknowledgements are written to. Talks.

Reading changes nothing: pages of messages come out of the inbox, and each message brings along what was said about its
order before. Acknowledging, once a batch is safe, promises the acknowledgement, remembers the messages, and puts the
file away; that move is the one step that decides. Whatever is interrupted is done again and ends in the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from urllib.parse import quote

from msgspec.structs import replace

from orderflow.adapters.edi.archive import Archive, Entry
from orderflow.adapters.edi.envelope import Fault, Interchange, Unit, Verdict
from orderflow.adapters.edi.message import Message, to_json
from orderflow.adapters.edi.reading import WHOLE, File, Format, Terms, judge
from orderflow.adapters.edi.responding import Write, respond
from orderflow.adapters.edi.seen import Seen
from orderflow.adapters.files import Inbox
from orderflow.domain.errors import TransientError
from orderflow.domain.fulfilment import Notice, Told
from orderflow.domain.source import Account, JsonValue, Page, Runtime
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

PAGE = 500
"""Messages per page."""

_EARLY = {"FILE_FAULT", "INTERCHANGE_TORN", "INTERCHANGE_UNREADABLE", "XML_MALFORMED", "CHARACTER_SET"}
"""Faults that a file has too while it is on its way."""


class Mailbox:
    """The inbox of one channel with its `done`, `archive` and outbox folders."""

    def __init__(self, format_: Format, write: Write, terms: Terms, account: Account, runtime: Runtime) -> None:
        self._format, self._write, self._terms, self._runtime = format_, write, terms, runtime
        self._inbox = Inbox(account, runtime, pattern=terms.files, settle=terms.settle)
        self._archive = Archive(self._inbox, outbox=terms.outbox)

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Every message in the inbox, whatever the window: windows of a mailbox follow arrival."""
        del window
        behind = after is None
        for page in self._everything():
            if behind:
                yield page
            behind = behind or page.cursor == after
        if not behind:
            raise TransientError(f"the inbox does not hold {after} any more; begin again without a cursor")

    def acknowledge(self, origins: Collection[str]) -> None:
        """Answer, remember and put away the files that `origins` name, unless that was done or the file has changed."""
        for name in self._archive.send_rest():
            log.info("acknowledgement sent name=%s", name)
        for drop, sha256 in self._inbox.there(origins):
            with self._inbox.copy(drop) as copy:
                if copy.sha256 != sha256:
                    log.warning("file left, it changed since it was read name=%s", drop.name)
                    continue
                promised = self._prepare(judge(copy, self._format, self._terms, self._archive, {}))
            if self._inbox.put_away(drop, sha256):
                self._archive.send(drop.name, sha256, promised)

    def fulfil(self, notice: Notice) -> Told:
        """Answer an order with a document in the outbox."""
        return respond(self._write, self._format, self._terms, self._archive, notice)

    def _everything(self) -> Iterator[Page]:
        taken: dict[str, str] = {}
        with closing(Seen()) as seen:
            for copy in self._inbox.copies(self._inbox.ready()):
                file = judge(copy, self._format, self._terms, self._archive, taken)
                if self._waits(file):
                    log.warning("file left, it is not whole yet name=%s", copy.drop.name)
                else:
                    yield from self._pages(file, seen)

    def _waits(self, file: File) -> bool:
        """A file that ends early may still be on its way; it is left where it is until `patience` is over."""
        modified = file.copy.drop.modified
        young = modified is not None and abs(self._runtime.clock() - modified) < self._terms.patience
        return young and any(fault.code in _EARLY for fault in file.faults.values())

    def _stays(self, file: File) -> bool:
        """A file of which nothing was taken or answered is left where it is."""
        if WHOLE in file.faults:
            return True
        answered = any(file.is_answered(each, self._runtime.clock()) for each in file.interchanges)
        return len(file.faults) == len(file.interchanges) and not answered

    def _told(self, file: File, fault: Fault) -> Fault:
        """The fault of a file or interchange, with its place."""
        where = "the file is left where it is" if self._stays(file) else "the file itself is kept under done/"
        return replace(fault, message=f"file {file.copy.drop.name}: {fault.message}; {where}")

    def _pages(self, file: File, seen: Seen) -> Iterator[Page]:
        """The messages of a file that was judged; one record for each interchange that is at fault."""
        if fault := file.faults.get(WHOLE):
            refused = Message(file=file.copy.drop.name, sha256=file.copy.sha256, fault=self._told(file, fault))
            yield self._page(file, "", [refused], 1)
            return
        held: list[Message] = []
        for found in self._format.walk(file.text()):
            interchange = file.of(found)
            if isinstance(found, Interchange):
                if fault := file.faults.get(interchange.number):
                    held = [self._message(file, interchange, None, self._told(file, fault))]
                yield self._page(file, interchange.control, held, 0)
                held = []
            elif file.is_new(interchange) and found.kind not in self._format.answers:
                message = self._message(file, interchange, found, _fault(interchange, found))
                held.append(self._with_history(message, seen))
                if message.fault is None:
                    seen.add(message)
                if len(held) == PAGE:
                    yield self._page(file, interchange.control, held, found.position + 1)
                    held = []

    def _page(self, file: File, control: str, messages: Sequence[Message], following: int) -> Page:
        return Page(
            records=[to_json(message) for message in messages],
            origin=f"{file.copy.drop.name} left" if self._stays(file) else file.copy.origin,
            cursor={"file": file.copy.drop.name, "interchange": control, "next": following},
        )

    def _message(self, file: File, interchange: Interchange, unit: Unit | None, fault: Fault | None) -> Message:
        number = self._format.order_id(unit.text, interchange.syntax) if unit else None
        group = interchange.groups[unit.group] if unit and unit.group is not None else None
        return Message(
            order_id=number and (number if self._terms.partner else f"{interchange.sender}/{number}"),
            kind=unit.kind if unit else "",
            file=file.copy.drop.name,
            sha256=file.copy.sha256,
            charset=file.charset,
            syntax=interchange.syntax,
            sender=interchange.sender,
            receiver=interchange.receiver,
            control=interchange.control,
            group=group.control if group else "",
            reference=unit.reference if unit else "",
            position=unit.position if unit else 0,
            rank=self._format.rank(unit.kind, unit.text) if unit else 0,
            sent_at=interchange.sent_at,
            test=interchange.test,
            text=unit.text if unit else "",
            fault=fault,
        )

    def _with_history(self, message: Message, seen: Seen) -> Message:
        if message.order_id is None:
            return message
        told = self._archive.history(message.order_id) + seen.about(message.order_id)
        known = {each.place: each for each in told}
        known.pop(message.place, None)
        return replace(message, history=[known[place] for place in sorted(known)]) if known else message

    def _prepare(self, file: File) -> list[str]:
        """Enter the interchanges, remember their messages, promise their acknowledgements: all that may be repeated.

        The names of the acknowledgements.
        """
        verdicts: list[Verdict] = []
        promised: list[str] = []
        for found in () if WHOLE in file.faults else self._format.walk(file.text()):
            interchange = file.of(found)
            if isinstance(found, Unit):
                if file.is_new(interchange):
                    verdicts.append(self._verdict(file, interchange, found))
                continue
            if file.is_new(interchange):
                entry = Entry(
                    content=file.digests[interchange.number], file=file.copy.drop.name, sha256=file.copy.sha256
                )
                self._archive.enter(file.keys[interchange.number], entry)
            if interchange.number not in file.repeats:
                promised += self._promise(file, interchange, verdicts)
            verdicts = []
        return promised

    def _verdict(self, file: File, interchange: Interchange, unit: Unit) -> Verdict:
        if unit.kind in self._format.answers:
            return Verdict(group=unit.group, kind=unit.kind, reference=unit.reference)
        message = self._message(file, interchange, unit, _fault(interchange, unit))
        faults = self._format.faults(message)
        if not faults and message.order_id is not None:
            self._archive.remember(message)
        return Verdict(group=unit.group, kind=unit.kind, reference=unit.reference, faults=faults)

    def _promise(self, file: File, interchange: Interchange, verdicts: Sequence[Verdict]) -> list[str]:
        """The acknowledgement of an interchange; one that is refused for what its envelope says gets one, too."""
        now = self._runtime.clock()
        if interchange.number in file.faults and not file.is_answered(interchange, now):
            return []
        text = self._format.acknowledgement(interchange, verdicts, now)
        if text is None:
            return []
        control = quote(interchange.control, safe="")[:60]
        name = f"ack-{control}-{file.digests[interchange.number][:12]}.edi"
        self._archive.promise(file.copy.drop.name, file.copy.sha256, name, text.encode(file.charset))
        return [name]


def _fault(interchange: Interchange, unit: Unit) -> Fault | None:
    """What the envelope around one message lacks."""
    group = interchange.groups[unit.group] if unit.group is not None else None
    return unit.fault or (group.fault if group else None)
