"""What people do with quarantined orders: one by one and in bulk, with a story that nobody can rewrite."""

import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import psycopg2
import pytest
from staged import WINDOW, batch, chunk, line, load, order, refusal, unreadable

from orderflow.domain.decision import Waiver
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.staging import actions, backlog
from orderflow.staging.backlog import Filter
from orderflow.staging.decisions import decisions
from orderflow.staging.store import connect

NEXT = Window(WINDOW.end, WINDOW.end + WINDOW.length)
ANN = {"who": "ann", "why": "geklärt mit 王小明"}
WAIVABLE = {"TOTAL_WRONG", "TIME_IN_FUTURE"}


def raws(count):
    return [b'{"n": %d}' % number for number in range(count)]


def wait(store, *orders, codes=("TOTAL_WRONG",), **fields):
    """These orders in quarantine; returns their rows' numbers by order id."""
    refused = [refusal(each, number, *codes) for number, each in enumerate(orders)]
    load(store, refused=refused, raw=raws(len(orders)), **fields)
    return {
        each: backlog.identify(store.connection, [each], fields.get("channel"))[0]
        for each in (o.order_id for o in orders)
    }


def states(ask):
    return dict(ask("SELECT order_id, state FROM orderflow.quarantine"))


def story(ask, row):
    return [
        what
        for (what,) in ask("SELECT what FROM orderflow.quarantine_events WHERE quarantine_id = %s ORDER BY id", row)
    ]


def test_bulk_release_by_reason_takes_what_fits_counts_the_rest_and_asks_for_a_replay(store, ask):
    wait(store, *(order(f"訂單-{n}") for n in range(5)))
    rows = wait(store, order("ط-1"), order("ط-2"), codes=("TIME_IN_FUTURE",), window_start=WINDOW.start)
    parked = actions.park(store.connection, [rows["ط-2"]], **ANN)
    assert (parked.done, parked.values) == (1, {"TWD": Decimal("24.5")})
    outcome = actions.release(store.connection, Filter(reason="TOTAL_WRONG"), **ANN)
    assert (outcome.done, outcome.values, outcome.hindered) == (5, {"TWD": Decimal("122.5")}, {})
    assert states(ask) == {f"訂單-{n}": "released" for n in range(5)} | {"ط-1": "open", "ط-2": "parked"}
    assert ask("SELECT count(*) FROM orderflow.quarantine WHERE replay_asked_at IS NOT NULL") == [(5,)]
    assert ask(
        "SELECT DISTINCT who, why, detail ->> 'from' FROM orderflow.quarantine_events WHERE what = 'released'"
    ) == [("ann", "geklärt mit 王小明", "open")]


def test_a_dry_run_counts_exactly_and_leaves_no_trace(store, ask):
    wait(store, order("A-1"), order("A-2"))
    before = ask(
        "SELECT q.*, (SELECT count(*) FROM orderflow.quarantine_events) FROM orderflow.quarantine q ORDER BY id"
    )
    outcome = actions.discard(store.connection, Filter(channel="shop_tw"), dry_run=True, **ANN)
    assert (outcome.done, outcome.values) == (2, {"TWD": Decimal(49)})
    assert before == ask(
        "SELECT q.*, (SELECT count(*) FROM orderflow.quarantine_events) FROM orderflow.quarantine q ORDER BY id"
    )
    assert actions.discard(store.connection, Filter(channel="shop_tw"), **ANN) == outcome


def test_bulk_by_sku_and_by_channel(store, ask):
    wait(store, order("A-1", lines=[line(sku="茶-0042")]), order("A-2"))
    wait(store, order("B-1", lines=[line(sku="茶-0042")]), channel="shop_ar")
    assert actions.park(store.connection, Filter(sku="茶-0042", state="open"), **ANN).done == 2
    assert actions.discard(store.connection, Filter(channel="shop_ar"), **ANN).done == 1
    assert states(ask) == {"A-1": "parked", "A-2": "open", "B-1": "discarded"}


def test_a_decision_needs_a_name_and_a_reason(store):
    rows = wait(store, order())
    for who, why in (("", "x"), ("ann", " ")):
        with pytest.raises(ConfigError, match="say wh"):
            actions.park(store.connection, [rows["A-1"]], who=who, why=why)


def test_an_unknown_row_among_known_ones_changes_nothing(store, ask):
    rows = wait(store, order())
    with pytest.raises(ConfigError, match=r"no row 777, 778; .* nothing was changed"):
        actions.discard(store.connection, [rows["A-1"], 778, 777], **ANN)
    assert states(ask) == {"A-1": "open"}


def test_a_waiver_holds_for_this_content_and_reaches_validation(store, ask):
    rows = wait(store, order())
    actions.release(store.connection, [rows["A-1"]], waive=["TOTAL_WRONG"], waivable=WAIVABLE, **ANN)
    ((content,),) = ask("SELECT content_hash FROM orderflow.quarantine")
    found = decisions(store.connection, "shop_tw").waived
    assert found == {"A-1": Waiver(frozenset({"TOTAL_WRONG"}), bytes(content))}
    assert decisions(store.connection, "shop_ar").waived == {}


def test_what_cannot_be_waived_is_refused_before_anything_happens(store, ask):
    wait(store, order())
    with pytest.raises(ConfigError, match="MAPPING_FAILED, NO_SUCH_RULE cannot be waived"):
        actions.release(
            store.connection,
            Filter(),
            waive=["MAPPING_FAILED", "TOTAL_WRONG", "NO_SUCH_RULE"],
            waivable=WAIVABLE,
            **ANN,
        )
    assert states(ask) == {"A-1": "open"}


def test_orders_that_a_waiver_would_not_help_are_left_with_the_reason(store, ask):
    wait(store, order("A-1"))
    wait(store, order("A-2"), codes=("TOTAL_WRONG", "CURRENCY_MISSING"))
    load(store, refused=[unreadable(0, "A-3")], raw=raws(1))
    outcome = actions.release(store.connection, Filter(), waive=["TOTAL_WRONG"], waivable=WAIVABLE, **ANN)
    assert outcome.done == 1
    assert outcome.hindered == {
        "breaks other rules as well: CURRENCY_MISSING": 1,
        "cannot be read: no rule can be waived": 1,
    }
    assert states(ask) == {"A-1": "released", "A-2": "open", "A-3": "open"}


def test_reopening_undoes_what_has_not_gone_on(store, ask):
    rows = wait(store, *(order(f"A-{n}") for n in range(4)))
    actions.park(store.connection, [rows["A-0"]], **ANN)
    actions.discard(store.connection, [rows["A-1"]], **ANN)
    actions.release(store.connection, [rows["A-2"]], waive=["TOTAL_WRONG"], waivable=WAIVABLE, **ANN)
    outcome = actions.reopen(store.connection, list(rows.values()), who="bob", why="doch nicht")
    assert (outcome.done, outcome.hindered) == (3, {"is open already": 1})
    assert set(states(ask).values()) == {"open"}
    assert decisions(store.connection, "shop_tw").waived == {}
    assert ask("SELECT count(*) FROM orderflow.quarantine WHERE replay_asked_at IS NOT NULL") == [(0,)]
    assert story(ask, rows["A-2"]) == ["open", "released", "reopened"]


def test_a_released_order_that_has_gone_on_cannot_be_reopened(store, ask):
    rows = wait(store, order(minute=1))
    actions.release(store.connection, [rows["A-1"]], **ANN)
    load(store, order(minute=1), purpose="replay")
    assert states(ask) == {"A-1": "released"}
    assert story(ask, rows["A-1"]) == ["open", "released", "went on"]
    with pytest.raises(ConfigError, match="has gone on already"):
        actions.only(actions.reopen(store.connection, [rows["A-1"]], **ANN))


def test_a_released_order_waits_for_its_replay_and_opens_again_when_that_refuses_it(store, ask):
    rows = wait(store, order())
    actions.release(store.connection, [rows["A-1"]], **ANN)
    wait(store, order(), window_start=NEXT.start, window_end=NEXT.end)
    assert states(ask) == {"A-1": "released"}, "a window that was judged before the release does not undo it"
    wait(store, order(), purpose="replay")
    assert states(ask) == {"A-1": "open"}
    assert ask("SELECT decided_by, replay_asked_at FROM orderflow.quarantine") == [(None, None)]


def test_a_discarded_order_stays_so_until_it_changes(store, ask):
    rows = wait(store, order(minute=1))
    actions.discard(store.connection, [rows["A-1"]], **ANN)
    wait(store, order(minute=1), purpose="replay")
    assert states(ask) == {"A-1": "discarded"}
    load(store, order(minute=5, grand_total="25"))
    assert states(ask) == {"A-1": "superseded"}
    assert ask("SELECT version FROM orderflow.outbox") == [(1,)]
    assert story(ask, rows["A-1"])[-2:] == ["discarded", "superseded"]


def test_a_discarded_order_stays_so_when_the_rule_is_gone_and_goes_on_when_the_decision_is_taken_back(store, ask):
    rows = wait(store, order(minute=1))
    actions.discard(store.connection, [rows["A-1"]], **ANN)
    load(store, order(minute=1), purpose="replay")
    load(store, order(minute=5))
    assert states(ask) == {"A-1": "discarded"}
    assert ask(
        "SELECT o.order_id, b.order_id FROM orderflow.orders AS o LEFT JOIN orderflow.outbox AS b USING (order_id)"
    ) == [("A-1", None)]
    actions.reopen(store.connection, [rows["A-1"]], **ANN)
    actions.release(store.connection, [rows["A-1"]], **ANN)
    load(store, order(minute=5), purpose="replay", decided_until=ask("SELECT now()")[0][0])
    assert states(ask) == {"A-1": "released"}
    assert ask("SELECT order_id FROM orderflow.outbox") == [("A-1",)]


def test_orders_that_lack_only_a_mapping_are_parked_by_themselves(store, ask):
    unmapped = order("A-1", lines=[line(sku="新-001")])
    wait(store, unmapped, codes=("SKU_UNMAPPED",))
    assert ask("SELECT state, decided_by, unmapped FROM orderflow.quarantine") == [("parked", None, ["新-001"])]
    assert story(ask, 1) == ["parked"]
    wait(store, replace_order(unmapped), codes=("SKU_UNMAPPED", "TOTAL_WRONG"), **window(NEXT))
    assert states(ask) == {"A-1": "open"}, "something that a person must look at came up"
    wait(store, replace_order(unmapped), codes=("SKU_UNMAPPED",), **window(NEXT))
    assert states(ask) == {"A-1": "parked"}


def replace_order(old):
    return order(old.order_id, lines=old.lines)


def window(of):
    return {"window_start": of.start, "window_end": of.end}


def test_what_a_person_parked_or_opened_stays_where_they_put_it(store, ask):
    rows = wait(store, order("A-1"), order("A-2", lines=[line(sku="x")]), codes=("SKU_UNMAPPED",))
    actions.reopen(store.connection, [rows["A-2"]], **ANN)
    wait(store, order("A-1"), order("A-2", lines=[line(sku="x")]), codes=("SKU_UNMAPPED",), **window(NEXT))
    assert states(ask) == {"A-1": "parked", "A-2": "open"}


def test_the_second_of_two_people_is_told_who_was_first(store, migrated, ask):
    """Both decide on what they saw open; whichever transaction comes second finds it decided."""
    rows = wait(store, order())
    barrier = threading.Barrier(2)
    told, done = [], []

    def decide(name, decision):
        with closing(connect(migrated)) as connection:
            barrier.wait()
            try:
                actions.only(decision(connection, [rows["A-1"]], who=name, why="eilig"))
                done.append(name)
            except ConfigError as error:
                told.append(str(error))

    people = [
        threading.Thread(target=decide, args=("ann", actions.release)),
        threading.Thread(target=decide, args=("bob", actions.discard)),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(30)
    (winner,) = done
    (message,) = told
    assert f"already, by {winner}: reopen it first; nothing was changed" in message
    assert ask("SELECT decided_by FROM orderflow.quarantine") == [(winner,)]
    assert len(story(ask, rows["A-1"])) == 2


def test_a_bulk_decision_waits_for_a_load_of_the_channel_and_takes_what_it_brought(store, migrated):
    wait(store, order("A-1"))
    found = []

    def decide():
        with closing(connect(migrated)) as connection:
            found.append(actions.park(connection, Filter(channel="shop_tw", state="open"), **ANN).done)

    person = threading.Thread(target=decide)

    def slow():
        person.start()
        person.join(0.2)
        assert not found, "it waits"
        yield chunk(order("A-9"), refused=[refusal(order("A-2"))])

    store.load(batch(1, quarantined=1), slow(), [Record()], deliver=True)
    person.join(30)
    assert found == [2]


class Record:
    ordinal = 0
    fetched_at = WINDOW.start
    data = b"{}"


def test_a_person_is_put_in_charge_and_found_again(store, ask):
    rows = wait(store, order("A-1"), order("A-2"))
    assert actions.assign(store.connection, [rows["A-1"]], to="美", **ANN).done == 1
    assert actions.assign(store.connection, list(rows.values()), to="美", **ANN).hindered == {
        "has this assignee already": 1
    }
    actions.assign(store.connection, [rows["A-2"]], to=None, **ANN)
    found = backlog.page(store.connection, Filter(assignee="美")).rows
    assert [row.order_id for row in found] == ["A-1"]
    assert [row.order_id for row in backlog.page(store.connection, Filter(assignee=backlog.NOBODY)).rows] == ["A-2"]
    assert story(ask, rows["A-2"]) == ["open", "assigned", "assigned"]


def test_the_story_stays_whatever_is_tried(store, ask):
    rows = wait(store, order())
    actions.reveal(store.connection, rows["A-1"], who="ann", why="der Käufer rief an")
    assert story(ask, rows["A-1"]) == ["open", "revealed"]
    for change in ("UPDATE orderflow.quarantine_events SET why = ''", "TRUNCATE orderflow.quarantine_events"):
        with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
            ask(change)


def test_an_outcome_of_one_row_is_an_error_when_nothing_happened():
    assert actions.only(replace(actions.Outcome(), done=1)).done == 1
    with pytest.raises(ConfigError, match="the order is open already; nothing was changed"):
        actions.only(actions.Outcome(hindered={"is open already": 1}))
