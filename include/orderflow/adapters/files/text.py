"""Text out of bytes: in the declared encoding, or not at all."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class FileError(Exception):
    """Why a whole file cannot be taken: at which line (from 1; None: as a whole), and what to do.

    It stays inside an adapter, which makes a record of its own out of it, so that one bad file stops no other.
    """

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def text(content: BinaryIO, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends, in `encoding`; the byte order mark of UTF-8 is taken off.

    A line ends with a line feed and nothing else. Raises `FileError` for bytes that are none of this encoding: nothing
    is replaced or left out.
    """
    content.seek(0)
    mark = content.read(3)
    content.seek(len(codecs.BOM_UTF8) if _is_utf8(encoding) and mark == codecs.BOM_UTF8 else 0)
    lines = _lines(content, encoding) if "\n".encode(encoding) == b"\n" else _wide_lines(content, encoding)
    number = 0
    try:
        for line in lines:
            number += 1
            yield line
    except UnicodeError as error:
        found = next((name for each, name in _MARKS.items() if mark.startswith(each)), None)
        hint = f" (it begins with the mark of {found})" if found else ""
        raise FileError(
            number + 1, f"holds a byte that is no {encoding}{hint}; declare its encoding, or have it sent as {encoding}"
        ) from error


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _lines(content: BinaryIO, encoding: str) -> Iterator[str]:
    for line in content:
        yield line.decode(encoding)


def _wide_lines(content: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines in an encoding whose characters are two or four bytes wide."""
    wrapper = io.TextIOWrapper(content, encoding=encoding, newline="\n")
    try:
        yield from wrapper
    finally:
        wrapper.detach()
