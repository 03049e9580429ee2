"""Hits, misses, false alarms and time to detect of the watch over simulated weeks, shape by shape.

    PYTHONPATH=include .venv/bin/python benchmarks/alert_weeks.py [SEEDS] [OUTAGES]

Eight healthy weeks are learned from, eight are judged, and each outage (nothing comes, or a tenth) is put into weeks of
its own, at a moment of its own.
"""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from orderflow import config
from orderflow.domain.window import Window
from orderflow.sandbox.weeks import JUDGED, SHAPES, Outage, orders, watched

CHANNELS = Path(__file__).resolve().parents[1] / "include" / "channels"


def main(seeds=3, outages=20):
    channel = config.read(CHANNELS, only="demo_shopify").channels[0]
    columns = [
        "shape",
        "healthy weeks",
        "false alarms",
        "left",
        "outages",
        "hits",
        "misses",
        "median",
        "longest",
        "stated",
    ]
    table = Table(*columns)
    for shape in SHAPES:
        false = sum(len(watched(shape, channel, orders(shape, seed=seed)).raised) for seed in range(seeds))
        healthy = [str(8 * seeds), str(false)]
        for left, within in ((0.0, shape.dead), (0.1, shape.faint)):
            if within is None:
                continue
            found = [detected(shape, channel, left, within, seed) for seed in range(outages)]
            hits = sorted(each for each in found if each is not None)
            times = [told(hits[len(hits) // 2]), told(hits[-1])] if hits else ["", ""]
            counts = [str(outages), str(len(hits)), str(outages - len(hits))]
            table.add_row(shape.name, *healthy, f"{left:.0%}", *counts, *times, told(within))
            healthy = ["", ""]
    Console(width=150).print(table)


def detected(shape, channel, left, within, seed):
    """How long after its begin an outage was told; None if it was not within that time."""
    dice = np.random.default_rng(seed + 1000)
    start = JUDGED.start + timedelta(minutes=15 * int(dice.integers(0, 4 * 24 * 40)))
    span = Window(start, start + within)
    found = orders(shape, [Outage(span, left)], seed=seed + 1000)
    raised = watched(shape, channel, found, Window(start - timedelta(days=1), span.end)).raised
    return next((moment - start for moment in raised if moment >= start), None)


def told(span):
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
