"""`orderflow quarantine edit`, `edits` and `withdraw`: values that people correct in single orders."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.quarantine import (
    AsJson,
    ChannelName,
    DryRun,
    Order,
    Who,
    Why,
    print_json,
    quarantine,
    tell,
)
from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError

console = Console(markup=False)


@quarantine.command()
def edit(
    why: Why,
    order: Order = "",
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="lines.2.sku=TEA-01; repeat it.")
    ] = None,
    empty: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Empty this field; repeat it.")] = None,
    channel: ChannelName = None,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Correct values of one order and release it. Later versions get the same values until they are withdrawn.

    Example: [bold]orderflow quarantine edit A-1001 --set lines.2.sku=TEA-01 --why "typo, asked the shop"[/bold]
    """
    from orderflow.quality.raw_view import personal
    from orderflow.staging import backlog, edits
    from orderflow.staging.breakdown import channels_of

    wanted = [_edit(text) for text in changes or ()] + [Edit(path, None) for path in empty or ()]
    with ports.staging() as store:
        (row_id,) = backlog.identify(store.connection, [order], channel)
        ports.recall(store, channels_of(store.connection, [row_id]))
        outcome = edits.edit(
            store.connection, store.vault, row_id, wanted, who=ports.login(who), why=why, dry_run=dry_run,
            personal=[each.path for each in wanted if personal(each.path)],
        )  # fmt: skip
    tell("edited and released", outcome, dry_run, as_json)


@quarantine.command("edits")
def list_edits(
    channel: ChannelName = None,
    order: Annotated[str | None, typer.Option(metavar="ORDER", help="Edits of one order.")] = None,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Those that held once as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """The edits that hold: values that people corrected. Personal ones are not shown.

    Example: [bold]orderflow quarantine edits --channel shop_tw[/bold]
    """
    from orderflow.staging import edits

    with ports.staging() as store:
        found = edits.held(store.connection, channel=channel, order_id=order, withdrawn=withdrawn)
    if as_json:
        print_json(found)
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("edit", "channel", "order", "path", "value", "by", "since", "why", "withdrawn"):
        table.add_column(name, overflow="fold")
    for each in found:
        value = "(personal)" if each.sealed else "(empty)" if each.value is None else each.value
        gone = f"{each.withdrawn_at:%Y-%m-%d %H:%M} {each.withdrawn_by}" if each.withdrawn_at else ""
        cells = (str(each.id), each.channel, each.order_id, each.path, value, each.who)
        table.add_row(*map(Text, cells), f"{each.made_at:%Y-%m-%d %H:%M}", Text(each.why), gone)
    console.print(table if found else "no edit holds")


@quarantine.command()
def withdraw(
    edits: Annotated[list[int], typer.Argument(metavar="EDIT...", help="Numbers from `orderflow quarantine edits`.")],
    why: Why,
    who: Who = None,
) -> None:
    """Let edits hold no longer: the next replay judges the record as the channel sent it.

    Example: [bold]orderflow quarantine withdraw 12 --why "corrected on the channel"[/bold]
    """
    from orderflow.staging import edits as kept

    with ports.staging() as store:
        done = kept.withdraw(store.connection, edits, who=ports.login(who), why=why)
    console.print(f"{done} withdrawn; their orders are judged again by the next replay", highlight=False)


def _edit(text: str) -> Edit:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {text!r} does not say what to write; write it like lines.2.sku=TEA-01")
    return Edit(path, value)
