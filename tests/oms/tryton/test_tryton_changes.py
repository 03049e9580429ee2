"""What later versions do to an order in Tryton: edits, statuses, and what Tryton's own people did meanwhile."""

from __future__ import annotations

from orders import CHANNEL, line, person, settle, submission
from tryton_server import Server
from tryton_target import REAL, opened, rows, sales

from orderflow.domain.target import Target

pytestmark = REAL


def test_an_edit_replaces_the_lines_exactly_while_nothing_is_processed(server: Server) -> None:
    target = opened(server, until="confirmed")
    held = submission(10, order_status="on_hold", lines=[line(1), line(2, "SKU-002")], grand_total="64.5")
    settle(target, held)
    assert sales(server, 10)[0][1] == "draft"

    edited = submission(10, 2, lines=[line(1, "SKU-003", "1", "12")], grand_total="16.5", order_status="on_hold")
    settle(target, edited)

    order = target.look_up(CHANNEL, ["24-00010"])["24-00010"]
    assert (order.version, order.lines, order.total, order.key) == (2, 1, "16.5", edited.key)
    ((count,),) = rows(server, "select count(*) from sale_line where sale = %s", order.oms_id)
    assert count == 2


def test_an_edit_after_processing_began_is_refused_by_name_and_a_mere_status_change_is_not(
    server: Server, target: Target
) -> None:
    settle(target, submission(11))

    (paid,) = settle(target, submission(11, 2, payment_status="paid"))
    (edit,) = settle(target, submission(11, 3, lines=[line(quantity="4", total="40")], grand_total="44.5"))
    (moved,) = settle(target, submission(11, 4, contacts=[person(11, city="高雄市")]))

    assert paid.outcome == "accepted"
    assert (edit.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert (moved.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert [each.stage for each in (paid, edit, moved)] == ["picking"] * 3
    held = target.look_up(CHANNEL, ["24-00011"])["24-00011"]
    assert (held.version, held.total) == (2, "34.5")


def test_data_that_the_platform_masks_later_is_no_change_and_overwrites_nothing(server: Server, target: Target) -> None:
    settle(target, submission(12))
    masked = person(12, name="王**", address=["***"], phone="****", email="m***@example.test")

    (receipt,) = settle(target, submission(12, 2, masking="masked", contacts=[masked]))
    (again,) = settle(target, submission(12, 3, closed_at="2026-04-01T00:00:00Z"))

    assert (receipt.outcome, again.outcome) == ("accepted", "accepted")
    streets = rows(
        server,
        "select a.street from party_address a join party_party p on p.id = a.party where p.code = %s",
        f"{CHANNEL}/buyer-12",
    )
    assert streets == [("信義路五段12號\nشقة 4",)]


def test_orders_are_held_released_cancelled_and_taken_up_again(server: Server) -> None:
    target = opened(server, until="confirmed")
    states = []
    for version, status in enumerate(("pending", "cancelled", "on_hold", "cancelled", "pending"), 1):
        (receipt,) = settle(target, submission(13, version, order_status=status))
        assert receipt.outcome == "accepted", receipt.reason
        states.append(sales(server, 13)[0][1])

    assert states == ["draft", "cancelled", "draft", "cancelled", "draft"]


def test_lines_that_change_with_a_cancellation_are_written_when_the_order_is_taken_up_again(target: Target) -> None:
    empty = {"lines": [line(quantity="0", total="0")], "grand_total": "4.5"}
    held, cancelled = {"order_status": "on_hold"}, {"order_status": "cancelled"}
    settle(target, submission(24, **held), submission(24, 2, **cancelled, **empty))
    assert target.look_up(CHANNEL, ["24-00024"])["24-00024"].total == "34.5"

    (receipt,) = settle(target, submission(24, 3, **held, **empty))

    order = target.look_up(CHANNEL, ["24-00024"])["24-00024"]
    assert receipt.outcome == "accepted", receipt.reason
    assert (order.total, order.version, order.key) == ("4.5", 3, receipt.key)


def test_a_cancellation_after_processing_began_is_refused_by_name(server: Server, target: Target) -> None:
    settle(target, submission(15))

    (receipt,) = settle(target, submission(15, 2, order_status="cancelled"))

    assert (receipt.reason or "").startswith("OMS_PROCESSING_STARTED")
    assert sales(server, 15)[0][1] == "processing"


def test_a_sale_that_somebody_cancelled_in_tryton_is_not_revived(server: Server, target: Target) -> None:
    settle(target, submission(16, order_status="pending"))
    rows(server, "update sale_sale set state = 'cancelled' where web_id = %s returning id", f"{CHANNEL}/24-00016")

    (receipt,) = settle(target, submission(16, 2))

    assert (receipt.reason or "").startswith("OMS_CANCELLED_THERE")
    assert target.look_up(CHANNEL, ["24-00016"])["24-00016"].key == ""


def test_an_older_version_never_overwrites_a_newer_one(target: Target) -> None:
    newer = submission(17, 5, order_status="on_hold", lines=[line(quantity="9", total="90")], grand_total="94.5")
    settle(target, newer)

    (late,) = settle(target, submission(17, 4, order_status="on_hold"))

    held = target.look_up(CHANNEL, ["24-00017"])["24-00017"]
    assert late.outcome == "accepted"
    assert (held.version, held.total) == (5, "94.5")
