"""What a stage tells of its progress, as a bar per stage on the error output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from orderflow.pipeline.progress import Progress as Teller


@contextmanager
def shown(*, quiet: bool) -> Iterator[Teller]:
    """A bar for every stage from when it first tells something; none at all when `quiet`."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        bars: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in bars:
                bars[stage] = bar.add_task(stage, total=None)
            bar.update(bars[stage], completed=done, total=total)

        yield show
