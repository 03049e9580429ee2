"""What EDIFACT answers: CONTRL and ORDRSP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from drop_box import DropBox
from edifact_orders import BODY, UNB, base, interchange, message, messages, order, read

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.edi.envelope import Verdict
from orderflow.adapters.edifact import ADAPTER, mapping, response
from orderflow.adapters.edifact.syntax import Delimiters, pieces, segments

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def acknowledged(text: str) -> str | None:
    units, (envelope,) = read(text)
    verdicts = [
        Verdict(group=unit.group, kind=unit.kind, reference=unit.reference, faults=mapping.faults(told))
        for unit, told in zip(units, messages(text), strict=True)
    ]
    return response.acknowledgement(envelope, verdicts, NOW)


def body(text: str | None) -> list[str]:
    assert text is not None
    _, (envelope,) = read(text)
    assert envelope.fault is None
    for told in messages(text):
        parsed = segments(told.text, Delimiters.parse(told.syntax))
        assert parsed[-1] == [["UNT"], [str(len(parsed))], [told.reference]]
    return [piece.text.strip().removesuffix("'") for piece in pieces([text])]


def test_a_contrl_accepts_what_is_sound():
    told = body(acknowledged(interchange(message(BODY))))
    assert told == [
        "UNB+UNOC:3+7300000000028:14+7300000000011:14+260302:0830+101++++++1",
        "UNH+1+CONTRL:D:3:UN",
        "UCI+101+7300000000011:14+7300000000028:14+7",
        "UNT+3+1",
        "UNZ+1+101",
    ]


def test_a_contrl_says_which_message_was_rejected_and_where():
    bad = [line.replace("QTY+21:2:PCE", "QTY+21:two:PCE") for line in BODY]
    lost = message(BODY, reference="3").replace("UNT+36", "UNT+40")
    told = body(acknowledged(interchange(message(BODY), message(bad, reference="2"), lost)))
    assert told[2:8] == [
        "UCI+101+7300000000011:14+7300000000028:14+7",
        "UCM+2+ORDERS:D:96A:UN+4",
        "UCS+22",
        "UCD+12+1",
        "UCM+3+ORDERS:D:96A:UN+4+29+UNT",
        "UNT+7+1",
    ]


def test_an_unbalanced_interchange_is_rejected_answered_and_put_away(tmp_path: Path):
    box = DropBox(tmp_path, ADAPTER)
    box.drop("po.edi", interchange(message(BODY)).replace("UNZ+1", "UNZ+2").encode("latin-1"))
    orders, (error,) = box.run()
    assert orders == []
    assert error.code == "INTERCHANGE_UNBALANCED"
    assert "kept under done/" in str(error)
    (told,) = box.out("latin-1")
    assert "UCI+101+7300000000011:14+7300000000028:14+4+29+UNZ" in body(told)
    assert box.left() == []
    box.drop("po.edi", interchange(message(BODY)).encode("latin-1"))
    assert [each.order_id for each in box.run()[0]] == ["7300000000011/PO-1"]


def test_a_torn_interchange_is_left_where_it_is(tmp_path: Path):
    box = DropBox(tmp_path, ADAPTER)
    box.drop("po.edi", interchange(message(BODY)).encode("latin-1")[:400])
    orders, (error,) = box.run()
    assert (orders, error.code) == ([], "INTERCHANGE_TORN")
    assert box.left() == ["po.edi"]
    assert box.out() == []


def test_a_contrl_is_never_answered_by_a_contrl():
    assert acknowledged(interchange(message(["UCI+1+A+B+7"], "CONTRL"))) is None


def test_rejected_groups_are_told_as_groups():
    group = "UNG+ORDERS+S+R+260301:0914+G1+UN+D:96A'\n" + message(BODY) + "UNE+5+G1'\n"
    told = body(acknowledged(UNB.format(syntax="UNOC", control="101", ask="") + group + "UNZ+1+101'"))
    assert "UCF+G1+S+R+4+29+UNE" in told


def test_an_ordrsp_answers_every_line():
    _, (envelope,) = read(interchange(message(BODY)))
    answer = Answer(
        outcome="changed",
        oms_id="SO-77",
        at=NOW,
        lines=[
            LineAnswer(line_id="1", ship_on="2026-03-04"),
            LineAnswer(line_id="2", outcome="backordered", quantity="1", ship_on="2026-03-12"),
        ],
    )
    told = body(response.response(order(base()), answer, envelope, control="R7"))
    assert told[1:4] == ["UNH+1+ORDRSP:D:96A:UN", "BGM+231+SO-77+4", "DTM+137:202603020830:203"]
    assert "RFF+ON:PO-1" in told
    assert told[told.index("LIN+1+5+7350000000016:EN") :] == [
        "LIN+1+5+7350000000016:EN",
        "PIA+1+TORCH-01:SA",
        "QTY+21:2:PCE",
        "DTM+79:20260304:102",
        "PRI+AAA:24.50",
        "LIN+2+3+7350000000023:EN",
        "PIA+1+KNIFE-02:SA",
        "QTY+21:1:PCE",
        "QTY+83:1:PCE",
        "DTM+79:20260312:102",
        "PRI+AAA:80.00",
        "UNS+S",
        "CNT+2:2",
        "UNT+21+1",
        "UNZ+1+R7",
    ]


@pytest.mark.parametrize(("outcome", "function"), [("accepted", "29"), ("rejected", "27")])
def test_an_ordrsp_says_what_became_of_the_order(outcome: Any, function: str):
    _, (envelope,) = read(interchange(message(BODY)))
    told = body(
        response.response(order(base()), Answer(outcome=outcome, at=NOW, reason="lager 'slut'"), envelope, control="R8")
    )
    assert f"BGM+231+R8+{function}" in told
    assert "FTX+AAI+++lager ?'slut?'" in told
