"""Plays a schedule: attempt after attempt with everything that goes wrong, then calm, then the judge."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import psycopg2

from orderflow.domain.window import Window
from orderflow.sandbox.chaos import judge, worker
from orderflow.sandbox.chaos.judge import Verdict
from orderflow.sandbox.chaos.schedule import ATTEMPTS, Action, Schedule
from orderflow.sandbox.chaos.servers import CALLS, World, faults_of, forked
from orderflow.sandbox.chaos.worker import Attempt, Site
from orderflow.sandbox.faults import Rule
from orderflow.sandbox.platforms import find
from orderflow.sandbox.platforms.csv_drop import Dropper
from orderflow.sandbox.world import World as Shopworld
from orderflow.sandbox.world import showable
from orderflow.staging import ledger

if TYPE_CHECKING:
    from orderflow.sandbox.chaos.stage import Stage

EXPECTED = frozenset({"TransientError", "DeniedError", "AmbiguousError", "disk-full", "killed"})
"""How an attempt may fail while there is trouble. Anything else is a fault of ours."""
HUNG = 90.0
"""Real seconds without a word from an attempt, after which it counts as hung."""
PATIENCE = 0.3
"""Real seconds that a run waits, halted, for a second run of its window, which may in turn wait for a lock of it."""
CALM = 4
"""Attempts that the healing run has, as the scheduler would give it."""


class _Run:
    """An attempt under way."""

    def __init__(self, attempt: Attempt, pid: int, pipe: Pipe) -> None:
        self.attempt, self.pid, self.pipe = attempt, pid, pipe
        self.heard = time.monotonic()
        self.ended: tuple[str, str] | None = None
        """Kind and message; empty when it ended well."""
        self.waits_for: _Run | None = None
        self.until = 0.0


class Play:
    """One schedule on the stage."""

    def __init__(self, stage: Stage, schedule: Schedule, dsn: str, folder: Path) -> None:
        self.stage, self.schedule = stage, schedule
        self.fired: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.surprises: list[str] = []
        self.attempts = self.waits = 0
        lies = any(rule.kind == "duplicated-page" for rule in schedule.faults)
        self.expected = EXPECTED | ({"DriftError"} if lies else set())
        shop = schedule.shop
        stage.clock.set(shop.start)
        self.files = shop.platform == "csv_drop"
        self.world = Shopworld(shop, showable(find(shop.platform).unshown)) if self.files else None
        self.dropper = Dropper(self.world, folder / "inbox") if self.world else None
        if not self.files:
            stage.platform.take_up(World(shop=shop))
            self._post(stage.platform.url, schedule.faults)
        stage.oms.kill()
        file = str(folder / "oms.sqlite")
        stage.oms.take_up(World(file=file, idempotent=schedule.idempotent, dies_after=schedule.oms_dies))
        self._post(stage.oms.url, schedule.oms_faults)
        where = str(folder / "inbox") if self.files else stage.platform.url
        self.site = Site(schedule, stage.clock, where, stage.oms.url, dsn, folder)

    def whole(self) -> Verdict:
        start, length = self.schedule.shop.start, timedelta(minutes=self.schedule.minutes)
        for number in range(self.schedule.windows):
            self._window(number, Window(start + number * length, start + (number + 1) * length))
        end = self._heal()
        verdict = self._ask_judge(end)
        verdict.unexplained += self.surprises
        return verdict

    def _window(self, number: int, window: Window) -> None:
        """The attempts at one window, as a scheduler makes them."""
        self.stage.clock.reach(window.end)
        self._drop()
        for attempt in range(ATTEMPTS):
            run = Attempt(
                window,
                f"run-{number}",
                anew=attempt == 0 or self.schedule.anew[attempt],
                acts=self.schedule.acts_of(number, attempt),
                disk=self.schedule.disk_of(number, attempt),
            )
            if self._attempt(run):
                return
            self.stage.clock.sleep(30)

    def _heal(self) -> datetime:
        """The trouble is over: fill what the ledger misses, deliver what is pending. The end of the last window."""
        stage, shop = self.stage, self.schedule.shop
        self._calm()
        assert shop.ends is not None
        end = max(stage.clock.now(), shop.ends).replace(microsecond=0) + timedelta(hours=2)
        stage.clock.reach(end)
        self._drop()
        self._drop()
        with closing(psycopg2.connect(self.site.dsn)) as connection:
            gaps = ledger.gaps(connection, self.schedule.channel, Window(shop.start, end))
        for number, gap in enumerate(gaps):
            self._demand(Attempt(gap, f"heal-{number}"), "the window does not heal")
        with closing(psycopg2.connect(self.site.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("UPDATE orderflow.outbox SET not_before = NULL")
        self._demand(Attempt(Window(shop.start, end), "deliver", only_sync=True), "what is pending is not delivered")
        return end

    def _calm(self) -> None:
        if not self.files:
            self.fired.update(faults_of(self.stage.platform.url))
            CALLS.delete(f"{self.stage.platform.url}/_sandbox/faults").raise_for_status()
        if not self.stage.oms.alive():
            self._oms_back()
        self.fired.update(faults_of(self.stage.oms.url) if self.stage.oms.alive() else {})
        CALLS.delete(f"{self.stage.oms.url}/_sandbox/faults").raise_for_status()

    def _demand(self, attempt: Attempt, wish: str) -> None:
        for number in range(CALM):
            if self._attempt(replace(attempt, anew=number == 0)):
                return
        self.surprises.append(f"{wish}: {attempt.window}: {self.last}")

    def _attempt(self, attempt: Attempt) -> bool:
        """Whether it ended well. Does everything that is to happen meanwhile."""
        self.attempts += 1
        first = self._start(attempt)
        runs = [first]
        while any(run.ended is None for run in runs):
            living = [run for run in runs if run.ended is None]
            for pipe in wait([run.pipe for run in living], timeout=0.05):
                self._hear(next(run for run in living if run.pipe is pipe), runs)
            for run in living:
                if run.ended is None:
                    self._look_after(run)
        for run in runs:
            kind, message = run.ended or ("", "")
            if kind:
                self.failures[kind] += 1
                self.fired.update({"disk-full": 1} if kind == "disk-full" else {})
            if kind and kind not in self.expected:
                self.surprises.append(f"{run.attempt.run_id} ended with {kind}: {message[:300]}")
        self.last = " ".join(first.ended or ())[:300]
        return first.ended == ("", "")

    def _start(self, attempt: Attempt) -> _Run:
        ours, theirs = multiprocessing.Pipe()
        pid = forked(lambda: worker.work(self.site, attempt, theirs))
        theirs.close()
        return _Run(attempt, pid, ours)

    def _hear(self, run: _Run, runs: list[_Run]) -> None:
        run.heard = time.monotonic()
        try:
            what, *rest = run.pipe.recv()
        except (EOFError, ConnectionResetError):
            os.waitpid(run.pid, 0)
            run.pipe.close()
            run.ended = run.ended or ("killed", "")
            return
        if what == "done":
            self._close(run, ("", ""))
        elif what == "failed":
            self._close(run, (rest[0], rest[1]))
        elif what == "slept":
            self._waited()
            run.pipe.send(None)
        else:
            self._act(run, rest[0], rest[1], runs)

    def _close(self, run: _Run, ended: tuple[str, str]) -> None:
        os.waitpid(run.pid, 0)
        run.pipe.close()
        run.ended = ended

    def _look_after(self, run: _Run) -> None:
        """Let a run go on that waits long enough; end one that hangs."""
        if run.waits_for is not None:
            run.heard = time.monotonic()
            if run.waits_for.ended is not None or run.heard > run.until:
                run.waits_for = None
                run.pipe.send(None)
        elif time.monotonic() - run.heard > HUNG:
            os.kill(run.pid, signal.SIGKILL)
            self._close(run, ("hung", f"no word for {HUNG:g} seconds"))

    def _act(self, run: _Run, point: str, action: Action, runs: list[_Run]) -> None:
        """Do what the schedule says at this point, and let the run go on, if it still can."""
        self.fired[action] += 1
        if action == "kill":
            os.kill(run.pid, signal.SIGKILL)
            return
        if action == "second-run":
            twin = self._start(Attempt(run.attempt.window, f"{run.attempt.run_id}-twin-{len(runs)}"))
            runs.append(twin)
            run.waits_for, run.until = twin, time.monotonic() + PATIENCE
            return
        doing: dict[str, Callable[[], None]] = {
            "database-restart": self.stage.restart_database,
            "connections-lost": lambda: self.stage.lose_connections(self.site.dsn),
            "oms-kill": self.stage.oms.kill,
            "edit": lambda: self._edit(point),
        }
        doing.get(action, lambda: None)()
        run.pipe.send(None)

    def _waited(self) -> None:
        """Somebody waits: an OMS that is down comes back after some waits."""
        if self.stage.oms.alive():
            self.waits = 0
            return
        self.waits += 1
        if self.waits >= self.schedule.oms_returns:
            self._oms_back()

    def _oms_back(self) -> None:
        self.fired["oms-died"] += 1
        self.stage.oms.back()
        self.waits = 0

    def _edit(self, point: str) -> None:
        """Change a few orders that the channel holds, now: in content, or in their modified time alone."""
        if self.files:
            return
        shop, url = self.schedule.channel, self.stage.platform.url
        rows = CALLS.get(f"{url}/_sandbox/{shop}/truth").raise_for_status().json()["orders"]
        random = Random(f"{self.schedule.seed} {point}")
        for row in random.sample(rows, min(len(rows), random.randint(1, 6))):
            change = random.choice(["cancel", "change_quantity", "add_line", "pay", "ship", "touch", "touch", "touch"])
            body = {"order_id": row["order_id"], "change": change, "late": random.choice([0, 20])}
            CALLS.post(f"{url}/_sandbox/{shop}/changes", json=body).raise_for_status()

    def _drop(self) -> None:
        if self.dropper is not None:
            self.dropper.drop(int(self.stage.clock.ticks()))

    def _ask_judge(self, end: datetime) -> Verdict:
        """The judge works in a process of its own as well, so that this one stays fit to fork."""
        ours, theirs = multiprocessing.Pipe()
        pid = forked(lambda: theirs.send_bytes(msgspec.json.encode(judge.judge(self.site, end, self.world))))
        theirs.close()
        try:
            return msgspec.json.decode(ours.recv_bytes(), type=Verdict)
        except EOFError:
            return Verdict(unexplained=["the judge did not come to a verdict; run this seed with --verbose"])
        finally:
            os.waitpid(pid, 0)

    def _post(self, url: str, rules: list[Rule]) -> None:
        CALLS.post(f"{url}/_sandbox/faults", content=msgspec.json.encode(rules)).raise_for_status()
