"""What a look at the ledger starts: real PostgreSQL, and a scheduler that says what it is told to say."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import set_current_context
from staged import batch, load, order

from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.order import Order
from orderflow.domain.source import Adapter, Limits, Options
from orderflow.domain.window import Window
from orderflow.orchestration import heal
from orderflow.staging import ledger

NOW = datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass
class Runs:
    """Airflow's runs: `active` are (DAG, run id or logical date) under way."""

    active: set = field(default_factory=set)
    pauses: set = field(default_factory=set)
    parts: dict = field(default_factory=dict)

    def paused(self, dag_id):
        return dag_id in self.pauses

    def under_way(self, dag_id, *, run_ids=None, logical_dates=None):
        wanted = run_ids or logical_dates
        return any(dag == dag_id and (wanted is None or what in wanted) for dag, what in self.active)

    def states(self, dag_id, run_id, position):
        return self.parts.get((run_id, position), [])


def channel(**limits) -> Channel:
    adapter = Adapter(Options, Limits(**limits), lambda *_: None, lambda *_: Order(order_id="1"))
    return Channel(
        name="shop_tw", title="台灣 🏪", owner="asia", adapter_name="plain", adapter=adapter, connection="shop_tw",
        options=Options(), schedule=Schedule(cron="*/15 * * * *", start=date(2026, 3, 1)),
        oms=Delivery(target="demo"),
    )  # fmt: skip


def quarters(first: int, last: int) -> Window:
    return Window(START + first * QUARTER, START + last * QUARTER)


LATEST = quarters(47, 48)
"""11:45 to 12:00."""


def proven(store, *windows):
    for window in windows:
        store.load(batch(window=window), [], [], deliver=True)


@pytest.fixture
def look(store):
    def at(runs=None, now=NOW, run_id="look_1"):
        return heal.Look(store.connection, runs or Runs(), now, run_id)

    return at


def found(look, **limits):
    return [(claim.window, claim.cause) for claim in heal.find(look, [channel(**limits)])]


def test_six_windows_that_airflow_slept_through_become_one_run_behind_the_newest(store, look):
    proven(store, quarters(0, 41))
    airflow = Runs(active={("orders.shop_tw", LATEST.start)})
    assert found(look(airflow)) == [(quarters(41, 47), "never run")]


def test_the_newest_window_is_left_to_its_schedule_until_it_is_late(store, look):
    proven(store, quarters(0, 47))
    assert found(look()) == []
    late = NOW + timedelta(minutes=22, seconds=59)
    assert found(look(now=late)) == [(LATEST, "never run")]


def test_a_window_that_was_deleted_from_the_ledger_is_found_by_the_next_look(store, look, ask):
    proven(store, *(quarters(each, each + 1) for each in range(48)))
    assert found(look()) == []
    ask("DELETE FROM orderflow.windows WHERE window_start = %s", quarters(9, 10).start)
    assert found(look(run_id="look_2")) == [(quarters(9, 10), "never run")]


def test_a_window_that_failed_for_good_is_healed_at_once_and_one_that_is_tried_again_is_not(store, look):
    proven(store, quarters(0, 46), LATEST)
    gone = quarters(46, 47)
    ledger.begin(store.connection, "shop_tw", gone, "scheduled__1")
    ledger.failed(store.connection, "shop_tw", gone, "scheduled__1", "TransientError: the shop is down")
    assert found(look(Runs(active={("orders.shop_tw", "scheduled__1")}))) == []
    assert found(look()) == [(gone, "failed")]


def test_the_newest_window_is_healed_once_its_run_has_failed(store, look):
    proven(store, quarters(0, 47))
    ledger.failed(store.connection, "shop_tw", LATEST, "scheduled__1", "DriftError: 變了")
    assert found(look()) == [(LATEST, "failed")]


def test_a_run_that_died_without_a_word_leaves_a_gap(store, look):
    proven(store, quarters(0, 46), LATEST)
    ledger.begin(store.connection, "shop_tw", quarters(46, 47), "scheduled__1")
    assert found(look(Runs(active={("orders.shop_tw", "scheduled__1")}))) == []
    assert found(look()) == [(quarters(46, 47), "failed")]


def test_looking_twice_starts_nothing_twice(store, look):
    proven(store, quarters(0, 40), LATEST)
    airflow = Runs(active={("heal", "look_1")})
    assert found(look(airflow)) == [(quarters(40, 47), "never run")]
    assert found(look(airflow, run_id="look_2")) == []
    airflow.parts = {("look_1", 0): ["success", "success", "running", None, None]}
    assert found(look(airflow, run_id="look_3")) == []


def test_a_look_that_is_tried_again_hands_out_the_same_run_ids(store, look):
    proven(store, quarters(0, 40), LATEST)
    first = heal.find(look(), [channel()])
    assert [claim.run_id for claim in first] == [f"heal__{quarters(40, 47).name}__1"]
    again = heal.find(look(), [channel()])
    assert again == first


def test_what_fails_again_is_halved_and_waits_and_its_owners_are_told_once(store, look, ask, caplog):
    proven(store, quarters(0, 40), LATEST)
    lengths, alerts = [], []
    pieces = {timedelta(seconds=787), timedelta(seconds=788)}
    with set_current_context({"run_id": "look", "dag_run": SimpleNamespace(dag_id="heal", run_id="look", conf={})}):
        for number in range(1, 6):
            claims = heal.find(look(run_id=f"look_{number}"), [channel()])
            lengths.append({claim.window.length for claim in claims})
            alerts.append(caplog.text.count("kind=gap: 3 runs could not heal the gap "))
            for claim in claims:
                ledger.failed(store.connection, "shop_tw", claim.window, claim.run_id, "DriftError: 變了")
            ask("UPDATE orderflow.healings SET started_at = %s", NOW)
            assert heal.find(look(run_id=f"early_{number}"), [channel()]) == []
            ask("UPDATE orderflow.healings SET started_at = %s", NOW - timedelta(days=1))
    assert lengths == [{7 * QUARTER}, {3.5 * QUARTER}, {1.75 * QUARTER}, pieces, pieces]
    assert alerts == [0, 0, 0, 1, 1]
    assert caplog.text.rindex("DriftError: 變了") > caplog.text.index("kind=gap")


def test_what_is_out_of_reach_is_marked_and_never_tried(store, look, ask):
    proven(store, quarters(40, 47), LATEST)
    reach = timedelta(hours=4)
    assert found(look(), reach=reach) == [(Window(NOW - reach + heal.LEAVING, quarters(40, 41).start), "never run")]
    assert ask("SELECT window_start, state FROM orderflow.windows WHERE state = 'unreachable'") == [
        (START, "unreachable")
    ]


def test_a_held_window_waits_for_its_person(store, look):
    proven(store, quarters(0, 46), LATEST)
    ledger.held(store.connection, batch(window=quarters(46, 47)), "40% refused")
    assert found(look()) == []


def test_a_paused_channel_is_left_alone(store, look, caplog):
    with caplog.at_level(logging.INFO):
        assert found(look(Runs(pauses={"orders.shop_tw"}))) == []
    assert "channel left out channel=shop_tw: its DAG is paused" in caplog.text


def test_what_airflows_own_backfill_has_under_way_is_left_to_it(store, look):
    proven(store, quarters(0, 40), LATEST)
    airflow = Runs(active={("orders.shop_tw", quarters(43, 44).start)})
    assert found(look(airflow)) == []


def test_an_oms_that_is_far_behind_is_given_time(store, look, monkeypatch):
    monkeypatch.setattr(heal, "OMS_BACKLOG", 0)
    load(store, order("訂單-1"), window=quarters(0, 1))
    assert found(look()) == []


def test_no_more_than_a_few_spans_of_one_channel_at_once(store, look):
    proven(store, *(quarters(each, each + 1) for each in range(1, 48, 2)))
    assert found(look()) == [(quarters(46, 47), "never run"), (quarters(44, 45), "never run")]


def test_a_backfill_pulls_gaps_or_everything(store, look):
    proven(store, quarters(0, 40))
    everything = heal.asked(look(run_id="asked_1"), channel(), quarters(0, 48), again=True)
    assert [claim.window for claim in everything] == [quarters(0, 48)]
    ledger.failed(store.connection, "shop_tw", quarters(0, 48), everything[0].run_id, "DriftError: 變了")
    gaps = heal.asked(look(run_id="asked_2"), channel(), quarters(0, 48), again=False)
    assert [claim.window for claim in gaps] == [quarters(40, 48)]
    assert heal.asked(look(run_id="asked_3"), channel(), quarters(0, 4), again=False) == []
