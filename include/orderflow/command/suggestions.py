"""`orderflow sku suggest`, `confirm` and `refuse`: what unmapped SKUs could mean, and what they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.command import ports
from orderflow.command.sku import AsJson, Channel, ChannelName, Code, Who, given_pair, print_json, sku, tell
from orderflow.domain.errors import ConfigError

if TYPE_CHECKING:
    from orderflow.quality.suggest import Suggestion
    from orderflow.staging.articles import Unmapped
    from orderflow.staging.store import Store

console = Console(markup=False)


@sku.command()
def suggest(
    channel: ChannelName = None,
    most: Annotated[int, typer.Option(min=1, max=10, help="Suggestions per SKU.")] = 3,
    as_json: AsJson = False,
) -> None:
    """What the unmapped SKUs could mean, how sure that is, and why. Nothing is applied: see `orderflow sku confirm`.

    Example: [bold]orderflow sku suggest --channel shop_tw[/bold]
    """
    with ports.staging() as store:
        found = _suggested(store, channel, None, most)
    if as_json:
        print_json([msgspec.to_builtins(each) | {"suggestions": suggestions} for each, suggestions in found])
        return
    table = Table(box=None, padding=(0, 1))
    for name in ("channel", "sku", "title", "orders", "could be", "sure", "why"):
        table.add_column(name, justify="right" if name in ("orders", "sure") else "left", overflow="fold")
    for each, suggestions in found:
        first = (each.channel, Text(each.sku), Text((each.title or "")[:60]), str(each.orders))
        for place, suggestion in enumerate(suggestions):
            cells = (Text(suggestion.oms_sku), f"{suggestion.confidence}%", Text(suggestion.why))
            table.add_row(*(first if not place else ("", "", "", "")), *cells)
        if not suggestions:
            table.add_row(*first, "", "", "nothing known is like it")
    console.print(table if found else "no order waits for a SKU")


@sku.command()
def confirm(
    channel: Channel,
    code: Code,
    oms_sku: Annotated[str, typer.Argument(metavar="OMS_SKU", help="One of the suggestions for this SKU.")],
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say that a suggestion is right: the pair is added, with what spoke for it in its history.

    Example: [bold]orderflow sku confirm shop_tw RED-TEA T-0042[/bold]
    """
    from orderflow.staging import skus

    pair = given_pair(channel, code, oms_sku, None, None)
    with ports.staging() as store:
        found = _suggested(store, channel, code, 10)
        suggestions = found[0][1] if found else []
        chosen = next((each for each in suggestions if each.oms_sku == oms_sku), None)
        if chosen is None:
            known = ", ".join(f"{each.oms_sku} ({each.confidence}%)" for each in suggestions) or "none"
            raise ConfigError(
                f"{oms_sku} is not suggested for {code} on {channel} (suggested: {known}); if you know that it is "
                f"right: orderflow sku set {channel} {code} {oms_sku}"
            )
        why = f"confirmed a suggestion, {chosen.confidence}% sure: {chosen.why}"
        change = skus.put(store.connection, [pair], who=ports.login(who), why=why)
    print_json({"change": change}) if as_json else tell(change, dry_run=False)


@sku.command()
def refuse(
    channel: Channel,
    code: Code,
    oms_sku: Annotated[str, typer.Argument(metavar="OMS_SKU", help="The suggestion that is wrong.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason.")] = "not the same article",
    who: Who = None,
) -> None:
    """Say that a suggestion is wrong: it is not made again. The pair can still be set by hand.

    Example: [bold]orderflow sku refuse shop_tw RED-TEA T-0043 --why "the other size"[/bold]
    """
    from orderflow.staging import articles

    with ports.staging() as store:
        articles.refuse(store.connection, channel, code, oms_sku, who=ports.login(who), why=why)
    console.print(Text(f"{oms_sku} is not suggested for {code} on {channel} any more"))


def _suggested(
    store: Store, channel: str | None, code: str | None, most: int
) -> list[tuple[Unmapped, list[Suggestion]]]:
    from orderflow.quality.suggest import Suggester
    from orderflow.staging import articles

    wanted = [each for each in articles.unmapped(store.connection, channel) if code is None or each.sku == code]
    if not wanted:
        return []
    suggester = Suggester(articles.articles(store.connection))
    refused = articles.refused(store.connection, channel)
    return [
        (
            each,
            suggester.suggest(
                each.sku, each.title, each.gtin, refused=refused.get((each.channel, each.sku), ()), most=most
            ),
        )
        for each in wanted
    ]
