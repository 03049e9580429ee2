"""The mapping of ORDERS: amounts, prices, moments and parties, and what cannot be understood."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from edifact_orders import BODY, CHANGE, base, interchange, message, messages, order, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.adapters.edifact.syntax import Delimiters, write
from orderflow.domain.errors import RecordError


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
