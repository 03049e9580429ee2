"""`orderflow reconcile`: compare a channel's day on all sides, repair what was missed, certify the result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.domain.reconciliation import CAUSES, Certificate, Difference, business_day, newest_day
from orderflow.quality.pages.words import listed
from orderflow.web import written

if TYPE_CHECKING:
    from orderflow.domain.target import Target
    from orderflow.pipeline.reconcile import Repair
    from orderflow.staging.store import Store

console = Console()

SHOWN = 50
"""Differences that are printed; files hold all of them."""

_FILE = "`{day}` in its name becomes the day, which a range of days needs."


@app.command()
def reconcile(
    name: Annotated[str, typer.Argument(metavar="CHANNEL")],
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="A business day; the newest whole one if left out.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first of several days.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last of them.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only: repair, send and keep nothing.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show the newest kept certificate; compare nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help=f"Write an HTML page. {_FILE}")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help=f"Write every difference as CSV. {_FILE}")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the channel's whole chain of certificates.")] = False,
) -> None:
    """Compare channel, staging and OMS for a business day; pull what was missed; certify the result.

    Exit code 1: an order differs that nothing accounts for, or (--verify) a certificate was changed.

    Example: [bold]orderflow reconcile shop_tw --day 2026-03-01 --page shop_tw-{day}.html[/bold]
    """
    channel = ports.channel(name)
    if verify:
        _verify(channel)
        return
    days = _days(channel, day, first, last)
    for file in (page, csv):
        if file and len(days) > 1 and "{day}" not in file.name:
            raise ConfigError(f"{file} would be written {len(days)} times; write {{day}} into its name")
    unexplained = 0
    for each in days:
        with _shown(channel, each) if show else _reconciled(channel, each, keep=not dry_run) as (certificate, found):
            _write(certificate, found, page, csv)
            _print_json(certificate, found) if as_json else _print(certificate, found)
            unexplained += certificate.unexplained
    if unexplained:
        raise typer.Exit(1)


class Found:
    """The differences of one certificate, read anew each time: they may be a million."""

    def __init__(self, read: partial[Iterator[Difference]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Difference]:
        return self._read()


@contextmanager
def _reconciled(channel: Channel, day: date, *, keep: bool) -> Iterator[tuple[Certificate, Found]]:
    from orderflow.pipeline.reconcile import lags
    from orderflow.pipeline.reconcile import reconcile as run
    from orderflow.staging.sides import DaySides
    from orderflow.staging.store import connect

    target = None if channel.shadow else ports.target(channel)
    window = business_day(day, channel.schedule.timezone)
    with (
        ports.staging_of(channel.name) as store,
        closing(connect(ports.dsn(), name="orderflow reconcile")) as own,
        ports.source(channel, healing=True) as (source, runtime),
    ):
        sides = DaySides(own, channel.name, window, **lags(channel), since=channel.delivers_since)
        certificate = run(
            channel,
            day,
            sides,
            source=source,
            target=target,
            repair=_repair(channel, store, target) if keep else None,
            run_id=f"command__{runtime.clock():%Y%m%dT%H%M%SZ}",
            runtime=runtime,
        )
        yield certificate, Found(partial(sides.differences))


def _repair(channel: Channel, store: Store, target: Target | None) -> Repair:
    from orderflow.pipeline.flow import staged
    from orderflow.pipeline.reconcile import Repair
    from orderflow.pipeline.sync import sync
    from orderflow.staging import decisions, skus

    stage = partial(
        staged,
        channel,
        staging=store,
        skus=skus.current(store.connection, channel.name),
        decisions=decisions.decisions(store.connection, channel.name, store.vault),
    )
    return Repair(ports.landing(), stage, partial(sync, channel, store, target) if target else _nothing)


def _nothing() -> None:
    """A channel in shadow delivers nothing."""


@contextmanager
def _shown(channel: Channel, day: date) -> Iterator[tuple[Certificate, Found]]:
    from orderflow.staging import certificates

    with ports.staging() as store:
        certificate = certificates.newest(store.connection, channel.name, day)
        if certificate is None:
            raise ConfigError(
                f"{channel.name}: there is no certificate of {day} yet; make one: "
                f"orderflow reconcile {channel.name} --day {day}"
            )
        yield (
            certificate,
            Found(partial(certificates.differences, store.connection, channel.name, certificate.number)),
        )


def _verify(channel: Channel) -> None:
    from orderflow.staging import certificates

    with ports.staging() as store:
        last, wrong = certificates.verify(store.connection, channel.name)
    for each in wrong:
        console.print(each, style="red", highlight=False, markup=False)
    if last is None:
        console.print(f"{channel.name} has no certificate yet")
    else:
        verdict = "[red]broken[/red]" if wrong else "[green]whole[/green]"
        chain = said("the chain of {n} certificate|the chain of {n} certificates", n=last.number)
        console.print(f"{chain} is {verdict}; the newest is {last.sha256}")
    if wrong:
        raise typer.Exit(1)


def _days(channel: Channel, day: str | None, first: str | None, last: str | None) -> list[date]:
    """What was asked for; the newest day that is over, settled and looked back upon, where nothing was."""
    if day and (first or last):
        raise ConfigError("--day names one day, --from and --to several; give one or the other")
    if first or last:
        start, end = (written.day(each or "") for each in (first or last, last or first))
        if end < start:
            raise ConfigError(f"--from {start} lies after --to {end}; swap them")
        return [start + timedelta(days=count) for count in range((end - start).days + 1)]
    if day:
        return [written.day(day)]
    lag = channel.settle + channel.lookback
    return [newest_day(channel.schedule.timezone, ports.runtime().clock(), after=lag)]


def _write(certificate: Certificate, found: Found, page: Path | None, csv: Path | None) -> None:
    from orderflow.quality.pages import certificate as pages

    if page:
        file = _named(page, certificate)
        file.write_text(pages.page(certificate, found), encoding="utf-8")
        Console(stderr=True).print(f"page written: {file}", highlight=False)
    if csv:
        file = _named(csv, certificate)
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            out.writelines(pages.to_csv(certificate, found))
        Console(stderr=True).print(f"differences written: {file}", highlight=False)


def _named(file: Path, certificate: Certificate) -> Path:
    return file.with_name(file.name.replace("{day}", str(certificate.day)))


def _print_json(certificate: Certificate, found: Found) -> None:
    from orderflow.quality.pages import certificate as pages

    for piece in pages.to_json(certificate, found):
        print(piece.decode(), end="")


def _print(certificate: Certificate, found: Found) -> None:
    kept = f"certificate {certificate.number}, revision {certificate.revision}" if certificate.number else "dry run"
    console.print(f"[bold]{certificate.channel} {certificate.day}[/bold] ({certificate.timezone}): {kept}")
    table = Table(box=None, padding=(0, 2))
    table.add_column("side")
    table.add_column("orders", justify="right")
    table.add_column("sums")
    for name, side in certificate.sides.items():
        sums = listed({currency: Decimal(text) for currency, text in side.sums.items()})
        table.add_row(
            name, f"{side.orders:,}" if side.compared else "not compared", Text(sums if side.compared else side.how)
        )
    console.print(table)
    for cause, tally in certificate.causes.items():
        colour = {"wrong": "red", "waits": "yellow"}.get(CAUSES[cause].kind, "cyan")
        mended = f", {tally.repaired:,} repaired" if tally.repaired else ""
        console.print(f"  [{colour}]{cause}[/{colour}] {tally.orders:,}{mended}: {CAUSES[cause].cure}", highlight=False)
    for count, row in enumerate(found):
        if count == SHOWN:
            console.print(f"  and more; --csv FILE writes all {said('{n} order|{n} orders', n=certificate.differing)}")
            break
        told = f" {row.field}: {row.ours} here, {row.theirs} there" if row.field else ""
        note = f" ({row.note})" if row.note else ""
        console.print(f"    {row.order_id}  {row.cause}{told}{note}", highlight=False, markup=False)
    console.print(
        f"{said('{n} order agrees|{n} orders agree', n=certificate.agreed)}, "
        f"{said('{n} differs|{n} differ', n=certificate.differing)}, {certificate.repaired:,} repaired, "
        f"{said('{n} needs a person|{n} need a person', n=certificate.unexplained)}; {certificate.state}"
        + (f" ({'; '.join(certificate.open)})" if certificate.open else ""),
        highlight=False,
        markup=False,
    )
