"""Commands about webhooks: take them in without Airflow, and look at the orders that they named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.message import said

console = Console(markup=False)


@app.command()
def inbox(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8085,
    host: Annotated[str, typer.Option(help="Address to listen on; a proxy in front of it brings TLS.")] = "127.0.0.1",
) -> None:
    """Take in webhooks at /inbox/CHANNEL, signed by the platform's rule; only the order's id is kept.

    The API server does the same at /orderflow/inbox/CHANNEL; this one stands alone, where Airflow must not be reached
    from outside. `orderflow hints`, or the DAG hints, then looks at the orders.

    Example: [bold]orderflow inbox --port 8085[/bold]
    """
    import uvicorn
    from starlette.applications import Starlette

    from orderflow.web.inbox import mount

    channels = [each for each in ports.channels() if each.adapter.webhook]
    with ports.staging():  # its schema is the newest from here on
        console.print(f"http://{host}:{port}/inbox/CHANNEL takes webhooks of:", highlight=False)
    for each in channels:
        console.print(f"  {each.name}  ({each.adapter_name})", highlight=False)
    if not channels:
        console.print("  no channel yet: none of their platforms sends any, or no file says how (docs/new-channel.md)")
    serving = Starlette()
    mount(serving, lambda: channels, ports.account, ports.dsn, lambda: datetime.now(UTC))
    uvicorn.run(serving, host=host, port=port, log_level="warning", access_log=False, server_header=False)


@app.command()
def hints(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel that webhooks tell of.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Look now at the orders that webhooks named: fetch them by id, stage them, send what changed to the OMS.

    The DAG hints does so every minute. Windows bring every order in any case.

    Example: [bold]orderflow hints shop_tw[/bold]
    """
    from orderflow.pipeline.hints import look_all
    from orderflow.pipeline.sync import sync
    from orderflow.staging import decisions, inbox, skus

    shop = ports.channel(channel)
    with ports.staging() as store:
        done = look_all(
            shop,
            inbox.Queue(store.connection, shop.name),
            store,
            partial(ports.source, shop),
            ports.landing(),
            run_id=f"command-{datetime.now(UTC):%Y%m%dT%H%M%S}",
            skus=skus.current(store.connection, shop.name),
            decisions=decisions.decisions(store.connection, shop.name, store.vault),
        )
        delivered = None if shop.shadow else sync(shop, store, ports.target(shop))
        left = inbox.waiting(store.connection, shop.name)
    if as_json:
        told = {
            **msgspec.to_builtins(done),
            "accepted": delivered.accepted if delivered else 0,
            "waiting": left.waiting,
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    for note in done.notes:
        console.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{shop.name}: {said('{n} hinted order|{n} hinted orders', n=done.orders)} looked at, "
        f"{done.changed:,} new or changed, {done.quarantined:,} in quarantine, "
        f"{done.absent:,} not on the channel (yet); "
        f"{said('{n} hint waits|{n} hints wait', n=left.waiting)} for a later look",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
