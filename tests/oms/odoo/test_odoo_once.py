"""Each order once in Odoo, whatever is killed, lost or sent at the same moment."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from odoo_target import Server, opened, pickings, rows, states
from orders import CHANNEL, Deadly, Killed, line, settle, submission
from senders import at_once, two_of_which_one_is_killed

from orderflow.domain.errors import TransientError
from orderflow.domain.target import Submission


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

        at_once(*[send] * 8)

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

        at_once(*(partial(send, order(version)) for version in range(1, 5)))

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
    script = Path(__file__).with_name("odoo_sender.py")
    printed = two_of_which_one_is_killed(
        60, script, server.url, server.database, server.api, str(first), str(last), ODOO_KEY=server.key
    )

    assert [len(receipts) for receipts in printed] == [200, 200]
    assert all(" accepted " in receipt for receipts in printed for receipt in receipts)
    assert states(server, first, last) == ["sale"] * 200
    assert pickings(server, first, last) == 200
    before = rows(server, "select xmin, * from sale_order")
    receipts = settle(opened(server), *(submission(number) for number in range(first, last + 1)))
    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert rows(server, "select xmin, * from sale_order") == before
