"""What the demo says: tables that stay in place on a terminal, and a line now and then in a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.live import Live

console = Console()

EVERY = 10.0
"""Seconds between two lines, where there is no terminal."""


def working(what: str) -> AbstractContextManager[object]:
    """Says what is being waited for."""
    if console.is_terminal:
        return console.status(what)
    say(what)
    return nullcontext()


@contextmanager
def pictured(refresh_per_second: float) -> Iterator[Callable[[Callable[[], RenderableType], str], None]]:
    """A function to call again and again with a picture, drawn in place, and its news as one line of text.

    Without a terminal the picture is not even made: the line is printed every ten seconds, unless it says the same.
    """
    if console.is_terminal:
        with Live(console=console, refresh_per_second=refresh_per_second) as live:
            yield lambda picture, _: live.update(picture())
        return
    told, at = "", 0.0

    def tell(_: Callable[[], RenderableType], line: str) -> None:
        nonlocal told, at
        if line != told and time.monotonic() - at >= EVERY:
            told, at = line, time.monotonic()
            say(line)

    yield tell


def aside(line: str) -> None:
    """Says what stands in the picture of a terminal anyway."""
    if not console.is_terminal:
        say(line)


def say(line: str) -> None:
    console.print(f"{datetime.now(UTC):%H:%M:%S}Z {line}", highlight=False, markup=False, soft_wrap=True)
