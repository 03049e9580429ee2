"""Text out of bytes: in the declared encoding, or not at all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ARCHIVES = {b"\x1f\x8b": "gzip", b"PK": "zip"}

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


def byte_order_mark(head: bytes) -> tuple[str, int] | None:
    """The character set that a byte order mark at the start of a file announces, and the mark's length in bytes."""
    for mark, charset in _MARKS:
        if head.startswith(mark):
            return charset, len(mark)
    return None


class Disguise:
    """Looks whether bytes of an encoding with one byte for each letter are UTF-8 all along.

    Read as what they are said to be they make other letters (ZoÃ« for Zoë), and no error.
    """

    def __init__(self, encoding: str) -> None:
        is_page = codecs.lookup(encoding).name.startswith(_PAGES) and len(_EVERY.decode(encoding, "replace")) == 256
        self._decoder = codecs.getincrementaldecoder("utf-8")() if is_page else None
        self._letters: set[str] = set()

    def see(self, data: bytes) -> None:
        """The next bytes; they may end in the middle of a letter."""
        if self._decoder is None or (data.isascii() and not self._letters):
            return
        try:
            found = self._decoder.decode(data)
        except UnicodeDecodeError:
            self._decoder = None
            return
        if len(self._letters) < 2:
            self._letters.update(letter for letter in found if letter > "\x7f" and not _SELDOM.match(letter))

    def is_utf_8(self) -> bool:
        """To be asked at the end. One pair of bytes alone, however often, may be a letter and a sign."""
        found = self._letters if self._decoder else set()
        return len(found) > 1 or any(letter <= "\u017f" for letter in found)


_SELDOM = re.compile("[\u0200-\u0217\u021c-\u02ff\u0700-\u07ff]")
"""Letters that hardly a language writes: their bytes are É and ®, or Ü and ™, in the names of brands."""
_EVERY = bytes(range(256))
_PAGES = ("ascii", "iso8859", "cp", "koi8", "mac")
"""How Python calls code pages; some of Windows' (cp932) have letters of two bytes."""


def text(content: BinaryIO, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends, in `encoding`; a byte order mark goes before it, and is taken off.

    A line ends with a line feed and nothing else. Raises `FileError` for bytes that are none of this encoding: nothing
    is replaced or left out.
    """
    content.seek(0)
    head = content.read(4)
    encoding, skipped = byte_order_mark(head) or (encoding, 0)
    content.seek(skipped)
    narrow, disguise = "\n".encode(encoding) == b"\n", Disguise(encoding)
    lines = _lines(content, encoding, disguise) if narrow else _wide_lines(content, encoding)
    number, stray = 0, None
    try:
        for line in lines:
            number += 1
            if stray is None and (found := undeclared(line, encoding)) is not None:
                stray = FileError(
                    number,
                    f"holds the byte {ord(line[found]):02x}, which is no letter in {encoding}, but is one in the code "
                    "pages of Windows; declare its encoding (cp1252?), or have it sent as declared",
                )
            if stray and not disguise.is_utf_8():
                raise stray
            yield line
    except _LongError:
        raise FileError(
            number + 1, f"is longer than {LONGEST_LINE:,} characters: the file lost its line feeds; have it sent again"
        ) from None
    except UnicodeError as error:
        if not disguise.is_utf_8():
            archive = next((name for each, name in _ARCHIVES.items() if head.startswith(each)), None)
            hint = f" (it begins with the mark of {archive})" if archive else ""
            raise FileError(
                number + 1,
                f"holds a byte that is no {encoding}{hint}; declare its encoding, or have it sent as {encoding}",
            ) from error
    if disguise.is_utf_8():
        raise FileError(
            None, f"is written in UTF-8, and not in {encoding}; declare encoding: utf-8, or have it sent in {encoding}"
        )


def undeclared(decoded: str, encoding: str) -> int | None:
    """Where a text in an encoding of ISO 8859 has one of the bytes 80 to 9f; None where it has none.

    The standard gives them no letters. Windows writes its own there, such as the euro sign, and Python reads control
    characters, which cleaning would take out of names. 85 stays: it is the line end of mainframes.
    """
    if decoded.isascii() or not codecs.lookup(encoding).name.startswith("iso8859"):
        return None
    found = _CONTROL.search(decoded)
    return found.start() if found else None


def _lines(content: BinaryIO, encoding: str, disguise: Disguise) -> Iterator[str]:
    while line := content.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise _LongError
        disguise.see(line)
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
