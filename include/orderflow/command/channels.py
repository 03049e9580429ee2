"""Commands about one channel: check its file, fetch a little, run the whole flow."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow import config
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.command.bars import shown
from orderflow.config import alerts
from orderflow.domain.batch import Batch
from orderflow.domain.message import said
from orderflow.domain.window import Window

console = Console(markup=False)

Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of a file in include/channels, without .yml.")]
Span = Annotated[
    str,
    typer.Option("--window", "-w", metavar="A/B", help="Two ISO 8601 moments: 2026-03-01T00:00Z/2026-03-01T01:00Z."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of channel files.")] = ports.CHANNELS,
    as_json: AsJson = False,
) -> None:
    """Read every channel file, and alerts.yml and calendar.yml above them; show everything that is wrong, at once.

    Example: [bold]orderflow check[/bold]
    """
    reading = config.read(folder, now=datetime.now(UTC))
    problems, warnings = [*reading.problems, *alerts.problems(folder.parent)], reading.warnings
    if not problems:
        warnings = [*warnings, *alerts.warnings(folder.parent, reading.channels)]
    if as_json:
        found = [
            {"file": str(each.file), "line": each.line, "path": each.path, "message": each.message, "cure": each.cure}
            for each in problems
        ]
        print(json.dumps({"channels": [channel.name for channel in reading.channels], "problems": found}))
    else:
        for problem in problems:
            console.print(Text.assemble(("error", "red"), f" {problem}"), soft_wrap=True)
        for warning in warnings:
            console.print(Text.assemble(("note", "yellow"), f" {warning}"), soft_wrap=True)
        console.print(
            f"{said('{n} channel|{n} channels', n=len(reading.channels))} right, "
            f"{said('{n} problem|{n} problems', n=len(problems))}"
        )
    if problems:
        raise typer.Exit(2)


@app.command()
def run(channel: Name, window: Span, as_json: AsJson = False) -> None:
    """Pull one window of one channel through all five stages, without Airflow.

    Running it again changes nothing: same question, same answer.

    Example: [bold]orderflow run shop_tw --window 2026-03-01T00:00Z/2026-03-01T01:00Z[/bold]
    """
    from orderflow.command.flow import run_window

    about = ports.channel(channel)
    span = Window.parse(window)
    with shown(quiet=as_json) as progress:
        batch, delivered = run_window(about, span, progress=progress)
    sent = None if delivered is None else msgspec.to_builtins(delivered)
    if as_json:
        print(json.dumps({"batch": batch.to_json(), "delivered": sent}))
        return
    console.print(_receipt(batch))
    if sent is not None:
        console.print(f"OMS: {sent['accepted']} accepted, {sent['refused']} refused, {sent['pending']} pending")


def _receipt(batch: Batch) -> Table:
    counts = batch.counts
    table = Table(title=f"{batch.channel}  {batch.window}", title_justify="left")
    for name in ("fetched", "duplicates", "accepted", "quarantined", "new", "changed", "unchanged"):
        table.add_column(name, justify="right")
    quarantined = counts.quarantined + counts.unreadable
    row = (
        counts.fetched, counts.duplicates, counts.accepted, quarantined, counts.inserted, counts.updated,
        counts.unchanged + counts.stale,
    )  # fmt: skip
    table.add_row(*map(str, row))
    table.caption = "  ".join([*(f"{code} {count}" for code, count in batch.reasons.items()), *batch.notes])
    return table


@app.command()
def fetch(
    channel: Name,
    window: Span,
    limit: Annotated[int, typer.Option(min=1, help="Stop after so many records.")] = 20,
    record: Annotated[
        Path | None, typer.Option(help="Write the exchanges, scrubbed, as a contract case into this folder.")
    ] = None,
) -> None:
    """Ask the channel and show what comes, without keeping it: one JSON document per line.

    With --record the exchanges become a test case: secrets and buyers' data are removed on the way to disk.

    Example: [bold]orderflow fetch shop_tw -w 2026-03-01T00:00Z/2026-03-01T01:00Z --record cases/day[/bold]
    """
    from orderflow.command.flow import fetched

    for data in fetched(ports.channel(channel), Window.parse(window), limit, record):
        print(data.decode())
    if record is not None:
        Console(stderr=True).print(f"recorded in {record}; read it before you commit it")
