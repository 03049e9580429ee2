"""OrderChange and OrderCancellation, with and without Peppol."""

from __future__ import annotations

from ubl_orders import MONEY, document, line, order, refusal


def test_a_peppol_change_states_the_whole_order():
    profile = "urn:fdc:peppol.eu:poacc:trns:order_change:3"
    changed = document(
        "OrderChange",
        lines=line(1, "TORCH-01", "3", "24.50", "73.50"),
        date="2026-03-02",
        profile=profile,
        head="<cbc:SequenceNumberID>1</cbc:SequenceNumberID>",
        money=MONEY.format(prepaid="0", rounding="0", payable="93.30"),
    )
    alone = order(changed)
    assert (alone.order_id, [each.quantity for each in alone.lines], alone.grand_total) == ("PO-1", ["3"], "93.30")
    assert order(document(), changed).lines == alone.lines
    assert order(changed, document()).placed_at == "2026-03-01T00:00:00"
    assert alone.placed_at == "2026-03-02T00:00:00", "at the latest, as far as anybody told"
    assert order(changed, document()).channel_created_at == "2026-03-01T00:00:00"


def test_the_change_with_the_highest_number_counts_even_on_the_same_day():
    def changed(sequence: int, quantity: str) -> str:
        return document(
            "OrderChange",
            lines=line(1, "TORCH-01", quantity, "1", quantity),
            head=f"<cbc:SequenceNumberID>{sequence}</cbc:SequenceNumberID>",
            money="<!-- none -->",
        )

    second, tenth = changed(2, "2"), changed(10, "10")
    timed = document(head="<cbc:IssueTime>09:14:05</cbc:IssueTime>")
    assert order(tenth, timed, second).lines[0].quantity == "10"
    assert order(second, timed, tenth).lines[0].quantity == "10"
    assert order(timed, second, tenth).lines[0].quantity == "10"
    versions = [order(timed), order(second, timed), order(tenth, timed, second)]
    assert sorted(each.channel_updated_at or "" for each in versions) == [each.channel_updated_at for each in versions]
    assert len({each.channel_updated_at for each in versions}) == 3


def test_a_change_with_line_codes_outside_peppol_is_applied():
    def status(code: int) -> str:
        return f"<cbc:LineStatusCode>{code}</cbc:LineStatusCode>"

    changed = document(
        "OrderChange",
        lines=line(1, "TORCH-01", "3", "24.50", "73.50", status=status(3))
        + line(2, "KNIFE-02", "1", "80.00", "80.00", status=status(2))
        + line(3, "FUEL-01", "1", "5.00", "5.00", status=status(1)),
        profile="urn:example:change",
        date="2026-03-02",
        money="<!-- none -->",
    )
    found = order(changed, document())
    assert [(each.line_id, each.quantity) for each in found.lines] == [("1", "3"), ("3", "1")]
    assert refusal(changed).code == "CHANGE_NEEDS_BASE"


def test_an_order_can_be_cancelled():
    cancellation = document(
        "OrderCancellation", date="2026-03-03", head="<cbc:CancellationNote>phone call</cbc:CancellationNote>"
    )
    found = order(cancellation, document())
    assert (found.order_status, found.cancel_reason) == ("cancelled", "phone call")
    assert len(found.lines) == 2
    assert refusal(cancellation).code == "CHANGE_NEEDS_BASE"
