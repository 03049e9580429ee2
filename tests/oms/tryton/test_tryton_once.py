"""Each order once in a real Tryton, whatever is killed, lost, refused or sent at the same moment."""

from __future__ import annotations

import contextlib
import os
import threading
from functools import partial
from pathlib import Path

import httpx
import pytest
from orders import CHANNEL, Deadly, Killed, line, runtime, settle, submission
from senders import at_once, two_of_which_one_is_killed
from tryton_server import LOGIN, PASSWORD, Server
from tryton_target import REAL, opened, rows, sales, shipments

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import tryton

pytestmark = REAL


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

    at_once(*[send] * 8)

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

        at_once(*(partial(send, version) for version in range(1, 5)))

        name = f"24-{number:05d}"
        held = opened(server, until="quotation").look_up(CHANNEL, [name])[name]
        assert (held.version, held.total, bool(held.key)) == (4, "4", True)


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.environ.get("ORDERFLOW_REAL") != "1", reason="takes minutes; ORDERFLOW_REAL=1 runs it")
def test_two_processes_push_500_orders_and_one_is_killed_and_started_again(server: Server) -> None:
    first, last = 1001, 1500
    arguments = [server.url, server.database, LOGIN, PASSWORD, str(first), str(last)]
    printed = two_of_which_one_is_killed(120, Path(__file__).with_name("tryton_sender.py"), *arguments)

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
