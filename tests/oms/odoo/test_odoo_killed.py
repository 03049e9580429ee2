"""A real Odoo that is killed with all its processes while it works, and a sender that is: each order once, as told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import odoo_real
import pytest
from odoo_real import Running
from odoo_sender import story
from odoo_target import REAL, Server, rows
from senders import sender

pytestmark = REAL

ORDERS = int(os.environ.get("ORDERS", "60"))
HELD = """
    select s.client_order_ref, s.state, s.amount_total::text, c.name, s.origin,
        (select count(*) from stock_picking p where p.sale_id = s.id and p.state != 'cancel')
    from sale_order s join res_currency c on c.id = s.currency_id order by s.id
"""


@pytest.fixture
def running() -> Iterator[Running]:
    with odoo_real.running() as odoo:
        yield odoo


@pytest.mark.parametrize("api", ["jsonrpc", "json2"])
def test_orders_edits_and_cancellations_arrive_once_although_odoo_and_the_sender_are_killed(
    running: Running, api: str
) -> None:
    script = Path(__file__).with_name("odoo_sender.py")
    for chapter in range(4):
        for killed in ("odoo", "sender", None):
            arguments = [running.url, running.database, api, "1", str(ORDERS), str(chapter)]
            process = sender(script, *arguments, ODOO_KEY=running.key)
            assert process.stdout is not None
            for _ in range(ORDERS // 12) if killed else ():
                process.stdout.readline()
            if killed == "odoo":
                running.kill()
                process.communicate()
                running.start()
            elif killed == "sender":
                process.kill()
                process.communicate()
        printed = process.communicate()[0].splitlines()
        assert process.returncode == 0
        assert {receipt.split()[1] for receipt in printed} == {"accepted"}, printed

    held = rows(Server(running.url, running.dsn, api), HELD)
    assert [name for name, *_ in held] == [f"#{number}" for number in range(1, ORDERS + 1)]
    for number, (_, state, total, currency, origin, pickings) in enumerate(held, 1):
        last = story(number)[-1]
        wanted = json.loads(last.document)
        assert last.key in origin
        if wanted.get("order_status") == "cancelled":
            assert (state, pickings) == ("cancel", 0)
        else:
            assert (state, float(total), currency, pickings) == (
                "sale", float(wanted["grand_total"]), wanted["currency"], 1,
            )  # fmt: skip
