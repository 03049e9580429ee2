"""Tables in a narrow terminal: long names and addresses go on in the next line, nothing is cut."""

from datetime import UTC, datetime, timedelta

import pytest
from staged import load, order, refusal

import orderflow.command.alerts
import orderflow.command.quarantine
import orderflow.command.review
from orderflow.domain.batch import Batch
from orderflow.staging import reviews

LONG = "GET /v3/pedidos?desde=23%2F11%2F2026+20%3A21%3A30&ate=23%2F11%2F2026+20%3A27%3A30&max=25&situacao=todos"
SHOP = "marketplace_with_a_long_name_of_its_own_tw"
CUT = "\N{HORIZONTAL ELLIPSIS}"


@pytest.fixture
def narrow(run, monkeypatch):
    """What a command prints in 80 columns."""
    for module in (orderflow.command.alerts, orderflow.command.quarantine, orderflow.command.review):
        monkeypatch.setattr(module.console, "_width", 80)
    return lambda *words: run(*words)[1]


def test_alerts_show_the_whole_address_and_the_whole_channel(narrow, store):
    with store.connection as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.alerts (channel, kind, severity, state, what, first_seen_at, last_seen_at)"
            " VALUES (%s, 'failed', 'critical', 'open', %s, now(), now())",
            (SHOP, LONG),
        )
    told = narrow("alerts")
    assert "failed" in told
    assert CUT not in told


def test_a_held_batch_shows_the_whole_reason(narrow, store):
    end = datetime(2026, 3, 1, 9, tzinfo=UTC)
    hour = {"window_start": end - timedelta(hours=1), "window_end": end}
    batch = Batch(channel=SHOP, run_id="a", landing="/l", held=f"guard drift: {LONG}", **hour)
    reviews.hold(store.connection, batch)
    told = narrow("review", "list")
    assert "guard" in told
    assert CUT not in told


def test_reasons_in_quarantine_show_the_whole_channel_and_rule(narrow, store):
    load(store, refused=[refusal(order(), 0, "A_RULE_WITH_A_NAME_AS_LONG_AS_SOME")], raw=[b"{}"], channel=SHOP)
    told = narrow("quarantine", "reasons")
    assert "24.50" in told
    assert CUT not in told
