"""Commands act on a staging that came back from a backup only once it has what it lost."""

from __future__ import annotations

import pytest
from restored_site import START, Site, lose
from typer.testing import CliRunner

import orderflow.command.edits
import orderflow.command.erase
import orderflow.command.fulfil
import orderflow.command.readiness
import orderflow.command.reconcile
import orderflow.command.replay  # noqa: F401 - importing these registers their commands
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.pipeline.load import recall

WHY = ("--why", "ticket 4711", "--who", "mei")
PEOPLE = "SELECT order_id, sealed IS NULL, erased_by FROM orderflow.order_contacts ORDER BY 1"


@pytest.fixture
def shop(opened, oms, monkeypatch: pytest.MonkeyPatch) -> Site:
    found: Site = opened("csv_drop")
    monkeypatch.setattr(ports, "channel", lambda name: found.channel)
    return found


def run(*words: str) -> str:
    done = CliRunner().invoke(app, [*words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


COMMANDS = {
    "reconcile": ["reconcile", "{name}", "--day", f"{START.date()}", "--dry-run"],
    "erase": ["erase", "{name}", "{second}", *WHY],
    "live": ["channel", "live", "{name}", "--since", "2026-01-01", "--go"],
    "release": ["quarantine", "release", "--channel", "{name}", *WHY],
    "replay": ["replay", "{name}", "--ids", "{second}", "--dry-run"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_repeats_what_staging_lost_before_it_acts(shop, command):
    first, second = lose(shop)
    run(*(word.format(name=shop.channel.name, second=second) for word in command))
    assert (shop.versions()[first], list(shop.versions())) == (3, [first, second])


def test_an_order_is_released_by_its_id_alone(shop):
    first, _ = lose(shop)
    shop.ask(
        """
        INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, landing, fetched_at,
            window_start, window_end)
        SELECT channel, order_id, order_id, 'oms', 'open', '[{"code": "OMS_REFUSED"}]', landing, fetched_at,
            window_start, window_end FROM orderflow.orders WHERE order_id = %s
        """,
        first,
    )
    with pytest.raises(ConfigError, match="was superseded by a newer version"):
        run("quarantine", "release", first, *WHY)
    assert shop.versions()[first] == 3


def test_without_its_file_a_channel_that_went_back_is_named_with_the_cure(shop, monkeypatch):
    _, second = lose(shop)

    def unknown(name: str) -> None:
        raise ConfigError(f"there is no channel {name!r} in include/channels")

    monkeypatch.setattr(ports, "channel", unknown)
    with pytest.raises(ConfigError, match=r"has 1 of the 3 loads .* without the channel's file: there is no"):
        run("erase", shop.channel.name, second, *WHY)


def test_a_backup_brings_no_buyer_back_who_was_forgotten(shop, oms):
    first = shop.add()
    shop.pull()
    shop.back_up()
    second, third = shop.add(), shop.add()
    shop.pull()
    assert "2 erased" in run("erase", shop.channel.name, first, second, *WHY)
    effects = oms.effects()
    shop.restore()
    assert shop.ask(PEOPLE) == [(first, False, None)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with shop.store() as store, pytest.raises(KeyboardInterrupt):
        recall(shop.channel, shop.landing / shop.channel.name, store, progress=die)
    assert shop.ask(PEOPLE) == [(first, True, "recall"), (second, True, "recall")]
    shop.pull()
    assert shop.ask(PEOPLE) == [(first, True, "recall"), (second, True, "recall"), (third, False, None)]
    shop.demand_agreement()
    assert oms.effects() == effects, "the OMS keeps its own, and gets nothing twice"
