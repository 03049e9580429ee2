"""Many seeds at once, and the table of what came of them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from orderflow.domain.errors import OrderflowError
from orderflow.sandbox.chaos.schedule import draw
from orderflow.sandbox.chaos.servers import forked
from orderflow.sandbox.chaos.stage import Outcome, Stage
from orderflow.sandbox.postgres import Postgres, start


class Totals(msgspec.Struct):
    """The sums over all schedules that were played."""

    schedules: int = 0
    orders: int = 0
    delivered: int = 0
    quarantined: int = 0
    attempts: int = 0
    fired: dict[str, int] = {}
    """Faults that really happened, by kind."""
    failures: dict[str, int] = {}
    platforms: dict[str, int] = {}
    """Schedules by platform."""
    lost: int = 0
    twice: int = 0
    unexplained: int = 0
    failed: dict[int, list[str]] = {}
    """What was found, by seed."""
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        found = outcome.verdict
        self.schedules += 1
        self.orders += found.orders
        self.delivered += found.delivered
        self.quarantined += found.quarantined
        self.attempts += outcome.attempts
        self.fired = _sum(self.fired, outcome.fired)
        self.failures = _sum(self.failures, outcome.failures)
        self.platforms = _sum(self.platforms, {draw(outcome.seed).shop.platform: 1})
        self.lost += len(found.lost)
        self.twice += len(found.twice)
        self.unexplained += len(found.unexplained)
        if outcome.failed:
            self.failed[outcome.seed] = [
                f"{kind}: {finding}"
                for kind, findings in (("lost", found.lost), ("twice", found.twice), ("unexplained", found.unexplained))
                for finding in findings
            ]

    @property
    def holds(self) -> bool:
        return not self.failed


def play(
    seeds: Sequence[int],
    *,
    workers: int = 1,
    told: Callable[[Outcome], None] = lambda _: None,
    until: Callable[[Totals], bool] = lambda _: False,
) -> Totals:
    """Play these seeds in so many processes, each with servers and a database of its own; ends early when `until`.

    Raises `OrderflowError` when a process cannot work at all.
    """
    began, totals, left = time.monotonic(), Totals(), iter(seeds)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="orderflow-chaos-", ignore_cleanup_errors=True)))
        pipes: dict[Pipe, int] = {}
        for number in range(min(workers, len(seeds))):
            home = folder / f"worker-{number}"
            postgres = start(home / "postgres", durable=False)
            stack.callback(_stop, home / "postgres")
            ours, theirs = multiprocessing.Pipe()
            pid = forked(lambda postgres=postgres, home=home, pipe=theirs: _serve(postgres, home, pipe))  # type: ignore[misc]
            stack.callback(_end, pid)
            theirs.close()
            pipes[ours] = pid
            _next(ours, left)
        while pipes:
            for pipe in wait(list(pipes)):
                assert isinstance(pipe, Pipe)
                try:
                    answer = pipe.recv_bytes()
                except EOFError:
                    del pipes[pipe]
                    continue
                if answer.startswith(b"!"):
                    raise OrderflowError(answer[1:].decode())
                outcome = msgspec.json.decode(answer, type=Outcome)
                totals.add(outcome)
                totals.seconds = time.monotonic() - began
                told(outcome)
                if until(totals):
                    return totals
                _next(pipe, left)
    return totals


def _next(pipe: Pipe, left: Iterator[int]) -> None:
    pipe.send(next(left, None))


def _serve(postgres: Postgres, home: Path, pipe: Pipe) -> None:
    """A worker: plays the seeds that it is told, until there are none."""
    logging.disable(logging.CRITICAL)
    try:
        stage = Stage(postgres, home)
        while (seed := pipe.recv()) is not None:
            pipe.send_bytes(msgspec.json.encode(stage.play(draw(seed))))
        stage.close()
    except BaseException:
        pipe.send_bytes(b"!" + traceback.format_exc().encode())
        raise


def _stop(folder: Path) -> None:
    """End the server of this folder, which a worker may have started anew in the meantime."""
    start(folder, durable=False).stop()


def _end(pid: int) -> None:
    try:
        os.kill(pid, 15)
        os.waitpid(pid, 0)
    except OSError:
        return


def _sum(*counts: dict[str, int]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def rows(totals: Totals) -> list[tuple[str, Any]]:
    """The table, row by row."""
    per_minute = totals.schedules / totals.seconds * 60 if totals.seconds else 0.0
    return [
        ("schedules run", totals.schedules),
        ("on platforms", _words(totals.platforms)),
        ("orders on the channels", totals.orders),
        ("in the OMS / in quarantine", f"{totals.delivered} / {totals.quarantined}"),
        ("attempts at windows", totals.attempts),
        ("attempts that failed", _words(totals.failures)),
        ("faults injected", sum(totals.fired.values())),
        ("by kind", _words(totals.fired)),
        ("lost", totals.lost),
        ("twice", totals.twice),
        ("unexplained", totals.unexplained),
        ("time", f"{totals.seconds:.0f} s, {per_minute:.0f} schedules per minute"),
    ]


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
