"""What the demo says fits where it is read: a small terminal, a pipe, a server that ended."""

import contextlib
import io
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg2
import pytest
from rich.console import Console
from rich.live import Live

from orderflow.command.airflow import AirflowApi
from orderflow.sandbox import postgres as embedded
from orderflow.sandbox.demo import screen
from orderflow.sandbox.demo.figures import Figures, query
from orderflow.sandbox.demo.layout import Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.demo.proof import Proof
from orderflow.sandbox.demo.scene import Demo
from orderflow.sandbox.demo.story import Story
from orderflow.sandbox.demo.tables import live, named, verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FOUND = {
    f"demo_{name}": Figures(
        channel=f"demo_{name}", windows=1400, synced=1399, fetched=123456, state="extracted", staged=12345, edits=1234,
        pending=12, delivered=12300, quarantined=345, top="GRAND_TOTAL_MISMATCH (123)", told=10,
    )
    for name in ("shopify", "woocommerce", "csv")
}  # fmt: skip


def proof(channel: str, **more) -> Proof:
    figures = {
        "orders": 12500,
        "staged": 12345,
        "quarantined": 345,
        "refused": 12,
        "delivered": 12300,
        "effects": 23456,
    }
    return Proof(channel, **figures, lags=[41.0, 94.0, 55.0], **more)


def demo(home: Path, server: embedded.Postgres | None = None) -> Demo:
    layout = Layout(home, 8097)
    layout.logs.mkdir(parents=True)
    api = AirflowApi(layout.airflow_url, "admin", "admin")
    return Demo(layout, Story(live_from=NOW), Processes(layout.logs, {}), api, server, server and server.dsn(), NOW)


def test_a_terminal_of_24_rows_shows_the_proof_and_how_to_stop(tmp_path):
    proofs = [proof(name, changes=1) for name in FOUND]
    terminal = Console(width=80, height=24, file=io.StringIO(), force_terminal=True, color_system=None)
    with Live(console=terminal, auto_refresh=False) as picture:
        picture.update(live(list(FOUND), FOUND, proofs, demo(tmp_path).signs), refresh=True)
        seen = terminal.file.getvalue()
    assert len(seen.splitlines()) == 24
    assert "37500 orders: 0 missing, 0 twice, 0 unexplained" in seen
    for words in (
        "http://127.0.0.1:8097",
        "admin",
        "make down",
        "make demo",
        "\n missing",
        "\n unexplained",
        "in the OMS",
    ):
        assert words in seen


def test_orders_that_are_missing_stand_by_name_beneath_the_proof(tmp_path):
    proofs = [proof("demo_csv", missing=["SO-102085", "SO-102089"], coming=3)]
    terminal = Console(width=80, height=24, file=io.StringIO())
    terminal.print(live(["demo_csv"], FOUND, proofs, demo(tmp_path).signs))
    assert named(proofs) == ["missing demo_csv SO-102085", "missing demo_csv SO-102089"]
    assert "\n".join(named(proofs)) in terminal.file.getvalue().partition("unexplained")[2]
    assert verdict(proofs) == "12500 orders: 2 missing, 0 twice, 0 unexplained, 3 on their way"


def test_without_a_proof_nothing_is_said_to_hold(tmp_path):
    terminal = Console(width=80, height=24, file=io.StringIO())
    terminal.print(live(list(FOUND), FOUND, [], demo(tmp_path).signs))
    assert "missing" not in terminal.file.getvalue()


def test_what_only_a_picture_would_show_is_said_where_there_is_no_terminal(monkeypatch):
    for terminal, said in ((True, False), (False, True)):
        out = Console(file=io.StringIO(), force_terminal=terminal)
        monkeypatch.setattr(screen, "console", out)
        screen.aside("stop: make down")
        assert ("stop: make down" in out.file.getvalue()) is said


def test_a_postgresql_that_ended_is_started_again_and_said_so(tmp_path, capsys):
    server = embedded.start(tmp_path / "pg")
    try:
        playing = demo(tmp_path / "home", server)
        looks = 0
        server.kill()
        while looks < 2:
            with playing.looked_at():
                assert query(playing.dsn, "select 1 as one") == [{"one": 1}]
                looks += 1
        assert capsys.readouterr().out.count("PostgreSQL ended and was started again") == 1
    finally:
        server.stop()


def test_a_look_hides_no_fault_of_its_own(tmp_path, postgres):
    playing = demo(tmp_path, postgres)
    with pytest.raises(psycopg2.errors.UndefinedTable), playing.looked_at():
        query(playing.dsn, "select * from nowhere")
    request = httpx.Request("GET", "http://127.0.0.1")
    with pytest.raises(httpx.HTTPStatusError), playing.looked_at():
        httpx.Response(404, request=request).raise_for_status()
    with playing.looked_at():
        httpx.Response(503, request=request).raise_for_status()
    with playing.looked_at(), contextlib.suppress(ZeroDivisionError):
        httpx.get("http://127.0.0.1:9")
