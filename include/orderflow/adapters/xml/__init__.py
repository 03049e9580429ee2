"""Hardened XML: no document type, no entity, nothing from outside, and no more than a document may need.

What a parser may be made to do by a stranger's document: https://docs.python.org/3/library/xml.html#xml-vulnerabilities;
defusedxml refuses document types and with them every entity, `parse` adds limits of size, depth and number of elements.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from orderflow.domain.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

BYTES, DEPTH, ELEMENTS = 64 * 1024 * 1024, 100, 5_000_000
"""Most that a document may have."""

_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]+)[\"']")
_WIDE = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def charset(head: bytes) -> tuple[str, int]:
    """The character set that a document declares (byte order mark, then prolog, then UTF-8), and its mark's length.

    Raises `RecordError` `CHARACTER_SET` for a name that nobody knows.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    declared = _DECLARED.match(head[:1024])
    wide = next((each for sign, each in _WIDE if head.startswith(sign)), None)
    name = wide or (declared[1].decode("ascii").lower() if declared else "utf-8")
    try:
        "".encode(name)
    except (LookupError, UnicodeError) as error:
        raise RecordError("CHARACTER_SET", "encoding", name, "no character set of this name is known") from error
    return name, 0


def whole(chunks: Iterable[str]) -> str:
    """The text of a document; raises `RecordError` `XML_FORBIDDEN` for one that is too long, before it is in memory."""
    pieces, size = list[str](), 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        _demand_short(size)
    return "".join(pieces)


def _demand_short(size: int) -> None:
    if size > BYTES:
        raise RecordError("XML_FORBIDDEN", "size", size, f"a document may have {BYTES} characters")


def parse(text: str) -> Element:
    """The root of a document; raises `RecordError` `XML_FORBIDDEN` or `XML_MALFORMED`."""
    _demand_short(len(text))
    parser = DefusedXMLParser(target=_Limited(), forbid_dtd=True)
    try:
        parser.feed(text)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise RecordError(
            "XML_FORBIDDEN",
            "DOCTYPE",
            type(error).__name__,
            "documents with a document type or entities are not read; ask the sender to leave them out",
        ) from error
    except ParseError as error:
        line, column = error.position
        message = str(error).split(":", maxsplit=1)[0]
        raise RecordError(
            "XML_MALFORMED", f"line {line}, column {column}", None, f"{message}; the file may be cut"
        ) from error
    return root


class _Limited(TreeBuilder):
    """Builds the tree and counts: a document of a million nested elements is no document."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > DEPTH or self._count > ELEMENTS:
            raise RecordError(
                "XML_FORBIDDEN", "elements", self._count, f"a document may be {DEPTH} deep and have {ELEMENTS} elements"
            )
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
