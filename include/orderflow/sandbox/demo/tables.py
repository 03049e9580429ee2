"""The demo's two tables: orders on their way, and the proof."""

from __future__ import annotations

from collections.abc import Callable

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orderflow.sandbox.demo.figures import Figures
from orderflow.sandbox.demo.proof import Proof

KINDS = ("missing", "twice", "unexplained")
"""What must not be: names of `Proof`'s lists."""
REFUSED = "refused by the OMS (staged, in quarantine too)"
CHANGES = "of these in the OMS as they were before"


def progress(channels: list[str], found: dict[str, Figures]) -> Table:
    """How far every channel's orders have come."""
    rows: dict[str, Callable[[Figures], object]] = {
        "newest window": lambda f: f.state,
        "windows in the OMS": lambda f: f"{f.synced} of {f.windows}",
        "records fetched": lambda f: f.fetched or 0,
        "orders staged": lambda f: f.staged,
        "changes of orders": lambda f: f.edits,
        "orders in the OMS": lambda f: f.delivered,
        "waiting for the OMS": lambda f: f.pending,
        "parcels told to the channel": lambda f: f.told or "-",
        "in quarantine": lambda f: f.quarantined,
        "top reason": lambda f: f.top,
    }
    table = _table("on the way", channels)
    for name, cell in rows.items():
        table.add_row(name, *(str(cell(found[each])) if each in found else "-" for each in channels))
    return table


def news(channels: list[str], found: dict[str, Figures]) -> str:
    """The same in one line."""
    parts = [
        f"{name}: {f.staged} staged, {f.delivered} in the OMS, {f.pending} waiting, {f.quarantined} in quarantine"
        for name in channels
        if (f := found.get(name))
    ]
    return " · ".join(parts) or "nothing pulled yet"


def _table(title: str, channels: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    for channel in channels:
        table.add_column(channel, justify="right")
    return table


def result(proofs: list[Proof], found: dict[str, Figures]) -> Table:
    """What the channels really hold, beside what became of it: the figures of a column add up, as `Proof` says."""
    rows: dict[str, Callable[[Proof, Figures], object]] = {
        "missing": lambda p, _: len(p.missing),
        "twice": lambda p, _: len(p.twice),
        "unexplained": lambda p, _: len(p.unexplained),
        "orders on the channel": lambda p, _: p.orders,
        "on their way from it": lambda p, _: p.coming,
        "accepted and staged": lambda p, _: p.staged,
        "in quarantine": lambda p, _: p.quarantined,
        REFUSED: lambda p, _: p.refused,
        CHANGES: lambda p, _: p.changes,
        "on their way to the OMS": lambda p, _: p.waiting,
        "in the OMS": lambda p, _: p.delivered,
        "effects in the OMS": lambda p, _: p.effects,
        "parcels told to the channel": lambda _, f: f.told or "-",
        "visible to OMS, median and 95%": lambda p, _: "-" if p.lag is None else "{:.0f} and {:.0f} s".format(*p.lag),
    }
    if not any(proof.changes for proof in proofs):
        del rows[CHANGES]
    table = _table("what the channels really hold, and where it is", [proof.channel for proof in proofs])
    for name, cell in rows.items():
        table.add_row(name, *(str(cell(p, found[p.channel])) if p.channel in found else "-" for p in proofs))
    return table


def verdict(proofs: list[Proof]) -> str:
    """The proof in one line."""
    missing, twice, unexplained = (sum(len(getattr(proof, kind)) for proof in proofs) for kind in KINDS)
    orders, on_the_way = sum(proof.orders for proof in proofs), sum(proof.on_the_way for proof in proofs)
    line = f"{orders} orders: {missing} missing, {twice} twice, {unexplained} unexplained"
    return f"{line}, {on_the_way} on their way" if on_the_way else line


def named(proofs: list[Proof]) -> list[str]:
    """What does not hold, order by order: at most ten of a kind and channel."""
    return [
        f"{kind} {proof.channel} {order}" for proof in proofs for kind in KINDS for order in getattr(proof, kind)[:10]
    ]


def live(channels: list[str], found: dict[str, Figures], proofs: list[Proof], signs: list[str]) -> Group:
    """The picture of a demo that goes on: what matters first, because a small terminal cuts the rest.

    `signs` say where to look and how to stop.
    """
    told = [Text(sign) for sign in signs]
    if not proofs:
        return Group(*told, progress(channels, found))
    holds = all(proof.holds for proof in proofs)
    proven = Text(verdict(proofs), style="green" if holds else "red")
    return Group(proven, *told, result(proofs, found), *map(Text, named(proofs)), progress(channels, found))
