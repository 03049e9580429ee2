"""Waiting orders are judged again by the next run once something changed for them, and reach the OMS."""

from replayed import NAME, bad, channel, good, line
from shop import oms_running, target
from staged import order

from orderflow.pipeline import replay
from orderflow.pipeline.sync import sync
from orderflow.staging import actions, raws

MAPPED = channel(clean={"sku": "mapped"})


def map_sku(world, sku, oms_sku):
    world.ask(
        "INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        NAME, sku, oms_sku,
    )  # fmt: skip


def test_parked_orders_are_in_the_oms_after_the_run_that_follows_their_sku_mapping(world):
    map_sku(world, "SKU-1", "茶杯-01")
    batch = world.pull(MAPPED, 0, good("A-1"), good("A-2", lines=[line(sku="新-1")]))
    assert (batch.counts.inserted, batch.counts.quarantined) == (1, 1)
    assert world.catch_up(MAPPED) is None
    map_sku(world, "新-1", "茶杯-02")
    world.pull(MAPPED, 1, good("A-3", 61))
    released = world.catch_up(MAPPED)
    assert (released.counts.fetched, released.counts.inserted) == (1, 1)
    assert released.notes[0] == "judged again: skus 1"
    with oms_running() as oms:
        assert sync(MAPPED, world.store, target(oms.url)).accepted == 3
        assert oms.document("A-2")["lines"][0]["oms_sku"] == "茶杯-02"
    assert world.waiting()["A-2"][0] == "superseded"
    assert world.catch_up(MAPPED) is None


def test_an_order_that_lacks_one_more_pair_waits_for_that_one_only(world):
    world.pull(MAPPED, 0, good("A-1", lines=[line(sku="X"), line(2, sku="Y")], items_total="49", grand_total="49"))
    map_sku(world, "X", "x")
    assert world.catch_up(MAPPED).counts.quarantined == 1
    assert world.catch_up(MAPPED) is None
    map_sku(world, "Y", "y")
    assert world.catch_up(MAPPED).counts.inserted == 1


def test_a_changed_channel_file_is_tried_once_and_what_stays_is_left_alone(world):
    shop = channel()
    world.pull(shop, 0, good("A-1", payment_status="bezahlt"), bad("B-1"))
    assert sorted(world.waiting()) == ["A-1", "B-1"]
    assert world.catch_up(shop) is None
    today = channel(clean={"lookups": {"payment_status": {"bezahlt": "paid"}}})
    tried = world.catch_up(today)
    assert tried.notes[0] == "judged again: code 2"
    assert (tried.counts.inserted, tried.counts.quarantined) == (1, 1)
    assert {name: state for name, (state, _) in world.waiting().items()} == {"A-1": "superseded", "B-1": "open"}
    assert world.catch_up(today) is None


def test_what_a_person_asked_for_is_judged_again_once(world):
    shop = channel()
    world.pull(shop, 0, bad("B-1"))
    world.ask("UPDATE orderflow.quarantine SET replay_asked_at = now()")
    assert world.catch_up(shop).notes[0] == "judged again: asked 1"
    assert world.catch_up(shop) is None


def test_what_is_decided_while_a_replay_runs_is_done_by_the_next(world):
    shop, today = channel(), channel(validate={"waive": ["GRAND_TOTAL_MISMATCH"]})
    world.pull(shop, 0, bad("B-1"), bad("B-2"))
    codes = world.waiting()["B-1"][1]
    rows = [row for (row,) in world.ask("SELECT id FROM orderflow.quarantine ORDER BY order_id")]
    running, passing = world.collected(shop, rows=(rows[0],)), world.collected(today, rows=(rows[1],))
    actions.release(world.store.connection, rows, who="ana", why="agreed", waive=codes, waivable=codes)
    for about, collected in ((shop, running), (today, passing)):
        replay.replay(about, collected, records=world.records, staging=world.store)
    assert {name: state for name, (state, _) in world.waiting().items()} == {"B-1": "released", "B-2": "released"}
    assert world.ask("SELECT count(replay_asked_at) FROM orderflow.quarantine") == [(2,)]
    assert set(world.staged()) == {"B-2"}
    assert world.catch_up(shop).notes[0] == "judged again: asked 2"
    assert set(world.staged()) == {"B-1", "B-2"}
    assert world.catch_up(shop) is None


def test_one_run_takes_only_so_many_and_the_next_the_rest(world, monkeypatch):
    monkeypatch.setattr(raws, "AT_MOST", 2)
    monkeypatch.setitem(raws.waiting_on.__kwdefaults__, "at_most", 2)
    shop = channel()
    world.pull(shop, 0, *(bad(f"B-{n}") for n in range(3)))
    today = channel(validate={"tolerance": "100"})
    assert [world.catch_up(today).counts.fetched, world.catch_up(today).counts.fetched] == [2, 1]
    assert world.catch_up(today) is None


def test_a_row_whose_raw_record_is_gone_is_not_tried_for_ever(world):
    shop = channel()
    world.pull(shop, 0, bad("B-1"))
    world.expire(0)
    world.ask("UPDATE orderflow.quarantine SET sealed_raw = NULL")
    tried = world.catch_up(channel(validate={"tolerance": "100"}))
    assert (tried.counts.fetched, tried.notes[-1]) == (0, "1 order has no raw record any more")
    assert world.catch_up(channel(validate={"tolerance": "100"})) is None


def edit(world, order_id, path, value):
    world.ask(
        "INSERT INTO orderflow.order_edits (channel, order_id, path, value, who, why)"
        " VALUES (%s, %s, %s, %s, 'ana', 'the buyer wrote so')",
        NAME, order_id, path, value,
    )  # fmt: skip


def skus_of(world, order_id):
    rows = world.ask("SELECT sku FROM orderflow.order_lines WHERE order_id = %s ORDER BY number", order_id)
    return [sku for (sku,) in rows]


def test_an_edit_survives_later_versions_of_the_order_until_it_is_withdrawn(world):
    shop = channel()
    world.pull(shop, 0, good("A-1", 1, lines=[line(sku=None)]))
    assert world.waiting()["A-1"][0] == "open"
    edit(world, "A-1", "lines.1.sku", "茶-7")
    world.ask("UPDATE orderflow.quarantine SET replay_asked_at = now()")
    assert world.catch_up(shop).counts.inserted == 1
    assert skus_of(world, "A-1") == ["茶-7"]
    world.pull(shop, 1, good("A-1", 61, lines=[line(sku=None)], tags=["later"]))
    assert skus_of(world, "A-1") == ["茶-7"]
    world.ask("UPDATE orderflow.order_edits SET withdrawn_at = now(), withdrawn_by = 'ana'")
    world.pull(shop, 2, good("A-1", 121, lines=[line(sku="S-9")], tags=["last"]))
    assert skus_of(world, "A-1") == ["S-9"]
    assert world.staged()["A-1"][0] == 3


def test_an_edit_that_leads_nowhere_in_a_later_version_holds_that_version_back(world):
    shop = channel()
    world.pull(shop, 0, good("A-1", 1, lines=[line(), line(2, sku=None)], items_total="49", grand_total="49"))
    edit(world, "A-1", "lines.2.sku", "S-2")
    assert world.again(shop, quarantined=True).counts.inserted == 1
    world.pull(shop, 1, good("A-1", 61))
    assert world.waiting()["A-1"] == ("open", ["EDIT_MISPLACED"])
    assert skus_of(world, "A-1") == ["SKU-1", "S-2"]


def test_a_release_with_waived_rules_lets_one_content_of_one_order_pass(world):
    shop = channel()
    world.pull(shop, 0, bad("B-1", 1), bad("B-2", 1))
    codes = world.waiting()["B-1"][1]
    ((row,),) = world.ask("SELECT id FROM orderflow.quarantine WHERE order_id = 'B-1'")
    actions.release(world.store.connection, [row], who="ana", why="agreed", waive=codes, waivable=codes)
    assert world.catch_up(shop).counts.inserted == 1
    assert world.waiting()["B-1"][0] == "released"
    assert set(world.staged()) == {"B-1"}
    assert world.catch_up(shop) is None
    world.pull(shop, 1, order("B-1", 61, grand_total="88"))
    assert world.waiting()["B-1"][0] == "open"


def test_a_release_that_cures_nothing_opens_again_and_is_not_tried_twice(world):
    shop = channel()
    world.pull(shop, 0, bad("B-1", 1))
    ((row,),) = world.ask("SELECT id FROM orderflow.quarantine")
    actions.release(world.store.connection, [row], who="ana", why="should be right now")
    assert world.catch_up(shop).counts.quarantined == 1
    assert world.waiting()["B-1"][0] == "open"
    assert world.catch_up(shop) is None
