"""Commands for analysts: the data-quality report, expectations on a day's orders, and what is kept for how long."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.message import said
from orderflow.web import written

if TYPE_CHECKING:
    from orderflow.domain.expectation import Run
    from orderflow.quality.report.values import Figures
    from orderflow.staging.store import Store

console = Console()

One = Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="One channel; all of them if left out.")]
Day = Annotated[str | None, typer.Option("--day", metavar="DAY", help="Such as 2026-03-01; yesterday if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def report(
    channel: One = None,
    day: Day = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="How many days, up to and including that one.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Folder of reports; by default reports in ORDERFLOW_HOME.")] = None,
    cures: Annotated[bool, typer.Option(help="Try cures on waiting and on accepted orders (takes seconds).")] = True,
    as_json: AsJson = False,
) -> None:
    """Write the data-quality report: pages that need nothing but a browser, with CSV and Parquet tables beside them.

    Example: [bold]orderflow report shop_tw --day 2026-03-01 --days 14[/bold]
    """
    from orderflow.quality.report import writing

    now = datetime.now(UTC)
    last = _day(day, now)
    with ports.staging() as store, console.status("reading figures and trying cures"):
        found = [_figures(store, each, last, days, now, cures=cures) for each in _channels(channel)]
    root = out or ports.home() / "reports"
    root.mkdir(parents=True, exist_ok=True)
    folder = writing.write(root, writing.name_of(last, days, channel), found, made_at=now)
    if as_json:
        print(json.dumps({"page": str(folder / "index.html"), "channels": [_summary(each) for each in found]}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("channel", "orders", "accepted", "in quarantine", "cures that work"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    for each in found:
        table.add_row(*(str(value) for value in _summary(each).values()))
    console.print(table)
    console.print(f"{(folder / 'index.html').resolve()}", soft_wrap=True)


def _figures(store: Store, channel: Channel, last: date, days: int, now: datetime, *, cures: bool) -> Figures:
    from orderflow.pipeline.trial import try_cures
    from orderflow.quality.report.figures import figures
    from orderflow.staging import quarantine, skus

    connection, vault = store.connection, store.vault
    found = figures(connection, channel, last=last, days=days, now=now)
    if cures:
        mapped = skus.current(connection, channel.name) if channel.clean.sku == "mapped" else None
        try_cures(found, channel, connection, raws=lambda row: quarantine.raw(connection, vault, row), skus=mapped)
    return found


def _summary(figures: Figures) -> dict[str, Any]:
    return {
        "channel": figures.channel,
        "orders": figures.orders,
        "accepted": figures.total("accepted").orders,
        "quarantined": figures.total("waiting").orders + figures.total("oms").orders,
        "cures": sum(cluster.best is not None for cluster in figures.clusters),
    }


@app.command()
def expectations(
    channel: One = None,
    day: Day = None,
    data_docs: Annotated[
        Path | None, typer.Option(help="Also write Great Expectations' own pages (they need the internet) here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check what is expected of a day's staged orders, with Great Expectations; keeps the results. Exit 1: not all met.

    It describes and warns: what may go on is decided in validate.

    Example: [bold]orderflow expectations shop_tw --day 2026-03-01[/bold]
    """
    from orderflow.quality.expectations.checkpoint import check
    from orderflow.staging import expectations as shelf

    now = datetime.now(UTC)
    last = _day(day, now)
    runs: list[Run] = []
    with ports.staging() as store:
        for each in _channels(channel):
            run = check(
                each,
                ports.dsn(),
                last,
                now=now,
                run_id=f"command__{now:%Y%m%dT%H%M%S}",
                data_docs=data_docs / each.name if data_docs else None,
            )
            shelf.keep(store.connection, run)
            runs.append(run)
    if as_json:
        print(msgspec.json.encode(runs).decode())
    else:
        for run in runs:
            _print(run)
    if any(run.failed for run in runs):
        raise typer.Exit(1)


def _print(run: Run) -> None:
    well = "green" if not run.failed else "yellow"
    console.print(
        f"[bold]{run.channel}[/bold] {run.day}  {said('{n} order|{n} orders', n=run.orders)}, "
        f"{said('{n} line|{n} lines', n=run.lines)}: "
        f"[{well}]{len(run.results) - run.failed} of {len(run.results)} met[/{well}]",
        highlight=False,
    )
    for each in run.results:
        if not each.success:
            told = each.error or each.observed or f"{each.unexpected} of {each.evaluated}; {', '.join(each.sample)}"
            console.print(Text(f"  {each.meaning}: {told}"))


@app.command()
def upkeep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    raw_days: Annotated[int, typer.Option(min=1, max=36_500, help="Keep raw landing folders for so many days.")] = 90,
    expectations_days: Annotated[int, typer.Option(min=1, max=36_500, help="Keep results of expectations.")] = 180,
    reports_days: Annotated[int, typer.Option(min=1, max=36_500, help="Keep reports.")] = 90,
    calls_days: Annotated[int, typer.Option(min=1, max=36_500, help="Keep what calls cost.")] = 400,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than its days; raw records that quarantine or an unloaded window needs always stay.

    Buyers that were forgotten and that a restored backup brought back go as well.

    Example: [bold]orderflow upkeep --dry-run --raw-days 30[/bold]
    """
    from orderflow.pipeline.expiry import Keep
    from orderflow.pipeline.expiry import upkeep as tidy
    from orderflow.staging import erasure
    from orderflow.staging import upkeep as rows

    now = datetime.now(UTC)
    keep = Keep(raw=raw_days, expectations=expectations_days, reports=reports_days, calls=calls_days)
    with ports.staging() as store:
        connection = store.connection
        gone = tidy(
            keep,
            landing=ports.landing(),
            reports=ports.home() / "reports",
            rows=lambda kind, days: rows.expire(connection, kind, days=days, now=now, dry_run=dry_run),
            forget=partial(erasure.again, connection, dry_run=dry_run),
            needed=rows.needed_landings(connection),
            now=now,
            dry_run=dry_run,
        )
    if as_json:
        print(
            json.dumps(
                {kind: {"count": each.count, "bytes": each.bytes, "kept": each.kept} for kind, each in gone.items()}
            )
        )
        return
    table = Table(
        title="would be removed" if dry_run else "removed", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    for name in ("what", "count", "bytes", "old, but needed"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for kind, each in gone.items():
        table.add_row(
            kind, f"{each.count:,}", f"{each.bytes:,}" if each.bytes else "", f"{each.kept:,}" if each.kept else ""
        )
    console.print(table)


def _channels(name: str | None) -> list[Channel]:
    return [ports.channel(name)] if name else ports.channels()


def _day(text: str | None, now: datetime) -> date:
    return now.date() - timedelta(days=1) if text is None else written.day(text)
