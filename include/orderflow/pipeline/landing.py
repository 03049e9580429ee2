"""The landing zone: what came, as it came, with its evidence.

A batch has one folder. Its raw files are Zstandard-compressed text: for each page a JSON header line

    {"origin": "/orders?page=2", "fetched_at": "2026-03-01T09:00:00Z", "sizes": [3411, 2907], "sha256": ["...", "..."]}

followed by the records, byte for byte, each ended by a newline (`sizes` tells them apart even where a platform sends
line breaks inside a record, `sha256` proves each). `zstdcat raw-00000.jsonl.zst` shows everything to a person.
Older files have one SHA-256 for the whole page. Each load of the batch leaves a receipt beside them, with its number
among the channel's loads: so the landing zone knows when staging went back. It keeps, too, whose buyers are forgotten
and which orders wait because another channel delivers them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

import msgspec
import zstandard
from upath import UPath

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.errors import BalanceError
from orderflow.domain.source import Page
from orderflow.domain.window import Window

log = logging.getLogger(__name__)

RAW = "raw-*.jsonl.zst"
"""The names of a batch's raw files."""

COMPLETE = "raw.complete"
"""It stands beside them once everything was written, and holds their number."""

LOADED = "loaded-*.json"
"""The names of a batch's receipts, one for each load of it, with the number of that load among the channel's."""

NEWEST = "loaded"
"""It stands in the channel's folder, and holds the number of its newest load."""

ERASED, ELSEWHERE = "erased", "elsewhere"
"""Folders in the channel's folder: ids of orders whose buyers are forgotten, and of orders that another channel
delivers, with its name."""

FILE_BYTES = 512 * 1024 * 1024
"""Raw bytes after which a new file is begun."""

PACKED_BYTES = 128 * 1024
"""Compressed bytes that are read at a time."""


class Header(msgspec.Struct, frozen=True):
    origin: str
    fetched_at: datetime
    sizes: list[int]
    sha256: list[str] | str


class Landed(NamedTuple):
    """A page of a batch: its records with their SHA-256, proven."""

    origin: str
    fetched_at: datetime
    records: Sequence[bytes]
    sha256: Sequence[bytes]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One raw record of a batch; `ordinal` counts from 0 over the whole batch."""

    ordinal: int
    origin: str
    fetched_at: datetime
    data: bytes
    sha256: bytes


_decode_header = msgspec.json.Decoder(Header).decode


def folder(root: Path, channel: str, window: Window, run_id: str) -> Path:
    """Where the batch of this channel, window and run lies."""
    return root / channel / window.name / re.sub(r"[^A-Za-z0-9._-]+", "-", run_id)


def clear(batch_folder: Path, pattern: str = "*") -> None:
    """Remove what an earlier attempt left (files that match `pattern`)."""
    if batch_folder.is_dir():
        for path in batch_folder.glob(pattern):
            path.unlink()


def home(batch: Batch) -> Path | None:
    """The channel's folder in the landing zone; None where the batch lies elsewhere (a scratch folder)."""
    found = cast(Path, UPath(batch.landing)).parent.parent
    return found if found.name == batch.channel else None


def remember(batch: Batch, number: int) -> None:
    """Write beside a batch's files that staging has it, by this load; to be done before a mailbox is told."""
    if (channel := home(batch)) is None:
        return
    receipt = LOADED.replace("*", f"{number:010d}")
    (cast(Path, UPath(batch.landing)) / receipt).write_bytes(msgspec.json.encode(batch))
    if newest(channel) < number:
        (channel / NEWEST).write_text(str(number))


def newest(channel: Path) -> int:
    """The number of the newest load that this channel's folder knows; 0 for none."""
    try:
        told = (channel / NEWEST).read_text()
    except FileNotFoundError:
        return 0
    if told.isdecimal():
        return int(told)
    return max((number for number, _ in _receipts(channel)), default=0)  # the machine lost its power over it


def remembered(channel: Path, behind: int) -> Iterator[tuple[int, Batch]]:
    """The loads after the one with the number `behind`, in their order: number and batch, where its files lie now.

    A folder that lost some of them proves nothing any more, and is left out.
    """
    for number, receipt in sorted(each for each in _receipts(channel) if each[0] > behind):
        folder = receipt.parent
        complete = (folder / COMPLETE).read_text() if (folder / COMPLETE).exists() else ""
        if not complete or len(list(folder.glob(RAW))) < int(complete):
            log.error("load not repeated, raw files are gone number=%d landing=%s", number, folder)
            continue
        try:
            batch = msgspec.json.decode(receipt.read_bytes(), type=Batch)
        except msgspec.MsgspecError:  # the machine lost its power over it
            log.exception("load not repeated, its receipt is torn number=%d landing=%s", number, folder)
            continue
        yield number, msgspec.structs.replace(batch, landing=str(folder))


def forget(channel: Path, order_ids: Sequence[str]) -> None:
    """Write down that the buyers of these orders are forgotten, before they are: backups know them still."""
    _write_down(channel / ERASED, sorted(order_ids))


def forgotten(channel: Path) -> set[str]:
    """The ids of all orders of the channel whose buyers are forgotten."""
    return {order_id for some in _written_down(channel / ERASED) for order_id in some}


def hold(channel: Path, others: Mapping[str, str]) -> None:
    """Write down who else delivers these orders, before they wait: its loads may be repeated after this channel's."""
    _write_down(channel / ELSEWHERE, dict(sorted(others.items())))


def held(channel: Path) -> dict[str, str]:
    """Which channel delivers orders of this one, by their ids."""
    return {order_id: other for some in _written_down(channel / ELSEWHERE) for order_id, other in some.items()}


def _write_down(folder: Path, what: Sequence[str] | Mapping[str, str]) -> None:
    content = msgspec.json.encode(what)
    folder.mkdir(0o750, parents=True, exist_ok=True)
    (folder / f"{hashlib.sha256(content).hexdigest()}.json").write_bytes(content)


def _written_down(folder: Path) -> Iterator[Any]:
    for path in folder.iterdir() if folder.is_dir() else ():  # `glob` finds nothing where it may not look
        try:
            yield msgspec.json.decode(path.read_bytes())
        except msgspec.MsgspecError:  # the machine lost its power over it
            log.warning("list of orders is torn path=%s", path)


def counted(batch_folder: Path) -> Counts:
    """What the raw files of a batch hold."""
    count = records = size = 0
    for page in pages(batch_folder):
        count, records, size = count + 1, records + len(page.records), size + sum(map(len, page.records))
    return Counts(pages=count, bytes=size + records, fetched=records)


def _receipts(channel: Path) -> Iterator[tuple[int, Path]]:
    before, _, after = LOADED.partition("*")
    for path in channel.glob(f"*/*/{LOADED}"):
        yield int(path.name.removeprefix(before).removesuffix(after)), path


class Writer:
    """Writes the pages of one batch; use it as a context manager. Counts what the batch holds.

    What an earlier attempt wrote is removed first; with `keep` it stays, and a page of an origin that is there already
    is not written again: a mailbox that was told of a page does not send it twice.
    """

    def __init__(self, batch_folder: Path, *, keep: bool = False, level: int = 1) -> None:
        self.folder = batch_folder
        self.keep = keep
        self.level = level
        self.pages = self.records = self.bytes = 0
        self._kept: frozenset[str] = frozenset()
        self._files = 0
        self._room = 0
        self._stack = contextlib.ExitStack()
        self._out: zstandard.ZstdCompressionWriter | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(0o750, parents=True, exist_ok=True)  # buyers' names and addresses, for no other users
        if self.keep:
            self._keep()
        if not self._kept:
            self._files = self.pages = self.records = self.bytes = 0
            clear(self.folder)
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
        if error is None:
            (self.folder / COMPLETE).write_text(str(self._files))

    def _keep(self) -> None:
        """Count what a complete attempt left; of an incomplete one no mailbox was told, so it is fetched anew."""
        if not (self.folder / COMPLETE).exists():
            return
        if number := (self.folder / COMPLETE).read_text():  # older ones are empty, and went before a file was added
            for path in sorted(self.folder.glob(RAW), key=lambda each: each.name)[int(number) :]:
                path.unlink()
        there = [(page.origin, len(page.records), sum(map(len, page.records))) for page in pages(self.folder)]
        self._kept = frozenset(origin for origin, _, _ in there)
        self._files = len(list(self.folder.glob(RAW)))
        self.pages = len(there)
        self.records = sum(records for _, records, _ in there)
        self.bytes = sum(size + records for _, records, size in there)

    def _begin(self) -> None:
        self._stack.close()
        raw = self._stack.enter_context((self.folder / f"raw-{self._files:05d}.jsonl.zst").open("wb"))
        self._out = self._stack.enter_context(zstandard.ZstdCompressor(level=self.level).stream_writer(raw))
        self._files += 1
        self._room = FILE_BYTES

    def write(self, page: Page, fetched_at: datetime) -> Sequence[bytes]:
        """Write a page, unless it was kept; returns the SHA-256 of each of its records."""
        records = [bytes(record) for record in page.records]
        digests = _digests(records)
        if page.origin in self._kept:
            return digests
        if self._room <= 0:
            self._begin()
        assert self._out is not None
        header = Header(page.origin, fetched_at, [*map(len, records)], [digest.hex() for digest in digests])
        body = b"\n".join([*records, b""])
        self._out.write(msgspec.json.encode(header) + b"\n")
        self._out.write(body)
        self.pages += 1
        self.records += len(records)
        self.bytes += len(body)
        self._room -= len(body)
        return digests


def pages(batch_folder: Path) -> Iterator[Landed]:
    """Every page of a batch in the order in which it came; raises `BalanceError` when a file is not as written."""
    for path in sorted(batch_folder.glob(RAW), key=lambda each: each.name):
        with path.open("rb") as packed:
            lines = io.BufferedReader(_Unpacked(packed), 1 << 20)
            try:
                while line := lines.readline():
                    header = _decode_header(line)
                    body = lines.read(sum(header.sizes) + len(header.sizes))
                    page = _split(body, header.sizes)
                    digests = _digests(page)
                    if not _intact(body, digests, header):
                        raise _torn(path)
                    yield Landed(header.origin, header.fetched_at, page, digests)
            except (msgspec.MsgspecError, UnicodeDecodeError, zstandard.ZstdError, EOFError) as error:
                raise _torn(path) from error


class _Unpacked(io.RawIOBase):
    """What a compressed file holds; raises EOFError where the file ends before its frame does."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        while not self._plain and not self._frame.eof:
            part = self._packed.read(PACKED_BYTES)
            if not part:
                raise EOFError
            self._plain = memoryview(self._frame.decompress(part))
        size = min(len(room), len(self._plain))
        room[:size], self._plain = self._plain[:size], self._plain[size:]
        return size


def records(batch_folder: Path) -> Iterator[Record]:
    """Every raw record of a batch."""
    ordinal = 0
    for page in pages(batch_folder):
        for data, digest in zip(page.records, page.sha256, strict=True):
            yield Record(ordinal, page.origin, page.fetched_at, data, digest)
            ordinal += 1


def origins(batch_folder: Path) -> list[str]:
    """Where the batch's pages came from, each once, in order."""
    return list(dict.fromkeys(page.origin for page in pages(batch_folder)))


def _split(body: bytes, sizes: list[int]) -> list[bytes]:
    split, at = [], 0
    for size in sizes:
        split.append(body[at : at + size])
        at += size + 1
    return split


def _digests(records: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(record).digest() for record in records]


def _intact(body: bytes, digests: Sequence[bytes], header: Header) -> bool:
    """Whether a page is as it was written."""
    if isinstance(header.sha256, str):
        return hashlib.sha256(body).hexdigest() == header.sha256
    whole = len(body) == sum(header.sizes) + len(header.sizes)
    return whole and [digest.hex() for digest in digests] == header.sha256


def _torn(path: Path) -> BalanceError:
    return BalanceError(
        f"{path}: a page is not as it was written (its SHA-256 differs or it ends early); the file was changed or cut; "
        "clear the extract task of this run so that the window is pulled again; where it is a channel of files or EDI, "
        "move the folder away first, and put its files back from done/ into the inbox"
    )
