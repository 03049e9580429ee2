"""EDIFACT: delimiters, character sets, envelopes, the mapping of ORDERS and ORDCHG, CONTRL and ORDRSP."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.adapters.edi.answer import Answer, LineAnswer
from orderflow.adapters.edi.envelope import Interchange, Unit, Verdict
from orderflow.adapters.edi.message import Message, to_json
from orderflow.adapters.edifact import ADAPTER, Options, mapping, response
from orderflow.adapters.edifact.envelopes import walk
from orderflow.adapters.edifact.syntax import (
    CHARSETS,
    DEFAULT,
    Delimiters,
    charset,
    escaped,
    parse,
    pieces,
    segments,
    write,
)
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Page, Runtime
from orderflow.domain.window import Window

DECODE = msgspec.json.Decoder(float_hook=str).decode
NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)

UNB = "UNB+{syntax}:3+7300000000011:14+7300000000028:14+260301:0914+{control}++++{ask}++1'"
BODY = [
    "BGM+220+PO-1+9",
    "DTM+137:20260301:102",
    "DTM+2:20260310:102",
    "FTX+DEL+++Ring på dörren?: tack",
    "RFF+CT:FRAME-77",
    "NAD+BY+7300000000011::9",
    "CTA+PD+:Zoë Nuñez",
    "COM+zoe@example.test:EM",
    "NAD+SU+7300000000028::9",
    "NAD+DP+++Zoë Nuñez+Götgatan 12 B:lgh 1304+Malmö++211 20+SE",
    "TAX+7+VAT+++:::20+S",
    "CUX+2:EUR:9",
    "ALC+A++++DI:::WELCOME10",
    "PCD+1:10",
    "MOA+8:12.90",
    "ALC+C++++FC:::Frakt",
    "MOA+8:7.90",
    "LIN+1++7350000000016:EN",
    "PIA+1+TORCH-01:SA+B-7781:IN",
    "IMD+F++:::Crème-brûlée torch",
    "QTY+21:2:PCE",
    "MOA+203:49.00",
    "PRI+AAA:24.50",
    "LIN+2++7350000000023:EN",
    "PIA+1+KNIFE-02:SA",
    "IMD+F++:::Chef knife 24?'",
    "QTY+21:1:PCE",
    "MOA+203:80.00",
    "PRI+AAA:80.00",
    "UNS+S",
    "MOA+79:129.00",
    "MOA+124:24.80",
    "MOA+86:148.80",
    "CNT+2:2",
]
CHANGE = [
    "BGM+230+CHG-9+4",
    "DTM+137:20260302:102",
    "RFF+ON:PO-1",
    "LIN+1+3+7350000000016:EN",
    "QTY+21:3:PCE",
    "MOA+203:73.50",
    "LIN+2+2",
    "UNS+S",
    "MOA+86:82.00",
    "CNT+2:2",
]


def message(lines: list[str], kind: str = "ORDERS", reference: str = "1") -> str:
    body = "".join(f"{line}'\n" for line in lines)
    return f"UNH+{reference}+{kind}:D:96A:UN:EAN008'\n{body}UNT+{len(lines) + 2}+{reference}'\n"


def interchange(
    *texts: str, syntax: str = "UNOC", control: str = "101", ask: str = "", una: str = "UNA:+.? '\n"
) -> str:
    head = una + UNB.format(syntax=syntax, control=control, ask=ask)
    return f"{head}\n{''.join(texts)}UNZ+{len(texts)}+{control}'\n"


def read(text: str) -> tuple[list[Unit], list[Interchange]]:
    found = list(walk([text]))
    return [each for each in found if isinstance(each, Unit)], [each for each in found if isinstance(each, Interchange)]


def messages(text: str, sent_at: str = "2026-03-01T09:14:00") -> list[Message]:
    units, envelopes = read(text)
    return [
        Message(
            order_id=mapping.order_id(unit.text, envelopes[unit.interchange].syntax),
            kind=unit.kind,
            file="po.edi",
            sha256="0" * 64,
            syntax=envelopes[unit.interchange].syntax,
            control=envelopes[unit.interchange].control,
            reference=unit.reference,
            position=unit.position,
            sent_at=sent_at,
            text=unit.text,
        )
        for unit in units
    ]


def order(told: Message, *history: Message, **options: Any) -> Order:
    return ADAPTER.to_order(DECODE(to_json(msgspec.structs.replace(told, history=list(history)))), Options(**options))


def refusal(told: Message, *history: Message, **options: Any) -> RecordError:
    with pytest.raises(RecordError) as caught:
        order(told, *history, **options)
    return caught.value


def base(lines: list[str] = BODY) -> Message:
    return messages(interchange(message(lines)))[0]


def change(lines: list[str] = CHANGE, day: int = 2, control: str = "102") -> Message:
    return messages(interchange(message(lines, "ORDCHG"), control=control), f"2026-03-{day:02d}T09:14:00")[0]


class Box:
    """A mailbox in a folder."""

    def __init__(self, folder: Path, **options: Any):
        self.folder = folder
        self.options = Options(**options)
        runtime = Runtime(clock=lambda: NOW, sleep=lambda seconds: None)
        self.source: Any = ADAPTER.open(self.options, Account(name="edi", url=str(folder)), runtime)

    def drop(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        moment = (NOW - timedelta(hours=2)).timestamp()
        os.utime(self.folder / name, (moment, moment))

    def run(self) -> tuple[list[Order], list[RecordError]]:
        orders: list[Order] = []
        refused: list[RecordError] = []
        pages: list[Page] = list(self.source.fetch(WINDOW))
        for record in (record for page in pages for record in page.records):
            try:
                orders.append(ADAPTER.to_order(DECODE(record), self.options))
            except RecordError as error:
                refused.append(error)
        self.source.acknowledge([page.origin for page in pages])
        return orders, refused

    def out(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted((self.folder / "out").glob("*")))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())


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


WORDS = {
    "UNOA": "PLAIN TORCH",
    "UNOB": "plain torch",
    "UNOC": "Crème-brûlée torch",
    "UNOD": "Palnik Łódź żółty",
    "UNOE": "Горелка кухонная",
    "UNOF": "Φλόγιστρο κουζίνας",
    "UNOG": "Ĥorĉo Ġuljana",
    "UNOH": "Īsais deglis ģērbtuve",
    "UNOI": "موقد المطبخ",
    "UNOJ": "מבער מטבח",
    "UNOK": "Ocak çakmağı şık",
    "UNOW": "菜刀 🔥 موقد",
    "UNOX": "菜刀バーナー",
    "UNOY": "菜刀 🔥 Łódź",
    "KECA": "주방용 토치",
}


def test_every_known_character_set_has_a_sample():
    assert set(WORDS) == set(CHARSETS)


@pytest.mark.parametrize("name", WORDS)
def test_text_is_read_in_the_character_set_that_unb_declares(name: str, tmp_path: Path):
    body = [f"IMD+F++:::{WORDS[name]}" if line.startswith("IMD") else line for line in BODY]
    body = [line for line in body if line.isascii() or line.startswith("IMD")]
    box = Box(tmp_path)
    box.drop("po.edi", interchange(message(body), syntax=name).encode(CHARSETS[name]))
    (found,), refused = box.run()
    assert refused == []
    assert found.lines[0].title == WORDS[name]
    told = box.out().decode(CHARSETS[name])
    assert f"UNB+{name}:3+7300000000028:14+7300000000011:14" in told


@pytest.mark.parametrize("name", ["UNOA", "UNOC", "UNOY"])
def test_a_byte_that_was_not_declared_is_refused_with_its_place(name: str, tmp_path: Path):
    wrong = {"UNOA": "latin-1", "UNOC": "utf-16-le", "UNOY": "latin-1"}[name]
    text = interchange(message(BODY), syntax=name)
    box = Box(tmp_path)
    content = text.encode(wrong) if wrong == "latin-1" else text.encode("latin-1").replace(b"Cr", b"C\x00r")
    box.drop("po.edi", content)
    orders, refused = box.run()
    if name == "UNOC":
        assert orders[0].lines[0].title == "C\x00rème-brûlée torch", "latin-1 has every byte; cleaning judges this one"
        return
    assert orders == []
    assert refused[0].code == "CHARACTER_SET"
    assert "source.charset" in str(refused[0])
    assert box.left() == ["po.edi"]
    agreed = Box(tmp_path, charset="latin-1")
    assert agreed.run()[0][0].lines[0].title == "Crème-brûlée torch"


def test_an_unknown_character_set_is_named():
    with pytest.raises(RecordError, match="UNOZ") as caught:
        charset(b"UNB+UNOZ:3+A+B'", None)
    assert "UNOC" in str(caught.value)


def test_a_byte_order_mark_beats_the_declaration():
    assert charset("\ufeffUNB+UNOC:3".encode(), None) == ("utf-8", 3)
    assert charset(b"UNA:+.? '\r\nUNB+UNOC:3+", None) == ("iso8859-1", 0)


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


def test_an_orders_becomes_an_order():
    found = order(base())
    assert (found.order_id, found.placed_at, found.currency) == ("PO-1", "2026-03-01T00:00:00", "EUR")
    assert (found.grand_total, found.tax_total, found.items_total) == ("148.80", "24.80", "129.00")
    assert (found.discounts[0].title, found.discounts[0].amount) == ("WELCOME10", "12.90")
    assert (found.charges[0].kind, found.charges[0].title) == ("shipping", "Frakt")
    torch, knife = found.lines
    assert (torch.sku, torch.gtin, torch.product_id, torch.uom) == ("TORCH-01", "7350000000016", "B-7781", "PCE")
    assert (torch.quantity, torch.unit_price, torch.total, torch.discount) == ("2", "24.50", "49.00", None)
    assert torch.deliver_by == "2026-03-10T00:00:00"
    assert knife.title == "Chef knife 24'"
    ship_to, buyer = found.contacts
    assert (ship_to.name, ship_to.address, ship_to.city) == ("Zoë Nuñez", ["Götgatan 12 B", "lgh 1304"], "Malmö")
    assert ship_to.note == "Ring på dörren: tack"
    assert (buyer.name, buyer.email) == ("Zoë Nuñez", "zoe@example.test")
    assert found.buyer_id == "7300000000011"
    assert found.ext["RFF.CT"] == "FRAME-77"
    assert not any("zoe" in value.lower() or "Götgatan" in value for value in found.ext.values())


@pytest.mark.parametrize("mark", [".", ","])
def test_both_decimal_marks_are_read(mark: str):
    lines = [line.replace(".", mark) if line[:3] in ("MOA", "PRI", "QTY") else line for line in BODY]
    assert order(base(lines)) == order(base())


def test_a_price_for_several_units_is_divided():
    lines = [
        line.replace("PRI+AAA:24.50", "PRI+AAA:2450:::100:PCE") for line in BODY if not line.startswith("MOA+203:49")
    ]
    line = order(base(lines)).lines[0]
    assert (line.unit_price, line.total) == ("24.5", "49.00")


def test_a_gross_price_takes_the_lines_allowances_and_a_net_price_does_not():
    group = ["ALC+A++++DI:::Rabatt", "MOA+204:9.00"]
    gross = [*BODY[:22], "PRI+AAB:29.00", *group, *BODY[23:]]
    line = order(base(gross)).lines[0]
    assert (line.unit_price, line.discount, line.total) == ("29.00", "9.00", "49.00")
    net = [*BODY[:23], *group, *BODY[23:]]
    line = order(base(net)).lines[0]
    assert (line.unit_price, line.discount, line.total) == ("24.50", None, "49.00")


def test_a_percentage_is_of_the_line_where_the_price_is_gross_and_says_nothing_where_it_is_net():
    group = ["ALC+A++++DI:::Rabatt", "PCD+1:10"]
    lines = [line for line in BODY if line not in ("MOA+203:49.00", "MOA+79:129.00", "MOA+86:148.80")]
    gross = order(base([*lines[:21], "PRI+AAB:24.50", *group, *lines[22:]])).lines[0]
    assert (gross.discount, gross.total) == ("4.90", "44.10")
    net = order(base([*lines[:22], *group, *lines[22:]])).lines[0]
    assert (net.discount, net.total) == (None, "49.00")


def test_a_change_may_state_the_sum_of_lines_that_it_does_not_tell():
    lines = [*CHANGE[:-2], "MOA+79:153.50", "MOA+86:162.50", "CNT+2:2"]
    assert order(change(lines), base()).grand_total == "162.50"


def test_a_summary_that_repeats_the_allowances_is_not_counted_twice():
    lines = [*BODY[:-1], "CNT+2:2", "ALC+A++++DI", "MOA+131:12.90"]
    assert order(base(lines)).discount_total == "12.90"


@pytest.mark.parametrize(
    ("dtm", "moment"),
    [
        ("DTM+137:20260301:102", "2026-03-01T00:00:00"),
        ("DTM+137:202603010915:203", "2026-03-01T09:15:00"),
        ("DTM+137:20260301091559:204", "2026-03-01T09:15:59"),
        ("DTM+137:260301:101", "2026-03-01T00:00:00"),
        ("DTM+137:2603010915:201", "2026-03-01T09:15:00"),
        ("DTM+137:2026030120260310:718", "2026-03-10T00:00:00"),
        ("DTM+137:202610:616", "2026-03-01T09:14:00"),
    ],
)
def test_moments_are_read_in_every_format_that_names_one(dtm: str, moment: str):
    """A week names no moment; then the order was placed when it was sent."""
    assert order(base([line if line != BODY[1] else dtm for line in BODY])).placed_at == moment


REFUSED = {
    "a line with an address of its own": ([*BODY[:23], "NAD+DP+7300000000099::9", *BODY[23:]], "LINE_SHIP_TO"),
    "a copy for information": (["BGM+220+PO-1+31", *BODY[1:]], "PURPOSE_UNKNOWN"),
    "no order number": (["BGM+220++9", *BODY[1:]], "ELEMENT_MISSING"),
    "no BGM": (BODY[1:], "SEGMENT_MISSING"),
    "no line": ([*BODY[:17], *BODY[29:-1]], "SEGMENT_MISSING"),
    "no such day": ([line.replace("20260310", "20260231") for line in BODY], "TIME_MALFORMED"),
    "an amount with two marks": ([line.replace("MOA+8:12.90", "MOA+8:1.212,90") for line in BODY], "AMOUNT_MALFORMED"),
    "a line too few": ([line.replace("CNT+2:2", "CNT+2:3") for line in BODY], "LINES_MISSING"),
    "lines that sum to something else": (
        [line.replace("MOA+79:129.00", "MOA+79:139.00") for line in BODY],
        "LINES_TOTAL",
    ),
    "an unknown allowance": ([line.replace("ALC+A", "ALC+Q") for line in BODY], "CODE_UNKNOWN"),
    "an allowance without an amount": ([line for line in BODY if line[:5] not in ("PCD+1", "MOA+8")], "AMOUNT_MISSING"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_order_that_cannot_be_understood_is_refused_with_its_reason(what: str):
    lines, code = REFUSED[what]
    assert refusal(base(lines)).code == code


def test_a_lost_segment_is_noticed():
    text = interchange(message(BODY)).replace("RFF+CT:FRAME-77'\n", "")
    assert refusal(messages(text)[0]).field == "UNT 0074"


def test_an_ordchg_is_applied_to_its_order():
    found = order(change(), base())
    assert found.order_id == "PO-1"
    assert [(line.line_id, line.quantity, line.quantity_ordered, line.total) for line in found.lines] == [
        ("1", "3", "2", "73.50")
    ]
    assert (found.grand_total, found.ext["BGM"], found.ext["RFF.ON"]) == ("82.00", "CHG-9", "PO-1")
    assert found.placed_at == "2026-03-01T00:00:00"
    assert order(base(), change()) == found


def test_an_ordchg_without_its_order_waits():
    assert refusal(change()).code == "CHANGE_NEEDS_BASE"


def test_an_ordchg_that_replaces_needs_no_order():
    lines = [line.replace("BGM+220+PO-1+9", "BGM+230+CHG-9+5") for line in BODY]
    lines = [
        lines[0],
        "RFF+ON:PO-1",
        *(line.replace("LIN+1++", "LIN+1+1+").replace("LIN+2++", "LIN+2+1+") for line in lines[1:]),
    ]
    found = order(change(lines))
    assert (found.order_id, len(found.lines), found.grand_total) == ("PO-1", 2, "148.80")


def test_an_ordchg_that_replaces_the_lines_keeps_the_header():
    lines = [
        "BGM+230+CHG-9+21",
        "RFF+ON:PO-1",
        "LIN+5+1+7350000000016:EN",
        "QTY+21:4:PCE",
        "PRI+AAA:10",
        "UNS+S",
        "CNT+2:1",
    ]
    found = order(change(lines), base())
    assert [(line.line_id, line.total) for line in found.lines] == [("5", "40.00")]
    assert found.contacts == order(base()).contacts


@pytest.mark.parametrize(
    "lines",
    [["BGM+230+CHG-9+1", "RFF+ON:PO-1", "UNS+S"], ["BGM+230+C+4", "RFF+ON:PO-1", "LIN+1+2", "LIN+2+2", "UNS+S"]],
)
def test_an_order_can_be_cancelled(lines: list[str]):
    assert order(change(lines), base()).order_status == "cancelled"


@pytest.mark.parametrize(
    ("line", "code"),
    [("LIN+9+3", "CHANGE_LINE_UNKNOWN"), ("LIN+1+1", "CHANGE_LINE_EXISTS"), ("LIN+1+99", "CODE_UNKNOWN")],
)
def test_a_change_that_contradicts_its_order_is_refused(line: str, code: str):
    assert refusal(change(["BGM+230+C+4", "RFF+ON:PO-1", line, "UNS+S"]), base()).code == code


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
    box = Box(tmp_path)
    box.drop("po.edi", interchange(message(BODY)).replace("UNZ+1", "UNZ+2").encode("latin-1"))
    orders, (error,) = box.run()
    assert orders == []
    assert error.code == "INTERCHANGE_UNBALANCED"
    assert "kept under done/" in str(error)
    assert "UCI+101+7300000000011:14+7300000000028:14+4+29+UNZ" in body(box.out().decode("latin-1"))
    assert box.left() == []
    box.drop("po.edi", interchange(message(BODY)).encode("latin-1"))
    assert [each.order_id for each in box.run()[0]] == ["7300000000011/PO-1"]


def test_a_torn_interchange_is_left_where_it_is(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", interchange(message(BODY)).encode("latin-1")[:400])
    orders, (error,) = box.run()
    assert (orders, error.code) == ([], "INTERCHANGE_TORN")
    assert box.left() == ["po.edi"]
    assert box.out() == b""


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


TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["C", "Z"]), min_size=1, max_size=14)
AMOUNTS = st.decimals(0, 9999, places=2).map(lambda value: f"{value:f}")


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    line = st.fixed_dictionaries(
        {"sku": TEXTS, "title": TEXTS, "quantity": st.integers(1, 999).map(str), "unit_price": AMOUNTS}
    )
    return {
        "number": draw(TEXTS),
        "lines": draw(st.lists(line, min_size=1, max_size=8)),
        "name": draw(TEXTS),
        "street": draw(TEXTS),
        "freight": draw(AMOUNTS),
        "marks": draw(st.sampled_from([":+.? '", ";|,! ~", "\x1f\x1d.\\ \x1c"])),
    }


@settings(max_examples=60, deadline=None)
@given(orders())
def test_a_random_order_written_as_edifact_and_read_back_is_the_same(told: dict[str, Any]):
    marks = Delimiters.parse(told["marks"])
    lines: list[list[Any]] = [
        ["BGM", "220", told["number"], "9"],
        ["DTM", ["137", "20260301", "102"]],
        ["NAD", "DP", "", "", told["name"], told["street"], "Malmö"],
        ["CUX", ["2", "EUR", "9"]],
        ["ALC", "C", "", "", "", ["FC"]],
        ["MOA", ["8", told["freight"]]],
    ]
    for number, line in enumerate(told["lines"], 1):
        lines += [
            ["LIN", str(number)],
            ["PIA", "1", [line["sku"], "SA"]],
            ["IMD", "F", "", ["", "", "", line["title"]]],
            ["QTY", ["21", line["quantity"], "PCE"]],
            ["PRI", ["AAA", line["unit_price"]]],
        ]
    lines += [["UNS", "S"], ["CNT", ["2", str(len(told["lines"]))]]]
    whole = [
        ["UNB", ["UNOC", "3"], "S", "R", ["260301", "0914"], "1"],
        ["UNH", "1", ["ORDERS", "D", "96A", "UN"]],
        *lines,
        ["UNT", str(len(lines) + 2), "1"],
        ["UNZ", "1", "1"],
    ]
    text = "UNA" + told["marks"] + "".join(write(one, marks) for one in whole)
    found = order(messages(text)[0])
    assert found.order_id == told["number"]
    assert (found.contacts[0].name, found.contacts[0].address) == (told["name"], [told["street"]])
    assert [(line.sku, line.title, line.quantity, line.unit_price) for line in found.lines] == [
        (line["sku"], line["title"], line["quantity"], line["unit_price"]) for line in told["lines"]
    ]
    items = sum(Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in told["lines"])
    assert Decimal(found.grand_total or 0) == items + Decimal(told["freight"])


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_text_of_any_kind_is_read_or_refused(noise: str):
    for text in (noise, interchange(message(BODY))[:500] + noise, "UNA" + noise):
        with contextlib.suppress(RecordError):
            assert all(isinstance(each, (Unit, Interchange)) for each in walk([text]))


def test_a_text_that_looks_like_a_delimiter_is_escaped():
    assert escaped("a'b+c:d?e", DEFAULT) == "a?'b?+c?:d??e"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_spoilt_message_is_mapped_or_refused_and_never_fails(data: st.DataObject):
    lines = list(data.draw(st.sampled_from([BODY, CHANGE])))
    kind = "ORDCHG" if lines is CHANGE or lines[0].startswith("BGM+230") else "ORDERS"
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        mark = data.draw(st.sampled_from(["+", ":"]))
        parts = lines[at].split(mark)
        where = data.draw(st.integers(0, len(parts) - 1))
        parts[where : where + 1] = data.draw(
            st.sampled_from([[], [""], ["x"], ["9" * 30], ["-1"], ["é", "ü"], ["1,5"], [" "], ["0"]])
        )
        lines[at] = mark.join(parts) or "+"
        if data.draw(st.booleans()):
            lines.insert(at, lines.pop(data.draw(st.integers(0, len(lines) - 1))))
    for told in messages(interchange(message(lines, kind))):
        history = [base()] if kind == "ORDCHG" else []
        with contextlib.suppress(RecordError):
            assert order(told, *history).order_id
