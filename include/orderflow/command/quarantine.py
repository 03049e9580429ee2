"""`orderflow quarantine`: what may not go on, why, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.quality.pages.words import listed

if TYPE_CHECKING:
    from orderflow.staging.actions import Outcome, Which
    from orderflow.staging.backlog import Filter
    from orderflow.staging.store import Store

console = Console(markup=False)
quarantine = typer.Typer(no_args_is_help=True, help="What may not go on, why, and what people decide about it.")
app.add_typer(quarantine, name="quarantine")

Orders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ORDER]...", help="Order ids, or rows of the list as 12 or '#12'. None: choose by the options."
    ),
]


def _named(order: str) -> str:
    if not order:
        raise ConfigError(
            "no order is named; write its id, or its row of `orderflow quarantine list` as 12, or as '#12' in quotes "
            "(a shell reads # as a comment)"
        )
    return order


Order = Annotated[
    str,
    typer.Argument(
        metavar="ORDER", callback=_named, show_default=False, help="An order id, or a row of the list as 12 or '#12'."
    ),
]
ChannelName = Annotated[str | None, typer.Option("--channel", "-c", metavar="NAME", help="One channel.")]
Reason = Annotated[str | None, typer.Option(metavar="CODE", help="Orders that break this rule.")]
Owner = Annotated[str | None, typer.Option(metavar="TEAM", help="Orders that break a rule this team owns.")]
Sku = Annotated[str | None, typer.Option(metavar="SKU", help="Orders with this SKU of the channel on a line.")]
State = Annotated[
    str, typer.Option(metavar="STATE", help="waiting (open or parked), open, parked, released, discarded, superseded.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Every order in that state: needed where nothing else narrows.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would be done, and do nothing.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="The reason, for those who read the story in a year.")]
Who = Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; your login if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@quarantine.command()
def show(
    order: Order = "",
    channel: ChannelName = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal data; who did and why is kept.")] = False,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why personal data must be seen.")] = "",
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """One order: its raw record (masked), what cleaning made of it, the rules it breaks, and its story.

    Example: [bold]orderflow quarantine show 2026030112345 --channel shop_tw[/bold]
    """
    from orderflow.command.side_by_side import seen, side_by_side
    from orderflow.staging import backlog

    with ports.staging() as store:
        (row_id,) = backlog.identify(store.connection, [order], channel)
        found = seen(store, row_id, who=ports.login(who), why=why, reveal=reveal)
    if as_json:
        print_json(found)
    else:
        side_by_side(console, found)


@quarantine.command()
def release(
    why: Why,
    orders: Orders = None,
    waive: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Let this rule pass for their present content; repeat it.")
    ] = None,
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Let orders go on after a fix: the next replay judges them again, without the rules that are waived.

    What the OMS refused is sent to it again. What is still refused opens again.

    Example: [bold]orderflow quarantine release --reason TIME_IN_FUTURE --why "the till's clock was wrong"[/bold]
    """
    from orderflow.quality.ownership import WAIVABLE
    from orderflow.staging import actions

    def act(store: Store, which: Which) -> Outcome:
        return actions.release(
            store.connection,
            which,
            who=ports.login(who),
            why=why,
            waive=waive or (),
            waivable=WAIVABLE,
            dry_run=dry_run,
        )

    _decide("released", act, orders, chosen(channel, reason, owner, sku), everything, dry_run, as_json)


@quarantine.command()
def park(
    why: Why,
    orders: Orders = None,
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Set open orders aside until a good version comes or somebody reopens them.

    Example: [bold]orderflow quarantine park A-1001 --why "the shop asks the buyer"[/bold]
    """
    from orderflow.staging import actions

    def act(store: Store, which: Which) -> Outcome:
        return actions.park(store.connection, which, who=ports.login(who), why=why, dry_run=dry_run)

    _decide("parked", act, orders, chosen(channel, reason, owner, sku, "open"), everything, dry_run, as_json)


@quarantine.command()
def discard(
    why: Why,
    orders: Orders = None,
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Decide that these orders never go on as they are; a changed version is judged anew.

    Example: [bold]orderflow quarantine discard A-1001 A-1002 --why "test orders of the agency"[/bold]
    """
    from orderflow.staging import actions

    def act(store: Store, which: Which) -> Outcome:
        return actions.discard(store.connection, which, who=ports.login(who), why=why, dry_run=dry_run)

    _decide("discarded", act, orders, chosen(channel, reason, owner, sku), everything, dry_run, as_json)


@quarantine.command()
def reopen(
    why: Why,
    orders: Orders = None,
    state: Annotated[str, typer.Option(metavar="STATE", help="In bulk: parked, discarded or released.")] = "parked",
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Undo: parked, discarded, or released orders that have not gone on yet.

    Example: [bold]orderflow quarantine reopen A-1001 --why "the buyer answered"[/bold]
    """
    from orderflow.staging import actions

    def act(store: Store, which: Which) -> Outcome:
        return actions.reopen(store.connection, which, who=ports.login(who), why=why, dry_run=dry_run)

    _decide("reopened", act, orders, chosen(channel, reason, owner, sku, state), everything, dry_run, as_json)


@quarantine.command()
def assign(
    to: Annotated[str, typer.Option(metavar="NAME", help='Who looks after them from now on; "" for nobody.')],
    orders: Orders = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason.")] = "assigned",
    channel: ChannelName = None,
    reason: Reason = None,
    owner: Owner = None,
    sku: Sku = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say who looks after waiting orders.

    Example: [bold]orderflow quarantine assign --reason SKU_UNMAPPED --channel shop_tw --to mei[/bold]
    """
    from orderflow.staging import actions

    def act(store: Store, which: Which) -> Outcome:
        return actions.assign(store.connection, which, to=to or None, who=ports.login(who), why=why, dry_run=dry_run)

    _decide("assigned", act, orders, chosen(channel, reason, owner, sku), everything, dry_run, as_json)


def _decide(
    done: str,
    act: Callable[[Store, Which], Outcome],
    orders: list[str] | None,
    which: Filter,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """An action on these orders, or in bulk on what the filter finds."""
    from orderflow.staging import actions, backlog
    from orderflow.staging.breakdown import channels_of

    if not orders and not which.narrow and not everything:
        raise ConfigError(
            "no order is named; name some, narrow with --channel, --reason, --owner or --sku, or say --all; "
            "--dry-run counts without doing"
        )
    with ports.staging() as store:
        ports.recall(store, [which.channel] if which.channel else [])
        rows = backlog.identify(store.connection, orders, which.channel) if orders else None
        taken = which if rows is None else rows
        ports.recall(store, channels_of(store.connection, taken))
        outcome = act(store, taken)
        if rows is not None and len(rows) == 1:
            actions.only(outcome)
    tell(done, outcome, dry_run, as_json)


def tell(done: str, outcome: Outcome, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, **msgspec.to_builtins(outcome)})
        return
    value = f" worth {listed(outcome.values)}" if outcome.values else ""
    console.print(
        f"{said('{n} order|{n} orders', n=outcome.done)}{value} {'would be ' if dry_run else ''}{done}", highlight=False
    )
    for hindrance, number in outcome.hindered.items():
        console.print(Text(f"  {said('{n} left as it is|{n} left as they are', n=number)}: {hindrance}"))
    if dry_run:
        console.print("nothing was done; leave out --dry-run to do it")


def chosen(
    channel: str | None, reason: str | None, owner: str | None, sku: str | None, state: str = "waiting"
) -> Filter:
    """What the options narrow to; raises `ConfigError` for a team or a state that there is not."""
    from orderflow.quality.ownership import codes_of
    from orderflow.staging.backlog import Filter

    codes = codes_of(owner) if owner is not None else None
    return Filter(channel=channel, reason=reason, codes=codes, sku=sku, state=state)  # type: ignore[arg-type] # it checks


def print_json(found: Mapping[str, Any] | Iterable[Any]) -> None:
    print(msgspec.json.encode(found).decode())
