"""`orderflow erase`: a buyer asks to be forgotten."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.command.quarantine import AsJson, DryRun, Who, Why, print_json

console = Console(markup=False, soft_wrap=True)


@app.command()
def erase(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", show_default=False)],
    orders: Annotated[list[str], typer.Argument(metavar="ORDER...", help="The channel's order ids.")],
    why: Why,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Remove the buyer's data of these orders from staging for good; the orders stay, and no later pull refills them.

    Raw files in the landing zone hold them until `orderflow upkeep` removes those: after 90 days, or what `--raw-days`
    says, and not while an order of the same pull waits in quarantine. Channel and OMS keep their own. The landing zone
    keeps the order ids, so that a backup that is restored brings no buyer back. Exit code 1: staging does not know one
    of the orders.

    Example: [bold]orderflow erase shop_tw 2603011000123 --why "request of 2026-03-01, ticket 4711"[/bold]
    """
    from orderflow.pipeline import landing
    from orderflow.staging import erasure

    with ports.staging_of(channel) as store:
        asked = partial(erasure.erase, store.connection, channel, orders, who=ports.login(who), why=why)
        found = asked(dry_run=True)
        if not dry_run and (known := found.now + found.before):
            landing.forget(ports.landing() / channel, known)
            found = asked()
    if as_json:
        print_json({"erased": found.now, "before": found.before, "unknown": found.unknown, "dry_run": dry_run})
    else:
        done = "would be erased" if dry_run else "erased"
        console.print(f"{len(found.now)} {done}, {len(found.before)} were before", highlight=False)
        for order in found.unknown:
            console.print(
                f"unknown: {order}; orderflow explain {channel} {shlex.quote(order)} looks for it", highlight=False
            )
    if found.unknown:
        ports.demand_named(channel)
        raise typer.Exit(1)
