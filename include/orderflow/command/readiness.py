"""`orderflow channel readiness` and `live`: how near a channel in shadow is to delivering, and how it hands over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orderflow.command import ports
from orderflow.command.app import app
from orderflow.command.channel import kit
from orderflow.domain.errors import ConfigError
from orderflow.domain.message import said
from orderflow.domain.reconciliation import business_day
from orderflow.domain.window import Window
from orderflow.quality.pages.words import listed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

    from orderflow.domain.channel import Channel
    from orderflow.staging.shadow import Observed, Some

assert app  # the group `channel` hangs below it
console = Console()

DAYS = 7
"""Whole days that a channel is watched, so that every weekday was seen."""
ENOUGH = Decimal("0.99")
"""Share of the value that has to be ready."""

Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of a file in include/channels, without .yml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Demand(NamedTuple):
    """One thing that has to hold before a channel delivers."""

    what: str
    met: bool
    fact: str
    cure: str


class Readiness(NamedTuple):
    """`score`: share of the value that would reach the OMS, times the share of time that is proven, in percent."""

    score: int
    demands: list[Demand]
    observed: Observed
    skus: list[tuple[str, int, str | None]]

    @property
    def go(self) -> bool:
        return all(demand.met for demand in self.demands)


@kit.command()
def readiness(name: Name, as_json: AsJson = False) -> None:
    """Show what would reach the OMS if the channel delivered, what refuses the rest, and what to do first.

    Exit code 1: not yet.

    Example: [bold]orderflow channel readiness shop_se[/bold]
    """
    channel = ports.channel(name)
    with ports.staging() as store:
        found = judged(store.connection, channel, datetime.now(UTC))
    if as_json:
        print(json.dumps(_json(found), ensure_ascii=False))
    else:
        _print(channel, found)
    if not found.go:
        raise typer.Exit(1)


def judged(connection: Connection, channel: Channel, now: datetime) -> Readiness:
    """Hold what was observed until `now` against everything that a delivering channel needs."""
    from orderflow.staging import articles, certificates, ledger, shadow

    seen = shadow.observed(connection, channel.name)
    skus = [(each.sku, each.orders, each.title) for each in articles.unmapped(connection, channel.name, limit=100)]
    zone = ZoneInfo(channel.schedule.timezone)
    days, open_, gaps, proven = 0, [], [], Decimal(0)
    if seen.first and seen.last:
        span = Window(min(channel.start, seen.first), seen.last)
        gaps = ledger.gaps(connection, channel.name, span)
        missing = sum((gap.length for gap in gaps), timedelta(0))
        proven = 1 - Decimal(missing.total_seconds()) / Decimal(span.length.total_seconds())
        today = min(now, seen.last).astimezone(zone).date()
        past = [today - timedelta(days=count) for count in range(1, DAYS + 1)]
        whole = [day for day in past if business_day(day, channel.schedule.timezone).start >= seen.first]
        days = (seen.last - seen.first) // timedelta(days=1)
        known = certificates.standings(connection, [channel.name], past[-1], past[0])
        good = {each.day for each in known if not each.unexplained}
        open_ = [day for day in whole if day not in good]
    share, of = _share(seen.ready, seen.waiting)
    odd = {currency for some in (seen.ready, seen.waiting) for currency in some.values} - _iso_4217()
    value = f"{_floored(share)} of the {of} is ready, {said('{n} order waits|{n} orders wait', n=seen.waiting.orders)}"
    value += f"; not counted: {', '.join(sorted(odd))}, no currency of ISO 4217" if odd else ""
    unknown = sum(each.orders for each in seen.unknown)
    demands = [
        Demand("time", bool(seen.windows) and not gaps,
               f"{said('{n} window|{n} windows', n=seen.windows)} proven, {said('{n} gap|{n} gaps', n=len(gaps))}",
               f"orderflow backfill {channel.name} fills gaps" if gaps else "let the first windows run"),
        Demand("days", days >= DAYS,
               f"{said('{n} whole day|{n} whole days', n=days)} observed of {DAYS}",
               "wait, or backfill the days before"),
        Demand("value", share >= ENOUGH, value,
               f"cure the reasons below, the most valuable first: orderflow report {channel.name}"),
        Demand("SKUs", not skus,
               said("{n} SKU is not mapped|{n} SKUs are not mapped", n=len(skus)),
               "orderflow sku suggest, then sku import"),
        Demand("categories", not unknown,
               said("{n} order has a value that nobody knows|{n} orders have a value that nobody knows", n=unknown),
               "map it in the adapter, or list it in clean.lookups of the channel file"),
        Demand("certificates", days > 0 and not open_,
               said("{n} of the last {days} days lacks a certificate without open differences"
                    "|{n} of the last {days} days lack a certificate without open differences",
                    n=len(open_), days=DAYS),
               f"orderflow reconcile {channel.name} --day {open_[0] if open_ else 'YYYY-MM-DD'}"),
    ]  # fmt: skip
    return Readiness(int(100 * share * proven), demands, seen, skus)


def _share(ready: Some, waiting: Some) -> tuple[Decimal, str]:
    """The smallest share of any currency, and of what: no large one hides a small one.

    What is no currency of ISO 4217 has no part in it: its orders wait, and are told by their reason. Without values,
    the share of orders.
    """
    shares = [
        (ready.values.get(currency, Decimal(0)) / total, f"value in {currency}")
        for currency in {*ready.values, *waiting.values} & _iso_4217()
        if (total := ready.values.get(currency, Decimal(0)) + waiting.values.get(currency, Decimal(0))) > 0
    ]
    orders = ready.orders + waiting.orders
    return min(shares, default=(Decimal(ready.orders) / orders if orders else Decimal(0), "orders"))


def _iso_4217() -> frozenset[str]:
    from orderflow.quality.codes import CURRENCIES

    return frozenset(CURRENCIES)


def _by_value(found: Readiness) -> list[tuple[str, Some]]:
    """Reasons, the most valuable first."""
    return sorted(found.observed.reasons.items(), key=lambda item: (-max(item[1].values.values(), default=0), item[0]))


def _floored(share: Decimal) -> str:
    """A share in percent, never rounded up to one that would be enough."""
    return f"{share.quantize(Decimal('0.0001'), ROUND_DOWN):.2%}"


def _orders(count: int) -> str:
    return said("{n} order|{n} orders", n=count)


def _amounts(some: Some) -> str:
    return listed(some.values) or "no value told"


def _print(channel: Channel, found: Readiness) -> None:
    from orderflow.quality.rules import RULES

    seen = found.observed
    verdict = "[green]go[/green]" if found.go else "[yellow]not yet[/yellow]"
    state = "in shadow" if channel.shadow else "delivering already"
    console.print(f"[bold]{channel.name}[/bold] ({state}): {verdict}, readiness {found.score} of 100", highlight=False)
    console.print(
        f"would reach the OMS: {_orders(seen.ready.orders)} ({_amounts(seen.ready)}); "
        f"refused: {_orders(seen.waiting.orders)} ({_amounts(seen.waiting)})",
        highlight=False,
    )
    table = Table("needed", "", "how it stands", "what to do")
    for demand in found.demands:
        mark = "[green]yes[/green]" if demand.met else "[red]no[/red]"
        table.add_row(demand.what, mark, demand.fact, "" if demand.met else demand.cure)
    console.print(table)
    if seen.reasons:
        todo = Table("reason", "orders", "value", "what to do", title="to do, by value", title_justify="left")
        for code, some in _by_value(found):
            cure = RULES[code].cure if code in RULES else "see the reason in quarantine"
            todo.add_row(code, f"{some.orders:,}", _amounts(some), cure)
        console.print(todo)
    for each in seen.unknown[:10]:
        console.print(
            f"  unknown: {escape(each.field)} = {escape(each.value)!r}, {_orders(each.orders)}", highlight=False
        )
    for sku, orders, title in found.skus[:10]:
        console.print(f"  not mapped: {escape(sku)} ({escape(title or '')}), {_orders(orders)}", highlight=False)


def _json(found: Readiness) -> dict[str, Any]:
    def told(some: Some) -> dict[str, Any]:
        return {"orders": some.orders, "values": {unit: f"{value:f}" for unit, value in some.values.items()}}

    seen = found.observed
    return {
        "go": found.go,
        "score": found.score,
        "demands": [demand._asdict() for demand in found.demands],
        "ready": told(seen.ready),
        "waiting": told(seen.waiting),
        "reasons": [{"code": code, **told(some)} for code, some in _by_value(found)],
        "unknown": [
            {"code": each.code, "field": each.field, "value": each.value, "orders": each.orders}
            for each in seen.unknown
        ],
        "unmapped": [{"sku": sku, "title": title, "orders": orders} for sku, orders, title in found.skus],
    }


@kit.command()
def live(
    name: Name,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Hand over orders created from this day, or ISO 8601 moment, on; oms.since of the file unless given.",
        ),
    ] = None,
    go: Annotated[bool, typer.Option("--go", help="Really queue them; without it nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand over after shadow: queue staged orders for the OMS that were created from a moment on.

    First take `shadow: true` out of the channel file, and write `since: 2026-03-01` under `oms:` if something else
    handed over the earlier orders: new orders and their changes are then delivered by themselves, and this adds those
    that were staged before. What waits in quarantine stays there. Doing it again queues nothing twice.

    Example: [bold]orderflow channel live shop_se[/bold], then the same with [bold]--go[/bold]
    """
    from orderflow.staging import shadow

    channel = ports.channel(name)
    moment = channel.delivers_since if since is None else _moment(since, channel.schedule.timezone)
    if moment is None:
        raise ConfigError(
            f"{name}: nothing says which orders something else handed over already; write oms.since into {name}.yml, "
            "or say --since 2026-03-01 (an early day hands over everything)"
        )
    if go and channel.shadow:
        raise ConfigError(
            f"{name} is still in shadow, so that orders which come meanwhile would not be queued; take `shadow: true` "
            f"out of {name}.yml, wait until Airflow has read it, then run this again"
        )
    with ports.staging_of(name) as store:
        found = shadow.hand_over(store.connection, name, moment, dry_run=not go)
    if as_json:
        values = {unit: f"{value:f}" for unit, value in found.queued.values.items()}
        told = {"orders": found.queued.orders, "values": values, "states": found.states, "earlier": found.earlier}
        told["elsewhere"] = found.elsewhere
        print(json.dumps({"since": moment.isoformat(), "queued": go, **told}))
        return
    what = "queued for the OMS" if go else "would be queued for the OMS (dry run; --go does it)"
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found.states.items())) or "none"
    if found.elsewhere:
        what += f"; {found.elsewhere:,} wait in quarantine, as another channel delivers them"
    console.print(f"{_orders(found.queued.orders)} created since {moment:%Y-%m-%d %H:%M %Z} {what}", highlight=False)
    console.print(f"{_amounts(found.queued)}; {states}", highlight=False)
    earlier = "{n} staged order is older and stays where it is|{n} staged orders are older and stay where they are"
    console.print(said(earlier, n=found.earlier), highlight=False)
    if go and found.queued.orders:
        console.print("the channel's next run delivers them, behind its live orders")


def _moment(text: str, zone: str) -> datetime:
    """A day begins at midnight of the channel's zone; so does a moment without an offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text!r} is no day or moment; write it like 2026-03-01") from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
