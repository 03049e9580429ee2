"""The demo's two tables: orders on their way, and the proof."""

from __future__ import annotations

from collections.abc import Callable

from rich.table import Table

from orderflow.sandbox.demo.figures import Figures
from orderflow.sandbox.demo.proof import Proof


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
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for channel in channels:
        table.add_column(channel, justify="right")
    return table


def result(proofs: list[Proof], found: dict[str, Figures]) -> Table:
    """What the channels really hold, beside what became of it."""
    rows: dict[str, Callable[[Proof, Figures], object]] = {
        "windows": lambda _, f: f.windows,
        "orders on the channel": lambda p, _: p.orders,
        "records fetched": lambda _, f: f.fetched,
        "accepted and staged": lambda p, _: p.staged,
        "in quarantine": lambda p, _: p.quarantined,
        "top reason": lambda _, f: f.top,
        "in the OMS": lambda p, _: p.delivered,
        "effects in the OMS": lambda p, _: p.effects,
        "parcels told to the channel": lambda _, f: f.told or "-",
        "missing": lambda p, _: len(p.missing),
        "twice": lambda p, _: len(p.twice),
        "unexplained": lambda p, _: len(p.unexplained),
        "visible to OMS, median": lambda p, _: "-" if p.lag is None else f"{p.lag[0]:.0f} s",
        "visible to OMS, 95%": lambda p, _: "-" if p.lag is None else f"{p.lag[1]:.0f} s",
    }
    table = _table("what the channels really hold, and where it is", [proof.channel for proof in proofs])
    for name, cell in rows.items():
        table.add_row(name, *(str(cell(p, found[p.channel])) if p.channel in found else "-" for p in proofs))
    return table
