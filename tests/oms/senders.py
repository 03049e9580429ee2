"""Several senders of the same orders at once: threads of this process, and processes of which one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path


def at_once(*works: Callable[[], None]) -> None:
    """Each in a thread of its own, to the end of all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sender(script: Path, *arguments: str, **secrets: str) -> subprocess.Popen[str]:
    """A process that prints a line per receipt; `secrets` stand in its environment."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **secrets}
    return subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, env=environment)


def two_of_which_one_is_killed(after: int, script: Path, *arguments: str, **secrets: str) -> list[list[str]]:
    """What one printed, and what the other printed that was started again when it had been killed `after` receipts."""
    one, other = (sender(script, *arguments, **secrets) for _ in range(2))
    assert other.stdout is not None
    for _ in range(after):
        other.stdout.readline()
    other.kill()
    other.wait()
    again = sender(script, *arguments, **secrets)
    return [process.communicate()[0].splitlines() for process in (one, again)]
