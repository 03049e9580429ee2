"""Text out of bytes: in the declared encoding, or not at all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"\x1f\x8b": "gzip",
    b"PK": "zip",
}
_OWN_MARK = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
"""Encodings that leave a byte order mark in the text."""

_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")
_CHUNK = 1 << 16
LONGEST_LINE = 32 * 1024 * 1024
"""Bytes, or characters where they are wide; a longer line is a file that lost its line feeds, and fills the memory."""


class FileError(Exception):
    """Why a whole file cannot be taken: at which line (from 1; None: as a whole), and what to do.

    It stays inside an adapter, which makes a record of its own out of it, so that one bad file stops no other.
    """

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _LongError(Exception):
    """A line that would fill the memory."""


def text(content: BinaryIO, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends, in `encoding`; a byte order mark is taken off.

    A line ends with a line feed and nothing else. Raises `FileError` for bytes that are none of this encoding: nothing
    is replaced or left out.
    """
    content.seek(0)
    head = content.read(3)
    mark = _OWN_MARK.get(codecs.lookup(encoding).name)
    content.seek(len(mark) if mark and head.startswith(mark) else 0)
    lines = _lines(content, encoding) if "\n".encode(encoding) == b"\n" else _wide_lines(content, encoding)
    number = 0
    try:
        for line in lines:
            number += 1
            if (found := undeclared(line, encoding)) is not None:
                raise FileError(
                    number,
                    f"holds the byte {ord(line[found]):02x}, which is no letter in {encoding}, but is one in the code "
                    "pages of Windows; declare its encoding (cp1252?), or have it sent as declared",
                )
            yield line
    except _LongError:
        raise FileError(
            number + 1, f"is longer than {LONGEST_LINE:,} characters: the file lost its line feeds; have it sent again"
        ) from None
    except UnicodeError as error:
        found_mark = next((name for each, name in _MARKS.items() if head.startswith(each)), None)
        hint = f" (it begins with the mark of {found_mark})" if found_mark else ""
        raise FileError(
            number + 1, f"holds a byte that is no {encoding}{hint}; declare its encoding, or have it sent as {encoding}"
        ) from error


def undeclared(decoded: str, encoding: str) -> int | None:
    """Where a text in an encoding of ISO 8859 has one of the bytes 80 to 9f; None where it has none.

    The standard gives them no letters. Windows writes its own there, such as the euro sign, and Python reads control
    characters, which cleaning would take out of names. 85 stays: it is the line end of mainframes.
    """
    if decoded.isascii() or not codecs.lookup(encoding).name.startswith("iso8859"):
        return None
    found = _CONTROL.search(decoded)
    return found.start() if found else None


def _lines(content: BinaryIO, encoding: str) -> Iterator[str]:
    while line := content.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise _LongError
        yield line.decode(encoding)


def _wide_lines(content: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines in an encoding whose characters are two or four bytes wide."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    held, size = list[str](), 0
    while chunk := content.read(_CHUNK):
        first, *more = decoder.decode(chunk).split("\n")
        held.append(first)
        size += len(first)
        if size > LONGEST_LINE:
            raise _LongError
        for part in more:
            yield "".join(held) + "\n"
            held, size = [part], len(part)
    if rest := "".join(held) + decoder.decode(b"", final=True):
        yield rest
