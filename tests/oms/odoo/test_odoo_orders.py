"""What an order becomes in Odoo (17 by JSON-RPC, 19 by JSON-2), and what refuses it: the channel's money or nothing."""

from __future__ import annotations

import pytest
from odoo_target import Server, copy, opened, pickings, rows, states
from orders import CHANNEL, line, person, settle, submission, taxed_on_top

from orderflow.domain.target import Submission, Target


def test_an_order_becomes_one_confirmed_sales_order_with_the_channels_total_although_the_products_carry_a_tax(
    server: Server, target: Target
) -> None:
    (receipt,) = settle(target, submission(1))

    held = target.look_up(CHANNEL, ["24-00001", "24-0000", "24-000011"])
    assert receipt.outcome == "accepted"
    assert list(held) == ["24-00001"]
    order = held["24-00001"]
    assert (order.oms_id, order.key, order.version) == (receipt.oms_id, receipt.key, 1)
    assert (order.status, order.total, order.currency, order.lines) == ("open", "34.5", "EUR", 1)
    assert (states(server, 1), pickings(server, 1)) == (["sale"], 1)
    partner = (
        "select p.name, p.ref, d.type, d.city, d.street2 from sale_order s join res_partner p on p.id = s.partner_id "
        "join res_partner d on d.parent_id = p.id and d.id = s.partner_shipping_id"
    )
    assert rows(server, partner) == [(person(1).name, f"{CHANNEL}/buyer-1", "delivery", "臺北市", "شقة 4")]


def test_the_same_submission_again_changes_nothing(server: Server, target: Target) -> None:
    settle(target, submission(2))
    look = "select xmin, * from sale_order"
    before = rows(server, look)

    (receipt,) = settle(opened(server), submission(2, earlier=True))

    assert receipt.outcome == "accepted"
    assert rows(server, look) == before


def test_unknown_products_and_unmapped_charges_are_refused_by_name_and_leave_nothing(
    server: Server, target: Target
) -> None:
    lines = [line(1, "SKU-001"), line(2, "沒有-1"), line(3, "NOPE")]
    refused, accepted = settle(target, submission(3, lines=lines, grand_total="94.5"), submission(4))
    (unmapped,) = settle(opened(server, charges={}), submission(3))

    assert (refused.outcome, accepted.outcome) == ("refused", "accepted")
    assert (refused.reason or "").startswith("OMS_SKU_UNKNOWN")
    assert "NOPE, 沒有-1" in (refused.reason or "")
    assert (unmapped.reason or "").startswith("OMS_CHARGE_UNMAPPED")
    assert "'shipping'" in (unmapped.reason or "")
    assert states(server, 3) == []


def test_a_total_that_does_not_add_up_is_refused_with_both_numbers(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(5, grand_total="35"))

    assert (receipt.reason or "").startswith("OMS_TOTAL_DIFFERS")
    assert "34.5 EUR" in (receipt.reason or "")
    assert states(server, 5) == []


def test_a_total_that_odoo_computes_otherwise_is_refused_before_it_is_confirmed(server: Server) -> None:
    """Odoo 17 and 18 keep as many places of a price as an administrator said, 19 keeps all."""
    precise = opened(server, price_places=4)
    order = submission(6, lines=[line(quantity="7000", total="100.01")], grand_total="104.51")

    (first,) = settle(precise, order)
    (second,) = settle(
        opened(server), submission(6, 2, lines=[line(quantity="7000", total="100.01")], grand_total="104.51")
    )

    if server.keeps_prices:
        assert first.outcome == "accepted"
    else:
        assert (first.reason or "").startswith("OMS_TOTAL_DIFFERS")
        assert "74.41 EUR" in (first.reason or "")
    assert second.outcome == "accepted"
    assert states(server, 6) == ["sale"]


def test_a_quantity_that_odoo_rounds_is_refused_before_it_is_confirmed_although_the_total_agrees(
    server: Server, target: Target
) -> None:
    def weighed(number: int, quantity: str) -> Submission:
        return submission(number, lines=[line(quantity=quantity, total="0.1")], grand_total="4.6")

    refused, accepted = settle(target, weighed(25, "0.335"), weighed(26, "0.33"))

    assert (refused.reason or "").startswith("OMS_QUANTITY_DIFFERS")
    assert "keeps 0.34 of 'SKU-001'" in (refused.reason or "")
    assert accepted.outcome == "accepted"
    assert states(server, 25, 26) == ["draft", "sale"]


def test_what_odoo_rounded_is_not_confirmed_when_it_is_sent_again_and_written_anew_once_odoo_keeps_it(
    server: Server, target: Target
) -> None:
    if server.admin:
        pytest.skip("the places of quantities are the simulated one's to change here")

    def weighed(version: int, **more: str) -> Submission:
        return submission(28, version, lines=[line(quantity="0.335", total="0.1")], grand_total="4.6", **more)

    first, again = settle(target, weighed(1), weighed(2))
    settle(target, weighed(3, order_status="cancelled"))
    (revived,) = settle(target, weighed(4))
    rows(server, "alter table sale_order_line alter product_uom_qty type numeric(20,3)")
    (cured,) = settle(target, weighed(5))

    assert [(each.reason or "").partition(":")[0] for each in (first, again, revived)] == ["OMS_QUANTITY_DIFFERS"] * 3
    assert (cured.reason, states(server, 28)) == (None, ["sale"])
    kept = rows(server, "select product_uom_qty::text from sale_order_line where order_id = %s", cured.oms_id)
    assert ("0.335",) in kept


def test_nothing_mails_the_buyer_although_quotation_template_and_coupons_would(server: Server, target: Target) -> None:
    before = rows(server, "select id from mail_mail")

    settle(target, submission(27), submission(27, 2, lines=[line(quantity="4", total="40")], grand_total="44.5"))

    assert states(server, 27) == ["sale"]
    assert rows(server, "select id from mail_mail") == before


def test_taxes_on_top_open_discounts_rounding_and_odd_prices_become_lines_that_add_up(
    server: Server, target: Target
) -> None:
    (receipt,) = settle(target, taxed_on_top(7))

    held = target.look_up(CHANNEL, ["24-00007"])["24-00007"]
    assert receipt.reason is None
    assert (held.total, held.currency, held.lines) == ("118.25", "USD", 2)
    states = "select s.code from res_partner p join res_country_state s on s.id = p.state_id where p.type = 'delivery'"
    assert rows(server, states) == [("NY",)]


def test_a_currency_without_a_pricelist_is_refused(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(8, currency="THB"))

    assert (receipt.reason or "").startswith("OMS_CURRENCY_DIFFERS")
    assert states(server, 8) == ["draft"]


def test_an_order_that_was_refused_for_its_currency_is_taken_once_odoo_has_the_pricelist(
    server: Server, target: Target
) -> None:
    if server.admin:
        pytest.skip("the real one's pricelist would stay for the other tests")
    (refused,) = settle(target, submission(29, currency="THB"))
    rows(server, "insert into product_pricelist (name, currency_id) values ('Baht', 4)")
    (taken,) = settle(opened(server), submission(29, 2, currency="THB"))
    currency = target.look_up(CHANNEL, ["24-00029"])["24-00029"].currency
    rows(server, "delete from product_pricelist where name = 'Baht'")

    assert (refused.reason or "").startswith("OMS_CURRENCY_DIFFERS")
    assert (taken.reason, states(server, 29), currency) == (None, ["sale"], "THB")


def test_a_refusal_in_odoos_words_names_no_buyer(server: Server, target: Target) -> None:
    if server.admin:
        pytest.skip("the black list is the simulated one's")
    refused, accepted = settle(target, submission(19, contacts=[person(19, name="Refuse me 王")]), submission(20))

    assert refused.reason == "OMS_REFUSED: The contact *** is on the black list."
    assert accepted.outcome == "accepted"


def test_an_order_copied_inside_odoo_is_not_taken_for_the_order(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(21))
    copy(server, receipt.oms_id)

    assert target.look_up(CHANNEL, ["24-00021"])["24-00021"].oms_id == receipt.oms_id


def test_ids_with_wildcards_and_scripts_are_looked_up_exactly(target: Target) -> None:
    ids = ["24%", "24_", "訂單\\1", "טסט 1", "x" * 200]
    receipts = settle(target, *(submission(900 + place, order_id=each) for place, each in enumerate(ids)))

    held = target.look_up(CHANNEL, [*ids, "2411"])
    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert {held[each].oms_id for each in ids} == {receipt.oms_id for receipt in receipts}
    assert set(held) == set(ids)


def test_a_document_that_nobody_can_read_is_refused_and_the_next_one_goes_on(target: Target) -> None:
    broken = Submission("key", CHANNEL, "24-00022", 1, b"[]")

    refused, accepted = settle(target, broken, submission(23))

    assert (refused.reason or "").startswith("OMS_DOCUMENT_UNREADABLE")
    assert accepted.outcome == "accepted"
