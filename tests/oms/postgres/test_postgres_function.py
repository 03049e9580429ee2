"""Orders into a function of an OMS's own PostgreSQL: each version once, its words as the reason."""

from __future__ import annotations

import pytest
from orders import CHANNEL, settle, submission
from postgres_target import OVERVIEW, TABLE, opened, rows
from pydantic import ValidationError
from senders import at_once

from orderflow.oms import postgres as kind


def test_a_function_needs_to_tell_what_it_holds_and_a_table_does_not() -> None:
    for options in ({}, {"function": "f"}, {"table": TABLE, "function": "f"}, {"table": TABLE, "look_up": OVERVIEW}):
        with pytest.raises(ValidationError):
            kind.OPTIONS(**options)
    with pytest.raises(ValidationError, match="`key` or `version`"):
        kind.OPTIONS(function="f", look_up={k: v for k, v in OVERVIEW.items() if k != "key"})


def test_a_function_receives_each_version_once(function: str) -> None:
    target = opened(function, function="receive_order(jsonb)", look_up=OVERVIEW)

    (first,) = settle(target, submission(1))
    (again,) = settle(target, submission(1, earlier=True))
    (newer,) = settle(target, submission(1, 2, grand_total="1"))

    assert (first.oms_id, again.oms_id, newer.oms_id) == ("IN-1", "IN-1", "IN-1")
    assert rows(function, "select version, total::text from inbox") == [(2, "1")]
    held = target.look_up(CHANNEL, ["24-00001"])["24-00001"]
    assert (held.oms_id, held.total, held.version) == ("IN-1", "1", None)


def test_what_a_function_raises_is_the_reason(function: str) -> None:
    target = opened(function, function="receive_order", look_up=OVERVIEW)

    refused, accepted = settle(target, submission(1, currency="XXX"), submission(2))

    assert refused.reason == "OMS_REFUSED: we do not trade in XXX (P0001)"
    assert accepted.oms_id == "IN-1"


def test_many_senders_at_once_make_one_row_even_where_the_function_looks_before_it_inserts(function: str) -> None:
    ((database,),) = rows(function, "select current_database()")
    rows(function, f"alter database {database} set default_transaction_isolation to 'repeatable read'")
    receipts = []

    def send() -> None:
        target = opened(function, function="receive_order", look_up=OVERVIEW)
        receipts.extend(settle(target, *(submission(number) for number in range(20))))

    at_once(*[send] * 6)

    assert len(receipts) == 120
    assert rows(function, "select count(*), count(distinct code) from inbox") == [(20, 20)]
