"""Orders into a real Tryton 7.0 on a real PostgreSQL: each once, with the channel's money, whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
import tryton_server
from orders import CHANNEL, NETWORK, Deadly, Killed, line, person, runtime, settle, submission
from tryton_server import LOGIN, PASSWORD, Server

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.order import Charge, Discount, Tax
from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Submission, Target
from orderflow.oms import tryton

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not tryton_server.wanted(), reason="ORDERFLOW_REAL=1 installs Tryton and runs these"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tryton_server.running() as running:
        yield running


@pytest.fixture
def target(server: Server) -> Target:
    return opened(server)


def opened(server: Server, *, transport: Any = NETWORK, password: str = PASSWORD, **options: Any) -> Target:
    settings = tryton.OPTIONS(**{"database": server.database, "charges": {"shipping": "SHIP"}, **options})
    return tryton.open(
        settings,
        Account("erp", server.url, LOGIN, Secret(password)),
        runtime(transport, lambda seconds: time.sleep(min(seconds, 0.3))),
    )


def rows(server: Server, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def sales(server: Server, first: int, last: int | None = None) -> list[tuple[Any, ...]]:
    """`(web_id, state)` of orders first..last."""
    names = [f"{CHANNEL}/24-{number:05d}" for number in range(first, (last or first) + 1)]
    return rows(server, "select web_id, state from sale_sale where web_id = any(%s) order by 1", names)


def shipments(server: Server, first: int, last: int | None = None) -> int:
    names = [f"{CHANNEL}/24-{number:05d}" for number in range(first, (last or first) + 1)]
    ((count,),) = rows(
        server,
        "select count(distinct m.shipment) from sale_sale s join sale_line l on l.sale = s.id "
        "join stock_move m on m.origin = 'sale.line,' || l.id where s.web_id = any(%s)",
        names,
    )
    return int(count)


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
    order = submission(
        6,
        currency="USD",
        taxes_included=False,
        tax_total="8.25",
        taxes=[Tax(title="NY State", amount="4"), Tax(title="NYC", amount="4.25")],
        lines=[line(1, quantity="3", total="10"), line(2, "SKU-002", quantity="7000", total="100.01")],
        charges=[Charge(kind="gift_wrap", amount="2", total="2")],
        discounts=[Discount(title="優惠", amount="5", allocated="3")],
        rounding="-0.01",
        grand_total="118.25",
        contacts=[person(6, country="US", region="NY")],
    )
    (receipt,) = settle(target, order)

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


def test_an_order_that_arrives_cancelled_is_held_as_cancelled(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(14, order_status="cancelled", grand_total="0"))

    assert receipt.outcome == "accepted"
    assert target.look_up(CHANNEL, ["24-00014"])["24-00014"].status == "cancelled"
    assert shipments(server, 14) == 0


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


def test_a_crash_after_any_call_leaves_one_sale_once_it_is_sent_again(server: Server) -> None:
    for calls in range(1, 40):
        number = 100 + calls
        with contextlib.suppress(Killed):
            settle(opened(server, transport=Deadly(calls, Killed)), submission(number))
            break
        unfinished = opened(server).look_up(CHANNEL, [f"24-{number:05d}"])
        (receipt,) = settle(opened(server), submission(number, earlier=True))
        assert receipt.outcome == "accepted"
        assert all(not each.key for each in unfinished.values()) or sales(server, number)[0][1] == "processing"
    else:
        pytest.fail("one order takes more than forty calls")
    assert calls > 8
    assert [state for _, state in sales(server, 101, 100 + calls)] == ["processing"] * calls
    assert shipments(server, 101, 100 + calls) == calls


def test_a_lost_answer_is_asked_for_again_within_the_same_attempt(server: Server) -> None:
    for calls in range(1, 16):
        transport = Deadly(calls, lambda: httpx.ReadTimeout("no answer"))
        (receipt,) = settle(opened(server, transport=transport), submission(150 + calls))
        assert receipt.outcome == "accepted"
    assert [state for _, state in sales(server, 151, 165)] == ["processing"] * 15
    assert shipments(server, 151, 165) == 15


def test_eight_senders_of_one_order_at_the_same_moment_make_one_sale(server: Server) -> None:
    gate = threading.Barrier(8)
    receipts = []

    def send() -> None:
        mine = opened(server)
        mine.look_up(CHANNEL, ["warm"])
        gate.wait()
        receipts.extend(settle(mine, submission(170)))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert len({receipt.oms_id for receipt in receipts}) == 1
    assert sales(server, 170) == [(f"{CHANNEL}/24-00170", "processing")]
    assert shipments(server, 170) == 1


def test_senders_of_different_versions_at_the_same_moment_leave_the_newest(server: Server) -> None:
    for number in range(171, 175):
        gate = threading.Barrier(4)

        def send(version: int, number: int = number, gate: threading.Barrier = gate) -> None:
            total = str(version)
            order = submission(
                number, version, lines=[line(quantity="1", total=total)], charges=[], grand_total=total, buyer_id="same"
            )
            mine = opened(server, until="quotation")
            gate.wait()
            with contextlib.suppress(TransientError):
                settle(mine, order)

        threads = [threading.Thread(target=send, args=(version,)) for version in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        name = f"24-{number:05d}"
        held = opened(server, until="quotation").look_up(CHANNEL, [name])[name]
        assert (held.version, held.total, bool(held.key)) == (4, "4", True)


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.environ.get("ORDERFLOW_REAL") != "1", reason="takes minutes; ORDERFLOW_REAL=1 runs it")
def test_two_processes_push_500_orders_and_one_is_killed_and_started_again(server: Server) -> None:
    first, last = 1001, 1500

    def sender() -> subprocess.Popen[str]:
        script = Path(__file__).with_name("tryton_sender.py")
        arguments = [server.url, server.database, LOGIN, PASSWORD, str(first), str(last)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen(
            [sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, env=environment
        )

    one, other = sender(), sender()
    assert other.stdout is not None
    for _ in range(120):
        other.stdout.readline()
    other.send_signal(signal.SIGKILL)
    other.wait()
    again = sender()
    printed = [process.communicate()[0].splitlines() for process in (one, again)]

    assert [len(receipts) for receipts in printed] == [500, 500]
    assert all(" accepted " in receipt for receipts in printed for receipt in receipts)
    found = sales(server, first, last)
    assert len(found) == 500
    assert len({web_id for web_id, _ in found}) == 500
    assert {state for _, state in found} == {"processing"}
    assert shipments(server, first, last) == 500
    look = "select max(coalesce(write_date, create_date)), count(*) from sale_sale"
    before = rows(server, look)
    (receipts,) = [settle(opened(server), *(submission(number) for number in range(first, last + 1)))]
    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert rows(server, look) == before


def test_a_wrong_password_is_denied_and_a_wrong_database_is_a_wrong_setting(server: Server) -> None:
    with pytest.raises(DeniedError, match="refused the login"):
        settle(opened(server, password="wrong"), submission(1))
    with pytest.raises((ConfigError, DeniedError)):
        settle(opened(server, database="nowhere"), submission(1))


def test_a_session_that_ended_is_renewed(server: Server, target: Target) -> None:
    target.look_up(CHANNEL, ["24-00001"])
    rows(server, "delete from ir_session returning id")

    (receipt,) = settle(target, submission(180))

    assert receipt.outcome == "accepted"


def test_a_tryton_that_is_down_is_transient(server: Server) -> None:
    account = Account("erp", "http://127.0.0.1:9", LOGIN, Secret(PASSWORD))
    quick = runtime()
    target = tryton.open(tryton.OPTIONS(database=server.database), account, quick)

    with pytest.raises(TransientError):
        settle(target, submission(1))
