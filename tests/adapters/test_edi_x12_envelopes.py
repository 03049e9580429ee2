"""X12 as text: delimiters, envelopes that balance and those that do not, and what is no X12."""

from __future__ import annotations

import pytest
from edi_x12_orders import ISA, LINES, interchange, read, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.adapters.edi.envelope import Interchange, Unit
from orderflow.adapters.edi_x12.envelopes import walk
from orderflow.adapters.edi_x12.syntax import Delimiters, delimiters, pieces, segments, write
from orderflow.domain.errors import RecordError


def test_delimiters_are_found_in_isa_even_when_its_blanks_were_trimmed():
    whole = ISA.format(control="000000101", ask="0")
    assert delimiters(whole) == Delimiters("*", ">", "~", "")
    trimmed = "ISA|00||00||ZZ|BUYERCO|ZZ|SELLERCO|260301|0914|^|00501|000000101|0|P|:\n"
    assert delimiters(trimmed) == Delimiters("|", ":", "\n", "^")


@pytest.mark.parametrize("terminator", ["~", "~\n", "~\r\n", "\n", "\r\n", "\x85", "'"])
def test_every_segment_terminator_reads_the_same(terminator: str):
    text = interchange(transaction("850", LINES)).replace("~\n", "~").replace("~", terminator)
    units, (envelope,) = read(text)
    assert envelope.fault is None
    assert [one[0] for one in segments(units[0].text, Delimiters.parse(envelope.syntax))][:3] == ["ST", "BEG", "CUR"]


def test_a_message_is_kept_verbatim():
    text = interchange(transaction("850", LINES))
    (unit,), _ = read(text)
    assert unit.text.strip() in text
    assert unit.text.startswith("ST*850")
    assert unit.text.rstrip().endswith("SE*22*0001~")


@settings(max_examples=40)
@given(st.integers(1, 400))
def test_text_that_comes_in_chunks_of_any_size_reads_the_same(size: int):
    text = interchange(transaction("850", LINES), transaction("850", LINES, "0002"))
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(walk(chunks)) == list(walk([text]))


def test_a_file_may_hold_several_interchanges_with_delimiters_of_their_own():
    other = interchange(transaction("850", LINES), control="000000102").replace("*", "|").replace("~", "^")
    text = interchange(transaction("850", LINES)) + "\r\n\x1a" + other
    units, envelopes = read(text)
    assert [each.control for each in envelopes] == ["000000101", "000000102"]
    assert [each.syntax for each in envelopes] == ["*>~", "|>^"]
    assert len(units) == 2


def test_a_missing_last_terminator_is_forgiven():
    _, (envelope,) = read(interchange(transaction("850", LINES)).rstrip().removesuffix("~"))
    assert envelope.closed
    assert envelope.fault is None


FAULTY = {
    "cut in the middle of a set": (lambda text: text[:600], "INTERCHANGE_TORN", "023"),
    "cut before IEA": (lambda text: text[: text.index("IEA")], "INTERCHANGE_TORN", "023"),
    "two interchanges run together": (lambda text: text[: text.index("IEA")] + text, "INTERCHANGE_TORN", "023"),
    "IEA02 differs": (
        lambda text: text.replace("IEA*1*000000101", "IEA*1*000000999"),
        "INTERCHANGE_UNBALANCED",
        "001",
    ),
    "IEA01 differs": (lambda text: text.replace("IEA*1*", "IEA*2*"), "INTERCHANGE_UNBALANCED", "021"),
    "IEA01 is no number": (lambda text: text.replace("IEA*1*", "IEA*x*"), "INTERCHANGE_UNBALANCED", "021"),
    "a set outside of a group": (
        lambda text: "\n".join(line for line in text.split("\n") if line[:2] not in ("GS", "GE")),
        "INTERCHANGE_STRUCTURE",
        "022",
    ),
}


@pytest.mark.parametrize("what", FAULTY)
def test_an_envelope_that_does_not_close_is_at_fault(what: str):
    spoil, code, note = FAULTY[what]
    _, envelopes = read(spoil(interchange(transaction("850", LINES))))
    assert envelopes[0].fault is not None
    assert (envelopes[0].fault.code, envelopes[0].fault.note) == (code, note)
    assert "sender" in envelopes[0].fault.message or code == "INTERCHANGE_STRUCTURE"


@pytest.mark.parametrize(("old", "new", "note"), [("GE*1*", "GE*7*", "5"), ("GE*1*101", "GE*1*999", "4")])
def test_a_group_that_does_not_balance_is_at_fault_and_the_interchange_is_not(old: str, new: str, note: str):
    _, (envelope,) = read(interchange(transaction("850", LINES)).replace(old, new))
    assert envelope.fault is None
    assert envelope.groups[0].fault is not None
    assert envelope.groups[0].fault.note == note


def test_a_set_without_trailer_is_torn_and_the_next_one_is_not():
    text = interchange(transaction("850", LINES), transaction("850", LINES, "0002"))
    units, _ = read(text.replace("SE*22*0001~\n", ""))
    assert [unit.fault.code if unit.fault else None for unit in units] == ["MESSAGE_TORN", None]


@pytest.mark.parametrize(
    "text", ["", "hello", "ISA", "ISA*00*x~", "UNB+UNOA:1+A+B'", "<?xml version='1.0'?>", "ISAx" * 99]
)
def test_what_is_no_x12_is_refused(text: str):
    if not text:
        assert list(walk([text])) == []
        return
    with pytest.raises(RecordError, match="INTERCHANGE_UNREADABLE"):
        list(walk([text]))


def test_a_segment_that_never_ends_is_refused_without_reading_on():
    read_so_far = []

    def endless():
        yield interchange(transaction("850", LINES))[:120]
        while True:
            read_so_far.append(1)
            yield "x" * 65536

    with pytest.raises(RecordError, match="INTERCHANGE_UNREADABLE"):
        list(pieces(endless()))
    assert len(read_so_far) < 40


def test_data_with_a_delimiter_cannot_be_written():
    with pytest.raises(RecordError, match="CHARACTER_NOT_ALLOWED"):
        write(["PO1", "1", "a*b"], Delimiters())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_text_of_any_kind_is_read_or_refused(text: str):
    try:
        found = list(walk([interchange(text)[:-40] if text else text, text]))
    except RecordError:
        return
    assert all(isinstance(each, (Unit, Interchange)) for each in found)
