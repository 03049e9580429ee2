"""Worlds are functions of seed and moment; their books balance; what is wrong in them was planted."""

import hashlib
import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow.domain.errors import ConfigError
from orderflow.sandbox import platforms
from orderflow.sandbox.clock import hurried
from orderflow.sandbox.defects import DEFECTS
from orderflow.sandbox.generator import INJECTED, moment
from orderflow.sandbox.order import price
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.spelling import minor_text
from orderflow.sandbox.vocabulary import COUNTRIES, PRODUCTS
from orderflow.sandbox.world import World, showable

START = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = showable(frozenset())
BUSY = {
    "edits": 0.4, "cancellations": 0.2, "refunds": 0.5, "pace": 0.05, "currencies": ("SEK", "JPY", "KWD", "TWD", "USD"),
}  # fmt: skip


def shop(**more):
    return Shop(**({"name": "räv", "platform": "shopify", "start": START, "rate": 60.0} | more))


def at(hours):
    return moment(START + timedelta(hours=hours))


def digest(world, second):
    """A hash of everything the lists show."""
    shown = [msgspec.json.encode(world.snapshot(version)) for version in world.listed(second).modified()]
    return hashlib.sha256(b"\n".join(shown)).hexdigest()


def test_two_processes_with_the_same_seed_agree():
    world = World(shop(defects=0.1, **BUSY), KINDS)
    script = "from test_worlds import *; print(digest(World(shop(defects=0.1, **BUSY), KINDS), at(12)))"
    folders = [str(Path(__file__).parent), str(Path(platforms.__file__).parents[3])]
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert answer.stdout.strip() == digest(world, at(12))


def test_another_seed_is_another_world():
    assert digest(World(shop()), at(3)) != digest(World(shop(seed=2)), at(3))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 20 * 3600), min_size=1, max_size=8))
def test_how_a_moment_was_reached_does_not_matter(steps):
    wandering = World(shop(bursts=0.2, late=0.5, late_by=4000, trash=0.1, **BUSY))
    for step in steps:
        wandering.listed(moment(START) + step)
    last = moment(START) + steps[-1]
    fresh = World(shop(bursts=0.2, late=0.5, late_by=4000, trash=0.1, **BUSY))
    for found, wanted in zip(
        (wandering.listed(last).modified(), wandering.listed(last).created()),
        (fresh.listed(last).modified(), fresh.listed(last).created()),
        strict=True,
    ):
        assert [(v.order.index, v.number) for v in found] == [(v.order.index, v.number) for v in wanted]


def test_the_books_balance_to_the_smallest_coin_in_both_currencies():
    world = World(shop(**BUSY))
    world.listed(at(24))
    versions = [version for index in range(1200) for version in world.versions(index)]
    assert len({version.order.currency for version in versions}) == 6
    assert {version.change for version in versions} >= {"add_line", "remove_line", "refund_all", "cancel", "ship_part"}
    for version in versions:
        order = version.order
        for money in price(order):
            lines = sum(line.whole for line in money.lines)
            assert lines + money.shipping_net + money.shipping_tax + money.tip == money.total
            assert money.refunded <= money.received
            assert all(line.before - line.own - line.code == line.after >= 0 for line in (*money.lines, *money.ever))
            assert all(line.net + line.tax == line.whole for line in money.lines)
        assert all(0 <= item.refunded <= item.shipped or order.cancelled_at for item in order.items)
        assert all(item.shipped <= item.quantity <= item.ever for item in order.items)


def test_the_rate_changes_when_the_demo_goes_live_and_everything_stops_at_its_end():
    live = START + timedelta(hours=10)
    end = START + timedelta(hours=11)
    world = World(shop(rate=60, live_from=live, live_rate=1200, ends=end, bursts=0))
    before, after = len(world.listed(moment(live)).created()), len(world.listed(moment(end)).created())
    assert 450 < before < 750
    assert 1000 < after - before < 1400
    later = world.listed(at(24))
    assert len(later.created()) == after
    assert max(version.modified_at for version in later.modified()) <= moment(end)


def lives(world, until):
    """Every version of every order up to this second, as it is shown."""
    world.listed(until)
    found = [version for held in world.all_held(until) for version in world.versions(held.order.index)]
    return [(version, world.snapshot(version)) for version in found if version.at <= until]


def test_a_world_that_opens_again_after_its_end_keeps_its_past():
    settings = {"defects": 0.5, "late": 0.3, "late_by": 4000, "rate": 25, **BUSY}
    end = START + timedelta(hours=9)
    ended, opened = World(shop(ends=end, **settings), KINDS), World(shop(**settings), KINDS)
    assert lives(ended, moment(end)) == lives(opened, moment(end))
    assert digest(ended, moment(end)) == digest(opened, moment(end))
    healed = [version for version, _ in lives(opened, at(12)) if version.at > moment(end) and version.defect is None]
    assert any(opened.versions(version.order.index)[0].defect for version in healed)


def test_a_world_that_rested_goes_on_later_with_what_it_was_about_to_do():
    settings = {"defects": 0.5, "late": 0.3, "late_by": 600, "rate": 25, **BUSY}
    end, rest = START + timedelta(hours=3), timedelta(hours=5)
    awake, rested = World(shop(**settings), KINDS), World(shop(rests=((end, end + rest),), **settings), KINDS)
    assert lives(rested, moment(end)) == lives(awake, moment(end))
    before, after = lives(awake, at(8)), lives(rested, at(13))
    assert [(v.order.index, v.number, v.change) for v, _ in after] == [
        (v.order.index, v.number, v.change) for v, _ in before
    ]
    late = [(one.at, other.at) for (one, _), (other, _) in zip(before, after, strict=True)]
    assert all(other == (one if one <= moment(end) else one + rest.total_seconds()) for one, other in late)
    assert len(lives(rested, moment(end + rest))) == len(lives(awake, moment(end))) < len(after)


def test_what_is_put_in_by_hand_keeps_the_past():
    touched, untouched = (World(shop(defects=1, rate=15, **BUSY), KINDS) for _ in range(2))
    past = lives(untouched, at(12))
    healed = {version.order.index for version, _ in past if version.number and version.defect is None}
    assert len(healed) > 5
    assert lives(touched, at(12)) == past
    for index in healed:
        touched.change_order(index, "annotate", at(12) + 1)
    assert lives(touched, at(12)) == past
    assert all(touched.held(index, at(12) + 1).defect is None for index in healed)


def test_the_first_live_order_does_not_wait_for_the_slow_rate_of_history():
    live = START + timedelta(hours=10)
    for seed in range(20):
        world = World(shop(seed=seed, rate=1, live_from=live, live_rate=3600))
        assert len(world.listed(moment(live) + 60).created(moment(live))) > 20


def test_crowds_arrive_in_the_same_second():
    created = [v.order.placed_at for v in World(shop(bursts=0.2)).listed(at(10)).created()]
    assert max(created.count(second) for second in set(created)) >= 3


def test_a_late_change_is_true_at_once_and_listed_later():
    world = World(shop(late=1.0, late_by=100))
    world.listed(at(5))
    late = [world.versions(index)[0] for index in range(50)]
    assert all(version.at < version.visible_from <= version.at + 100 for version in late)
    one = late[10]
    assert world.held(10, one.at) is one
    assert world.shown(10, one.visible_from - 1) is None
    assert world.shown(10, one.visible_from) is one


@pytest.mark.parametrize("blind", ["payment", "fulfilment", "refund", "lines", "address", "status", "tracking"])
def test_a_blind_change_does_not_move_the_modified_time(blind):
    world = World(shop(blind=(blind,), rate=15, **BUSY))
    world.listed(at(40))
    changes = {
        "payment": {"pay"},
        "fulfilment": {"ship", "ship_part"}, "refund": {"refund_part", "refund_all", "refund_amount"},
        "lines": {"change_quantity", "add_line", "remove_line"}, "address": {"change_address"},
        "status": {"cancel", "close", "fail"}, "tracking": {"deliver"},
    }[blind]  # fmt: skip
    seen = 0
    for index in range(600):
        versions = world.versions(index)
        for before, after in itertools.pairwise(versions):
            if after.change in changes:
                seen += 1
                assert after.modified_at == before.modified_at < after.at
            else:
                assert after.modified_at == after.at
    assert seen > 10


def test_put_in_orders_and_changes_are_part_of_the_world_and_can_be_replayed():
    kept = []
    world = World(shop(), KINDS, kept.append)
    noon = at(12)
    index = world.add_order(noon, defect="no_lines", late=30)
    assert index == INJECTED
    assert world.shown(index, noon + 29) is None
    assert world.snapshot(world.shown(index, noon + 30)).lines == []
    paid = next(v for v in world.listed(noon).created() if v.order.paid_at and not v.order.shipments)
    world.change_order(paid.order.index, "cancel", noon + 60)
    assert world.held(paid.order.index, noon + 60).order.cancelled_at == noon + 60
    again = World(shop(), KINDS)
    for injection in kept:
        again.replay(injection)
    assert digest(again, noon + 90) == digest(world, noon + 90)


def test_what_cannot_be_is_refused_with_what_can():
    with pytest.raises(ConfigError, match="no rate for currency 'XXX'"):
        shop(currencies=("XXX",))
    with pytest.raises(ConfigError, match="has no time zone"):
        shop(start=START.replace(tzinfo=None))
    with pytest.raises(ConfigError, match="no IANA time zone"):
        shop(timezone="Asia/Atlantis")
    with pytest.raises(ConfigError, match="cannot show the defect 'time_naive'"):
        World(shop(platform="woocommerce"), showable(frozenset({"time_naive"}))).add_order(at(1), defect="time_naive")
    with pytest.raises(ConfigError, match="unknown change 'explode'; known: pay"):
        World(shop()).change_order(0, "explode", at(5))
    with pytest.raises(ConfigError, match=r"can play .*csv_drop"):
        platforms.find("myspace")


def test_there_are_at_least_25_kinds_of_defects_and_a_world_plants_its_share():
    assert len(DEFECTS) >= 25
    assert {each.outcome for each in DEFECTS.values()} == {"refuse", "warn", "oms"}
    versions = list(World(shop(defects=0.1, rate=200), KINDS).all_held(at(24)))
    broken = [version for version in versions if version.defect]
    assert 0.07 < len(broken) / len(versions) < 0.13
    assert {version.defect for version in broken} == set(DEFECTS)
    assert not any(version.defect for version in World(shop(), KINDS).all_held(at(24)))


def test_some_defects_heal_in_a_later_version():
    world = World(shop(defects=1, **BUSY), KINDS)
    world.listed(at(48))
    lives = [[version.defect for version in world.versions(index)] for index in range(500)]
    assert any(life[0] and life[-1] is None for life in lives)


@pytest.mark.parametrize("kind", sorted(DEFECTS))
def test_a_defect_changes_the_order_and_only_in_its_way(kind):
    world = World(shop(rate=100, **BUSY), KINDS)
    for n in range(3):
        index = world.add_order(at(1) + n, defect=kind)
        (version, *_) = world.versions(index)
        healthy = msgspec.structs.replace(version, defect=None)
        spoilt = msgspec.to_builtins(world.snapshot(version))
        # The snapshot is kept by version number, so the healthy one comes from a world of its own.
        whole = msgspec.to_builtins(World(shop(rate=100, **BUSY), KINDS).snapshot(healthy))
        assert spoilt != whole
        assert spoilt["index"] == whole["index"]


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_healthy_phones_can_be_called(country):
    world = World(shop(currency=country.currency, rate=600))
    phones = {v.order.ship_to.phone for v in world.listed(at(1)).created() if v.order.country.code == country.code}
    assert phones
    for phone in phones:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone)), phone


def test_gtins_have_their_check_digit():
    for product in PRODUCTS:
        digits = [int(sign) for sign in product.gtin]
        assert len(digits) == 13
        assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_texts_are_in_every_script_and_some_are_empty_or_long():
    versions = World(shop(rate=300, currencies=tuple(c.currency for c in COUNTRIES))).listed(at(8)).created()
    notes = {version.order.note for version in versions}
    assert "" in notes
    assert max(map(len, notes)) > 2000
    everything = "".join(notes | {version.order.ship_to.family for version in versions})
    for sign in "請عל橋김ம👨ż\u200b":
        assert sign in everything


@pytest.mark.parametrize(
    ("units", "places", "text"),
    [(2450, 2, "24.50"), (5, 2, "0.05"), (-5, 2, "-0.05"), (7, 0, "7"), (-7, 0, "-7"), (1, 3, "0.001")],
)
def test_minor_units_become_decimal_text(units, places, text):
    assert minor_text(units, places) == text
    assert Decimal(text).scaleb(places) == units


def test_a_hurried_clock_catches_up_with_the_real_one_and_never_passes_it():
    now = datetime(2026, 3, 2, tzinfo=UTC)
    clock = hurried(lambda: now, now - timedelta(hours=24), 480)
    assert clock() == datetime(2026, 3, 1, tzinfo=UTC)
    now += timedelta(minutes=1)
    assert clock() == datetime(2026, 3, 1, 8, tzinfo=UTC)
    now += timedelta(minutes=9)
    assert clock() == now
