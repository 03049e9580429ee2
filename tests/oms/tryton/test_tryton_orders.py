"""What an order becomes in a real Tryton, and what refuses it: the channel's money or nothing."""

from __future__ import annotations

from orders import CHANNEL, line, person, settle, submission, taxed_on_top
from tryton_server import Server
from tryton_target import REAL, opened, rows, sales, shipments

from orderflow.domain.target import Submission, Target

pytestmark = REAL


def test_an_order_becomes_one_processed_sale_with_the_channels_total_although_the_products_carry_a_tax(
    server: Server, target: Target
) -> None:
    (receipt,) = settle(target, submission(1))

    held = target.look_up(CHANNEL, ["24-00001", "24-99999"])
    assert receipt.outcome == "accepted"
    assert list(held) == ["24-00001"]
    order = held["24-00001"]
    assert (order.oms_id, order.key, order.version) == (receipt.oms_id, receipt.key, 1)
    assert (order.status, order.total, order.currency, order.lines) == ("open", "34.5", "EUR", 1)
    assert sales(server, 1) == [(f"{CHANNEL}/24-00001", "processing")]
    assert shipments(server, 1) == 1
    assert rows(server, "select tax_amount_cache from sale_sale where id = %s", receipt.oms_id)[0][0] == 0


def test_the_same_submission_again_changes_nothing(server: Server, target: Target) -> None:
    settle(target, submission(2))
    query = "select id, coalesce(write_date, create_date) from {0}"
    look = " union all ".join(query.format(table) for table in ("sale_sale", "sale_line", "party_party", "stock_move"))
    before = sorted(rows(server, look))

    (receipt,) = settle(opened(server), submission(2, earlier=True))

    assert receipt.outcome == "accepted"
    assert sorted(rows(server, look)) == before


def test_unknown_products_are_refused_by_name_and_leave_nothing(server: Server, target: Target) -> None:
    lines = [line(1, "SKU-001"), line(2, "沒有-1"), line(3, "NOPE")]
    refused, accepted = settle(target, submission(3, lines=lines, grand_total="94.5"), submission(4))

    assert (refused.outcome, accepted.outcome) == ("refused", "accepted")
    assert refused.reason is not None
    assert refused.reason.startswith("OMS_SKU_UNKNOWN")
    assert "NOPE, 沒有-1" in refused.reason
    assert sales(server, 3) == []


def test_a_total_that_does_not_add_up_is_refused_with_both_numbers(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(5, grand_total="35"))

    assert receipt.reason is not None
    assert receipt.reason.startswith("OMS_TOTAL_DIFFERS")
    assert "34.5 EUR" in receipt.reason
    assert "35" in receipt.reason
    assert sales(server, 5) == []


def test_taxes_on_top_open_discounts_rounding_and_odd_prices_become_lines_that_add_up(
    server: Server, target: Target
) -> None:
    (receipt,) = settle(target, taxed_on_top(6))

    found = rows(
        server,
        "select description, quantity, unit_price from sale_line where sale = %s order by sequence",
        receipt.oms_id,
    )
    assert receipt.reason is None
    assert [name for name, _, _ in found][2:] == ["Gift wrap", "NY State", "NYC", "優惠", "Rounding", "Rounding"]
    assert target.look_up(CHANNEL, ["24-00006"])["24-00006"].total == "118.25"
    assert target.look_up(CHANNEL, ["24-00006"])["24-00006"].lines == 2


def test_a_currency_without_decimals_and_a_line_cancelled_to_nought_are_booked_as_they_are(target: Target) -> None:
    lines = [line(1, quantity="2", total="3000"), line(2, "SKU-002", quantity="0", total="0")]
    (receipt,) = settle(target, submission(7, currency="JPY", lines=lines, charges=[], grand_total="3000"))

    held = target.look_up(CHANNEL, ["24-00007"])["24-00007"]
    assert receipt.outcome == "accepted"
    assert (held.total, held.currency, held.lines) == ("3000", "JPY", 2)


def test_an_unknown_currency_is_refused(target: Target) -> None:
    (receipt,) = settle(target, submission(8, currency="THB"))

    assert (receipt.reason or "").startswith("OMS_CURRENCY_UNKNOWN")


def test_an_order_that_arrives_cancelled_is_held_as_cancelled(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(14, order_status="cancelled", grand_total="0"))

    assert receipt.outcome == "accepted"
    assert target.look_up(CHANNEL, ["24-00014"])["24-00014"].status == "cancelled"
    assert shipments(server, 14) == 0


def test_a_buyer_whose_party_was_merged_into_another_is_booked_on_that_one(server: Server, target: Target) -> None:
    settle(target, submission(801), submission(802))
    code = f"{CHANNEL}/buyer-80"
    rows(server, "update party_party set active = false where code = %s returning 1", f"{code}1")
    (archived,) = settle(target, submission(803, buyer_id="buyer-801"))
    rows(
        server,
        "update party_party set replaced_by = (select id from party_party where code = %s) where code = %s returning 1",
        f"{code}2",
        f"{code}1",
    )
    (merged,) = settle(target, submission(804, buyer_id="buyer-801"))

    ids = [int(archived.oms_id or 0), int(merged.oms_id or 0)]
    booked = "select p.code from sale_sale s join party_party p on p.id = s.party where s.id = any(%s) order by s.id"
    assert rows(server, booked, ids) == [(f"{code}1",), (f"{code}2",)]


def test_two_orders_of_one_buyer_share_the_party_and_its_addresses(server: Server, target: Target) -> None:
    settle(target, submission(18, buyer_id="stammkunde"), submission(19, buyer_id="stammkunde", contacts=[person(18)]))
    settle(target, submission(20, buyer_id="stammkunde", contacts=[person(18), person(3, role="bill_to")]))

    query = (
        "select count(distinct p.id), count(a.id) from party_party p join party_address a on a.party = p.id "
        "where p.code = %s"
    )
    assert rows(server, query, f"{CHANNEL}/stammkunde") == [(1, 2)]


def test_a_refusal_in_trytons_words_names_no_buyer(server: Server, target: Target) -> None:
    who = person(21, name="Zwei\nZeilen", email="kein mail@", company="Geheime Firma GmbH")
    receipts = settle(target, submission(21, contacts=[who], lines=[line(quantity="1.5", total="30")]))

    assert receipts[0].outcome == "refused"
    assert (receipts[0].reason or "").startswith("OMS_REFUSED")
    assert "Geheime" not in (receipts[0].reason or "")


def test_a_document_that_nobody_can_read_is_refused_and_the_next_one_goes_on(target: Target) -> None:
    broken = Submission("key", CHANNEL, "24-00022", 1, b'{"order_id": 7}')

    refused, accepted = settle(target, broken, submission(23))

    assert (refused.reason or "").startswith("OMS_DOCUMENT_UNREADABLE")
    assert accepted.outcome == "accepted"
