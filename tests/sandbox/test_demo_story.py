"""The demo's worlds from one start to the next: what was shown stays, and nothing happens in a time that is proven."""

from datetime import UTC, datetime, timedelta

from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.story import recall, shops
from orderflow.sandbox.generator import moment
from orderflow.sandbox.platforms import find
from orderflow.sandbox.world import World, showable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def orders(story, until: datetime) -> dict[str, list]:
    """What a shop really holds, but for what is still to come."""
    found = {}
    for shop in shops(story)[2:]:
        held = World(shop, showable(find(shop.platform).unshown)).all_held(moment(until))
        found[shop.name] = [(each.order.index, each.number, each.at, each.visible_from, each.defect) for each in held]
    return found


def test_a_demo_that_goes_on_after_it_stopped_by_itself_has_rested(tmp_path):
    layout = Layout(tmp_path, 8097)
    once, again = recall(layout, NOON, once=True)
    assert not again
    later = NOON + timedelta(minutes=30)
    assert recall(layout, later, once=True) == (once, True)
    opened, again = recall(layout, later, once=False)
    assert not again
    assert opened.ends is None
    before = orders(once, later)
    assert orders(opened, later) == before
    grown = orders(opened, later + timedelta(minutes=2))
    assert all(len(grown[name]) > len(before[name]) > 1000 for name in before)
    assert recall(layout, later + timedelta(hours=1), once=False)[0] == opened


def test_worlds_may_rest_more_than_once(tmp_path):
    layout = Layout(tmp_path, 8097)
    recall(layout, NOON, once=True)
    recall(layout, NOON + timedelta(hours=1), once=False)
    second, again = recall(layout, NOON + timedelta(hours=2), once=True)
    assert not again
    third, _ = recall(layout, NOON + timedelta(hours=3), once=False)
    assert [went_on for _, went_on in third.rests] == [NOON + timedelta(hours=1), NOON + timedelta(hours=3)]
    assert third.rests[1][0] == second.ends
