"""Each order once in an OMS's tables, with many senders, killed ones, and a server that stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from orders import settle, submission
from postgres_target import TABLE, opened, rows
from senders import at_once, sender, two_of_which_one_is_killed

from orderflow.domain.errors import TransientError
from orderflow.sandbox.postgres import Postgres


def test_many_senders_at_once_make_one_row_per_order(tables: str) -> None:
    receipts = []

    def send() -> None:
        receipts.extend(settle(opened(tables, table=TABLE), *(submission(number) for number in range(50, 0, -1))))

    at_once(*[send] * 6)

    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert rows(tables, "select count(*), sum(touched) from oms.orders") == [(50, 0)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(50,)]


def test_two_processes_push_200_orders_and_one_is_killed_and_started_again(tables: str) -> None:
    script = Path(__file__).with_name("postgres_sender.py")
    printed = two_of_which_one_is_killed(30, script, tables)

    assert [len(lines) for lines in printed] == [200, 200]
    assert rows(tables, "select count(*), sum(touched), max(version) from oms.orders") == [(200, 0, 1)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(400,)]
    before = rows(tables, "select xmin, * from oms.orders order by id")
    sender(script, tables).communicate()
    assert rows(tables, "select xmin, * from oms.orders order by id") == before


def test_a_server_that_stops_in_the_middle_leaves_the_batch_pending(postgres: Postgres, tables: str) -> None:
    rows(
        tables,
        "create function oms.gone() returns trigger language plpgsql as $$ begin "
        "perform pg_terminate_backend(pg_backend_pid()); return new; end $$",
    )
    rows(
        tables,
        "create trigger gone after insert on oms.orders for each row "
        "when (new.\"external ID\" = '24-00002') execute function oms.gone()",
    )

    with pytest.raises(TransientError, match="stays pending"):
        settle(opened(tables, table=TABLE), submission(1), submission(2))

    assert rows(tables, "select count(*) from oms.orders") == [(0,)]
