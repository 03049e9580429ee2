"""Bytes to text, in chunks and strictly: a byte that its declared character set does not have is a fault."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from orderflow.adapters.files import Disguise, undeclared
from orderflow.domain.errors import RecordError

CHUNK = 1 << 16
_NO_LINE_ENDS = str.maketrans("", "", "\r\n")


def decoded(stream: BinaryIO, charset: str, *, cure: str, skip: int = 0) -> Iterator[str]:
    """The text of `stream` in chunks, without its first `skip` bytes, and without the line ends of fixed records.

    Mainframes and value-added networks cut a text into lines of one length (mostly 80), wherever that falls.

    Raises `RecordError` `CHARACTER_SET` with the place of the first byte that `charset` cannot read; `cure` ends the
    message. A file that ends in the middle of a character is torn. Nothing is ever replaced.
    """
    records = False
    for number, text in enumerate(_strict(stream, charset, cure=cure, skip=skip)):
        records = records or (number == 0 and _in_records(text))
        yield text.translate(_NO_LINE_ENDS) if records else text


def _letters(text: str, chunk: bytes, charset: str) -> str:
    """The text of a chunk; raises `UnicodeDecodeError` where the character set gives a byte no letter."""
    found = undeclared(text, charset)
    if found is not None:
        raise UnicodeDecodeError(charset, chunk, found, found + 1, "no letter")
    return text


def _in_records(text: str) -> bool:
    """Whether all lines have one length, the last one perhaps less."""
    *lines, last = text.replace("\r\n", "\n").split("\n")
    if not last and lines:
        last = lines.pop()
    return len(lines) > 1 and len(last) <= len(lines[0]) and {len(line) for line in lines} == {len(lines[0])}


def _strict(stream: BinaryIO, charset: str, *, cure: str, skip: int) -> Iterator[str]:
    decoder, disguise = codecs.getincrementaldecoder(charset)("strict"), Disguise(charset)
    at = skip
    stream.seek(skip)
    while True:
        chunk = stream.read(CHUNK)
        disguise.see(chunk)
        pending = len(decoder.getstate()[0])
        try:
            text = _letters(decoder.decode(chunk, final=not chunk), chunk, charset)
        except UnicodeDecodeError as error:
            if disguise.is_utf_8():
                break
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
        except UnicodeError as error:  # UTF-16 without its byte order mark
            raise RecordError("CHARACTER_SET", f"byte {at}", None, f"is not {charset}; {cure}") from error
        at += len(chunk)
        if text:
            yield text
        if not chunk:
            break
    if disguise.is_utf_8():
        raise RecordError("CHARACTER_SET", "file", charset, f"its letters are written in UTF-8; {cure}")
