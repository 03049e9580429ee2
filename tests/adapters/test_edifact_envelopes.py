"""EDIFACT as text: delimiters, release characters, envelopes and groups."""

from __future__ import annotations

import contextlib

import pytest
from edifact_orders import BODY, UNB, interchange, message, messages, order, read
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.adapters.edi.envelope import Interchange, Unit
from orderflow.adapters.edifact.envelopes import walk
from orderflow.adapters.edifact.syntax import DEFAULT, escaped, parse, segments, write
from orderflow.domain.errors import RecordError


def test_una_announces_the_delimiters_and_the_default_holds_without():
    odd = interchange(message(BODY), una="")
    for old, new in (("'", "~"), ("+", "|"), (":", ";"), ("?~", "?~")):
        odd = odd.replace(old, new)
    odd = odd.replace("?;", ":").replace("?~", "'")
    announced = "UNA;|,! ~" + odd
    _, (envelope,) = read(announced)
    assert envelope.syntax == ";|,! ~"
    assert envelope.fault is None
    _, (plain,) = read(interchange(message(BODY), una=""))
    assert plain.syntax == "".join(DEFAULT)
    assert order(messages(announced)[0]).lines[1].title == "Chef knife 24'"


def test_release_characters_are_resolved_and_written():
    assert parse("IMD+F++:::24?' 50?+50 ?: ?? ok'", DEFAULT) == [["IMD"], ["F"], [""], ["", "", "", "24' 50+50 : ? ok"]]
    assert parse("FTX+AAI+++ends with a mark???''", DEFAULT)[-1] == ["ends with a mark?'"]
    assert write(["FTX", "AAI", "", "", "5? + 3: 'x'"], DEFAULT) == "FTX+AAI+++5?? ?+ 3?: ?'x?''"


@settings(max_examples=80)
@given(st.lists(st.lists(st.text("ab:+?'é ,.", max_size=6), min_size=1, max_size=4), min_size=1, max_size=5))
def test_what_is_written_is_read_back(elements: list[list[str]]):
    trimmed = [values[: max((at for at, value in enumerate(values, 1) if value), default=1)] for values in elements]
    while len(trimmed) > 1 and trimmed[-1] == [""]:
        trimmed.pop()
    text = write(["XXX", *elements], DEFAULT)
    found = segments(text, DEFAULT)
    assert found == [[["XXX"], *trimmed]] or trimmed == [[""]]


@settings(max_examples=40)
@given(st.integers(1, 300))
def test_text_that_comes_in_chunks_of_any_size_reads_the_same(size: int):
    text = interchange(message(BODY), message(BODY, reference="2"))
    assert list(walk([text[at : at + size] for at in range(0, len(text), size)])) == list(walk([text]))


def test_a_message_is_kept_verbatim():
    text = interchange(message(BODY))
    (unit,), _ = read(text)
    assert unit.text.strip() == message(BODY).strip()


@pytest.mark.parametrize(
    ("old", "new", "code", "note"),
    [
        ("UNZ+1+101", "UNZ+2+101", "INTERCHANGE_UNBALANCED", "29"),
        ("UNZ+1+101", "UNZ+1+999", "INTERCHANGE_UNBALANCED", "28"),
        ("UNZ+1+101'", "", "INTERCHANGE_TORN", "13"),
        ("UNZ+1+101'", "FTX+AAI'UNZ+1+101'", "INTERCHANGE_STRUCTURE", "15"),
    ],
)
def test_an_envelope_that_does_not_close_is_at_fault(old: str, new: str, code: str, note: str):
    _, envelopes = read(interchange(message(BODY)).replace(old, new))
    assert envelopes[0].fault is not None
    assert (envelopes[0].fault.code, envelopes[0].fault.note) == (code, note)


def test_groups_are_counted_and_judged():
    group = "UNG+ORDERS+S+R+260301:0914+{ref}+UN+D:96A'\n{body}UNE+{count}+{ref}'\n"
    good = group.format(ref="G1", body=message(BODY), count=1)
    bad = group.format(ref="G2", body=message(BODY, reference="2"), count=5)
    text = UNB.format(syntax="UNOC", control="101", ask="") + good + bad + "UNZ+2+101'"
    units, (envelope,) = read(text)
    assert envelope.fault is None
    assert [each.fault.note if each.fault else None for each in envelope.groups] == [None, "29"]
    assert [unit.group for unit in units] == [0, 1]


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_text_of_any_kind_is_read_or_refused(noise: str):
    for text in (noise, interchange(message(BODY))[:500] + noise, "UNA" + noise):
        with contextlib.suppress(RecordError):
            assert all(isinstance(each, (Unit, Interchange)) for each in walk([text]))


def test_a_text_that_looks_like_a_delimiter_is_escaped():
    assert escaped("a'b+c:d?e", DEFAULT) == "a?'b?+c?:d??e"
