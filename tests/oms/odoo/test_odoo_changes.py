"""What later versions do to an order in Odoo: edits, statuses, and what Odoo's own people did meanwhile."""

from __future__ import annotations

import pytest
from odoo_target import Server, deliver, pickings, rows, states
from orders import CHANNEL, line, person, settle, submission

from orderflow.domain.target import Target


def test_an_edit_replaces_the_lines_exactly_and_its_delivery(server: Server, target: Target) -> None:
    (first,) = settle(target, submission(10, lines=[line(1), line(2, "SKU-002")], grand_total="64.5"))

    edited = submission(10, 2, lines=[line(1, "SKU-003", "1", "12")], grand_total="16.5")
    (second,) = settle(target, edited)

    order = target.look_up(CHANNEL, ["24-00010"])["24-00010"]
    assert second.oms_id == first.oms_id
    assert (order.version, order.lines, order.total, order.key) == (2, 1, "16.5", edited.key)
    assert (states(server, 10), pickings(server, 10)) == (["sale"], 1)


@pytest.mark.parametrize("column", ["qty_delivered", "qty_invoiced"])
def test_an_edit_after_delivery_began_is_refused_by_name_and_a_mere_status_change_is_not(
    server: Server, target: Target, column: str
) -> None:
    number = 11 if column == "qty_delivered" else 12
    (receipt,) = settle(target, submission(number))
    rows(server, f"update sale_order_line set {column} = 1 where order_id = %s", receipt.oms_id)

    (paid,) = settle(target, submission(number, 2, payment_status="paid"))
    (edit,) = settle(target, submission(number, 3, lines=[line(quantity="4", total="40")], grand_total="44.5"))
    (cancelled,) = settle(target, submission(number, 4, order_status="cancelled"))

    assert paid.outcome == "accepted"
    assert (edit.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert (cancelled.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert (edit.stage, cancelled.stage) == ("invoiced", "invoiced")
    assert states(server, number) == ["sale"]


def test_an_order_for_which_odoo_bought_is_not_edited_but_may_be_cancelled(server: Server, target: Target) -> None:
    if server.admin:
        pytest.skip("Purchase is not installed there")
    (receipt,) = settle(target, submission(25))
    rows(server, "update sale_order set purchase_order_count = 1 where id = %s", receipt.oms_id)

    (edit,) = settle(target, submission(25, 2, lines=[line(quantity="4", total="40")], grand_total="44.5"))
    assert (edit.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert (states(server, 25), pickings(server, 25)) == (["sale"], 1)

    (cancelled,) = settle(target, submission(25, 3, order_status="cancelled"))
    assert (cancelled.outcome, states(server, 25)) == ("accepted", ["cancel"])


def test_a_locked_order_is_left_alone(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(13))
    rows(server, "update sale_order set locked = true where id = %s", receipt.oms_id)

    (cancelled,) = settle(target, submission(13, 2, order_status="cancelled"))

    assert (cancelled.reason or "").startswith("OMS_LOCKED")
    assert states(server, 13) == ["sale"]


def test_orders_are_held_released_cancelled_and_taken_up_again(server: Server, target: Target) -> None:
    found = []
    for version, status in enumerate(("pending", "open", "on_hold", "open", "cancelled", "open", "cancelled"), 1):
        (receipt,) = settle(target, submission(14, version, order_status=status))
        assert receipt.outcome == "accepted", receipt.reason
        assert target.look_up(CHANNEL, ["24-00014"])["24-00014"].key == receipt.key
        found.append(*states(server, 14))

    assert found == ["draft", "sale", "draft", "sale", "cancel", "sale", "cancel"]
    assert pickings(server, 14) == 0


def test_lines_that_change_with_a_cancellation_are_written_when_the_order_is_taken_up_again(target: Target) -> None:
    empty = {"lines": [line(quantity="0", total="0")], "grand_total": "4.5"}
    settle(target, submission(24), submission(24, 2, order_status="cancelled", **empty))
    assert target.look_up(CHANNEL, ["24-00024"])["24-00024"].total == "34.5"

    (receipt,) = settle(target, submission(24, 3, **empty))

    held = target.look_up(CHANNEL, ["24-00024"])["24-00024"]
    assert receipt.outcome == "accepted", receipt.reason
    assert (held.total, held.version, held.status) == ("4.5", 3, "open")


def test_a_delivered_order_is_completed_and_one_that_somebody_cancelled_is_not_revived(
    server: Server, target: Target
) -> None:
    (delivered, cancelled) = settle(target, submission(15), submission(16))
    deliver(server, delivered.oms_id)
    rows(server, "update sale_order set state = 'cancel' where id = %s", cancelled.oms_id)

    (receipt,) = settle(target, submission(16, 2))

    held = target.look_up(CHANNEL, ["24-00015", "24-00016"])
    assert held["24-00015"].status == "completed"
    assert (receipt.reason or "").startswith("OMS_CANCELLED_THERE")
    assert held["24-00016"].key == ""


def test_an_older_version_never_overwrites_a_newer_one(target: Target) -> None:
    settle(target, submission(17, 5, lines=[line(quantity="9", total="90")], grand_total="94.5"))

    (late,) = settle(target, submission(17, 4))

    held = target.look_up(CHANNEL, ["24-00017"])["24-00017"]
    assert late.outcome == "accepted"
    assert (held.version, held.total) == (5, "94.5")


def test_data_that_the_platform_masks_later_is_no_change_and_overwrites_nothing(server: Server, target: Target) -> None:
    settle(target, submission(18))
    masked = person(18, name="王**", address=["***"], phone="****")
    before = rows(server, "select * from res_partner")

    (receipt,) = settle(target, submission(18, 2, masking="masked", contacts=[masked]))

    assert receipt.outcome == "accepted"
    assert rows(server, "select * from res_partner") == before
