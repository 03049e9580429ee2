"""What commands make of odd values: text that looks like markup, arguments and terminals of another encoding."""

import errno
import getpass
import io
import logging
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from staged import load, order, refusal

from orderflow.command import app, ports, sku  # noqa: F401 - importing registers the commands
from orderflow.domain.errors import ConfigError
from orderflow.pipeline.cleaning import mapped

SHOP = "demo_csv"
MARKUP = "[/red]"


@pytest.fixture
def waiting(store):
    """An order in quarantine whose texts are markup to whom prints them carelessly."""
    odd = order("A-1", currency=MARKUP, order_number=MARKUP)
    load(store, refused=[refusal(odd, 0, "CURRENCY_UNKNOWN")], raw=[b"{}"], channel=SHOP)


def test_text_of_a_channel_or_a_person_is_printed_as_it_is(run, waiting):
    assert run("quarantine", "assign", "A-1", "--to", MARKUP, "--who", MARKUP)[0] == 0
    for words in (["list"], ["reasons"], ["show", "A-1"], ["discard", "A-1", "--why", MARKUP, "--dry-run"]):
        code, told = run("quarantine", *words)
        assert code == 0, told
        assert MARKUP in told
    assert run("sku", "history", SHOP, MARKUP)[1].strip() == f"the pairs of {MARKUP} on {SHOP} never changed"


def test_orders_that_have_the_number_as_well_are_named_beside_the_one_that_has_the_id(run, store):
    load(store, order("7001"), order("5001", order_number="7001"), channel=SHOP)
    told = run("explain", SHOP, "7001")[1]
    assert told.startswith(f"{SHOP} 7001")
    assert "orders whose number is 7001, too: 5001" in told


def test_an_argument_of_another_encoding_is_named(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["orderflow", "explain", SHOP, "A-\udcff"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    assert "is not UTF-8; type or paste it again" in capsys.readouterr().err


def test_a_terminal_that_cannot_write_a_script_gets_its_code_points(run, store, monkeypatch):
    load(store, order("茶-1"), channel=SHOP)
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    monkeypatch.setattr(sys, "argv", ["orderflow", "explain", SHOP, "茶-1"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    written.flush()
    assert ended.value.code == 0
    assert rb"demo_csv \u8336-1" in written.buffer.getvalue()


def test_a_full_disk_is_no_fault_of_the_program(capsys, monkeypatch):
    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "argv", ["orderflow", "channel", "adapters"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "or another file that is written: No space left on device; check the path, its permissions and the" in told


def test_a_landing_zone_that_nothing_opens_is_named_with_its_setting(monkeypatch):
    monkeypatch.setenv("ORDERFLOW_LANDING", "weird://user:secret@bucket/raw")
    with pytest.raises(ConfigError, match="ORDERFLOW_LANDING leads to weird://, which cannot be opened") as told:
        ports.landing()
    assert "secret" not in str(told.value)


def test_a_user_without_a_name_is_asked_for_one(run, waiting, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: {}["uid 1001"])
    decision = ("quarantine", "park", "A-1", "--why", "x")
    assert run(*decision) == (
        "ConfigError", "the user of this process has no name; say who decides with --who, or set LOGNAME",
    )  # fmt: skip
    assert run(*decision, "--who", "mei")[0] == 0


def test_a_day_at_the_end_of_the_calendar_is_none(run):
    for command, day in (("report", "0001-01-01"), ("expectations", "9999-12-31"), ("reconcile", "0001-01-01")):
        assert run(command, SHOP, "--day", day) == ("ConfigError", f"'{day}' is no day; write it like 2026-03-01")


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_an_order_that_the_channel_changed_at_no_time_is_told_as_unreadable(run, monkeypatch, never):
    order = SimpleNamespace(channel_updated_at=never, channel_created_at=None)
    shop = SimpleNamespace(fetch=None, acknowledge=None, fetch_ids=lambda ids: [SimpleNamespace(records=[b"{}"])])
    monkeypatch.setattr(ports, "source", lambda channel: nullcontext((shop, None)))
    monkeypatch.setattr(mapped, "mapped", lambda record, to_order: order)
    told = run("explain", "demo_woocommerce", "7")[1]
    assert "unreadable" in told
    assert f"its modified time '{never}' is at the end of the calendar" in told


def test_orders_whose_channel_has_no_file_any_more_are_not_left_behind_in_silence(run, store):
    load(store, order("B-1"), refused=[refusal(order("A-1"), 0, "TAX_NEGATIVE")], raw=[b"{}"], channel="renamed")
    told = " ".join(run("status")[1].split())
    assert "left behind renamed has no file any more: 1 in quarantine, 1 that the OMS has not got stay there" in told


def test_a_channel_whose_file_cannot_be_read_is_left_out_aloud(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "broken.yml").write_text("title: [")
    monkeypatch.setattr(ports, "CHANNELS", tmp_path)
    code, told = run("status")
    assert code == 0
    assert "left out, as nobody can read it: broken.yml; `orderflow check` says why" in told
    with pytest.raises(ConfigError, match=r"broken\.yml"):
        ports.channel("broken", tmp_path)


def test_a_channels_text_steers_no_terminal(run, store):
    """ESC ] 0 renames a window, ESC [ 2 J clears it, 9B is ESC [ in one byte, 202E turns what follows around."""
    evil = "\x1b]0;A-1\x07\x1b[2J\x9b31m\u202e"
    seen = "\ufffd]0;A-1\ufffd[2J\ufffd31m\ufffd"
    odd = order(evil, currency=evil, order_number=evil)
    load(store, refused=[refusal(odd, 0, "CURRENCY_UNKNOWN")], raw=[b"{}"], channel=SHOP)
    for words in (["list"], ["show", evil]):
        code, told = run("quarantine", *words)
        assert code == 0, told
        assert seen in told
        assert not set("\x1b\x07\x9b\u202e") & set(told)
    told = app._Legible().format(logging.LogRecord("", 30, "", 0, "file left name=%s", (evil,), None))
    assert told == "file left name=\ufffd]0;A-1\ufffd\ufffd[2J\ufffd31m\ufffd"
