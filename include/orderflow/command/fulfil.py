"""`orderflow fulfil`: what a channel is to be told of its orders, and telling it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.channel import Channel
from orderflow.domain.errors import ConfigError
from orderflow.domain.fulfilment import Notice
from orderflow.domain.order import Shipment

if TYPE_CHECKING:
    from orderflow.staging.notices import ChannelNotices

console = Console()

SHOWN = 50
"""Notices that are printed; --json prints all of them."""


@app.command()
def fulfil(
    name: Annotated[str, typer.Argument(metavar="CHANNEL")],
    tell: Annotated[bool, typer.Option("--tell", help="Tell the channel; without it nothing is sent.")] = False,
    again: Annotated[
        str | None, typer.Option(metavar="ORDER", help="Try again what the channel refused of this order.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Tell a channel what became of its orders: parcels that the OMS sent, and whether it takes an order.

    Without --tell it is a dry run: the OMS is asked, staging notes what is new, and the channel is told nothing. Each
    is told once; the DAG `fulfilments` does the same every few minutes. Exit code 1: something was refused, or waits to
    be put right.

    Example: [bold]orderflow fulfil shop_tw --tell[/bold]
    """
    from orderflow.staging.notices import ChannelNotices

    channel = ports.channel(name)
    if channel.fulfilment is None:
        raise ConfigError(
            f"{name}: nothing says what the channel is to be told; write a block fulfilment into {name}.yml, such as "
            "fulfilment: {tell: [shipments], carriers: {PN: PostNord}}"
        )
    with ports.staging_of(name) as store:
        notices = ChannelNotices(store.connection, channel.name)
        if again is not None and not notices.again(again):
            raise ConfigError(f"{name}: the channel refused nothing of order {again!r}; look: orderflow explain {name}")
        waits = _tell(channel, notices, as_json=as_json) if tell else _show(channel, notices, as_json=as_json)
    if waits:
        raise typer.Exit(1)


def _show(channel: Channel, notices: ChannelNotices, *, as_json: bool) -> bool:
    """Print what would be told now; whether something of it waits."""
    from orderflow.pipeline.fulfil import gather, ready

    gather(channel, notices, ports.target(channel))
    found = [(notice, ready(channel, notice)) for some in notices.untold(due=False) for notice in some]
    if as_json:
        print(json.dumps([_plain(notice, said) for notice, said in found], ensure_ascii=False))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("order", "since (UTC)", "what", "waits for"):
            table.add_column(column, overflow="fold")
        for notice, said in found[:SHOWN]:
            why = said if isinstance(said, str) else ""
            what = _words(said if isinstance(said, Notice) else notice)
            table.add_row(escape(notice.order_id), f"{notice.at:%Y-%m-%d %H:%M}", escape(what), escape(why))
        if found:
            console.print(table)
        more = f"; the first {SHOWN} are shown" if len(found) > SHOWN else ""
        console.print(f"{len(found)} to tell{more}; tell the channel: orderflow fulfil {channel.name} --tell")
    return any(isinstance(said, str) for _, said in found)


def _tell(channel: Channel, notices: ChannelNotices, *, as_json: bool) -> bool:
    from orderflow.pipeline.fulfil import fulfil as run

    with ports.source(channel) as (source, _):
        done = run(channel, notices, ports.target(channel), source)
    if as_json:
        print(msgspec.json.encode(done).decode())
    else:
        console.print(", ".join(f"{count} {what}" for what, count in msgspec.structs.asdict(done).items()))
    return bool(done.refused or done.held)


def _plain(notice: Notice, said: Notice | str) -> dict[str, object]:
    told = said if isinstance(said, Notice) else notice
    return {
        "order_id": notice.order_id,
        "at": notice.at.isoformat(),
        "content": msgspec.to_builtins(told.content),
        "waits": said if isinstance(said, str) else None,
    }


def _words(notice: Notice) -> str:
    content = notice.content
    if not isinstance(content, Shipment):
        return f"the OMS {'takes' if content.outcome == 'accepted' else 'declines'} the order"
    inside = ", ".join(f"{quantity} x {line_id}" for line_id, quantity in content.lines) or "all that is left"
    return f"{content.carrier or 'a parcel'} {' '.join(content.tracking_numbers)}: {inside}"
