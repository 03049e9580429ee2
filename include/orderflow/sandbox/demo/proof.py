"""The demo's proof: staging, quarantine and OMS held against what the simulated shops really hold."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from orderflow.sandbox.demo.figures import query

_STAGED = """
select order_id, version, order_status, line_count, grand_total, currency
from orderflow.orders where channel = %s
"""
_QUARANTINED = """
select coalesce(order_id, subject) as order_id, source, state, reasons->0->>'code' as code
from orderflow.quarantine where channel = %s and state in ('open', 'parked')
"""
_RECEIPTS = """
select order_id, version, accepted_at from orderflow.receipts where channel = %s and outcome = 'accepted'
"""


@dataclass(slots=True)
class Proof:
    """One channel held against the truth. `orders` is how many the channel really holds."""

    channel: str
    orders: int
    staged: int = 0
    quarantined: int = 0
    delivered: int = 0
    missing: list[str] = field(default_factory=list)
    """On the channel, but neither staged nor in quarantine; or staged, and neither in the OMS nor refused by it."""
    twice: list[str] = field(default_factory=list)
    """Two effects in the OMS for one key, or two orders in the OMS for one of the channel."""
    unexplained: list[str] = field(default_factory=list)
    """Differs from the truth without a reason that Orderflow can name."""
    effects: int = 0
    """Effects in the OMS, over all versions of all orders."""
    lags: list[float] = field(default_factory=list)
    """Seconds from "visible on the channel" to "in the OMS", for orders that arrived while the schedule ran."""

    @property
    def holds(self) -> bool:
        return not (self.missing or self.twice or self.unexplained)

    @property
    def lag(self) -> tuple[float, float] | None:
        """Median and 95th percentile in seconds."""
        if len(self.lags) < 2:
            return None
        return statistics.median(self.lags), statistics.quantiles(self.lags, n=20)[-1]


def prove(channel: str, dsn: str, sandbox: str, oms: str, *, live_from: datetime, until: datetime) -> Proof:
    """Compare one channel's staging and OMS with the sandbox's truth of the moment `until`.

    An order that has changed since then is looked for, but its content is not compared.
    """
    latest = _truth(sandbox, channel, None)
    now = {order["order_id"]: order["version"] for order in latest}
    known = {name for order in latest for name in (order["order_id"], *order["aliases"])}
    truth = _truth(sandbox, channel, until)
    effects = httpx.get(f"{oms}/_effects", params={"channel": channel}, timeout=60).raise_for_status().json()
    staged = {row["order_id"]: row for row in query(dsn, _STAGED, channel)}
    held = {row["order_id"]: row for row in query(dsn, _QUARANTINED, channel)}
    accepted: dict[str, datetime] = {}
    for row in query(dsn, _RECEIPTS, channel):
        accepted[row["order_id"]] = min(row["accepted_at"], accepted.get(row["order_id"], row["accepted_at"]))
    proof = Proof(
        channel,
        orders=len(truth),
        staged=len(staged),
        quarantined=len(held),
        delivered=len(accepted),
        effects=effects["effects"],
        twice=[f"{each['order_id']}: {each['effects']} effects of one key" for each in effects["repeated"]],
    )
    for order in truth:
        names = [order["order_id"], *order["aliases"]]
        mine = next((staged[name] for name in names if name in staged), None)
        waits = next((held[name] for name in names if name in held), None)
        if mine is None and waits is None:
            if order["listed"]:
                proof.missing.append(order["order_id"])
            continue
        if waits is not None and waits["source"] != "oms" and order["outcome"] == "accept":
            proof.unexplained.append(f"{order['order_id']}: {waits['code']}, but nothing is wrong with it")
        if mine is None:
            continue
        if waits is None and now[order["order_id"]] == order["version"]:
            _compare(proof, order, mine)
        arrived = accepted.get(mine["order_id"])
        if arrived is None and waits is None:
            proof.missing.append(f"{order['order_id']}: staged, but not in the OMS")
        elif arrived is not None and datetime.fromisoformat(order["created_at"]) >= live_from and not order["version"]:
            proof.lags.append((arrived - datetime.fromisoformat(order["visible_from"])).total_seconds())
    proof.unexplained += [f"{order_id}: staged, but not on the channel" for order_id in sorted(set(staged) - known)]
    if effects["orders"] > len(accepted):
        proof.twice.append(f"the OMS holds {effects['orders']} orders, but accepted {len(accepted)}")
    return proof


def _truth(sandbox: str, channel: str, until: datetime | None) -> list[dict[str, Any]]:
    asked = {} if until is None else {"until": until.isoformat()}
    answer = httpx.get(f"{sandbox}/_sandbox/{channel}/truth", params=asked, timeout=60).raise_for_status()
    rows: list[dict[str, Any]] = answer.json()["orders"]
    return rows


def _compare(proof: Proof, order: dict[str, Any], mine: dict[str, Any]) -> None:
    if order["outcome"] == "refuse":
        proof.unexplained.append(f"{order['order_id']}: accepted in spite of {order['defect']}")
    elif order["outcome"] == "accept" and mine["line_count"] != order["lines"]:
        proof.unexplained.append(f"{order['order_id']}: {mine['line_count']} lines, truth {order['lines']}")
    elif (
        order["outcome"] == "accept"
        and (total := order["totals"].get(mine["currency"])) is not None
        and mine["grand_total"] != Decimal(total)
    ):
        proof.unexplained.append(f"{order['order_id']}: total {mine['grand_total']}, truth {total}")
