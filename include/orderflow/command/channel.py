"""Commands that open a new channel: write its file, and try it before it runs."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orderflow import adapters, config
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.config.docs import field_docs
from orderflow.config.reading import misnamed
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window

if TYPE_CHECKING:
    from pydantic import BaseModel

    from orderflow.domain.channel import Channel
    from orderflow.pipeline.acquaint import Acquaintance

console = Console()
kit = typer.Typer(no_args_is_help=True, help="Open a new channel: write its file, try it before it runs.")
app.add_typer(kit, name="channel")

_FILE = """\
# {about}
title: {title}
owner: {owner}
source:
  adapter: {adapter}
  connection: {connection}   # an Airflow connection; no secret ever stands in this file
{options}schedule:
  cron: "{cron}"
  timezone: {timezone}
  start: {start}
oms:
  target: {target}
  since: {start}   # orders created before were handed over by something else; without this line all go to the OMS
shadow: true   # runs everything but the delivery; take it out once `orderflow channel try {name}` is clean
"""


@kit.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and underscores.")],
    adapter: Annotated[str, typer.Option("--adapter", "-a", help="Platform or file format.", prompt=True)],
    connection: Annotated[str | None, typer.Option(help="Airflow connection; the channel's name unless given.")] = None,
    title: Annotated[str | None, typer.Option(help="What people call this shop.")] = None,
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "data-team",
    cron: Annotated[str, typer.Option(help="When a window ends.")] = "*/15 * * * *",
    timezone: Annotated[str, typer.Option(help="Of cron and of business days (IANA).")] = "UTC",
    target: Annotated[str, typer.Option(help="A file in include/targets.")] = "demo",
    folder: Annotated[Path, typer.Option(help="Folder of channel files.")] = ports.CHANNELS,
) -> None:
    """Write a channel file with everything its adapter needs; never overwrites one.

    Example: [bold]orderflow channel new shop_se --adapter woocommerce --timezone Europe/Stockholm[/bold]
    """
    if why := misnamed(name):
        raise ConfigError(f"{name!r} cannot name a channel: {why}; take a name like shop_se")
    found = adapters.find(adapter)
    where = adapters.package(adapter).replace(".", "/")
    path = folder / f"{name}.yml"
    text = _FILE.format(
        about=f"{title or name}, on {adapter}: keys are explained in {where}/README.md",
        name=name,
        title=json.dumps(title or name, ensure_ascii=False),
        owner=owner,
        adapter=adapter,
        connection=connection or name,
        options="".join(_option_lines(found.options)),
        cron=cron,
        timezone=timezone,
        start=datetime.now(UTC).date(),
        target=target,
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; choose another name, or edit it") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; check --folder") from error
    console.print(f"wrote [bold]{path}[/bold]; it runs in shadow", highlight=False)
    reading = config.read(folder, only=name)
    for problem in reading.problems:
        console.print(f"[yellow]to do[/yellow] {escape(str(problem))}", soft_wrap=True, highlight=False)
    console.print(
        f"next: fill in what is marked, set AIRFLOW_CONN_{(connection or name).upper()}, then "
        f"[bold]orderflow channel try {name}[/bold]",
        soft_wrap=True,
    )


def _option_lines(options: type[BaseModel]) -> list[str]:
    """The adapter's options: those it demands to be filled in, the others as comments."""
    docs = field_docs(options)
    lines = []
    for name, field in options.model_fields.items():
        said = f"   # {docs[name]}" if name in docs else ""
        key = field.alias or name
        lines.append(f"  {key}:{said}\n" if field.is_required() else f"  # {key}:{said}\n")
    return lines


@kit.command(name="adapters")
def listed() -> None:
    """Print what each adapter can do, as the page docs/channels.md.

    Example: [bold]orderflow channel adapters > docs/channels.md[/bold]
    """
    from orderflow.adapters.catalogue import to_markdown

    print(to_markdown(), end="")


@kit.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="Write it into this file.")] = None,
) -> None:
    """Print the JSON Schema of channel files, by which an editor completes, explains and checks while you type.

    Example: [bold]orderflow channel schema --out include/channel.schema.json[/bold]
    """
    from orderflow.config.schema import channel_schema
    from orderflow.quality import LOOKUP_FIELDS, RULES

    known = {name: adapters.find(name) for name in adapters.known()}
    waivable = [code for code, rule in RULES.items() if rule.waivable and rule.severity == "refuse"]
    made = channel_schema(known, lookup_fields=LOOKUP_FIELDS, rules=waivable)
    text = json.dumps(made, ensure_ascii=False, indent=2)
    if out is None:
        print(text)
    else:
        out.write_text(f"{text}\n", encoding="utf-8")
        console.print(f"wrote [bold]{out}[/bold]", highlight=False)


@kit.command(name="try")
def attempt(
    name: Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of a file in include/channels, without .yml.")],
    window: Annotated[
        str | None,
        typer.Option("--window", "-w", metavar="A/B", help="Two ISO 8601 moments; the last day unless given."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Look at so many records.")] = 20,
    show: Annotated[int, typer.Option(min=0, help="Print so many orders as the OMS would get them.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Pull a few orders, map and judge them, show what comes of it. Writes nothing, tells the OMS nothing.

    Example: [bold]orderflow channel try shop_se --window 2026-03-01T00:00Z/2026-03-02T00:00Z --limit 50[/bold]
    """
    channel = ports.channel(name)
    now = datetime.now(UTC)
    span = Window.parse(window) if window else Window(now - timedelta(days=1), now)
    found = _acquainted(channel, span, now, limit)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        _show(found, channel, span, show)
    if not found.records or found.unreadable or found.reasons:
        raise typer.Exit(1)


def _acquainted(channel: Channel, span: Window, now: datetime, limit: int) -> Acquaintance:
    from orderflow.pipeline.acquaint import acquaint

    with ports.source(channel) as (source, _), tempfile.TemporaryDirectory(prefix="orderflow-try-") as scratch:
        return acquaint(channel, source.fetch(channel.asks(span)), span, Path(scratch) / "try", now=now, limit=limit)


def _show(found: Acquaintance, channel: Channel, span: Window, documents: int) -> None:
    console.print(f"[bold]{channel.name}[/bold]  asked for {channel.asks(span)}", highlight=False)
    if not found.records:
        console.print(
            "nothing came; choose a longer --window, or look at the filter: orderflow fetch shows raw answers"
        )
        return
    console.print(
        f"{found.records} records, {found.mapped} mapped; rules broken: {_counted(found.reasons) or 'none'}; "
        f"warnings: {_counted(found.warnings) or 'none'}",
        highlight=False,
    )
    if early := _early(found, channel, span):
        console.print(
            f"[yellow]note[/yellow] {early} of {len(found.documents)} orders changed before the span asked for: the "
            "file names no filter by time, the platform ignores the one it names, or channel_updated_at is another "
            "time than the one filtered by",
            soft_wrap=True,
            highlight=False,
        )
    for code, example in found.examples.items():
        value = f" {example.value}" if example.value else ""
        told = escape(f"{example.order_id}, {example.field}{value}: {example.message}")
        console.print(f"  [yellow]{code}[/yellow] {told}", soft_wrap=True, highlight=False)
    for said, count in found.unreadable.items():
        console.print(f"  [red]not mapped[/red] {count} x {escape(said)}", soft_wrap=True, highlight=False)
    _columns("our fields, with the share of orders that fill them", found.filled)
    _columns("in the records, but nobody looks at it", found.unused)
    for document in found.documents[:documents]:
        console.print("what the OMS would get (without contacts):")
        console.print_json(json.dumps(document, ensure_ascii=False))


def _early(found: Acquaintance, channel: Channel, span: Window) -> int:
    """How many orders were changed before what was asked for; files have no such filter."""
    if channel.adapter.limits.acknowledges:
        return 0
    times = [document.get("channel_updated_at") for document in found.documents]
    return sum(datetime.fromisoformat(each) < channel.asks(span).start for each in times if each)


def _counted(codes: dict[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in codes.items())


def _columns(title: str, shares: dict[str, Any]) -> None:
    if not shares:
        return
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
    for _ in range(6):
        table.add_column()
    cells = [cell for name, share in shares.items() for cell in (escape(name), f"{share:.0%}")]
    for start in range(0, len(cells), 6):
        table.add_row(*cells[start : start + 6])
    console.print(table, highlight=False)
