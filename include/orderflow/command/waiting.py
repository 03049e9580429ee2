"""`orderflow quarantine list` and `reasons`: what waits, order by order and reason by reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.quarantine import (
    AsJson,
    ChannelName,
    Owner,
    Reason,
    Sku,
    State,
    chosen,
    console,
    print_json,
    quarantine,
)
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.quality.pages.words import amount, listed


@quarantine.command("list")
def list_rows(
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    assignee: Annotated[str | None, typer.Option(metavar="NAME", help='Looked after by; "" for nobody.')] = None,
    state: State = "waiting",
    at_least: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Value at risk; needs --currency.")] = None,
    currency: Annotated[str | None, typer.Option(metavar="ABC", help="Orders valued in this currency.")] = None,
    after: Annotated[str | None, typer.Option(metavar="PLACE", help="Where the page before ended.")] = None,
    size: Annotated[int, typer.Option(min=1, max=10_000, help="Rows of a page.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The orders in quarantine, last seen first, a page at a time.

    Example: [bold]orderflow quarantine list --reason SKU_UNMAPPED --channel shop_tw[/bold]
    """
    from orderflow.quality.ownership import owners
    from orderflow.staging import backlog

    which = chosen(channel, reason, owner, sku, state)
    which = replace(which, assignee=assignee, currency=currency, at_least=_amount(at_least))
    with ports.staging() as store:
        page = backlog.page(store.connection, which, after=after, size=size)
    if as_json:
        rows = [msgspec.to_builtins(row) | {"owners": owners(row.codes)} for row in page.rows]
        print_json({"rows": rows, "after": page.after})
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("row", "channel", "order", "state", "reasons", "value", "owner", "assignee", "seen", "times"):
        table.add_column(name, justify="right" if name in ("row", "value", "times") else "left", overflow="fold")
    for row in page.rows:
        state_now = row.state + (", to be judged again" if row.replay_asked_at else "")
        value = "" if row.value is None else amount(row.value, row.currency or "?")
        table.add_row(
            str(row.id), row.channel, Text(row.order_id or row.subject[:19] + "…"), state_now, "\n".join(row.codes),
            value, "\n".join(owners(row.codes)), row.assignee or "",
            f"{row.last_seen_at:%Y-%m-%d %H:%MZ}", f"{row.times_seen:,}",
        )  # fmt: skip
    if not page.rows:
        _nothing(channel, reason)
        return
    console.print(table)
    if page.after:
        console.print(f"more: --after {page.after}", highlight=False)


@quarantine.command()
def reasons(channel: ChannelName = None, as_json: AsJson = False) -> None:
    """What waits, by reason, with the value at risk. An order with two reasons counts in both.

    Example: [bold]orderflow quarantine reasons --channel shop_tw[/bold]
    """
    from orderflow.quality.ownership import owners
    from orderflow.staging import backlog

    with ports.staging() as store:
        totals = backlog.totals(store.connection, channel)
        waiting = backlog.waiting(store.connection, channel)
    if as_json:
        found = [msgspec.to_builtins(total) | {"owners": owners([total.code])} for total in totals]
        print_json({"waiting": waiting, "reasons": found})
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("reason", "channel", "open", "parked", "value at risk", "owner"):
        right = name in ("open", "parked", "value at risk")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for each in totals:
        counts = f"{each.open:,}", f"{each.parked:,}"
        table.add_row(each.code, each.channel, *counts, listed(each.values), *owners([each.code]))
    if not totals:
        _nothing(channel)
        return
    console.print(table)
    console.print(said("{n} order is open|{n} orders are open", n=waiting["open"]) + f", {waiting['parked']:,} parked")


def _nothing(channel: str | None, reason: str | None = None) -> None:
    """Say that nothing fits; raises `ConfigError` for a channel that there is not, which is why nothing does."""
    from orderflow.quality.rules import RULES

    ports.demand_named(channel)
    odd = reason is not None and reason not in RULES
    console.print(
        "nothing is in quarantine that fits" + (f"; {reason} is no rule, see: orderflow rules" if odd else ""),
        highlight=False,
    )


def _amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"--at-least {text!r} is no amount; write it like 149.90") from error
