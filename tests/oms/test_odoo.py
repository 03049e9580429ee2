"""Orders into a simulated Odoo (17 by JSON-RPC, 19 by JSON-2): each once, with the channel's money."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import odoo_server
import psycopg2
import pytest
from odoo_server import DATABASE, KEY, LOGIN
from orders import CHANNEL, NETWORK, Deadly, Killed, line, person, runtime, settle, submission

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.order import Charge, Discount, Tax
from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Submission, Target
from orderflow.oms import odoo
from orderflow.sandbox.postgres import Postgres


@dataclass(frozen=True)
class Server:
    url: str
    dsn: str
    api: str


@pytest.fixture(scope="module", params=["jsonrpc", "json2"])
def server(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Server]:
    dsn = postgres.create(f"odoo_{request.param}")
    with odoo_server.running(dsn, modern=request.param == "json2") as url:
        yield Server(url, dsn, request.param)


@pytest.fixture
def target(server: Server) -> Target:
    return opened(server)


def opened(server: Server, *, transport: Any = NETWORK, key: str = KEY, **options: Any) -> Target:
    settings = {"database": DATABASE, "api": server.api, "charges": {"shipping": "SHIP", "*": "MISC"}, **options}
    return odoo.open(
        odoo.OPTIONS(**settings),
        Account("erp", server.url, LOGIN, Secret(key)),
        runtime(transport, lambda seconds: time.sleep(min(seconds, 0.02))),
    )


def rows(server: Server, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def states(server: Server, first: int, last: int | None = None) -> list[str]:
    names = [f"#{number}" for number in range(first, (last or first) + 1)]
    query = "select state from sale_order where client_order_ref = any(%s) order by id"
    return [state for (state,) in rows(server, query, names)]


def pickings(server: Server, first: int, last: int | None = None) -> int:
    """Deliveries that are not cancelled."""
    names = [f"#{number}" for number in range(first, (last or first) + 1)]
    query = (
        "select count(*) from stock_picking p join sale_order s on s.id = p.sale_id "
        "where p.state != 'cancel' and client_order_ref = any(%s)"
    )
    return int(rows(server, query, names)[0][0])


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
        "select p.name, p.ref, d.type, d.city, d.street2 from res_partner p join res_partner d on d.parent_id = p.id"
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
    precise = opened(server, price_places=4)
    order = submission(6, lines=[line(quantity="7000", total="100.01")], grand_total="104.51")

    (refused,) = settle(precise, order)
    (accepted,) = settle(
        opened(server), submission(6, 2, lines=[line(quantity="7000", total="100.01")], grand_total="104.51")
    )

    assert (refused.reason or "").startswith("OMS_TOTAL_DIFFERS")
    assert "74.41 EUR" in (refused.reason or "")
    assert accepted.outcome == "accepted"
    assert states(server, 6) == ["sale"]


def test_taxes_on_top_open_discounts_rounding_and_odd_prices_become_lines_that_add_up(
    server: Server, target: Target
) -> None:
    order = submission(
        7,
        currency="USD",
        taxes_included=False,
        tax_total="8.25",
        taxes=[Tax(title="NY State", amount="4"), Tax(title="NYC", amount="4.25")],
        lines=[line(1, quantity="3", total="10"), line(2, "SKU-002", quantity="7000", total="100.01")],
        charges=[Charge(kind="gift_wrap", amount="2", total="2")],
        discounts=[Discount(title="優惠", amount="5", allocated="3")],
        rounding="-0.01",
        grand_total="118.25",
        contacts=[person(7, country="US", region="NY")],
    )
    (receipt,) = settle(target, order)

    held = target.look_up(CHANNEL, ["24-00007"])["24-00007"]
    assert receipt.reason is None
    assert (held.total, held.currency, held.lines) == ("118.25", "USD", 2)
    assert rows(server, "select state_id from res_partner where type = 'delivery' and country_id = 2") == [(1,)]


def test_a_currency_without_a_pricelist_is_refused(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(8, currency="THB"))

    assert (receipt.reason or "").startswith("OMS_CURRENCY_DIFFERS")
    assert states(server, 8) == ["draft"]


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
    rows(server, "update stock_picking set state = 'done' where sale_id = %s", delivered.oms_id)
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


def test_a_refusal_in_odoos_words_names_no_buyer(target: Target) -> None:
    refused, accepted = settle(target, submission(19, contacts=[person(19, name="Refuse me 王")]), submission(20))

    assert refused.reason == "OMS_REFUSED: The contact *** is on the black list."
    assert accepted.outcome == "accepted"


def test_an_order_copied_inside_odoo_is_not_taken_for_the_order(server: Server, target: Target) -> None:
    (receipt,) = settle(target, submission(21))
    rows(
        server,
        "insert into sale_order (origin, partner_id, state) "
        "select origin, partner_id, 'draft' from sale_order where id = %s",
        receipt.oms_id,
    )

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


def test_a_crash_after_any_call_leaves_one_order_once_it_is_sent_again(server: Server) -> None:
    for calls in range(1, 40):
        number = 100 + calls
        with contextlib.suppress(Killed):
            settle(opened(server, transport=Deadly(calls, Killed)), submission(number))
            break
        unfinished = opened(server).look_up(CHANNEL, [f"24-{number:05d}"])
        assert all(not each.key for each in unfinished.values()) or states(server, number) == ["sale"]
        (receipt,) = settle(opened(server), submission(number, earlier=True))
        assert receipt.outcome == "accepted"
    else:
        pytest.fail("one order takes more than forty calls")
    assert calls > 10
    assert states(server, 101, 100 + calls) == ["sale"] * calls
    assert pickings(server, 101, 100 + calls) == calls


def test_a_crash_after_any_call_of_an_edit_leaves_the_new_version(server: Server) -> None:
    edit = {"lines": [line(1, "SKU-003", "1", "12")], "grand_total": "16.5"}
    for calls in range(1, 40):
        number = 200 + calls
        settle(opened(server), submission(number))
        with contextlib.suppress(Killed):
            settle(opened(server, transport=Deadly(calls, Killed)), submission(number, 2, **edit))
            break
        (receipt,) = settle(opened(server), submission(number, 2, earlier=True, **edit))
        assert receipt.outcome == "accepted", receipt.reason
    assert calls > 10
    held = opened(server).look_up(CHANNEL, [f"24-{200 + number:05d}" for number in range(1, calls + 1)])
    assert {(each.version, each.total, each.status) for each in held.values()} == {(2, "16.5", "open")}
    assert pickings(server, 201, 200 + calls) == calls


def test_a_lost_answer_is_asked_for_again_within_the_same_attempt(server: Server) -> None:
    for calls in range(1, 18):
        transport = Deadly(calls, lambda: httpx.ReadTimeout("no answer"))
        (receipt,) = settle(opened(server, transport=transport), submission(250 + calls))
        assert receipt.outcome == "accepted", receipt.reason
    assert states(server, 251, 267) == ["sale"] * 17
    assert pickings(server, 251, 267) == 17


def test_eight_senders_of_one_order_at_the_same_moment_make_one(server: Server) -> None:
    for number in range(300, 310):
        gate, receipts = threading.Barrier(8), []

        def send(number: int = number, gate: threading.Barrier = gate, receipts: list[Any] = receipts) -> None:
            mine = opened(server)
            mine.look_up(CHANNEL, ["warm"])
            gate.wait()
            with contextlib.suppress(TransientError):
                receipts.extend(settle(mine, submission(number)))

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {(receipt.outcome, receipt.reason) for receipt in receipts} == {("accepted", None)}
        assert len({receipt.oms_id for receipt in receipts}) == 1
        assert (states(server, number), pickings(server, number)) == (["sale"], 1)


def test_senders_of_different_versions_at_the_same_moment_make_one_order_that_is_what_its_marker_says(
    server: Server,
) -> None:
    for number in range(320, 326):
        gate = threading.Barrier(4)

        def order(version: int, number: int = number) -> Submission:
            total = str(version)
            return submission(number, version, lines=[line(quantity="1", total=total)], charges=[], grand_total=total)

        def send(sent: Submission, gate: threading.Barrier = gate) -> None:
            mine = opened(server)
            gate.wait()
            with contextlib.suppress(TransientError):
                settle(mine, sent)

        threads = [threading.Thread(target=send, args=(order(version),)) for version in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        name = f"24-{number:05d}"
        held = opened(server).look_up(CHANNEL, [name])[name]
        assert held.total == str(held.version)
        assert len(states(server, number)) == 1
        (newest,) = settle(opened(server), order(5))
        held = opened(server).look_up(CHANNEL, [name])[name]
        assert newest.outcome == "accepted" or "CANCELLED_THERE" in (newest.reason or "")
        assert held.version == 5 or newest.outcome == "refused"
        assert pickings(server, number) <= 1


def test_two_processes_push_200_orders_and_one_is_killed_and_started_again(server: Server) -> None:
    first, last = 1001, 1200

    def sender() -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        arguments = [server.url, server.api, str(first), str(last)]
        script = Path(__file__).with_name("odoo_sender.py")
        return subprocess.Popen(
            [sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, env=environment
        )

    one, other = sender(), sender()
    assert other.stdout is not None
    for _ in range(60):
        other.stdout.readline()
    other.kill()
    other.wait()
    again = sender()
    printed = [process.communicate()[0].splitlines() for process in (one, again)]

    assert [len(receipts) for receipts in printed] == [200, 200]
    assert all(" accepted " in receipt for receipts in printed for receipt in receipts)
    assert states(server, first, last) == ["sale"] * 200
    assert pickings(server, first, last) == 200
    before = rows(server, "select xmin, * from sale_order")
    receipts = settle(opened(server), *(submission(number) for number in range(first, last + 1)))
    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert rows(server, "select xmin, * from sale_order") == before


class Failing(httpx.BaseTransport):
    """Answers the first call of a method with an exception of Odoo's; everything else is carried out."""

    def __init__(self, method: str, name: str, message: str, status: int) -> None:
        self.method, self.error, self.status = method, {"name": name, "message": message}, status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.method or self.method not in f"{request.url.path} {request.read().decode()}":
            return NETWORK.handle_request(request)
        self.method = ""
        if request.url.path == "/jsonrpc":
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "data": self.error}})
        return httpx.Response(self.status, json=self.error)


def test_odoo_failing_over_one_order_leaves_that_one_pending_and_the_next_goes_on(server: Server) -> None:
    broken = Failing("action_confirm", "builtins.KeyError", "'warehouse'", 500)
    receipts: list[Any] = []
    with pytest.raises(DriftError, match="KeyError"):
        receipts.extend(opened(server, transport=broken).submit([submission(7001), submission(7002)]))
    assert states(server, 7001, 7002) == ["draft", "sale"]


def test_a_record_that_a_rule_hides_refuses_its_order_and_a_model_that_is_not_allowed_stops_all(server: Server) -> None:
    name = "odoo.exceptions.AccessError"
    secret = (
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nThis seems to be a multi-company issue"
    )
    refused, accepted = settle(
        opened(server, transport=Failing("action_confirm", name, secret, 403)), submission(7003), submission(7004)
    )
    assert (refused.outcome, accepted.outcome) == ("refused", "accepted")
    assert "multi-company" in (refused.reason or "")

    never = Failing("action_confirm", name, "You are not allowed to modify 'Sales Order' (sale.order) records.", 403)
    with pytest.raises(DeniedError):
        settle(opened(server, transport=never), submission(7005))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("odoo.exceptions.MissingError", 404),
        ("odoo.exceptions.LockError", 409),
        ("odoo.exceptions.ConcurrencyError", 409),
    ],
)
def test_a_record_that_others_hold_or_remove_at_that_moment_is_read_again(
    server: Server, name: str, status: int
) -> None:
    disturbed = Failing("sale.order/write" if server.api == "json2" else '"write"', name, "busy", status)
    number = {"odoo.exceptions.MissingError": 7006, "odoo.exceptions.LockError": 7007}.get(name, 7008)
    (receipt,) = settle(opened(server, transport=disturbed), submission(number))
    assert (receipt.outcome, states(server, number), disturbed.method) == ("accepted", ["sale"], "")


def test_a_reason_is_no_longer_than_anybody_reads(server: Server) -> None:
    endless = Failing("action_confirm", "odoo.exceptions.UserError", "no " * 100_000, 422)
    (receipt,) = settle(opened(server, transport=endless), submission(7009))
    assert receipt.outcome == "refused"
    assert len(receipt.reason or "") < 2000


def test_a_wrong_key_is_denied(server: Server) -> None:
    with pytest.raises(DeniedError):
        settle(opened(server, key="wrong"), submission(1))


def test_a_url_that_is_no_odoo_is_a_wrong_setting(server: Server) -> None:
    target = odoo.open(
        odoo.OPTIONS(database=DATABASE, api="json2"),
        Account("erp", f"{server.url}/elsewhere", LOGIN, Secret(KEY)),
        runtime(),
    )
    with pytest.raises((ConfigError, DeniedError)):
        settle(target, submission(1))


def test_a_connection_without_a_key_is_a_wrong_setting(server: Server) -> None:
    with pytest.raises(ConfigError, match="API key"):
        odoo.open(odoo.OPTIONS(database=DATABASE), Account("erp", server.url, LOGIN), runtime())
