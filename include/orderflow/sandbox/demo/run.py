"""`make demo`: start everything, let three channels run, show what happens, and prove the result."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import msgspec
import psutil
from rich.text import Text

from orderflow import config
from orderflow.command.airflow import AirflowApi
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window
from orderflow.sandbox import postgres
from orderflow.sandbox.demo import back
from orderflow.sandbox.demo.figures import Figures, figures, query
from orderflow.sandbox.demo.layout import PROJECT, Layout
from orderflow.sandbox.demo.processes import Processes
from orderflow.sandbox.demo.proof import Proof, prove, reach
from orderflow.sandbox.demo.scene import Demo
from orderflow.sandbox.demo.screen import aside, console, pictured, working
from orderflow.sandbox.demo.story import recall, settled, shops
from orderflow.sandbox.demo.tables import live, named, news, result, verdict
from orderflow.staging import ledger
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect

PROOF_EVERY = timedelta(seconds=30)
PARCELS_EVERY = timedelta(minutes=5)
"""How often the OMS sends some more orders while the demo goes on."""
_HISTORY_WAITS = """
select 1 from orderflow.outbox join orderflow.orders using (channel, order_id) where placed_at < %s limit 1
"""
UNTIL_DONE = timedelta(minutes=10)
"""How long the demo waits for the last window before it says that something is wrong."""


def demo(home: Path, port: int, *, once: bool) -> int:
    """Run the demo; returns the exit code: 0 when the proof holds (or the person watching ended it)."""
    layout = Layout(home.resolve(), port)
    layout.prepare()
    layout.demand_free_ports()
    pid_file = layout.home / "demo.pid"
    pid_file.write_text(str(os.getpid()))
    for number in (signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, _interrupt)
    server = None
    try:
        with working("starting PostgreSQL"):
            server = postgres.start(layout.home / "pg")
            server.create("airflow")
            dsn = server.create("orderflow")
            with contextlib.closing(connect(dsn, name="orderflow demo")) as connection:
                migrate(connection)
        now = datetime.now(UTC)
        story, again = recall(layout, now, once=once)
        plays_from = story.live_from if again else max(story.live_from, now.replace(second=0, microsecond=0))
        environment = layout.environment(server)
        layout.write_env_file(environment)
        with Processes(layout.logs, environment) as processes:
            api = AirflowApi(layout.airflow_url, "admin", "admin")
            return _play(Demo(layout, story, processes, api, server, dsn, plays_from), once=once, again=again)
    except KeyboardInterrupt:
        console.print("stopping")
        return 0 if not once else 130
    finally:
        if server is not None:
            server.stop()
        pid_file.unlink(missing_ok=True)


def down(home: Path) -> None:
    """Stop a demo that runs in another terminal, and wait until it has ended."""
    pid_file = home.resolve() / "demo.pid"
    if not pid_file.exists():
        console.print("no demo is running")
    else:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text()))
            if process.create_time() <= pid_file.stat().st_mtime:  # else another program got the number
                process.terminate()
                process.wait()
        pid_file.unlink(missing_ok=True)
        console.print("the demo is stopped; its data stays in place (make clean removes it)")
    if (home / "pg" / "postmaster.pid").exists():
        postgres.start(home / "pg").stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _play(demo: Demo, *, once: bool, again: bool) -> int:
    began = time.monotonic()
    for sign in demo.signs:
        aside(sign)
    _start(demo)
    before = _versions(demo)
    history = Window(demo.story.start, demo.story.live_from if not again else _end(demo))
    if again:
        console.print(
            f"the worlds of this folder ended {demo.story.ends:%H:%M:%S}Z; pulling all of it again: {history}"
        )
    _open_shops(demo)
    for channel in demo.channels:
        demo.api.pause(f"orders.{channel}", paused=False)
    demo.api.trigger("heal", f"first_look__{datetime.now(UTC):%Y%m%dT%H%M%S}", {})
    if not once:
        _look_around(demo)
        return 0
    holds = _watch(demo, history, again=again)
    proofs = _proofs(demo, at_rest=True)
    console.print()
    console.print(result(proofs, figures(demo.dsn)))
    if again:
        holds &= _same(before, _versions(demo))
    holds &= _verdict(proofs)
    console.print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if holds else 1


def _start(demo: Demo) -> None:
    layout, processes = demo.layout, demo.processes
    (layout.home / "shops.json").write_bytes(msgspec.json.encode(shops(demo.story)))
    sandbox = ["orderflow", "sandbox", "--shops", str(layout.home / "shops.json"), "--port", str(layout.port + 3)]
    kept = ["--state", str(layout.home / "sandbox.sqlite")]
    processes.start("sandbox", [*sandbox, *kept, "--drop", str(layout.drop)])
    oms = ["orderflow", "oms", "--file", str(layout.home / "oms.sqlite"), "--port", str(layout.port + 4)]
    processes.start("oms", oms)
    processes.start("airflow", ["orderflow.orchestration.serve"])
    with working("starting the sandbox and the reference OMS"):
        answers = {"sandbox": f"{layout.sandbox_url}/_sandbox", "oms": f"{layout.oms_url}/_sandbox/rules"}
        for name, url in answers.items():
            processes.wait_until(partial(_answers, url), what=f"the {name}", log=name, seconds=60)
    with working("starting Airflow (about 20 s)"):
        components = layout.home / "airflow" / "components"
        components.unlink(missing_ok=True)
        processes.wait_until(components.exists, what="Airflow", log="airflow", seconds=180)
        processes.wait_until(partial(_knows_dags, demo), what="Airflow's DAG processor", log="airflow", seconds=120)


def _open_shops(demo: Demo) -> None:
    """Tell the ledger that nothing is to be had from before the worlds began, so that healing does not look there."""
    with contextlib.closing(connect(demo.dsn, name="orderflow demo")) as connection:
        for channel in config.read(PROJECT / "include" / "channels").channels:
            if channel.name in demo.channels and channel.start < demo.story.start:
                before = Window(channel.start, demo.story.start)
                ledger.unreachable(connection, channel.name, before, "demo", "the demo's shops had not opened yet")


def _knows_dags(demo: Demo) -> bool:
    """Whether Airflow has all DAGs; raises `ConfigError` with Airflow's own words when it cannot read them."""
    wanted = {"heal", "fulfilments", "quality", "reconcile", *(f"orders.{channel}" for channel in demo.channels)}
    missing = wanted - demo.api.dags(tag="orders") - demo.api.dags(tag="orderflow")
    if missing and (errors := demo.api.import_errors()):
        raise ConfigError("\n".join([f"Airflow cannot make {', '.join(sorted(missing))}:", *errors]))
    return not missing


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.TransportError:
        return False


def _end(demo: Demo) -> datetime:
    """The end of the window that pulls the last change of the worlds."""
    assert demo.story.ends is not None
    return demo.story.ends + settled()


def _watch(demo: Demo, history: Window, *, again: bool) -> bool:
    """Show progress until everything up to the worlds' end is in the OMS; False when that takes too long.

    The past that the shops hold, and every window that the schedule leaves out, is brought by the DAG `heal`.
    """
    end = _end(demo)
    deadline = max(end, datetime.now(UTC)) + UNTIL_DONE
    run_id = f"again__{datetime.now(UTC):%Y%m%dT%H%M%S}"
    if again:
        for channel in demo.channels:
            _trigger(demo, channel, run_id, history)
    asked = again
    with pictured(refresh_per_second=4) as show:
        while datetime.now(UTC) < deadline:
            with demo.looked_at():
                found = figures(demo.dsn)
                show(partial(live, demo.channels, found, [], demo.signs), news(demo.channels, found))
                asked = asked or _send_some(demo)
                told = back.told(demo.dsn)
                span = Window(history.start, max(end, told + settled()) if told else end)
                if told and _done(demo, found, run_id if again else None, span):
                    return True
            time.sleep(0.5)
    console.print("[red]not everything is in the OMS after the time given; look into Airflow and the logs[/red]")
    return False


def _send_some(demo: Demo) -> bool:
    """Let the OMS send a few orders as soon as it has them, and the channel be told at once; whether it was done."""
    if not back.ship(demo.dsn, demo.layout.oms_url):
        return False
    demo.api.trigger("fulfilments", f"first_parcels__{datetime.now(UTC):%Y%m%dT%H%M%S}", {"channel": back.CHANNEL})
    return True


def _trigger(demo: Demo, channel: str, run_id: str, window: Window) -> None:
    conf = {"window_start": window.start.isoformat(), "window_end": window.end.isoformat()}
    demo.api.trigger(f"orders.{channel}", run_id, conf)


def _done(demo: Demo, found: dict[str, Figures], run_id: str | None, span: Window) -> bool:
    if run_id and any(demo.api.state(f"orders.{channel}", run_id) != "success" for channel in demo.channels):
        return False
    with contextlib.closing(connect(demo.dsn, name="orderflow demo")) as connection:
        covered = all(ledger.coverage(connection, channel, span) == [span] for channel in demo.channels)
    return covered and all(channel in found and found[channel].pending == 0 for channel in demo.channels)


def _proofs(demo: Demo, *, at_rest: bool = False) -> list[Proof]:
    """What is pulled, held against the truth; when the worlds are at rest, everything. Empty before history is in."""
    layout, story = demo.layout, demo.story
    due = {channel: reach(demo.dsn, channel, story.start) for channel in demo.channels}
    if at_rest and story.ends is not None:
        due = dict.fromkeys(due, _end(demo))
    elif min(due.values()) < story.live_from:
        return []
    return [
        prove(
            channel, demo.dsn, layout.sandbox_url, layout.oms_url, live_from=demo.plays_from, until=moment - settled()
        )
        for channel, moment in due.items()
    ]


def _verdict(proofs: list[Proof]) -> bool:
    """Print what the proof says; whether it holds and nothing is on its way any more."""
    for line in named(proofs):
        kind, _, order = line.partition(" ")
        console.print(f"[red]{kind}[/red]", Text(order))
    holds = all(proof.holds and not proof.on_the_way for proof in proofs)
    console.print(Text(verdict(proofs), style="green" if holds else "red"))
    return holds


def _versions(demo: Demo) -> dict[str, int]:
    """Versions in staging and effects in the OMS, before and after a second pull."""
    with contextlib.closing(connect(demo.dsn, name="orderflow demo")) as connection, connection.cursor() as cursor:
        cursor.execute("select coalesce(sum(version), 0), count(*) from orderflow.orders")
        versions, orders = cursor.fetchone() or (0, 0)
    effects = httpx.get(f"{demo.layout.oms_url}/_effects", timeout=30).raise_for_status().json()["effects"]
    return {"orders": orders, "versions": int(versions), "effects": effects}


def _same(before: dict[str, int], after: dict[str, int]) -> bool:
    news = {name: after[name] - count for name, count in before.items()}
    console.print("second pull: " + ", ".join(f"{count} new {name}" for name, count in news.items()))
    return not any(news.values())


def _look_around(demo: Demo) -> None:
    """Keep everything running for a person, with figures and the proof so far, until Ctrl-C or `make down`."""
    proofs: list[Proof] = []
    told, reported = "", False
    next_proof = next_parcels = datetime.now(UTC)
    with pictured(refresh_per_second=2) as show:
        while True:
            with demo.looked_at():
                now, found = datetime.now(UTC), figures(demo.dsn)
                if now >= next_parcels and _send_some(demo):
                    next_parcels = now + PARCELS_EVERY
                if now >= next_proof and (proofs := _proofs(demo)):
                    next_proof = now + PROOF_EVERY
                    if verdict(proofs) != told:
                        told = verdict(proofs)
                        for line in (*named(proofs), told):
                            aside(line)
                reported = reported or (bool(proofs) and _report(demo))
                show(partial(live, demo.channels, found, proofs, demo.signs), news(demo.channels, found))
            time.sleep(1)


def _report(demo: Demo) -> bool:
    """Have the days judged and certified once the history is in the OMS; whether that was asked for.

    By the schedule Airflow does so at its first start, when nothing is there yet. A second start asks for nothing more.
    """
    if query(demo.dsn, _HISTORY_WAITS, demo.story.live_from):
        return False
    for dag in ("quality", "reconcile"):
        demo.api.trigger(dag, "history_is_in", {})
    return True
