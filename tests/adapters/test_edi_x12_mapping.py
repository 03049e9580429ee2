"""The mapping of an 850: amounts, prices and parties, and what cannot be understood."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from edi_x12_orders import CHANGE, ISA, LINES, base, change, interchange, messages, order, refusal, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.adapters.edi_x12.syntax import Delimiters, write
from orderflow.domain.errors import RecordError


def test_an_850_becomes_an_order():
    found = order(base())
    assert found.order_id == "PO-1"
    assert (found.placed_at, found.channel_updated_at) == ("2026-03-01T00:00:00", "2026-03-01T09:14:00")
    assert (found.currency, found.grand_total, found.tax_total) == ("USD", "127.53", "3.53")
    assert (found.discounts[0].title, found.discounts[0].amount) == ("WELCOME10", "12.90")
    assert (found.charges[0].kind, found.charges[0].total) == ("shipping", "7.90")
    torch, knife = found.lines
    assert (torch.sku, torch.gtin, torch.product_id) == ("TORCH-01", "012345678905", "B-7781")
    assert (torch.title, torch.quantity, torch.unit_price, torch.total) == (
        "Crème-brûlée torch 🔥",
        "2",
        "24.5",
        "49.00",
    )
    assert torch.deliver_by == "2026-03-10T00:00:00"
    assert (knife.title, knife.total, knife.tax) == ("菜刀 chef knife", "80.00", None)
    ship_to, sold_to = found.contacts
    assert (ship_to.name, ship_to.address, ship_to.city) == ("מרכז לוגיסטי", ["88 Peña Street", "Apt 4B"], "Española")
    assert ship_to.note == "Ring på dörren – tack!"
    assert (sold_to.name, sold_to.company, sold_to.email) == ("Zoë Łukasiewicz-Nuñez", "BUYER CO", "zoe@example.test")
    assert found.ext["REF.DP"] == "KITCHEN"
    assert not any("zoe" in value.lower() or "Peña" in value for value in found.ext.values())


def test_the_money_equation_holds_without_a_stated_total():
    found = order(base([line for line in LINES if not line.startswith("AMT")]))
    assert found.grand_total == "127.53"


@pytest.mark.parametrize(
    ("price", "total", "unit"),
    [("2450*HP", "49.00", "24.5"), ("24.5*PE", "49.00", "24.5"), ("294*PD", "49.00", "24.5"), ("10*NC", "0.00", "0")],
)
def test_a_price_for_several_units_is_divided(price: str, total: str, unit: str):
    lines = [line.replace("24.5*PE", price) for line in LINES if not line.startswith("AMT")]
    line = order(base(lines)).lines[0]
    assert line.unit_price is not None
    assert (Decimal(line.unit_price), line.total) == (Decimal(unit), total)


def test_a_price_per_dozen_of_dozens_is_not_divided():
    lines = [line.replace("2*EA*24.5*PE", "2*DZ*24.5*PD") for line in LINES if not line.startswith("AMT")]
    assert order(base(lines)).lines[0].total == "49.00"


def test_allowances_that_do_not_move_with_the_order_are_left_out():
    lines = [line.replace("*02***WELCOME10", "*01***WELCOME10") for line in LINES if not line.startswith("AMT")]
    found = order(base(lines))
    assert found.discounts == []
    assert found.grand_total == "140.43"


def test_line_allowances_and_charges_are_told_apart():
    lines = [*LINES[:16], "SAC*A*C310***100*****02", "SAC*C*F050***250", *LINES[16:-1]]
    found = order(base(lines))
    assert (found.lines[0].discount, found.lines[0].total) == ("1.00", "48.00")
    assert found.charges[-1].charge_id == "1/F050"
    assert found.grand_total == "129.03"


def test_a_partner_whose_total_is_one_of_the_lines_says_so():
    lines = [*LINES[:-1], "AMT*TT*129.00"]
    assert order(base(lines), amount_total="lines").grand_total == "127.53"
    told = change(*[line.format(sequence="01") for line in CHANGE], "AMT*TT*73.50")
    assert order(told, base(lines), amount_total="lines").grand_total == "68.50"
    error = refusal(base([*LINES[:-1], "AMT*TT*130.00"]), amount_total="lines")
    assert (error.code, error.value) == ("LINES_TOTAL", "130.00")


def test_a_percentage_without_an_amount_is_of_its_line_or_of_all_lines():
    lines = [*LINES[:16], "SAC*A*C310****3*10*****02", *LINES[16:-1]]
    lines[4] = "SAC*A*C310****3*10*****02***WELCOME10"
    found = order(base(lines))
    assert (found.lines[0].discount, found.lines[0].total) == ("4.90", "44.10")
    assert found.discounts[0].amount == "12.41"


def test_components_of_a_set_become_its_children():
    lines = [*LINES[:16], "SLN*A**I*1*EA****VP*FUEL-01", *LINES[16:]]
    found = order(base(lines))
    assert [(line.line_id, line.kind, line.sku, line.total) for line in found.lines] == [
        ("1", "product", "TORCH-01", "49.00"),
        ("1/A", "bundle_child", "FUEL-01", "0.00"),
        ("2", "product", "KNIFE-02", "80.00"),
    ]


REFUSED = {
    "a line with an address of its own": ([*LINES[:16], "N1*ST*STORE 7*92*007", *LINES[16:]], "LINE_SHIP_TO"),
    "an unknown purpose": (["BEG*24*SA*PO-1**20260301", *LINES[1:]], "PURPOSE_UNKNOWN"),
    "no purchase order number": (["BEG*00*SA***20260301", *LINES[1:]], "ELEMENT_MISSING"),
    "no such day": (["BEG*00*SA*PO-1**20260230", *LINES[1:]], "TIME_MALFORMED"),
    "a quantity in words": ([line.replace("PO1*1*2*", "PO1*1*two*") for line in LINES], "AMOUNT_MALFORMED"),
    "an implied amount with a point": ([line.replace("***1290*", "***12.90*") for line in LINES], "AMOUNT_MALFORMED"),
    "a line too few": ([line.replace("CTT*2*3", "CTT*3*3") for line in LINES], "LINES_MISSING"),
    "a wrong hash total": ([line.replace("CTT*2*3", "CTT*2*4") for line in LINES], "LINES_MISSING"),
    "no line": (LINES[:13], "SEGMENT_MISSING"),
    "no BEG": (LINES[1:], "SEGMENT_MISSING"),
    "an allowance without an amount": ([line.replace("***1290*3*10", "***") for line in LINES], "AMOUNT_MISSING"),
    "an unknown allowance": ([line.replace("SAC*A", "SAC*X") for line in LINES], "CODE_UNKNOWN"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_order_that_cannot_be_understood_is_refused_with_its_reason(what: str):
    lines, code = REFUSED[what]
    assert refusal(base(lines)).code == code


def test_a_lost_segment_is_noticed():
    text = interchange(transaction("850", LINES)).replace("TXI*ST*3.53*8~\n", "")
    error = refusal(messages(text)[0])
    assert (error.code, error.field, error.value) == ("MESSAGE_UNBALANCED", "SE01", "22")
    assert "21 segments" in str(error)


def test_a_release_has_an_identity_of_its_own():
    found = order(base(["BEG*00*RL*PO-1*7*20260301", *LINES[1:]]))
    assert (found.order_id, found.parent_id, found.order_number) == ("PO-1-7", "PO-1", "PO-1")


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="*>~^"), min_size=1, max_size=12
)
AMOUNTS = st.decimals(0, 9999, places=2).map(lambda value: f"{value:f}")


@st.composite
def orders(draw: st.DrawFn) -> dict[str, object]:
    lines = draw(
        st.lists(
            st.fixed_dictionaries(
                {"sku": WORDS, "title": WORDS, "quantity": st.integers(1, 999).map(str), "unit_price": AMOUNTS}
            ),
            min_size=1,
            max_size=8,
        )
    )
    return {
        "number": draw(WORDS),
        "lines": lines,
        "freight": draw(st.integers(0, 99999)),
        "name": draw(WORDS),
        "city": draw(WORDS),
        "marks": draw(st.sampled_from(["*>~", "|:\n", "\x1d\x1f\x1c", "^<'"])),
    }


def rendered(told: dict, marks: Delimiters) -> str:
    """The order as an 850, in the delimiters given."""
    lines = [
        ["BEG", "00", "SA", told["number"], "", "20260301"],
        ["CUR", "BY", "EUR"],
        ["SAC", "C", "D240", "", "", str(told["freight"])],
        ["N1", "ST", told["name"]],
        ["N4", told["city"], "", "", "SE"],
    ]
    for number, line in enumerate(told["lines"], 1):
        lines.append(["PO1", str(number), line["quantity"], "EA", line["unit_price"], "PE", "VP", line["sku"]])
        lines.append(["PID", "F", "", "", "", line["title"]])
    lines.append(["CTT", str(len(told["lines"]))])
    whole = [["ST", "850", "0001"], *lines, ["SE", str(len(lines) + 2), "0001"]]
    isa = (
        ISA.format(control="000000101", ask="0")
        .replace("*", marks.element)
        .replace(">~", marks.component + marks.segment)
    )
    envelope = [["GS", "PO", "B", "S", "20260301", "0914", "1", "X", "004010"], *whole, ["GE", "1", "1"]]
    return isa + "".join(write(one, marks) for one in [*envelope, ["IEA", "1", "000000101"]])


@settings(max_examples=60, deadline=None)
@given(orders())
def test_a_random_order_written_as_x12_and_read_back_is_the_same(told: dict):
    marks = Delimiters(told["marks"][0], told["marks"][1], told["marks"][2])
    taken = set("".join(marks))
    words = [
        told["number"],
        told["name"],
        told["city"],
        *(line[key] for line in told["lines"] for key in ("sku", "title")),
    ]
    if any(taken & set(word) for word in words):
        return
    (message,) = messages(rendered(told, marks))
    found = order(message)
    assert (found.order_id, found.contacts[0].name, found.contacts[0].city) == (
        told["number"],
        told["name"],
        told["city"],
    )
    assert [(line.sku, line.title, line.quantity, line.unit_price) for line in found.lines] == [
        (line["sku"], line["title"], line["quantity"], line["unit_price"]) for line in told["lines"]
    ]
    items = sum(Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in told["lines"])
    assert Decimal(found.grand_total or 0) == items + Decimal(told["freight"]) / 100


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_spoilt_message_is_mapped_or_refused_and_never_fails(data: st.DataObject):
    lines = [line.format(sequence="01") for line in data.draw(st.sampled_from([LINES, CHANGE]))]
    kind = "860" if lines[0].startswith("BCH") else "850"
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        parts = lines[at].split("*")
        where = data.draw(st.integers(0, len(parts) - 1))
        parts[where : where + 1] = data.draw(
            st.sampled_from([[], [""], ["x"], ["9" * 30], ["-1"], ["é", "菜"], ["1e9"], [" "], ["00"]])
        )
        lines[at] = "*".join(parts) or "*"
        if data.draw(st.booleans()):
            lines.insert(at, lines.pop(data.draw(st.integers(0, len(lines) - 1))))
    for message in messages(interchange(transaction(kind, lines))):
        history = [base()] if kind == "860" else []
        with contextlib.suppress(RecordError):
            assert order(message, *history).order_id
