"""The XML kit: hostile documents are refused, and text is read in the character set that the document declares."""

from __future__ import annotations

from itertools import count

import pytest

from orderflow.adapters import xml
from orderflow.adapters.ubl.source import FORMAT
from orderflow.domain.errors import RecordError

BOMB = '<!DOCTYPE lolz [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(9)
)
HOSTILE = {
    "billion laughs": BOMB + "]><lolz>&j;</lolz>",
    "one large entity": f'<!DOCTYPE x [<!ENTITY a "{"x" * 50_000}">]><x>{"&a;" * 5_000}</x>',
    "a file from this machine": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    "an address on this network": '<!DOCTYPE x [<!ENTITY f SYSTEM "http://127.0.0.1:9/secret">]><x>&f;</x>',
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/e.dtd"> %p;]><x/>',
    "an external document type": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "a public document type": '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:9/x.dtd"><html/>',
    "an empty document type": "<!DOCTYPE x><x/>",
    "endless depth": "<a>" * 100_000,
    "depth that closes": "<a>" * 5_000 + "</a>" * 5_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_document_is_refused(what: str):
    with pytest.raises(RecordError) as caught:
        xml.parse(HOSTILE[what])
    assert caught.value.code == "XML_FORBIDDEN"
    assert "root:" not in str(caught.value)


def test_a_document_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(xml, "BYTES", 10)
    with pytest.raises(RecordError, match="XML_FORBIDDEN at size"):
        xml.parse("<a>hello world</a>")


@pytest.mark.parametrize("text", ["", "hello", "<a>", "<a></b>", "<a>&undefined;</a>", "<a/><b/>", "\x00", "<a x=1/>"])
def test_what_is_no_document_says_where(text: str):
    with pytest.raises(RecordError) as caught:
        xml.parse(text)
    assert caught.value.code in ("XML_MALFORMED", "XML_FORBIDDEN")
    assert caught.value.field.startswith(("line ", "DOCTYPE"))


def test_predefined_entities_comments_and_cdata_are_read():
    root = xml.parse("<?xml version='1.0'?><!-- hi --><a>5 &lt; 6 &amp; <![CDATA[<菜刀>]]> &#x1F525;</a>")
    assert root.text == "5 < 6 & <菜刀> 🔥"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"<a/>", ("utf-8", 0)),
        (b"\xef\xbb\xbf<a/>", ("utf-8", 3)),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', ("iso-8859-1", 0)),
        (b"<?xml version='1.0' encoding = 'Shift_JIS' standalone='no'?><a/>", ("shift_jis", 0)),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16-le"), ("utf-16-le", 0)),
        (b"\xfe\xff" + "<a/>".encode("utf-16-be"), ("utf-16-be", 2)),
    ],
)
def test_the_declared_character_set_is_found(head: bytes, expected: tuple[str, int]):
    assert xml.charset(head) == expected


@pytest.mark.parametrize("name", ["klingon", "zlib", "base64"])
def test_an_unknown_character_set_is_refused(name: str):
    with pytest.raises(RecordError, match="CHARACTER_SET"):
        xml.charset(f"<?xml version='1.0' encoding='{name}'?><a/>".encode())


def test_a_document_that_is_too_long_is_refused_before_it_is_in_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(xml, "BYTES", 1000)
    taken = []

    def endless():
        for number in count():
            taken.append(number)
            yield "a" * 100

    with pytest.raises(RecordError, match="a document may have 1000 characters"):
        list(FORMAT.walk(endless()))
    assert len(taken) == 11
