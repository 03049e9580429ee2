"""What the story of an order names as the next step is followed to the word, and brings the order to the OMS."""

import re
from datetime import date, datetime, timedelta

import pytest
from staged import EPOCH, WINDOW, batch, load, order, refusal
from test_staging_story import here, tell

from orderflow.domain.target import Receipt
from orderflow.quality.ownership import WAIVABLE
from orderflow.staging import actions, backlog, blocking, reviews, story
from orderflow.staging.blocking import OnChannel
from orderflow.staging.shadow import hand_over


def deliver(store):
    """The OMS takes what is owed to it, in both lanes; how many orders that were."""
    sent = [each for behind in (False, True) for claim in store.claims("shop_tw", 10, behind=behind) for each in claim]
    store.settle([(each, Receipt(each.key, "accepted", oms_id="OMS-1")) for each in sent])
    return len(sent)


def test_what_another_channel_delivers_says_so_and_goes_on_when_it_is_released(store):
    load(store, order(minute=10), channel="shop_jp")
    load(store, order(minute=10))
    assert deliver(store) == 0
    verdict = here(store)
    assert verdict.standing == "quarantined"
    assert verdict.step.endswith("discard this one if they are one order, release it if they are two")
    actions.release(store.connection, backlog.identify(store.connection, ["A-1"]), who="anna", why="two shops")
    assert deliver(store) == 1
    assert here(store).standing == "in the OMS"


def test_what_was_staged_in_shadow_and_never_handed_over_is_handed_over(store):
    load(store, order(minute=10), deliver=False)
    load(store, order(minute=10), fetched=20)
    assert deliver(store) == 0, "reading it again brings nothing new"
    assert here(store, shadow=True).step.startswith("take `shadow: true`")
    verdict = here(store)
    assert verdict.standing == "not delivered"
    since = re.fullmatch(r"orderflow channel live shop_tw --since (\S+)", verdict.command)[1]
    hand_over(store.connection, "shop_tw", datetime.fromisoformat(since), dry_run=False)
    assert deliver(store) == 1
    assert here(store).standing == "in the OMS"


def test_what_was_created_before_the_hand_over_says_so_and_can_be_handed_over(store):
    since = EPOCH + timedelta(minutes=5)
    load(store, order(minute=10), since=since)
    assert deliver(store) == 0
    story = tell(store)
    verdict = blocking.here(story, shadow=False, now=EPOCH + timedelta(hours=3), since=since)
    assert verdict.standing == "not delivered"
    assert (
        verdict.fact
        == "it was created at 2026-03-01 00:00:00Z, before oms.since (2026-03-01 00:05:00Z) of the channel file"
    )
    moment = re.fullmatch(r"orderflow channel live shop_tw --since (\S+)", verdict.command)[1]
    hand_over(store.connection, "shop_tw", datetime.fromisoformat(moment), dry_run=False)
    assert deliver(store) == 1
    assert here(store).standing == "in the OMS"


def test_what_a_person_discarded_and_a_later_rule_lets_pass_says_so_and_can_be_taken_back(store):
    load(store, refused=[refusal(order(minute=10), 0, "TOTAL_DIFFERS")], raw=[b"{}"])
    rows = backlog.identify(store.connection, ["A-1"])
    actions.discard(store.connection, rows, who="anna", why="a test order")
    load(store, order(minute=10), fetched=20)
    assert deliver(store) == 0
    verdict = here(store)
    assert verdict.standing == "not delivered"
    assert "a person discarded" in verdict.fact
    assert verdict.command == f"orderflow quarantine reopen '#{rows[0]}' --why ..."
    actions.reopen(store.connection, rows, who="ben", why="it was real")
    actions.release(store.connection, rows, waivable=WAIVABLE, who="ben", why="it was real")
    load(store, order(minute=10), fetched=20, purpose="replay", decided_until=datetime.now(EPOCH.tzinfo))
    assert deliver(store) == 1
    assert here(store).standing == "in the OMS"


def test_an_order_of_a_batch_that_somebody_threw_away_names_who_and_how_to_pull_it_again(store):
    held = reviews.hold(store.connection, batch(1, held="guard", run_id="r"))
    reviews.discard(store.connection, held.id, "anna", "test orders", [(0, "A-1"), (1, None)])
    assert tell(store).version is None
    (found,) = reviews.discarding(store.connection, ["shop_tw"], "A-1")
    assert reviews.discarding(store.connection, ["shop_se"], "A-1") == []
    verdict = blocking.discarded(found)
    assert re.match(r"anna threw away the batch .* test orders", verdict.fact)
    assert verdict.command == f"orderflow backfill shop_tw {WINDOW} --again"


@pytest.mark.parametrize(
    ("day", "command"),
    [
        (date(2026, 2, 20), "orderflow reconcile shop_tw --day 2026-02-20"),
        (None, "orderflow backfill shop_tw 2026-03-01T00:00Z/2026-03-01T01:00Z --again"),
    ],
)
def test_what_a_window_missed_is_looked_for_on_the_day_it_was_created_or_pulled_again(store, day, command):
    load(store)
    moment, lag = EPOCH + timedelta(minutes=30), timedelta(minutes=2)
    with store.connection, store.connection.cursor() as cursor:
        held = story.spans(cursor, "shop_tw", "updated", moment, lookback=lag, settle=lag)
    found, start, now = OnChannel(True, moment, day), EPOCH - timedelta(days=60), EPOCH + timedelta(days=1)
    verdict = blocking.elsewhere(found, held, channel="shop_tw", start=start, settle=lag, due=None, now=now)
    assert (verdict.standing, verdict.command) == ("missed", command)
