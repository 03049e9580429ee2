"""Commands that pull again: a span of time, or the orders that are not final."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from orderflow.command import ports
from orderflow.command.airflow import AirflowApi
from orderflow.command.app import app
from orderflow.command.channels import AsJson, Name
from orderflow.config import connections
from orderflow.domain.channel import Channel, demand_possible, print_duration
from orderflow.domain.errors import TransientError
from orderflow.domain.message import said
from orderflow.domain.window import Window

if TYPE_CHECKING:
    from orderflow.staging.backfill import Plan

console = Console()
AIRFLOW = "orderflow_airflow"
"""Connection (type http) of Airflow's API: its address, a user's login and password."""

Again = Annotated[bool, typer.Option("--again", help="Pull what the ledger has already, too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would cost, and start nothing.")]


@app.command()
def backfill(
    channel: Name,
    span: Annotated[
        str, typer.Argument(metavar="A/B", help="Two ISO 8601 moments: 2026-01-01T00:00Z/2026-04-01T00:00Z.")
    ],
    again: Again = False,
    dry_run: DryRun = False,
    here: Annotated[bool, typer.Option("--here", help="Pull in this process, even if Airflow answers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pull what the ledger misses of a span; says first what that costs.

    Live windows come first, whatever this does: in the account's budget, and among Airflow's tasks.

    Example: [bold]orderflow backfill shop_tw 2026-01-01T00:00Z/2026-04-01T00:00Z --dry-run[/bold]
    """
    about, within, now = ports.channel(channel), Window.parse(span), datetime.now(UTC)
    demand_possible(about, within, now)
    plan = _plan(about, within, now, again=again)
    if as_json:
        windows = [str(window) for window in plan.windows]
        print(json.dumps({**asdict(plan), "windows": windows, "dry_run": dry_run}))
    else:
        _print(about, within, plan)
    if dry_run or not plan.windows:
        return
    say = Console(stderr=True) if as_json else console
    airflow = None if here else _airflow(say)
    if airflow is None:
        _pull_here(about, plan.windows, say)
        return
    from orderflow.staging.backfill import conf, run_id

    run = run_id(about.name, within, now)
    try:
        airflow.trigger("heal", run, conf(about.name, within, again=again))
    except httpx.HTTPError as error:
        raise TransientError(
            f"Airflow did not start the backfill ({type(error).__name__}); look at its DAG `heal`, or pull in this "
            "process with --here"
        ) from error
    say.print(
        f"started in Airflow: DAG heal, run {run}; see orderflow status {about.name}",
        highlight=False,
        soft_wrap=True,
    )


def _plan(channel: Channel, span: Window, now: datetime, *, again: bool) -> Plan:
    from orderflow.staging.backfill import plan

    with ports.staging() as store:
        return plan(store.connection, channel, span, now, again=again)


def _print(channel: Channel, span: Window, plan: Plan) -> None:
    if not plan.windows:
        console.print(
            f"nothing to pull now of {span}; --again pulls what the ledger has, too", highlight=False, soft_wrap=True
        )
    else:
        table = Table(title=f"[bold]{channel.name}[/bold]  {span}", title_justify="left", show_header=False, box=None)
        table.add_row(
            "windows",
            said("{n} run|{n} runs", n=len(plan.windows))
            + f" over {plan.hours:.1f} h of the channel's time, newest first",
        )
        table.add_row("slices", f"{plan.slices:,} that the platform is asked for")
        if plan.orders is None or plan.seconds is None:
            table.add_row("cost", "not known: this channel has no proven window to measure by")
        else:
            table.add_row("orders", f"about {plan.orders:,}, by what the last windows held")
            table.add_row("calls", f"about {plan.calls:,}, by what they cost")
            table.add_row("takes", f"about {print_duration(timedelta(seconds=max(1, plan.seconds)))}")
        table.add_row("budget", _budget(plan))
        if plan.pending:
            table.add_row("OMS", said("{n} order waits already|{n} orders wait already", n=plan.pending))
        console.print(table, highlight=False)
    for told in plan.left_out:
        console.print(f"  left out: {told}", highlight=False, markup=False, soft_wrap=True)
    if any(" in progress" in told for told in plan.left_out):
        console.print(
            f"  what is in progress though its process is gone: orderflow run {channel.name} --window A/B pulls it",
            highlight=False,
            soft_wrap=True,
        )


def _budget(plan: Plan) -> str:
    if not plan.rate:
        return "the platform documents no rate; it says itself when to slow down"
    rate = said("{n} request|{n} requests", n=f"{plan.rate:g}") + " a second for the account, live windows first"
    if plan.live_share is None:
        return rate
    return f"{rate}: they use {plan.live_share:.1%} of it, the backfill takes what is left"


def _airflow(say: Console) -> AirflowApi | None:
    """Airflow's API, when this machine is told of one that answers; says why not."""
    text = os.environ.get(f"AIRFLOW_CONN_{AIRFLOW.upper()}")
    if not text:
        say.print(
            f"AIRFLOW_CONN_{AIRFLOW.upper()} is not set, so Airflow is not asked: pulling in this process",
            highlight=False,
        )
        return None
    found = connections.connection_from_text(AIRFLOW, text)
    account = connections.account(found)
    api = AirflowApi(account.url, account.login or "", account.password.reveal() if account.password else "")
    if api.answers():
        return api
    say.print(f"Airflow does not answer at {account.url}: pulling in this process", highlight=False, soft_wrap=True)
    return None


def _pull_here(channel: Channel, windows: Sequence[Window], say: Console) -> None:
    from orderflow.command.flow import run_window

    for number, window in enumerate(windows, 1):
        batch, delivered = run_window(channel, window, healing=True)
        c = batch.counts
        sent = "" if delivered is None else f", {delivered.accepted} accepted by the OMS"
        say.print(
            f"{number}/{len(windows)} {window}: {c.inserted} new, {c.updated} changed, "
            f"{c.quarantined + c.unreadable} quarantined{sent}",
            highlight=False,
        )


@app.command()
def sweep(
    channel: Name,
    everything: Annotated[bool, typer.Option("--now", help="Also what was read in the last hours.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and ask the channel for nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read again every staged order that is not final, and hand the OMS what changed.

    Some changes do not move a platform's modified time, so that no window brings them. Airflow does this daily.

    Example: [bold]orderflow sweep shop_tw --dry-run[/bold]
    """
    from orderflow.pipeline.sweep import UNREAD_FOR, needed
    from orderflow.staging.sweeps import Queue

    about = ports.channel(channel)
    unread = timedelta(0) if everything else UNREAD_FOR
    blind = sorted(about.adapter.limits.blind)
    if dry_run:
        with ports.staging() as store:
            waiting = Queue(store.connection, about, unread).count()
        if as_json:
            print(json.dumps({"channel": about.name, "orders": waiting, "blind": blind, "daily": needed(about)}))
            return
        why = f"{about.adapter_name} may not show {', '.join(blind)}" if blind else "its modified time shows everything"
        console.print(
            f"{said('{n} order|{n} orders', n=waiting)} would be read again ({why})", highlight=False, soft_wrap=True
        )
        return
    done = _swept(about, unread)
    if as_json:
        print(json.dumps(done))
        return
    console.print(
        f"{said('{n} order|{n} orders', n=done['orders'])} read again, {done['changed']:,} changed, "
        f"{done['accepted']:,} accepted by the OMS"
    )
    for note in done["notes"]:
        console.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)


def _swept(channel: Channel, unread_for: timedelta) -> dict[str, Any]:
    from orderflow.pipeline.sweep import sweep_all
    from orderflow.pipeline.sync import sync
    from orderflow.staging import skus
    from orderflow.staging.decisions import decisions
    from orderflow.staging.sweeps import Queue

    with ports.staging() as store:
        done = sweep_all(
            channel,
            Queue(store.connection, channel, unread_for),
            store,
            partial(ports.source, channel, healing=True),
            ports.landing(),
            run_id=f"command__{datetime.now(UTC):%Y%m%dT%H%M%S}",
            skus=skus.current(store.connection, channel.name),
            decisions=decisions(store.connection, channel.name, store.vault),
        )
        delivered = None if channel.shadow else sync(channel, store, ports.target(channel), behind=True)
    told = msgspec.to_builtins(done)
    return {**told, "accepted": delivered.accepted if delivered else 0}
