"""What X12 answers: the 997, the TA1 and the 855."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from edi_x12_orders import LINES, base, interchange, messages, order, read, transaction

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.edi.envelope import Verdict
from orderflow.adapters.edi_x12 import mapping, response
from orderflow.adapters.edi_x12.syntax import Delimiters, pieces, segments

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def acknowledged(text: str) -> str | None:
    units, (envelope,) = read(text)
    verdicts = []
    for unit, message in zip(units, messages(text), strict=True):
        verdicts.append(
            Verdict(group=unit.group, kind=unit.kind, reference=unit.reference, faults=mapping.faults(message))
        )
    return response.acknowledgement(envelope, verdicts, NOW)


def body(text: str | None) -> list[str]:
    assert text is not None
    _, (envelope,) = read(text)
    assert envelope.fault is None
    assert all(group.fault is None for group in envelope.groups)
    for message in messages(text):
        parsed = segments(message.text, Delimiters.parse(message.syntax))
        assert parsed[-1] == ["SE", str(len(parsed)), message.reference]
    return ["*".join(piece.elements) for piece in pieces([text])]


def test_a_997_accepts_what_is_sound():
    told = body(acknowledged(interchange(transaction("850", LINES))))
    assert told[2:7] == ["ST*997*0001", "AK1*PO*101", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]
    assert "*SELLERCO       *ZZ*BUYERCO        *260302*0830*" in told[0]
    assert told[1].startswith("GS*FA*SELLERCO*BUYERCO*20260302*0830*101*X*004010")


def test_a_997_says_which_set_was_rejected_and_where():
    bad = [line.replace("PO1*1*2*", "PO1*1*two*") for line in LINES]
    lost = transaction("850", LINES, "0003").replace("SE*22", "SE*23")
    told = body(acknowledged(interchange(transaction("850", LINES), transaction("850", bad, "0002"), lost)))
    assert told[4:12] == [
        "AK2*850*0001",
        "AK5*A",
        "AK2*850*0002",
        "AK3*PO1*15**8",
        "AK4*2**6",
        "AK5*R*5",
        "AK2*850*0003",
        "AK5*R*4",
    ]
    assert told[12] == "AK9*P*3*3*1"


def test_a_997_rejects_a_group_that_does_not_balance():
    told = body(acknowledged(interchange(transaction("850", LINES)).replace("GE*1*", "GE*7*")))
    assert "AK9*R*1*1*0*5" in told


def test_a_997_is_never_answered_by_a_997():
    assert acknowledged(interchange(transaction("997", ["AK1*PR*1", "AK9*A*1*1*1"]), code="FA")) is None


def test_a_ta1_is_sent_where_isa14_asks_for_it():
    accepted = body(acknowledged(interchange(transaction("850", LINES), ask="1")))
    assert accepted[1] == "TA1*000000101*260301*0914*A*000"
    spoilt = interchange(transaction("850", LINES), ask="1").replace("IEA*1*", "IEA*2*")
    _, (envelope,) = read(spoilt)
    told = response.acknowledgement(envelope, [], NOW)
    assert body(told)[1:] == ["TA1*000000101*260301*0914*R*021", "IEA*0*000000101"]


def test_an_855_answers_every_line():
    _, (envelope,) = read(interchange(transaction("850", LINES)))
    answer = Answer(
        outcome="changed",
        oms_id="SO-77",
        at=NOW,
        lines=[
            LineAnswer(line_id="1", ship_on="2026-03-04"),
            LineAnswer(line_id="2", outcome="backordered", ship_on="2026-03-12"),
        ],
    )
    told = body(response.response(order(base()), answer, envelope, control=201))
    assert told[1].startswith("GS*PR*SELLERCO*BUYERCO")
    assert told[3:9] == [
        "BAK*00*AC*PO-1*20260301****SO-77*20260302",
        "PO1*1*2*EA*24.5*PE*VP*TORCH-01",
        "ACK*IA*2*EA*068*20260304",
        "PO1*2*1*EA*80*PE*VP*KNIFE-02",
        "ACK*IB*1*EA*068*20260312",
        "CTT*2",
    ]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (LineAnswer(line_id="1"), "ACK*IA*2*EA"),
        (LineAnswer(line_id="1", outcome="changed", quantity="1"), "ACK*IQ*1*EA"),
        (LineAnswer(line_id="1", outcome="changed", unit_price="25"), "ACK*IP*2*EA"),
        (LineAnswer(line_id="1", outcome="changed", unit_price="25", quantity="1"), "ACK*IC*1*EA"),
        (LineAnswer(line_id="1", outcome="rejected"), "ACK*IR"),
    ],
)
def test_an_855_says_what_changed(said: LineAnswer, status: str):
    _, (envelope,) = read(interchange(transaction("850", LINES)))
    answer = Answer(outcome="changed", at=NOW, lines=[said])
    assert status in body(response.response(order(base()), answer, envelope, control=7))
