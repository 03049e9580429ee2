"""Edits: corrected values are kept, sealed where personal, handed to cleaning, and withdrawn."""

import pytest
from staged import load, order, refusal, unreadable

from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError
from orderflow.staging import actions, backlog, edits, erasure
from orderflow.staging.decisions import decisions

ANN = {"who": "ann", "why": "Tippfehler der Filiale 台北"}


def wait(store, *orders, **fields):
    refused = [refusal(each, number, "TOTAL_WRONG") for number, each in enumerate(orders)]
    load(store, refused=refused, raw=[b"{}"] * len(orders), **fields)
    return backlog.identify(store.connection, [each.order_id for each in orders])


def edit(store, row, *wanted, **fields):
    return edits.edit(store.connection, store.vault, row, [Edit(*each) for each in wanted], **{**ANN, **fields})


def test_an_edit_is_kept_releases_the_order_and_reaches_cleaning(store, ask):
    (row,) = wait(store, order())
    assert edit(store, row, ("lines.1.sku", "茶-42"), ("shop_currency", None)).done == 1
    assert ask("SELECT state, replay_asked_at IS NOT NULL FROM orderflow.quarantine") == [("released", True)]
    assert decisions(store.connection, "shop_tw").edits == {
        "A-1": (Edit("lines.1.sku", "茶-42"), Edit("shop_currency", None))
    }
    assert ask("SELECT detail -> 'edited' FROM orderflow.quarantine_events WHERE what = 'released'") == [
        (["lines.1.sku", "shop_currency"],)
    ]


def test_edits_survive_later_versions_until_they_are_withdrawn(store, ask):
    (row,) = wait(store, order(minute=1))
    edit(store, row, ("grand_total", "24.5"))
    load(store, order(minute=1), purpose="replay")
    wait(store, order(minute=9, grand_total="3"), fetched=9)
    assert decisions(store.connection, "shop_tw").edits["A-1"] == (Edit("grand_total", "24.5"),)
    (held,) = edits.held(store.connection, channel="shop_tw")
    assert edits.withdraw(store.connection, [held.id], who="bob", why="in der Filiale berichtigt") == 1
    assert decisions(store.connection, "shop_tw").edits == {}
    assert ask("SELECT replay_asked_at IS NOT NULL FROM orderflow.quarantine") == [(True,)]
    assert edits.held(store.connection) == []
    (gone,) = edits.held(store.connection, order_id="A-1", withdrawn=True)
    assert (gone.withdrawn_by, gone.withdrawn_why) == ("bob", "in der Filiale berichtigt")
    with pytest.raises(
        ConfigError, match=f"edit {held.id} was withdrawn by bob at .*; edit 99 does not exist; nothing"
    ):
        edits.withdraw(store.connection, [held.id, 99], **ANN)


def test_editing_a_path_again_replaces_its_value(store):
    (row,) = wait(store, order())
    edit(store, row, ("currency", "EUR"))
    actions.reopen(store.connection, [row], **ANN)
    assert decisions(store.connection, "shop_tw").edits == {}, "undone with its release"
    edit(store, row, ("currency", "SEK"))
    wait(store, order(), purpose="replay")
    edit(store, row, ("currency", "TWD"))
    assert decisions(store.connection, "shop_tw").edits == {"A-1": (Edit("currency", "TWD"),)}
    assert len(edits.held(store.connection, withdrawn=True)) == 3


def test_personal_values_are_sealed(store, ask):
    (row,) = wait(store, order())
    edit(store, row, ("contacts.1.phone", "+886912345678"), personal=["contacts.1.phone"])
    ((stored, sealed),) = ask("SELECT value, sealed FROM orderflow.order_edits")
    assert stored is None
    assert b"8869" not in bytes(sealed)
    assert edits.held(store.connection)[0].sealed
    assert "8869" not in str(ask("SELECT detail, why FROM orderflow.quarantine_events"))
    found = decisions(store.connection, "shop_tw", store.vault)
    assert found.edits == {"A-1": (Edit("contacts.1.phone", "+886912345678"),)}
    with pytest.raises(ConfigError, match=r"contacts\.1\.phone, which is personal data and sealed"):
        decisions(store.connection, "shop_tw")


def test_everything_that_is_wrong_with_edits_is_told_at_once(store, ask):
    (row,) = wait(store, order())
    wrong = [
        ("order_id", "B-1"),
        ("colour", "red"),
        ("lines.sku", "x"),
        ("lines.0.sku", "x"),
        ("lines.7.sku", "x"),
        ("lines.1.colour", "x"),
        ("currency", "x" * 5000),
        ("currency", "EUR"),
    ]
    with pytest.raises(ConfigError) as told:
        edit(store, row, *wrong)
    message = str(told.value)
    for part in (
        "order_id: this is the order's identity",
        "colour: an order has no field 'colour'",
        "lines.sku: say which of the lines",
        "lines.0.sku: say which of the lines",
        "lines.7.sku: the order has 1 lines, counted from 1",
        "lines.1.colour: lines have no field 'colour'",
        "currency: a value has at most 4000 characters",
        "currency is edited twice",
    ):
        assert part in message
    assert ask("SELECT count(*) FROM orderflow.order_edits") == [(0,)]
    with pytest.raises(ConfigError, match="no edit is given"):
        edit(store, row)


def test_what_could_not_be_read_has_nothing_to_edit(store, ask):
    load(store, refused=[unreadable(0, "A-7")], raw=[b"{"])
    with pytest.raises(ConfigError, match="could not be read, so that there are no fields to edit"):
        edit(store, 1, ("currency", "TWD"))
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]


def test_a_dry_run_of_an_edit_leaves_nothing(store, ask):
    (row,) = wait(store, order())
    assert edit(store, row, ("currency", "TWD"), dry_run=True).done == 1
    assert ask("SELECT (SELECT count(*) FROM orderflow.order_edits), state FROM orderflow.quarantine") == [(0, "open")]


def test_erasing_an_orders_people_erases_what_was_edited_of_them(store, ask):
    (row,) = wait(store, order())
    edit(store, row, ("contacts.1.phone", "+886912345678"), ("currency", "TWD"), personal=["contacts.1.phone"])
    erasure.erase(store.connection, "shop_tw", ["A-1"], who="mei", why="asked to be forgotten")
    assert decisions(store.connection, "shop_tw", store.vault).edits == {"A-1": (Edit("currency", "TWD"),)}
    assert ask("SELECT count(*) FROM orderflow.order_edits WHERE sealed IS NOT NULL") == [(0,)]
