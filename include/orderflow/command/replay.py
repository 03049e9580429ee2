"""`orderflow replay`: raw records that were kept, read again by today's code."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.command.bars import shown
from orderflow.command.channels import AsJson, Name
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.domain.replay import Choice
from orderflow.domain.window import Window

if TYPE_CHECKING:
    from orderflow.domain.batch import Batch
    from orderflow.pipeline.changes import Changes
    from orderflow.pipeline.sync import Delivered

console = Console(markup=False)

MISSING = 5
"""Orders without a raw record that are named."""


@app.command()
def replay(
    channel: Name,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="All that waits in quarantine; less of it with --reason or --sku.")
    ] = False,
    reason: Annotated[str | None, typer.Option(metavar="CODE", help="Only what broke this rule.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only what has this SKU of the channel on a line.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="What could fare better than last time (every run does this by itself).")
    ] = False,
    window: Annotated[
        str | None, typer.Option("--window", "-w", metavar="A/B", help="Everything that was pulled for this span.")
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--ids", metavar="ID", help="These orders; may be repeated.")] = None,
    rows: Annotated[
        list[int] | None, typer.Option("--row", metavar="ROW", help="These rows of the quarantine.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, field by field.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read raw records again by today's mapping, cleaning and rules, and hand what changed to the OMS.

    The channel is not asked. Newest wins as ever: an old record never replaces a newer version.

    Example: [bold]orderflow replay shop_tw --quarantined --reason SKU_UNMAPPED --dry-run[/bold]
    """
    from orderflow.pipeline import replay as again
    from orderflow.pipeline.sync import sync
    from orderflow.staging.raws import Raws

    choice = _choice(quarantined or bool(reason or sku), reason, sku, waiting, window, ids, rows)
    about, now = ports.channel(channel), datetime.now(UTC)
    target = None if dry_run or about.shadow else ports.target(about)
    with (
        ports.staging_of(channel) as store,
        shown(quiet=as_json) as progress,
        tempfile.TemporaryDirectory() as scratch,
    ):
        records = Raws(store.connection, store.vault, about.name)
        root = Path(scratch) if dry_run else ports.landing()
        collected = again.collect(about, choice, root, now=now, records=records, progress=progress)
        if dry_run:
            changes = again.preview(about, collected, records=records, progress=progress)
        else:
            batch = again.replay(about, collected, records=records, staging=store, progress=progress)
            delivered = None if target is None else sync(about, store, target, behind=True, progress=progress)
    missing = [each.order_id or f"row {each.quarantine_id}" for each in collected.missing]
    if dry_run:
        _tell_changes(changes, choice, as_json)
    else:
        _tell_replayed(batch, delivered, missing, as_json)


def _choice(
    quarantined: bool,
    reason: str | None,
    sku: str | None,
    waiting: bool,
    window: str | None,
    ids: list[str] | None,
    rows: list[int] | None,
) -> Choice:
    """Exactly one kind of thing to read again."""
    given = [quarantined, waiting, bool(window), bool(ids), bool(rows)]
    if sum(given) != 1:
        raise ConfigError(
            "say what to read again with exactly one of --quarantined (--reason CODE or --sku SKU take less of it), "
            f"--waiting, --window A/B, --ids ID and --row ROW; {sum(given)} were given"
        )
    return Choice(
        quarantined=quarantined,
        code=reason,
        sku=sku,
        waiting=waiting,
        window=Window.parse(window) if window else None,
        order_ids=tuple(ids or ()),
        rows=tuple(rows or ()),
    )


def _tell_changes(changes: Changes, choice: Choice, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"summary": str(changes), **msgspec.to_builtins(changes)}))
        return
    console.print(Text(str(changes), style="bold"), soft_wrap=True)
    if changes.fields or changes.cured or changes.broken:
        table = Table(title=f"{changes.channel}  {choice}", title_justify="left")
        table.add_column("what")
        table.add_column("orders", justify="right")
        for name, count in changes.fields.items():
            table.add_row(Text(name), f"{count:,}")
        for code, count in changes.cured.items():
            table.add_row(Text(f"{code} no longer broken", style="green"), f"{count:,}")
        for code, count in changes.broken.items():
            table.add_row(Text(f"{code} newly broken", style="red"), f"{count:,}")
        console.print(table)
    if changes.examples:
        columns = (Column(name, overflow="fold") for name in ("order", "field", "now", "then"))
        table = Table(*columns, title="for instance", title_justify="left")
        for each in changes.examples:
            table.add_row(*map(Text, (each.order_id, each.place, each.before or "", each.after or "")))
        console.print(table)
    _tell_missing(changes.missing, changes.missing_orders)
    console.print("nothing was written; run it again without --dry-run to do it")


def _tell_replayed(batch: Batch, delivered: Delivered | None, missing: list[str], as_json: bool) -> None:
    if as_json:
        sent = None if delivered is None else msgspec.to_builtins(delivered)
        print(json.dumps({"batch": batch.to_json(), "delivered": sent, "missing": missing}))
        return
    c = batch.counts
    table = Table(title=f"{batch.channel}  {batch.notes[0] if batch.notes else ''}", title_justify="left")
    row = {
        "read again": c.fetched, "new": c.inserted, "changed": c.updated, "unchanged": c.unchanged, "older": c.stale,
        "in quarantine": c.quarantined + c.unreadable,
    }  # fmt: skip
    for name in row:
        table.add_column(name, justify="right")
    table.add_row(*(f"{count:,}" for count in row.values()))
    table.caption = "  ".join(f"{code} {count}" for code, count in batch.reasons.items())
    console.print(table)
    _tell_missing(len(missing), missing)
    if delivered is not None:
        console.print(f"OMS: {delivered.accepted} accepted, {delivered.refused} refused, {delivered.pending} pending")
    if batch.reasons:
        console.print(f"what stays in quarantine: orderflow quarantine list --channel {batch.channel}")


def _tell_missing(count: int, some: list[str]) -> None:
    if count:
        named = ", ".join(some[:MISSING]) + (" ..." if count > MISSING else "")
        console.print(
            Text.assemble(
                ("no raw record any more", "yellow"),
                f" of {said('{n} order|{n} orders', n=count)}: {named}; pull them again by id",
            ),
            soft_wrap=True,
        )
