"""A renamed channel file, or two files for one shop, do not bring the same orders to the OMS twice."""

import threading
import time
from contextlib import closing

import pytest
from staged import WINDOW, at, load, order, person, refusal

from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError
from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.staging import actions, edits, shadow, twins
from orderflow.staging.backlog import Filter
from orderflow.staging.store import Store, connect

LATER = Window(WINDOW.end, WINDOW.end + WINDOW.length)
PERSON = {"who": "mei", "why": "asked both shops"}
WAITING = "SELECT channel, subject, state, reasons -> 0 ->> 'code', reasons -> 0 ->> 'value' FROM orderflow.quarantine"


def taken(store, channel="shop_tw"):
    for claim in store.claims(channel, 10):
        store.settle([(each, Receipt(each.key, "accepted", oms_id="OMS-1")) for each in claim])


def some(numbers, **fields):
    """Orders of these numbers, created in the same second, each at a price of its own."""
    return [order(f"№ {n}", grand_total=f"{n}", **{"channel_created_at": at(0.5), **fields}) for n in numbers]


def until(met):
    while not met():
        time.sleep(0.01)


def queued(ask, channel):
    return [order_id for (order_id,) in ask("SELECT order_id FROM orderflow.outbox WHERE channel = %s", channel)]


@pytest.mark.parametrize("delivered", [False, True], ids=["still queued", "taken by the OMS"])
def test_a_load_that_repeats_another_channel_writes_nothing(store, ask, delivered):
    load(store, *some(range(9)))
    if delivered:
        taken(store)
    with pytest.raises(ConfigError, match=r"5 of 9 orders .* by the channel shop_tw already .* give it its name back"):
        load(store, *some(range(4, 13)), channel="renamed")
    assert ask("SELECT DISTINCT channel FROM orderflow.orders UNION SELECT channel FROM orderflow.outbox") == [
        ("shop_tw",)
    ]


@pytest.mark.parametrize("new", [range(3, 9), range(3, 4)], ids=["beside others", "alone"])
def test_a_few_orders_that_another_channel_delivers_wait_for_a_person_and_the_others_flow(store, ask, new):
    load(store, *some(range(4)))
    loaded = load(store, *some(new), channel="another")
    assert loaded.counts.inserted == len(new)
    assert loaded.notes == ["1 order waits in quarantine: delivered by another channel"]
    assert queued(ask, "another") == [f"№ {n}" for n in new if n > 3]
    assert ask(WAITING) == [("another", "№ 3", "open", "DELIVERED_ELSEWHERE", "shop_tw")]
    assert load(store, *some(new), channel="another").counts.unchanged == len(new)
    assert ask("SELECT state, times_seen FROM orderflow.quarantine") == [("open", 1)]


def test_a_change_of_an_order_that_is_delivered_elsewhere_is_found_as_well(store, ask):
    load(store, order("№ 1", 5))
    taken(store)
    load(store, order("№ 1", 70, order_status="cancelled"), channel="another", window=LATER)
    assert queued(ask, "another") == []


def test_a_released_order_is_delivered_and_not_looked_at_again(store, ask):
    load(store, order("№ 1"))
    load(store, order("№ 1"), channel="another")
    ((row,),) = ask("SELECT id FROM orderflow.quarantine")
    assert actions.release(store.connection, [row], **PERSON).done == 1
    load(store, order("№ 1", 5, order_status="cancelled"), channel="another", fetched=1)
    assert queued(ask, "another") == ["№ 1"]
    taken(store, "another")
    load(store, order("№ 1", 9, order_status="completed"), channel="another", fetched=2)
    assert queued(ask, "another") == ["№ 1"]
    assert ask("SELECT state FROM orderflow.quarantine") == [("released",)]


def held(store, ask, decided):
    """Row and state of an order that another channel delivers, once a person has decided about it."""
    load(store, order("№ 1"))
    load(store, order("№ 1"), channel="another")
    ((row, state),) = ask("SELECT id, state FROM orderflow.quarantine")
    if decided:
        decided(store.connection, [row], **PERSON)
        ((state,),) = ask("SELECT state FROM orderflow.quarantine")
    return row, state


@pytest.mark.parametrize("decided", [None, actions.park, actions.discard], ids=["open", "parked", "discarded"])
def test_until_it_is_released_it_goes_nowhere_whatever_changes(store, ask, decided):
    _, state = held(store, ask, decided)
    changed = order("№ 1", 5, grand_total="1", order_status="completed")
    assert load(store, changed, channel="another", fetched=1).counts.updated == 1
    assert (queued(ask, "another"), ask("SELECT state FROM orderflow.quarantine")) == ([], [(state,)])
    load(store, order("№ 2", 5), channel="another", fetched=1)
    assert shadow.hand_over(store.connection, "another", WINDOW.start, dry_run=False).queued.orders == 0


def spoilt(store, minute=5):
    """A version that breaks a rule, and has another total than its twin."""
    bad = refusal(order("№ 1", minute, grand_total="3"))
    load(store, refused=[bad], raw=[b"bad"], channel="another", fetched=minute)


@pytest.mark.parametrize("decided", [None, actions.park, actions.discard], ids=["open", "parked", "discarded"])
def test_that_it_breaks_a_rule_in_between_lets_it_go_nowhere_either(store, ask, decided):
    row, state = held(store, ask, decided)
    spoilt(store)
    assert ask("SELECT source, codes FROM orderflow.quarantine") == [("validate", ["BAD", "DELIVERED_ELSEWHERE"])]
    load(store, order("№ 1", 4, grand_total="2"), channel="another", fetched=4)
    load(store, order("№ 1", 9, grand_total="4"), channel="another", fetched=9)
    assert queued(ask, "another") == []
    assert ask("SELECT state, source, codes FROM orderflow.quarantine") == [(state, "oms", ["DELIVERED_ELSEWHERE"])]
    if state == "discarded":
        actions.reopen(store.connection, [row], **PERSON)
    actions.release(store.connection, [row], **PERSON)
    assert queued(ask, "another") == ["№ 1"]


def test_an_older_version_of_what_breaks_a_rule_is_found_as_well(store, ask):
    load(store, order("№ 1"))
    spoilt(store)
    load(store, order("№ 1"), channel="another")
    assert ask("SELECT source, codes FROM orderflow.quarantine") == [("validate", ["BAD", "DELIVERED_ELSEWHERE"])]
    load(store, order("№ 1", 9, grand_total="4"), channel="another", fetched=9)
    assert queued(ask, "another") == []


def test_who_lets_it_break_a_rule_has_not_let_it_be_delivered_twice(store, ask):
    load(store, order("№ 1"))
    load(store, order("№ 1"), channel="another")
    spoilt(store)
    ((row,),) = ask("SELECT id FROM orderflow.quarantine")
    assert actions.release(store.connection, [row], **PERSON, waive=["BAD"], waivable=["BAD"]).done == 1
    load(store, order("№ 1", 5, grand_total="3"), channel="another", fetched=5, purpose="replay")
    assert queued(ask, "another") == []
    assert ask("SELECT state, source, codes FROM orderflow.quarantine") == [("open", "oms", ["DELIVERED_ELSEWHERE"])]


def test_an_edit_does_not_release_it(store, ask):
    load(store, order("№ 1"))
    load(store, order("№ 1"), channel="another")
    ((row,),) = ask("SELECT id FROM orderflow.quarantine")
    with pytest.raises(ConfigError, match="is delivered by another channel, which no edit changes: release or discard"):
        edits.edit(store.connection, store.vault, row, [Edit("order_number", "now")], **PERSON)


def test_what_was_discarded_before_another_channel_delivered_it_is_looked_at_when_it_is_reopened(store, ask):
    load(store, refused=[refusal(order("№ 1"))], raw=[b"bad"], channel="another")
    ((row,),) = ask("SELECT id FROM orderflow.quarantine")
    actions.discard(store.connection, [row], **PERSON)
    load(store, order("№ 1"), channel="another", fetched=1)
    load(store, order("№ 1"))
    actions.reopen(store.connection, [row], **PERSON)
    load(store, order("№ 1"), channel="another", fetched=2, behind=True)
    assert queued(ask, "another") == []
    assert ask(WAITING) == [("another", "№ 1", "open", "DELIVERED_ELSEWHERE", "shop_tw")]


@pytest.mark.parametrize(
    "other",
    [
        {"channel_created_at": at(1)},
        {"grand_total": "1"},
        {"currency": "JPY"},
        {"order_number": None},
        {"channel_created_at": None, "placed_at": None},
    ],
    ids="/".join,
)
def test_another_shops_order_of_the_same_id_is_another_order(store, ask, other):
    load(store, order("1001"))
    load(store, order("1001", **other), channel="another")
    assert queued(ask, "another") == ["1001"]


def test_another_buyer_on_the_same_day_is_another_order(store, ask):
    load(store, order("1001"))
    load(store, order("1001", contacts=[person("李小龍")]), channel="another")
    assert queued(ask, "another") == ["1001"]


def test_a_time_to_the_second_tells_an_order_whose_buyer_is_unknown(store, ask):
    bare = {"contacts": [], "channel_created_at": "2026-03-01T00:00:07+00:00"}
    load(store, order("№ 1", **bare))
    load(store, order("№ 1", **bare), channel="renamed")
    assert queued(ask, "renamed") == []


@pytest.mark.parametrize(
    ("first", "then"),
    [([5] * 40, [5] * 40), ([5, 7, 9, 12, 4] * 8, [5, 7, 9, 12, 6] * 8), (range(3), range(3))],
    ids=["one price", "few prices", "few orders"],
)
@pytest.mark.parametrize("contacts", [[], [person("walk-in")]], ids=["nobody", "walk-in"])
def test_tills_that_number_their_orders_by_the_day_do_not_stop_each_other(store, ask, first, then, contacts):
    """Their times tell days alone, and their buyers are not known, or all have one name."""
    for channel, prices in (("till_1", first), ("till_2", then)):
        sold = [order(f"№ {n}", grand_total=f"{price}", contacts=contacts) for n, price in enumerate(prices)]
        load(store, *sold, channel=channel)
    alike = sum(mine == theirs for mine, theirs in zip(then, first, strict=True))
    assert len(queued(ask, "till_2")) == len(then) - (alike if contacts else 0)
    if contacts:
        actions.release(store.connection, Filter(reason="DELIVERED_ELSEWHERE"), **PERSON)
    assert len(queued(ask, "till_2")) == len(then)


@pytest.mark.parametrize("contacts", [[], [person()]], ids=["no buyers", "buyers"])
def test_a_renamed_file_that_tells_days_alone_is_noticed(store, ask, contacts):
    days = {"contacts": contacts, "channel_created_at": at(0)}
    load(store, *some(range(9), **days))
    with pytest.raises(ConfigError, match=r"9 of 10 orders .* by the channel shop_tw already"):
        load(store, *some(range(10), **days), channel="renamed")
    load(store, *some(range(5, 15), **days), channel="another")
    assert len(queued(ask, "another")) == (6 if contacts else 10)


def test_channels_of_one_shop_may_deliver_to_two_oms(store, ask):
    load(store, order("№ 1"), target="erp")
    load(store, order("№ 1"), channel="to_the_warehouse", target="wms")
    load(store, order("№ 1"), channel="renamed", target="erp")
    assert (queued(ask, "to_the_warehouse"), queued(ask, "renamed")) == (["№ 1"], [])


def test_a_shadow_beside_a_channel_that_delivers_hinders_neither(store, ask):
    load(store, order("№ 1"), deliver=False, channel="shadow")
    load(store, order("№ 1"), order("№ 2"))
    load(store, order("№ 2"), deliver=False, channel="shadow", window=LATER)
    assert ask("SELECT DISTINCT channel FROM orderflow.outbox") == [("shop_tw",)]
    assert ask(WAITING) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_shadow_is_not_handed_over_beside_the_channel_that_delivers(store, ask, dry_run):
    load(store, *some(range(4)))
    load(store, *some(range(5)), deliver=False, channel="shadow")
    with pytest.raises(ConfigError, match="delivered by the channel shop_tw already"):
        shadow.hand_over(store.connection, "shadow", WINDOW.start, dry_run=dry_run)
    assert ask("SELECT DISTINCT channel FROM orderflow.outbox") == [("shop_tw",)]


def test_what_another_channel_delivers_is_not_handed_over(store, ask):
    load(store, *some(range(2)))
    load(store, *some(range(1, 4)), deliver=False, channel="shadow")
    for dry_run, queue in ((True, []), (False, ["№ 2", "№ 3"])):
        found = shadow.hand_over(store.connection, "shadow", WINDOW.start, dry_run=dry_run)
        assert (found.queued.orders, found.queued.values, found.elsewhere) == (2, {"TWD": 5}, 1)
        assert queued(ask, "shadow") == queue
    assert ask(WAITING) == [("shadow", "№ 1", "open", "DELIVERED_ELSEWHERE", "shop_tw")]


def test_who_takes_over_from_another_channel_says_from_when_on(store, ask):
    load(store, order("№ 1"))
    taken(store)
    fields = {"channel_created_at": at(60), "placed_at": at(60)}
    load(store, order("№ 1", 61), order("№ 2", 61, **fields), channel="next", since=WINDOW.end, window=LATER)
    assert ask("SELECT channel, order_id FROM orderflow.outbox") == [("next", "№ 2")]


def test_what_a_channel_delivers_already_it_goes_on_to_deliver(store, ask):
    load(store, order("№ 1"), channel="second")
    taken(store, "second")
    ask("UPDATE orderflow.coverage SET channel = 'hidden' RETURNING channel")
    load(store, order("№ 1"))
    ask("UPDATE orderflow.coverage SET channel = 'second' WHERE channel = 'hidden' RETURNING channel")
    load(store, order("№ 1", 70, order_status="completed"), channel="second", window=LATER)
    assert (queued(ask, "shop_tw"), queued(ask, "second")) == (["№ 1"], ["№ 1"])


def test_with_many_channels_fewer_orders_are_looked_at_until_one_tells(store, ask, monkeypatch):
    monkeypatch.setattr(twins, "LOOKS", 6)
    names = "SELECT 'other ' || n, '{}' FROM generate_series(1, 5) AS n"
    ask(f"INSERT INTO orderflow.coverage (channel, settled) {names} RETURNING channel")
    load(store, *some([0, *range(7, 10), 19]))
    load(store, *some(range(10)), channel="another")
    assert queued(ask, "another") == [f"№ {n}" for n in range(1, 7)]
    load(store, *some(range(10, 20)), channel="another")
    assert queued(ask, "another")[-1] == "№ 18"


@pytest.mark.parametrize(("first", "second"), [("shop_tw", "renamed"), ("renamed", "shop_tw")])
@pytest.mark.parametrize(
    "before",
    [[], some([20]), [*some([20]), order("№ 0")]],
    ids=["one is new", "both deliver", "they shared some before"],
)
def test_two_channels_that_load_the_same_orders_at_the_same_moment_see_each_other(
    store, ask, migrated, first, second, before
):
    """The first one has looked, and is kept from committing; the second one waits for it."""
    load(store, order("№ 0"))
    taken(store)
    load(store, *before, channel="renamed")
    taken(store, "renamed")
    said = {}

    def run(channel):
        with closing(connect(migrated)) as connection:
            try:
                load(Store(connection, store.vault), *some(range(1, 9)), channel=channel)
            except ConfigError as error:
                said[channel] = str(error)

    def waiting():
        return ask("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]

    one, other = (threading.Thread(target=run, args=(channel,)) for channel in (first, second))
    with closing(connect(migrated)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM orderflow.windows WHERE channel = %s FOR UPDATE", (first,))
        one.start()
        until(lambda: waiting() == 1)
        other.start()
        until(lambda: waiting() == 2 or not other.is_alive())
    one.join()
    other.join()
    assert list(said) == [second]
    assert (
        f"8 of 8 orders that it would hand to the OMS, such as № 1, are delivered by the channel {first}"
        in said[second]
    )
