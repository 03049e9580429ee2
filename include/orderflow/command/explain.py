"""`orderflow explain`: where one order is, everything that happened to it, and what keeps it from the OMS."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError, OrderflowError, RecordError, kind_of
from orderflow.domain.reconciliation import business_day
from orderflow.domain.source import ById

if TYPE_CHECKING:
    from orderflow.staging.blocking import OnChannel, Verdict
    from orderflow.staging.story import Story

console = Console(markup=False)
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode


@app.command()
def explain(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The channel's order id, or the number people use.")],
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the channel for an unknown order.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Where an order is: its timeline, and the first fact that keeps it from the OMS, with the next step.

    Exit code 1: staging does not know the order, and the channel does not, or was not asked.

    Example: [bold]orderflow explain shop_tw 2603011000123[/bold]
    """
    from orderflow.staging import blocking, reviews, story

    if not order.strip():
        raise ConfigError("no order is named; write its id, or the number that people use")
    shop, now = ports.channel(channel), ports.runtime().clock()
    with ports.staging() as store:
        told = story.tell(store.connection, shop.name, order, lookback=shop.lookback, settle=shop.settle)
        verdict = blocking.here(told, shadow=shop.shadow, now=now, since=shop.delivers_since)
        others = [each for _, each in story.places(store.connection, [shop.name], order) if each != told.order_id]
        near: list[str] = []
        if verdict is None and (thrown := reviews.discarding(store.connection, [shop.name], told.order_id)):
            verdict = blocking.discarded(thrown[0])
        if verdict is None:
            found = _ask(shop, told.order_id, now, offline=offline)
            if found.updated_at is not None:
                told.moments["updated"] = found.updated_at
                with store.connection, store.connection.cursor() as cursor:
                    told.spans = story.spans(
                        cursor, shop.name, "updated", found.updated_at, lookback=shop.lookback, settle=shop.settle
                    )
            due = None if found.updated_at is None else _due(shop, found.updated_at + shop.settle)
            verdict = blocking.elsewhere(
                found, told.spans, channel=shop.name, start=shop.start, settle=shop.settle, due=due, now=now
            )
            if not found.exists:
                near = story.similar(store.connection, shop.name, order)
    if as_json:
        found_out = {**asdict(told), "verdict": asdict(verdict), "same_number": others, "similar": near}
        print(json.dumps(found_out, default=str, ensure_ascii=False))
    else:
        _print(told, verdict, near)
        if others:
            console.print(Text(f"orders whose number is {order}, too: {', '.join(others)}"), soft_wrap=True)
    if verdict.standing in ("unknown", "not asked"):
        raise typer.Exit(1)


def _ask(channel: Channel, order_id: str, now: datetime, *, offline: bool) -> OnChannel:
    """What the channel says of an order that staging does not have."""
    from orderflow.pipeline.cleaning.mapped import mapped
    from orderflow.quality.checks.order import LONGEST_IDENTIFIER
    from orderflow.staging.blocking import OnChannel

    if offline:
        return OnChannel(None, fault="--offline", cure="check the id; ask the channel (without --offline)")
    if len(order_id) > LONGEST_IDENTIFIER:  # no address need hold it
        fault = f"an id of {len(order_id):,} characters, where no order with more than {LONGEST_IDENTIFIER} goes on"
        return OnChannel(None, fault=fault, cure="check the id")
    try:
        with ports.source(channel) as (source, _):
            if not isinstance(source, ById):
                return OnChannel(
                    None,
                    fault=f"{channel.adapter_name} cannot be asked for one order",
                    cure="check the id; look for it in the channel's own files or pages",
                )
            records = [record for page in source.fetch_ids([order_id]) for record in page.records]
    except OrderflowError as error:
        return OnChannel(None, fault=f"{kind_of(error)}: {error}", cure="cure what the error says, then ask again")
    if not records:
        return OnChannel(False)
    try:
        order = mapped(_decode(records[0]), lambda raw: channel.adapter.to_order(raw, channel.options))
    except RecordError as error:
        return OnChannel(True, fault=f"{error.code} at {error.field}: {error.message}")
    text = order.channel_updated_at or order.channel_created_at
    if text is None:
        return OnChannel(True, fault="it says neither when it was created nor when it was changed")
    try:
        moment = _aware(text, channel)
    except ValueError:
        return OnChannel(True, fault=f"its modified time {text!r} is not ISO 8601")
    if not MINYEAR < moment.year < MAXYEAR:  # what some shops write for none
        return OnChannel(True, fault=f"its modified time {text!r} is at the end of the calendar: no window holds it")
    return OnChannel(True, moment, _day(channel, order.channel_created_at or order.placed_at or text, now))


def _day(channel: Channel, created: str, now: datetime) -> date | None:
    """The business day of that time; None while it is not over, and for what is no time of the calendar."""
    try:
        day = _aware(created, channel).astimezone(ZoneInfo(channel.schedule.timezone)).date()
        return day if business_day(day, channel.schedule.timezone).end <= now else None
    except (ValueError, OverflowError):
        return None


def _aware(text: str, channel: Channel) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(channel.timezone))


def _due(channel: Channel, moment: datetime) -> datetime:
    """The end of the scheduled window that asks for a change at `moment` less the settle lag."""
    from croniter import croniter

    zone = ZoneInfo(channel.schedule.timezone)
    tick: datetime = croniter(channel.schedule.cron, moment.astimezone(zone)).get_next(datetime)
    return tick.astimezone(UTC)


def _print(story: Story, verdict: Verdict, near: list[str]) -> None:
    number = f" ({story.order_number})" if story.order_number and story.order_number != story.order_id else ""
    console.print(Text(f"{story.channel} {story.order_id}{number}", style="bold"))
    if story.facts:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("when (UTC)", "what", ""):
            table.add_column(name, overflow="fold")
        for fact in story.facts:
            table.add_row(f"{fact.at:%Y-%m-%d %H:%M:%S}", Text(fact.what), Text(fact.detail))
        console.print(table)
    if story.spans:
        windows = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("window that asked for it (UTC)", "by its time", "state", "run"):
            windows.add_column(name, overflow="fold")
        for span in story.spans:
            end = Text(f"{span.state}{f': {span.error}' if span.error else ''}")
            windows.add_row(
                f"{span.start:%Y-%m-%d %H:%M}/{span.end:%Y-%m-%d %H:%M}", span.moment, end, Text(span.run_id)
            )
        console.print(windows)
    colour = {"in the OMS": "green", "unknown": "red", "missed": "red", "gap": "red"}.get(verdict.standing, "yellow")
    console.print(Text.assemble((verdict.standing, f"bold {colour}"), f": {verdict.fact}"))
    console.print(Text(f"next: {verdict.step}"), soft_wrap=True)
    if verdict.command:
        console.print(Text(f"  {verdict.command}"), soft_wrap=True)
    if near:
        console.print(Text(f"similar: {', '.join(near)}"))
