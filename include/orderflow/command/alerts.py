"""Commands about alerts: what is open, the story of one, and whether messages get out at all."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.config import alerts as files
from orderflow.domain.message import said
from orderflow.domain.routing import Routing
from orderflow.domain.telling import Places

if TYPE_CHECKING:
    from orderflow.domain.telling import Alert

console = Console()
alerts = typer.Typer(
    name="alerts",
    help="What is wrong with channels, who was told, and whether messages get out. Alone it lists what is open.\n\n"
    "Example: [bold]orderflow alerts --channel shopee_tw --all[/bold]",
    invoke_without_command=True,
    rich_markup_mode="rich",
)
app.add_typer(alerts)

Number = Annotated[int, typer.Argument(metavar="ALERT", help="Number of the alert.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@alerts.callback()
def listed(
    context: typer.Context,
    channel: Annotated[str | None, typer.Option("--channel", help="One channel; all if left out.")] = None,
    over: Annotated[bool, typer.Option("--all", help="The recovered ones as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is open, the newest first."""
    if context.invoked_subcommand is not None:
        return
    from orderflow.staging import alerts as table

    with ports.staging() as store:
        found = table.listed(store.connection, channel=channel, over=over)
    if as_json:
        print(json.dumps([asdict(each) for each in found], default=str))
        return
    if not found:
        ports.demand_named(channel)
        console.print("no alert is open")
        return
    names = ("alert", "channel", "kind", "severity", "state", "since", "told", "what")
    rows = Table(*(Column(name, overflow="fold") for name in names), show_lines=True)
    for each in found:
        rows.add_row(
            str(each.id), each.channel, each.kind, _severity(each), each.state, f"{each.first_seen_at:%Y-%m-%d %H:%MZ}",
            f"{each.told_at:%m-%d %H:%MZ}" if each.told_at else "[red]nobody yet[/red]", escape(each.what),
        )  # fmt: skip
    console.print(rows)
    console.print("the story of one: orderflow alerts show ALERT   what to do: docs/runbook.md")


@alerts.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """One alert with its facts, and everything that was told of it, to whom, and what went wrong on the way.

    Example: [bold]orderflow alerts show 12[/bold]
    """
    from orderflow.staging import alerts as table

    with ports.staging() as store:
        found = table.read(store.connection, number)
        messages = table.messages_of(store.connection, number)
    if as_json:
        told = [dict(zip(_MESSAGE, each, strict=True)) for each in messages]
        print(json.dumps({**asdict(found), "messages": told}, default=str))
        return
    places = Places(_site(), _routing().runbook)
    console.print(
        f"[bold]{found.channel} {found.kind}[/bold] ({_severity(found)}, {found.state})\n{escape(found.what)}"
    )
    console.print(
        f"seen {said('{n} time|{n} times', n=found.count)}, "
        f"{found.first_seen_at:%Y-%m-%d %H:%MZ} to {found.last_seen_at:%Y-%m-%d %H:%MZ}"
    )
    if found.acknowledged_by:
        console.print(f"acknowledged by {escape(found.acknowledged_by)}: {escape(found.acknowledged_why or '')}")
    for name, value in found.facts.items():
        console.print(f"  {name}: {escape(str(value))}", highlight=False)
    console.print(f"runbook: {places.entry(found)}")
    rows = Table(*(Column(name, overflow="fold") for name in ("says", "to", "due", "attempts", "sent", "error")))
    for says, route, due, attempts, sent, error in messages:
        told_at = f"{sent:%Y-%m-%d %H:%M}" if sent else "[yellow]waits[/yellow]"
        rows.add_row(says, route, f"{due:%Y-%m-%d %H:%M}", str(attempts), told_at, escape(error or ""))
    console.print(rows if messages else "nobody is told of it: the channel names no `alerts`, and no route matches")


@alerts.command()
def acknowledge(
    number: Number,
    why: Annotated[str, typer.Option("--why", help="Kept for whoever asks later.")],
    who: Annotated[str | None, typer.Option("--who", help="Who looks after it; your login unless given.")] = None,
) -> None:
    """Say that somebody looks after it: it is not repeated, and its end is told as ever.

    Example: [bold]orderflow alerts acknowledge 12 --why "the platform is down, status page says until noon"[/bold]
    """
    from orderflow.staging import alerts as table

    with ports.staging() as store:
        found = table.acknowledge(store.connection, number, ports.login(who), why, datetime.now(UTC))
    console.print(f"alert {found.id} ({found.channel} {found.kind}) is {found.state}")


@alerts.command("test")
def try_out(
    to: Annotated[list[str] | None, typer.Option("--to", help="Only these tags; else every one that is used.")] = None,
) -> None:
    """Send a message on every way out, and say which failed and why. Exit code 1 when one did.

    Example: [bold]orderflow alerts test --to pager[/bold]
    """
    from orderflow.pipeline.messages import CONNECTION, Services

    channels = ports.channels()
    tags = to or _routing().everybody(channels)
    if not tags:
        console.print("nobody is told anything: no channel file has `alerts`, and include/alerts.yml has no routes")
        raise typer.Exit(1)
    services = Services.of(ports.connection(CONNECTION).extra)
    body = f"A test of Orderflow's alerts by {ports.login(None)}. Nothing is wrong, and nothing is to be done."
    wrong = {tag: services.send(tag, "Orderflow test", body) for tag in tags}
    for tag, error in wrong.items():
        told = f"[red]{escape(tag)}[/red] {escape(error)}" if error else f"[green]{escape(tag)}[/green] took it"
        console.print(told, highlight=False)
    if any(wrong.values()):
        raise typer.Exit(1)


_MESSAGE = ("says", "route", "due_at", "attempts", "sent_at", "error")


def _severity(alert: Alert) -> str:
    return f"[red]{alert.severity}[/red]" if alert.severity == "critical" else alert.severity


def _routing() -> Routing:
    return files.read(ports.CHANNELS.parent)


def _site() -> str:
    return os.environ.get("AIRFLOW__API__BASE_URL", "")
