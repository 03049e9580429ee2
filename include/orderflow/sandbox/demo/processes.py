"""The demo's processes: started, watched, started again when they die, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from orderflow.domain.errors import ConfigError

PATIENCE = 40.0
"""Seconds a process has to end by itself before it is killed (Airflow's triggerer takes its time)."""


@dataclass(slots=True)
class Processes:
    """Child processes by name, each in a process group of its own. Leaving the context ends all of them."""

    logs: Path
    environment: Mapping[str, str]
    commands: dict[str, Sequence[str]] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start `python -m ARGUMENTS`; its output goes to `logs/NAME.log`."""
        self.commands[name] = arguments
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, "-m", *arguments],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def revive(self) -> list[str]:
        """Start again whatever died; returns its names. Raises `ConfigError` when one dies over and over."""
        dead = [name for name, process in self.running.items() if process.poll() is not None]
        for name in dead:
            self.restarts[name] = self.restarts.get(name, 0) + 1
            if self.restarts[name] > 20:
                raise ConfigError(f"{name} ended {self.restarts[name]} times; read {self.logs / name}.log")
            self.start(name, self.commands[name])
        return dead

    def wait_until(self, ready: Callable[[], bool], *, what: str, log: str, seconds: float) -> None:
        """Wait until `ready()`; raises `ConfigError` that names the log when it takes too long or a process died."""
        end = time.monotonic() + seconds
        while not ready():
            if self.running[log].poll() is not None:
                raise ConfigError(f"{what} ended while it started; its last lines: {self.tail(log)}")
            if time.monotonic() > end:
                raise ConfigError(f"{what} does not answer after {seconds:.0f} s; its last lines: {self.tail(log)}")
            time.sleep(0.2)

    def tail(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines()[-5:] if path.exists() else []
        return " | ".join(lines) + f" (all of it: {path})"

    def stop(self) -> None:
        """End all, in reverse order of their start: first asked, then killed with everything they started."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        for process in self.running.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        for process in self.running.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.running.clear()
