"""What is judged without a database: rules that need only the channel file, and the words that people read."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from alert_shop import NOW

from orderflow.domain.alert import conditions, raised
from orderflow.domain.snapshot import Money, Seen, Snapshot

WELL = Snapshot(due_until=NOW, proven_until=NOW, started_at=NOW - timedelta(days=1), done_at=NOW)


def kinds(snapshot, channel, now=NOW):
    return [(each.kind, each.severity) for each in conditions(snapshot, channel, now)]


def seen(kind, at, **facts):
    return {kind: Seen(raised("shop_tw", kind, "as before", **facts), at, at)}


def test_a_channel_that_is_well_is_in_no_trouble(channel):
    assert conditions(WELL, channel, NOW) == []


@pytest.mark.parametrize(
    ("now", "found"),
    [("2027-05-31", []), ("2027-06-01", ["warning"]), ("2027-06-24", ["critical"]), ("2027-08-01", ["critical"])],
)
def test_an_api_version_is_told_ahead_of_its_end(channel, now, found):
    """Shopify's 2026-07 is answered until 2027-07-01."""
    moment = NOW.replace(year=2027, month=int(now[5:7]), day=int(now[8:]))
    assert kinds(replace(WELL, due_until=moment, proven_until=moment), channel, moment) == [
        ("version", severity) for severity in found
    ]


def test_amazons_old_orders_api_has_an_end_and_the_new_one_has_none():
    from orderflow.adapters.amazon_sp_api import ADAPTER, Options

    old = Options(marketplaces=["ATVPDKIKX0DER"], version="v0")
    assert ADAPTER.sunset(old) == date(2027, 3, 27)
    assert ADAPTER.sunset(old.model_copy(update={"version": "v2026-01-01"})) is None


def test_orders_that_no_side_explains_are_told_with_their_day(channel):
    (found,) = conditions(replace(WELL, differences=1, difference_day=date(2026, 11, 16)), channel, NOW)
    assert (found.kind, found.severity) == ("difference", "warning")
    assert found.what == "1 order of the last week's certificates that no side explains, the earliest of 2026-11-16"


def test_what_only_an_event_tells_is_over_when_it_is_not_told_again(channel):
    stuck = replace(WELL, open=seen("replay", NOW - timedelta(hours=5)))
    assert kinds(stuck, channel) == [("replay", "warning")]
    assert kinds(stuck, channel, NOW + timedelta(hours=2)) == []


def test_a_channel_in_shadow_waits_for_no_oms(channel):
    behind = replace(WELL, pending=3, pending_since=NOW - timedelta(hours=5))
    assert kinds(behind, channel) == [("backlog", "critical")]
    assert kinds(behind, channel.model_copy(update={"shadow": True})) == []


def test_cheap_orders_in_quarantine_are_no_alarm_and_currencies_are_not_mixed(channel):
    money = [Money("TWD", Decimal(1000), 0.9), Money("JPY", Decimal(5000), 0.1)]
    some = replace(WELL, money=money, waiting={"TWD": (19, Decimal(19000)), "JPY": (1, Decimal(99999))})
    assert kinds(some, channel) == []
    more = replace(some, waiting={"TWD": (19, Decimal(19000)), "JPY": (4, Decimal(100000)), "EUR": (9, Decimal(9))})
    (found,) = conditions(more, channel, NOW)
    assert found.what == "waiting in quarantine for more than a day: 4 orders of 100000 JPY"


@pytest.mark.parametrize(("minutes", "found"), [(-30, []), (20, [("late", "critical")]), (60 * 24 * 30, [])])
def test_a_run_of_a_time_that_is_still_to_come_makes_nothing_late(channel, minutes, found):
    until = (NOW + timedelta(minutes=minutes)).isoformat()
    told = replace(WELL, open=seen("late", NOW, until=until))
    assert kinds(told, channel, NOW + timedelta(minutes=30)) == found


def test_what_cannot_be_judged_stays_as_it_is(channel):
    """A silent channel of which nothing is known at this hour."""
    silent = replace(WELL, open=seen("silent", NOW, since=NOW.isoformat()))
    assert kinds(silent, channel) == [("silent", "critical")]


def test_a_channel_whose_first_run_has_only_begun_is_not_late(channel):
    new = replace(WELL, proven_until=None, started_at=NOW - timedelta(minutes=20))
    assert kinds(new, channel) == []
    assert kinds(new, channel, NOW + timedelta(minutes=10)) == [("late", "critical")]
    assert kinds(replace(new, started_at=None), channel) == []
