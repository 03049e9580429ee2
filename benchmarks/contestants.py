"""Who takes part: how each is run, and how the truth is read from the tables it leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks import measure
from benchmarks.orders import Truth

Command = Callable[[str, str, Path, str], Sequence[str]]
"""`command(url, dsn, folder, window)`"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`orders` and `lines` are queries for (count, sum of totals in cents) and (count, sum of quantities)."""

    name: str
    command: Command
    orders: str
    lines: str

    def truth(self, dsn: str) -> Truth:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(self.orders)
            orders, cents = cursor.fetchone() or (0, 0)
            cursor.execute(self.lines)
            lines, units = cursor.fetchone() or (0, 0)
        return Truth(int(orders), int(lines), int(units or 0), round(cents or 0))


def _ours(url: str, dsn: str, folder: Path, window: str) -> Sequence[str]:
    return measure.ours("flow", url, dsn, str(folder), window)


def _limit(url: str, dsn: str, folder: Path, window: str) -> Sequence[str]:
    return measure.ours("limit", url, dsn, str(folder), window)


FLOW = Contestant(
    "orderflow",
    _ours,
    "SELECT count(*), sum(grand_total) * 100 FROM orderflow.orders",
    "SELECT count(*), sum(quantity) FROM orderflow.order_lines",
)
LIMIT = Contestant(
    "hand-tuned limit",
    _limit,
    "SELECT count(*), sum(total) * 100 FROM orders",
    "SELECT count(*), sum(quantity) FROM lines",
)


def _peer(script: str, interpreter: Path, *more: str) -> Command:
    place = Path(__file__).parent / "peers" / script

    def command(url: str, dsn: str, folder: Path, window: str) -> Sequence[str]:
        return [str(interpreter), str(place), url, dsn, str(folder), window, *more]

    return command


def peers(installed: Path) -> list[Contestant]:
    """dlt and Singer, out of the virtual environments that `peers.install` made in this folder."""
    dlt, singer = (installed / name / "bin" / "python" for name in ("dlt", "singer"))
    dlt_orders = "SELECT count(*), sum(total::numeric) * 100 FROM shop.orders"
    dlt_lines = "SELECT count(*), sum(quantity) FROM shop.orders__line_items"
    return [
        Contestant("dlt, default", _peer("dlt_pull.py", dlt), dlt_orders, dlt_lines),
        Contestant("dlt, tuned", _peer("dlt_pull.py", dlt, "--tuned"), dlt_orders, dlt_lines),
        Contestant("dlt, tuned, few columns", _peer("dlt_pull.py", dlt, "--slim"), dlt_orders, dlt_lines),
        Contestant(
            "Singer tap + target",
            _peer("singer_pull.py", singer),
            "SELECT count(*), sum(total::numeric) * 100 FROM tap_shop.orders",
            "SELECT count(*), sum(quantity) FROM tap_shop.lines",
        ),
    ]
