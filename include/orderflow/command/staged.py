"""Commands about staging: its schema, and what it proves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.gap import Gap
from orderflow.domain.message import said
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
    """What is proven: a strip of coverage per day, every gap with its cause, the last run, and what waits.

    █ proven  ▄ in part  · never run  ✗ failed  ▒ in progress  ! held for a person  ░ out of reach  … not due yet

    Example: [bold]orderflow status shop_tw --days 30[/bold]
    """
    from orderflow.staging import overview
    from orderflow.staging.session import transaction

    channels = [ports.channel(channel)] if channel else ports.channels()
    now = datetime.now(UTC)
    with ports.staging() as store:
        found = [_state(store.connection, each, now, days) for each in channels]
        with transaction(store.connection) as cursor:
            left = overview.left_behind(cursor, [path.stem for path in ports.CHANNELS.glob("*.yml")])
    if as_json:
        print(json.dumps(found, default=str))
        return
    for each in found:
        _print(each)
    for name, (waiting, owed) in ({} if channel else left).items():
        told = f"{name} has no file any more: {waiting:,} in quarantine, {owed:,} that the OMS has not got stay there"
        console.print(Text.assemble(("left behind ", "red"), f"{told}; put {name}.yml back until they are settled"))
    if not found:
        console.print(f"there is no channel in {ports.CHANNELS} yet; add one: docs/new-channel.md")


def _state(connection: Any, channel: Channel, now: datetime, days: int) -> dict[str, Any]:
    from orderflow.staging import inbox, ledger
    from orderflow.staging.pace import last_run

    zone = ZoneInfo(channel.schedule.timezone)
    today = datetime.combine(now.astimezone(zone).date(), datetime.min.time(), zone)
    start = max(channel.start, (today - timedelta(days=days - 1)).astimezone(UTC))
    over = last_tick(channel, now)
    gaps = ledger.named_gaps(connection, channel.name, Window(start, over)) if start < over else []
    if gaps and gaps[-1].cause == "never run" and gaps[-1].window.end == over:
        gaps = _without_due(channel, gaps, now)
    last = last_run(connection, channel.name)
    return {
        "channel": channel.name,
        "watermark": ledger.watermark(connection, channel.name, channel.start),
        **_backlog(connection, channel.name),
        "hints": asdict(inbox.waiting(connection, channel.name)),
        "last_run": None if last is None else {**asdict(last), "window": str(last.window)},
        "days": [
            {"day": f"{day:%Y-%m-%d}", "hours": _hours(connection, channel, day, now, gaps)}
            for day in (today - timedelta(days=back) for back in reversed(range(days)))
            if min(day + timedelta(days=1), now) > channel.start
        ],
        "gaps": [
            {
                **asdict(gap),
                "window": str(gap.window),
                "start": gap.window.start,
                "end": gap.window.end,
                "told": str(gap),
            }
            for gap in gaps
        ],
    }


def last_tick(channel: Channel, now: datetime) -> datetime:
    """The channel's last tick: windows up to here are over."""
    from croniter import croniter

    ticks = croniter(channel.schedule.cron, now.astimezone(ZoneInfo(channel.schedule.timezone)) + timedelta(seconds=1))
    moment: datetime = ticks.get_prev(datetime)
    return moment.astimezone(UTC)


def _without_due(channel: Channel, gaps: list[Gap], now: datetime) -> list[Gap]:
    """These gaps without the newest window while its run may still be on its way."""
    newest = last_tick(channel, gaps[-1].window.end - timedelta(seconds=2))
    if now - gaps[-1].window.end > channel.schedule.deadline:
        return gaps
    if newest <= gaps[-1].window.start:
        return gaps[:-1]
    return [*gaps[:-1], replace(gaps[-1], window=Window(gaps[-1].window.start, newest))]


def _backlog(connection: Any, name: str) -> dict[str, Any]:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            with here as (select %s::text as channel)
            select (select count(*) from orderflow.orders join here using (channel)),
                   (select count(*) from orderflow.outbox join here using (channel)),
                   (select min(enqueued_at) from orderflow.outbox join here using (channel)),
                   (select count(*) from orderflow.quarantine join here using (channel)
                    where state in ('open', 'parked')),
                   (select max(window_end) from orderflow.windows join here using (channel)
                    where loaded_at is not null)
            """,
            (name,),
        )
        staged, pending, oldest, quarantined, newest = cursor.fetchone()
    return {
        "orders": staged, "pending": pending, "pending_since": oldest, "quarantined": quarantined, "newest": newest,
    }  # fmt: skip


Hour = tuple[float, str | None]
"""Proven share of an hour, and the cause of its largest gap."""


def _hours(connection: Any, channel: Channel, day: datetime, now: datetime, gaps: list[Gap]) -> list[Hour | None]:
    """The hours of a local day; None for hours that have not begun, or before the channel's start."""
    from orderflow.staging import ledger

    begin, end = day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC)
    proven = ledger.coverage(connection, channel.name, Window(begin, end))
    hours: list[Hour | None] = []
    while begin < end:
        start, stop = max(begin, channel.start), min(begin + timedelta(hours=1), now)
        begin += timedelta(hours=1)
        if start >= stop:
            hours.append(None)
            continue
        hour = Window(start, stop)
        covered = sum((_overlap(hour, part) for part in proven), timedelta(0))
        missing = max(gaps, key=lambda gap: _overlap(hour, gap.window), default=None)
        cause = missing.cause if missing is not None and _overlap(hour, missing.window) else None
        hours.append((covered / hour.length, cause))
    return hours


def _overlap(one: Window, other: Window) -> timedelta:
    return max(timedelta(0), min(one.end, other.end) - max(one.start, other.start))


def _print(state: dict[str, Any]) -> None:
    table = Table(title=f"[bold]{state['channel']}[/bold]", title_justify="left", box=None, padding=(0, 1))
    table.add_column("day")
    table.add_column("0     6     12    18   ")
    for day in state["days"]:
        table.add_row(day["day"], "".join(_cell(hour) for hour in day["hours"]))
    console.print(table)
    since = f" (the oldest since {state['pending_since']:%Y-%m-%d %H:%MZ})" if state["pending_since"] else ""
    console.print(
        f"  {said('{n} order|{n} orders', n=state['orders'])} staged, "
        f"{said('{n} waits for the OMS|{n} wait for the OMS', n=state['pending'])}{since}, "
        f"{state['quarantined']:,} in quarantine; unbroken until {state['watermark']:%Y-%m-%d %H:%M:%S}Z",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    hints = state["hints"]
    if hints["waiting"] or hints["given_up"]:
        console.print(
            f"  webhooks: {said('{n} hint waits|{n} hints wait', n=hints['waiting'])}, "
            f"{hints['given_up']:,} given up and left to the windows",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    if last := state["last_run"]:
        console.print(
            f"  last run {last['run_id']}: {last['window']} {last['state']} {last['at']:%Y-%m-%d %H:%MZ}, "
            f"{said('{n} record|{n} records', n=last['fetched'])}, "
            f"{last['bytes'] / 1e6:.1f} MB, {last['seconds']:.1f} s",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    else:
        console.print("  nothing ran yet")
    named = [gap for gap in state["gaps"] if gap["cause"] != "unreachable"]
    for gap in named[:10]:
        console.print(Text.assemble("  ", ("gap ", _STYLES[gap["cause"]]), gap["told"]), soft_wrap=True)
    if len(named) > 10:
        console.print(f"  and {said('{n} more gap|{n} more gaps', n=len(named) - 10)} (--json shows all)")
    for gap in state["gaps"]:
        if gap["cause"] == "unreachable":
            console.print(Text.assemble("  ", ("out of reach ", "dim"), gap["told"]), soft_wrap=True)


_MARKS = {"never run": "·", "in progress": "▒", "failed": "✗", "held": "!", "unreachable": "░"}
_STYLES = {"never run": "red", "in progress": "blue", "failed": "red", "held": "yellow", "unreachable": "dim"}


def _cell(hour: Hour | None) -> str:
    if hour is None:
        return " "
    share, cause = hour
    if share >= 1 or (cause is None and share > 0):
        return "[green]█[/green]"
    if cause is None:
        return "[dim]…[/dim]"
    return f"[{_STYLES[cause]}]{'▄' if share > 0 else _MARKS[cause]}[/{_STYLES[cause]}]"
