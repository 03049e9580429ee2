"""Commands about staging: its schema, and what it proves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from orderflow import config
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.window import Window

console = Console()


@app.command()
def migrate() -> None:
    """Bring the staging database to the newest schema; does nothing when it is there already.

    Example: [bold]orderflow migrate[/bold]
    """
    from orderflow.staging.migrate import migrate as bring
    from orderflow.staging.store import connect

    connection = connect(ports.dsn(), name="orderflow migrate")
    applied = bring(connection)
    connection.close()
    console.print(f"applied {', '.join(applied)}" if applied else "the schema is the newest already")


@app.command()
def status(
    channel: Annotated[
        str | None, typer.Argument(metavar="[CHANNEL]", help="One channel; all of them if left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What is proven: a strip of coverage per day, with every gap named, and what waits.

    Example: [bold]orderflow status shop_tw --days 30[/bold]
    """
    channels = [ports.channel(channel)] if channel else config.read(ports.CHANNELS).channels
    now = datetime.now(UTC)
    with ports.staging() as store:
        found = [_state(store.connection, each, now, days) for each in channels]
    if as_json:
        print(json.dumps(found, default=str))
        return
    for each in found:
        _print(each)
    if not found:
        console.print(f"there is no channel in {ports.CHANNELS} yet; add one: docs/new-channel.md")


def _state(connection: Any, channel: Channel, now: datetime, days: int) -> dict[str, Any]:
    from orderflow.staging import ledger

    zone = ZoneInfo(channel.schedule.timezone)
    today = datetime.combine(now.astimezone(zone).date(), datetime.min.time(), zone)
    start = max(channel.start, today - timedelta(days=days - 1))
    strips = []
    for number in range(days):
        begin = today - timedelta(days=days - 1 - number)
        end = min(begin + timedelta(days=1), now)
        if end <= channel.start or end <= begin:
            continue
        day = Window(max(begin, channel.start), end)
        strips.append(
            {"day": f"{begin:%Y-%m-%d}", "hours": _hours(ledger.coverage(connection, channel.name, day), begin, now)}
        )
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            with here as (select %s::text as channel)
            select (select count(*) from orderflow.orders join here using (channel)),
                   (select count(*) from orderflow.outbox join here using (channel)),
                   (select count(*) from orderflow.quarantine join here using (channel)
                    where state in ('open', 'parked')),
                   (select max(window_end) from orderflow.windows join here using (channel)
                    where loaded_at is not null)
            """,
            (channel.name,),
        )
        staged, pending, quarantined, newest = cursor.fetchone()
    gaps = ledger.gaps(connection, channel.name, Window(start, now)) if start < now else []
    return {
        "channel": channel.name,
        "watermark": ledger.watermark(connection, channel.name, channel.start),
        "newest": newest,
        "orders": staged,
        "pending": pending,
        "quarantined": quarantined,
        "days": strips,
        "gaps": [str(gap) for gap in gaps],
    }


def _hours(proven: list[Window], begin: datetime, now: datetime) -> list[float | None]:
    """The proven share of each hour of the day; None for hours that have not begun."""
    shares: list[float | None] = []
    for number in range(24):
        start = begin.astimezone(UTC) + timedelta(hours=number)
        end = min(start + timedelta(hours=1), now)
        if start >= now:
            shares.append(None)
            continue
        covered = sum((max(timedelta(0), min(end, part.end) - max(start, part.start)) for part in proven), timedelta(0))
        shares.append(covered / (end - start))
    return shares


def _print(state: dict[str, Any]) -> None:
    table = Table(title=f"[bold]{state['channel']}[/bold]", title_justify="left", box=None, padding=(0, 1))
    table.add_column("day")
    table.add_column("0     6     12    18   ")
    for day in state["days"]:
        table.add_row(day["day"], "".join(_cell(share) for share in day["hours"]))
    console.print(table)
    console.print(
        f"  {state['orders']} orders staged, {state['pending']} wait for the OMS, "
        f"{state['quarantined']} in quarantine; unbroken until {state['watermark']:%Y-%m-%d %H:%M:%S}Z",
        highlight=False,
    )
    for gap in state["gaps"][:10]:
        console.print(f"  [red]gap[/red] {gap}", highlight=False)
    if len(state["gaps"]) > 10:
        console.print(f"  and {len(state['gaps']) - 10} more gaps (--json shows all)")


def _cell(share: float | None) -> str:
    if share is None:
        return " "
    if share >= 1:
        return "[green]█[/green]"
    return "[red]·[/red]" if share <= 0 else "[yellow]▄[/yellow]"
