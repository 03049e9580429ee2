"""Commands about batches that a guard held: what waits, let it go on, throw it away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from msgspec import structs
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.message import said

if TYPE_CHECKING:
    from orderflow.staging.reviews import Review

console = Console()
review = typer.Typer(
    name="review",
    help="Batches that a guard held: what waits for a person, and what becomes of it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(review)

Number = Annotated[int, typer.Argument(metavar="REVIEW", help="Number of the held batch.")]
Why = Annotated[str, typer.Option("--why", help="Kept for whoever asks later.")]
Who = Annotated[str | None, typer.Option("--who", help="Who decides; your login unless given.")]


@review.command("list")
def waiting(
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="One channel; all if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What waits for a person, oldest first.

    Example: [bold]orderflow review list[/bold]
    """
    from orderflow.staging import reviews

    with ports.staging() as store:
        found = reviews.waiting(store.connection, channel)
    if as_json:
        print(json.dumps([_plain(each) for each in found], default=str))
        return
    if not found:
        ports.demand_named(channel)
        console.print("nothing waits for a person")
        return
    names = ("review", "channel", "window", "accepted", "refused", "held since", "why")
    table = Table(*(Column(name, overflow="fold") for name in names), show_lines=True)
    for each in found:
        counts = each.batch.counts
        by = escape(f"{each.state} by {each.decided_by}")
        state = "" if each.state == "held" else f" [yellow]({by}, not loaded yet)[/yellow]"
        table.add_row(
            str(each.id),
            each.batch.channel,
            str(each.batch.window),
            f"{counts.accepted:,}",
            f"{counts.quarantined + counts.unreadable:,}",
            f"{each.held_at:%Y-%m-%d %H:%M}",
            escape(each.why) + state,
        )
    console.print(table)
    console.print("let one go on: orderflow review release REVIEW --why ...   throw one away: orderflow review discard")


@review.command()
def release(number: Number, why: Why, who: Who = None) -> None:
    """Let a held batch go on: load it, and hand it to the OMS. Repeating it finishes what was interrupted.

    Example: [bold]orderflow review release 12 --why "sale started, twice the orders are right"[/bold]
    """
    from orderflow.pipeline.load import load
    from orderflow.pipeline.sync import sync
    from orderflow.staging import reviews

    with ports.staging() as store:
        held = reviews.read(store.connection, number)
        channel = ports.channel(held.batch.channel)
        target = None if channel.shadow else ports.target(channel)
        released = reviews.release(store.connection, number, ports.login(who), why)
        if released.loaded_at:
            told = f"{released} was released by {released.decided_by} and is loaded since {released.loaded_at}"
            console.print(told, markup=False)
            return
        batch = load(channel, structs.replace(released.batch, held=None), store)
        _acknowledge(channel, released)
        delivered = None if target is None else sync(channel, store, target)
    counts = batch.counts
    console.print(
        f"{released} released: {counts.inserted} new, {counts.updated} changed, {counts.unchanged + counts.stale} "
        f"unchanged, {counts.quarantined + counts.unreadable} in quarantine"
        + (f"; the OMS took {delivered.accepted}" if delivered else "")
    )


@review.command()
def discard(number: Number, why: Why, who: Who = None) -> None:
    """Throw a held batch away. Its orders are written down with who and why; the raw records stay where they are.

    Example: [bold]orderflow review discard 12 --why "test orders of the platform's migration"[/bold]
    """
    from orderflow.pipeline import held
    from orderflow.staging import reviews

    with ports.staging() as store:
        found = reviews.read(store.connection, number)
        orders = list(held.orders(found.batch))
        done = reviews.discard(store.connection, number, ports.login(who), why, orders)
    console.print(
        f"{done} discarded by {done.decided_by}: {said('{n} order|{n} orders', n=len(orders))}; "
        f"raw records stay in {done.batch.landing}",
        markup=False,
    )


def _acknowledge(channel: Channel, released: Review) -> None:
    """Tell a mailbox that its files are safe now."""
    from upath import UPath

    from orderflow.pipeline.extract import acknowledge

    if not channel.adapter.limits.acknowledges:
        return
    with ports.source(channel) as (source, _):
        acknowledge(released.batch, cast(Path, UPath(released.batch.landing)), source)


def _plain(each: Review) -> dict[str, object]:
    return {
        "review": each.id,
        "channel": each.batch.channel,
        "window": str(each.batch.window),
        "state": each.state,
        "why": each.why,
        "held_at": each.held_at.isoformat(),
        "decided_by": each.decided_by,
        "counts": structs.asdict(each.batch.counts),
        "reasons": each.batch.reasons,
        "landing": each.batch.landing,
    }
