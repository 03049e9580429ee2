"""`orderflow sku`: what the OMS calls a channel's articles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.domain.sku import Pair
from orderflow.quality.pages.words import listed

if TYPE_CHECKING:
    from orderflow.staging.articles import Unmapped
    from orderflow.staging.skus import Change

console = Console(markup=False)
sku = typer.Typer(no_args_is_help=True, help="What the OMS calls a channel's articles: the SKU map.")
app.add_typer(sku, name="sku")

ChannelName = Annotated[str | None, typer.Option("--channel", "-c", metavar="NAME", help="One channel.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of a file in include/channels, without .yml.")]
Code = Annotated[str, typer.Argument(metavar="SKU", help="The channel's SKU.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and count, and write nothing.")]
Why = Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for the history.")]
Who = Annotated[str | None, typer.Option(metavar="NAME", help="Who changes it; your login if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@sku.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with sku, oms_sku and (or --channel) channel.")],
    channel: ChannelName = None,
    dry_run: DryRun = False,
    why: Why = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Read pairs from a CSV file: all of them, or none and everything that is wrong with it.

    Orders that waited for them are judged again by the next replay. Days (valid_from, valid_to) begin at midnight in
    the channel's time zone. A pair that starts later ends the one before it.

    Example: [bold]orderflow sku import map.csv --channel shop_tw --dry-run[/bold]
    """
    from orderflow.staging import sku_file, skus

    if channel is not None:
        _zone(channel)
    zones = {each.name: ZoneInfo(each.schedule.timezone) for each in ports.channels()}
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}; give the path of a CSV file") from error
    reading = sku_file.read(data, zones, channel=channel)
    problems = list(reading.problems)
    change = None
    if not problems:
        with ports.staging() as store:
            problems = sku_file.clashing(reading, skus.clashes(store.connection, reading.pairs))
            if not problems:
                change = skus.put(
                    store.connection, reading.pairs, who=ports.login(who), why=why or f"import of {file.name}",
                    dry_run=dry_run,
                )  # fmt: skip
    if as_json:
        print_json({"problems": problems, "change": change, "dry_run": dry_run})
    elif change is not None:
        tell(change, dry_run)
    else:
        for problem in problems:
            console.print(Text.assemble(("error", "red"), f" {problem}"), soft_wrap=True)
        console.print(f"{said('{n} problem|{n} problems', n=len(problems))}; nothing was written", highlight=False)
    if problems:
        raise typer.Exit(2)


@sku.command()
def export(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; printed if left out.")] = None,
    channel: ChannelName = None,
) -> None:
    """Write the map as a CSV file that `orderflow sku import` takes.

    Example: [bold]orderflow sku export map.csv --channel shop_tw[/bold]
    """
    from orderflow.staging import sku_file, skus

    with ports.staging() as store:
        pairs = skus.pairs(store.connection, channel)
    text = sku_file.write(pairs)
    if file is None:
        print(text.removeprefix("\ufeff").replace("\r\n", "\n"), end="")
        return
    file.write_bytes(text.encode())
    console.print(f"{said('{n} pair|{n} pairs', n=len(pairs))} written to {file}", highlight=False)


@sku.command("list")
def list_pairs(
    channel: ChannelName = None,
    code: Annotated[str | None, typer.Option("--sku", metavar="SKU", help="One SKU.")] = None,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="SKUs that orders wait for instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """The pairs of the map; or the SKUs that it lacks, with the orders and the value that wait for them.

    Example: [bold]orderflow sku list --unmapped --channel shop_tw[/bold]
    """
    from orderflow.staging import articles, skus

    with ports.staging() as store:
        if unmapped:
            _show_unmapped(articles.unmapped(store.connection, channel), as_json)
            return
        pairs = skus.pairs(store.connection, channel, sku=code)
    if as_json:
        print_json(pairs)
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("channel", "sku", "oms sku", "holds"):
        table.add_column(name, overflow="fold")
    for pair in pairs:
        table.add_row(pair.channel, Text(pair.sku), Text(pair.oms_sku), pair.span)
    if not pairs:
        ports.demand_named(channel)
    console.print(table if pairs else "the map has no such pair")


@sku.command("set")
def set_pair(
    channel: Channel,
    code: Code,
    oms_sku: Annotated[str, typer.Argument(metavar="OMS_SKU", help="What the OMS calls the article.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="From then on; always if left out.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Until then, not included.")] = None,
    dry_run: DryRun = False,
    why: Why = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Add one pair; one that starts later ends the one before it.

    Example: [bold]orderflow sku set shop_tw RED-TEA T-0042 --from 2026-03-01[/bold]
    """
    from orderflow.staging import skus

    pair = given_pair(channel, code, oms_sku, start, end)
    with ports.staging() as store:
        change = skus.put(store.connection, [pair], who=ports.login(who), why=why or "set by hand", dry_run=dry_run)
    print_json({"change": change, "dry_run": dry_run}) if as_json else tell(change, dry_run)


@sku.command()
def close(
    channel: Channel,
    code: Code,
    at: Annotated[
        str | None, typer.Option(metavar="DAY", help="From when on it holds no longer; now if left out.")
    ] = None,
    dry_run: DryRun = False,
    why: Why = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """End a pair: orders placed later wait for another one. Orders that have gone on stay as they are.

    Example: [bold]orderflow sku close shop_tw RED-TEA --at 2026-04-01 --why "sold out"[/bold]
    """
    from orderflow.staging import sku_file, skus

    zone = _zone(channel)
    moment = datetime.now(UTC) if at is None else sku_file.moment(at, zone)
    with ports.staging() as store:
        change = skus.close(
            store.connection, channel, code, moment, who=ports.login(who), why=why or "closed by hand", dry_run=dry_run
        )
    print_json({"change": change, "dry_run": dry_run}) if as_json else tell(change, dry_run)


@sku.command()
def history(channel: Channel, code: Code, as_json: AsJson = False) -> None:
    """Every change of a SKU's pairs, by whom and why.

    Example: [bold]orderflow sku history shop_tw RED-TEA[/bold]
    """
    from orderflow.staging import skus

    with ports.staging() as store:
        story = skus.history(store.connection, channel, code)
    if as_json:
        print_json(story)
        return
    for each in story:
        told = f"{each.at:%Y-%m-%d %H:%M}  {each.who}  {each.what}  {each.pair.oms_sku} {each.pair.span}  {each.why}"
        console.print(Text(told), soft_wrap=True)
    if not story:
        console.print(f"the pairs of {code} on {channel} never changed", highlight=False)


def _show_unmapped(found: list[Unmapped], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("channel", "sku", "title", "orders", "value waiting", "since"):
        table.add_column(name, justify="right" if name in ("orders", "value waiting") else "left", overflow="fold")
    for each in found:
        cells = (
            Text(each.sku),
            Text((each.title or "")[:60]),
            f"{each.orders:,}",
            listed(each.values),
            f"{each.since:%Y-%m-%d %H:%MZ}",
        )
        table.add_row(each.channel, *cells)
    console.print(table if found else "no order waits for a SKU")


def given_pair(channel: str, code: str, oms_sku: str, start: str | None, end: str | None) -> Pair:
    from orderflow.staging import sku_file

    return sku_file.given(channel, _zone(channel), code, oms_sku, start or "", end or "")


def _zone(name: str) -> ZoneInfo:
    """The channel's time zone; tells where it has no use for a map."""
    channel = ports.channel(name)
    if channel.clean.sku == "same":
        told = f"note: {name} uses its own SKUs (clean.sku: same), so that its map has no effect until it says `mapped`"
        Console(stderr=True).print(Text(told, style="yellow"))
    return ZoneInfo(channel.schedule.timezone)


def tell(change: Change, dry_run: bool) -> None:
    parts = {
        "added": change.added,
        "changed": change.changed,
        "ended": change.closed,
        "removed": change.removed,
        "already there": change.same,
    }
    told = ", ".join(f"{number:,} {name}" for name, number in parts.items() if number) or "nothing to do"
    console.print(f"{'would be: ' if dry_run else ''}{told}", highlight=False)
    if change.waiting:
        orders = said("{n} waiting order|{n} waiting orders", n=change.waiting)
        verb = "would be" if dry_run else "is" if change.waiting == 1 else "are"
        console.print(f"{orders} {verb} judged again by the next replay", highlight=False)
    if dry_run:
        console.print("nothing was written; leave out --dry-run to write it")


def print_json(found: Any) -> None:
    print(msgspec.json.encode(found).decode())
