"""Two channels bring one shop's order, and staging comes back from a backup: the OMS has it once all the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from restored_site import HOUR, Site, beside

from orderflow.command import ports
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.staging import actions
from orderflow.staging.backlog import Filter

WAITING = "SELECT channel, subject, codes, reasons -> 0 ->> 'value' FROM orderflow.quarantine WHERE state = 'open'"


@pytest.fixture
def pair(opened, oms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Site]:
    """Two channels of one database and one OMS, whose orders have the same numbers."""
    one = opened("csv_drop")
    return one, beside(one, tmp_path / "another_inbox", monkeypatch)


def total(shop: Site) -> list[str | None]:
    """What the OMS holds of this channel's order."""
    return [each.total for each in ports.target(shop.channel).look_up(shop.channel.name, ["A-1"]).values()]


def bring(*shops: Site) -> None:
    for shop in shops:
        shop.add()
        shop.pull()


@pytest.mark.parametrize("first", ["owner", "twin"])
def test_what_was_held_is_held_again_whichever_channel_is_repeated_first(pair, first):
    owner, twin = pair
    owner.back_up()
    bring(owner, twin)
    held = [(twin.channel.name, "A-1", ["DELIVERED_ELSEWHERE"], owner.channel.name)]
    assert owner.ask(WAITING) == held
    owner.restore()
    for shop in (owner, twin) if first == "owner" else (twin, owner):
        shop.pull()
    assert owner.ask(WAITING) == held
    assert (total(owner), total(twin)) == (["10"], [])
    twin.change("A-1")
    twin.pull()
    assert total(twin) == []


def test_it_is_held_again_where_the_load_that_held_it_left_no_receipt(pair, monkeypatch):
    """The process died in between; the next attempt found the order unchanged, and held nothing."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    owner, twin = pair
    owner.back_up()
    bring(owner)
    with monkeypatch.context() as patch:
        patch.setattr(landing, "remember", die)
        with pytest.raises(KeyboardInterrupt):
            bring(twin)
    twin.pull(Window(twin.clock.moment - HOUR, twin.clock.moment))
    owner.restore()
    twin.pull()
    assert (twin.versions(), total(twin)) == ({"A-1": 1}, [])


def test_what_an_older_version_held_is_written_down_when_it_changes(pair):
    owner, twin = pair
    owner.back_up()
    bring(owner, twin)
    shutil.rmtree(twin.landing / twin.channel.name / landing.ELSEWHERE)
    twin.change("A-1")
    twin.pull()
    owner.restore()
    twin.pull()
    assert total(twin) == []


@pytest.mark.parametrize("sent", [False, True])
def test_what_a_person_released_before_the_backup_is_not_held_again(pair, sent):
    owner, twin = pair
    bring(owner, twin)
    with twin.store() as store:
        actions.release(store.connection, Filter(channel=twin.channel.name), who="mei", why="two orders")
    if sent:
        twin.pull()
    twin.back_up()
    twin.change("A-1")
    twin.pull()
    twin.restore()
    twin.pull()
    assert twin.ask(WAITING) == []
    assert total(twin) == ["11"]
