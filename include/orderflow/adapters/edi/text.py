"""Bytes to text, in chunks and strictly: a byte that its declared character set does not have is a fault."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from orderflow.domain.errors import RecordError

CHUNK = 1 << 16

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def byte_order_mark(head: bytes) -> tuple[str, int] | None:
    """The character set that a byte order mark at the start of a file announces, and the mark's length in bytes."""
    for mark, charset in _MARKS:
        if head.startswith(mark):
            return charset, len(mark)
    return None


def decoded(stream: BinaryIO, charset: str, *, cure: str, skip: int = 0) -> Iterator[str]:
    """The text of `stream` in chunks, without its first `skip` bytes.

    Raises `RecordError` `CHARACTER_SET` with the place of the first byte that `charset` cannot read; `cure` ends the
    message. A file that ends in the middle of a character is torn. Nothing is ever replaced.
    """
    decoder = codecs.getincrementaldecoder(charset)("strict")
    at = skip
    stream.seek(skip)
    while True:
        chunk = stream.read(CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            if not chunk:
                raise RecordError(
                    "INTERCHANGE_TORN",
                    f"byte {at}",
                    None,
                    "the file ends in the middle of a character; it was cut: ask the sender to transmit it again",
                ) from error
            raise RecordError(
                "CHARACTER_SET",
                f"byte {at - pending + error.start}",
                error.object[error.start : error.end].hex(" "),
                f"is not {charset}; {cure}",
            ) from error
        at += len(chunk)
        if text:
            yield text
        if not chunk:
            return
