"""Staging comes back from a backup, while files, mailboxes, shops and the OMS are as they were."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from postgres_target import rows
from restored_site import HOUR, START, Site, lose

from orderflow.command import ports
from orderflow.command.flow import stage_window
from orderflow.domain.errors import BalanceError
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract
from orderflow.pipeline.flow import judged
from orderflow.pipeline.load import load, recall
from orderflow.staging.notices import ChannelNotices

TABLES = """
CREATE TABLE held (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, channel text NOT NULL, code text NOT NULL,
    version integer NOT NULL, key text NOT NULL, total numeric, UNIQUE (channel, code))
"""
TABLE = {
    "name": "held",
    "id": "id",
    "unique": ["channel", "code"],
    "columns": {"channel": "channel", "code": "order_id", "version": "version", "key": "key", "total": "grand_total"},
}


def go_on(shop: Site, first: str, second: str) -> None:
    """What was lost is pulled as one window, and then both orders change."""
    shop.pull(Window(START.replace(hour=START.hour), shop.clock.moment))
    assert shop.versions() == {first: 3, second: 1}
    shop.demand_agreement()
    shop.change(first)
    shop.change(second)
    shop.pull()
    shop.demand_agreement()


@pytest.mark.parametrize("platform", ["csv_drop", "edi_x12", "shopify"])
def test_what_was_lost_comes_back_as_it_was_and_what_changes_later_reaches_the_oms(opened, oms, platform):
    shop = opened(platform)
    first, second = lose(shop)
    go_on(shop, first, second)
    effects = oms.effects(channel=shop.channel.name)
    assert (effects["effects"], effects["refusals"], effects["repeated"]) == (6, {}, [])


def test_an_oms_of_tables_agrees_too(opened, dsn, tmp_path, monkeypatch):
    rows(dsn, TABLES)
    file = {"title": "OMS", "kind": "postgres", "connection": "tables", "table": TABLE}
    (tmp_path / "tables.yml").write_text(yaml.safe_dump(file))
    monkeypatch.setattr(ports, "TARGETS", tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_TABLES", json.dumps({"conn_type": "postgres", "host": dsn}))
    shop = opened("shopify", target="tables")
    first, second = lose(shop)
    go_on(shop, first, second)


def test_a_run_that_has_the_name_of_a_lost_one_does_not_write_over_its_files(opened, oms):
    shop = opened("shopify")
    first, second = lose(shop)
    shop.pull(Window(START + HOUR, START + 2 * HOUR))
    assert shop.versions() == {first: 3, second: 1}
    shop.demand_agreement()


def test_what_is_not_in_the_landing_zone_any_more_is_told_and_later_changes_reach_the_oms(opened, oms):
    shop = opened("csv_drop")
    first, _ = lose(shop)
    shutil.rmtree(shop.landing / shop.channel.name / Window(START + HOUR, START + 2 * HOUR).name)
    shop.pull()
    assert shop.versions() == {first: 2}
    assert [order_id for order_id, _ in shop.waiting()] == [first], "the OMS holds version 3"
    (alert,) = shop.alerts()
    assert (alert.kind, alert.severity) == ("restored", "warning")
    assert "1 of the 2 loads it lacked came back out of the landing zone: compare the days" in alert.what
    shop.change(first)
    shop.pull()
    assert shop.versions()[first] > 3
    shop.demand_agreement()


@pytest.mark.parametrize("oms", [{"idempotent": False}], indirect=True)
def test_what_waited_in_the_backup_and_was_sent_since_is_looked_for_before_it_is_sent(opened, oms):
    shop = opened("csv_drop")
    shop.add()
    with shop.store() as store:
        window = Window(START, START + HOUR)
        stage_window(shop.channel, window, store)
    shop.back_up()
    shop.clock.moment += HOUR
    shop.add()
    shop.pull()
    before = oms.effects()
    shop.restore()
    shop.pull()
    shop.demand_agreement()
    assert oms.effects() == before


def test_repeating_that_was_cut_off_goes_on_where_it_stood(opened, oms):
    shop = opened("edi_x12")
    first, second = lose(shop)

    def die(*_: object) -> None:
        if shop.versions()[first] == 2:
            raise KeyboardInterrupt

    with shop.store() as store, pytest.raises(KeyboardInterrupt):
        recall(shop.channel, shop.landing / shop.channel.name, store, progress=die)
    assert shop.versions() == {first: 2, second: 1}
    go_on(shop, first, second)
    (alert,) = shop.alerts()
    assert "2 of the 2 loads" in alert.what
    assert alert.what.startswith(f"staging went back to {shop.backed_up_at:%Y-%m-%d %H:%M}Z")


def test_a_backup_of_before_the_first_load_is_filled_from_the_landing_zone(opened, oms):
    shop = opened("csv_drop")
    shop.back_up()
    first = shop.add()
    shop.pull()
    shop.change(first)
    shop.pull()
    shop.restore()
    shop.pull()
    assert shop.versions() == {first: 2}
    shop.demand_agreement()


def test_what_was_loaded_in_shadow_is_not_owed_to_the_oms_when_it_is_repeated(opened, oms):
    shop = opened("csv_drop")
    live, shop.channel = shop.channel, shop.channel.model_copy(update={"shadow": True})
    shop.back_up()
    shop.add()
    shop.pull()
    shop.channel = live
    second = shop.add()
    shop.pull()
    shop.restore()
    shop.pull()
    assert len(shop.versions()) == 2
    assert list(shop.held()) == [second]


def test_a_window_that_was_pulled_twice_comes_back_whole(opened, oms):
    """The second time its orders were known, and not judged again."""
    shop = opened("shopify")
    shop.back_up()
    first = shop.add()
    window = shop.pull().window
    assert shop.pull(window).counts.known == 1
    shop.restore()
    with shop.store() as store:
        assert recall(shop.channel, shop.landing / shop.channel.name, store) == 1
    assert shop.versions() == {first: 1}


def test_no_partner_gets_two_documents_of_one_number(opened, oms):
    shop = opened("edi_x12")

    def number_of(order_id: str) -> int:
        with shop.store() as store:
            notices = ChannelNotices(store.connection, shop.channel.name)
            notices.note_responses()
            return next(each.number for some in notices.untold() for each in some if each.order_id == order_id)

    shop.pull()
    shop.back_up()
    first = shop.add()
    shop.pull()
    lost = number_of(first)
    shop.restore()
    shop.pull()
    assert number_of(first) > lost


def test_a_file_of_a_lost_load_that_is_torn_is_named_with_its_cure_until_it_is_moved_away(opened, oms):
    shop = opened("csv_drop")
    lose(shop)
    (raw,) = (shop.landing / shop.channel.name / Window(START + HOUR, START + 2 * HOUR).name).glob("*/raw-*")
    raw.write_bytes(raw.read_bytes()[:-9])
    for _ in range(2):
        with pytest.raises(BalanceError, match="move the folder out of") as told:
            shop.pull()
        assert str(raw.parent) in str(told.value)
    shutil.move(raw.parent, shop.landing.parent / "kept")
    shop.pull()
    assert len(shop.alerts()) == 1


def test_a_load_that_is_tried_again_on_a_restored_database_stages_its_orders_once(opened, oms):
    shop = opened("csv_drop")
    shop.back_up()
    first = shop.add()
    folder = landing.folder(shop.landing, shop.channel.name, Window(START, START + HOUR), "scheduled__1")
    with ports.source(shop.channel) as (source, runtime):
        pulled = extract(shop.channel, Window(START, START + HOUR), source, folder, run_id="r", runtime=runtime)
    batch = judged(shop.channel, pulled)
    with shop.store() as store:
        load(shop.channel, batch, store)
    shop.restore()
    with shop.store() as store:
        assert load(shop.channel, batch, store).counts.unchanged == 1
    assert shop.versions() == {first: 1}
