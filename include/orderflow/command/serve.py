"""Commands that serve: the simulated platforms, the reference OMS, and the demo of everything."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError

console = Console()
Port = Annotated[int, typer.Option(min=1, max=65535, help="Where to listen, on 127.0.0.1.")]


@app.command()
def sandbox(
    port: Port = 8083,
    shops: Annotated[Path | None, typer.Option(help="JSON file with the shops; by default one per platform.")] = None,
    drop: Annotated[Path | None, typer.Option(help="Folder into which file channels drop their files.")] = None,
    state: Annotated[Path | None, typer.Option(help="File that keeps what was put in by hand.")] = None,
) -> None:
    """Serve simulated sales platforms, with a ledger of what they really hold and faults to switch on.

    Example: [bold]orderflow sandbox --port 8083[/bold], then look at http://127.0.0.1:8083/_sandbox/shops
    """
    from orderflow.sandbox import platforms, server
    from orderflow.sandbox.shop import Shop

    if shops is not None:
        try:
            found = msgspec.json.decode(shops.read_bytes(), type=list[Shop])
        except msgspec.DecodeError as error:
            shown = '[{"name": "demo", "platform": "shopify", "start": "2026-01-05T09:00:00Z"}]'
            raise ConfigError(f"{shops} is no JSON list of shops: {error}; write it like {shown}") from error
    else:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        found = [Shop(name=f"demo_{name}", platform=name, seed=1, start=start) for name in platforms.names()]
    url = f"http://127.0.0.1:{port}"
    for shop in found:
        console.print(f"{shop.name:<20} {platforms.find(shop.platform).welcome(shop, url)}", highlight=False)
    console.print(f"truth, faults, log   {url}/_sandbox/shops", highlight=False)
    server.run(server.platforms_app(found, state=state, drop=drop), "127.0.0.1", port)


@app.command()
def oms(
    port: Port = 8084,
    file: Annotated[Path | None, typer.Option(help="SQLite file; forgets everything if left out.")] = None,
) -> None:
    """Serve the reference OMS: create or update by idempotency key, refusals with reasons, and a count of effects.

    Example: [bold]orderflow oms --port 8084 --file oms.sqlite[/bold]
    """
    from orderflow.sandbox import server

    try:
        serving = server.oms_app(path=file or ":memory:")
    except sqlite3.Error as error:
        raise ConfigError(
            f"{file} cannot be opened: {error}; give a file that this command wrote, or a new one in an existing folder"
        ) from error
    console.print(f"http://127.0.0.1:{port}  token {server.OMS_TOKEN}  effects /_effects", highlight=False)
    server.run(serving, "127.0.0.1", port)


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=1, max=65_531, help="Airflow's port; the four after it are used too.")
    ] = 8080,
    once: Annotated[
        bool, typer.Option(help="Stop by itself; exit 0 only when the comparison with the truth holds.")
    ] = False,
    down: Annotated[bool, typer.Option(help="Stop the demo that runs in another terminal.")] = False,
) -> None:
    """Three channels through the real Airflow into an OMS, compared with what the channels really hold.

    Example: [bold]make demo ONCE=1[/bold]
    """
    from orderflow.sandbox.demo import run

    if down:
        run.down(ports.home())
        return
    raise typer.Exit(run.demo(ports.home(), port, once=once))
