"""The demo's proof: staging, quarantine and OMS held against what the simulated shops really hold."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from orderflow.sandbox.demo.figures import together

_STAGED = """
select order_id, version, order_status, line_count, grand_total, currency
from orderflow.orders where channel = %s
"""
_QUARANTINED = """
select coalesce(order_id, subject) as order_id, source, state, reasons->0->>'code' as code
from orderflow.quarantine where channel = %s and state in ('open', 'parked')
"""
_ACCEPTED = """
select order_id, min(accepted_at) as accepted_at
from orderflow.receipts where channel = %s and outcome = 'accepted' group by order_id
"""
_WAITING = """
select order_id from orderflow.outbox where channel = %s
"""
_REACH = """
with known as (select settled from orderflow.coverage where channel = %(channel)s),
under_way as (
    select min(planned_at) as since from orderflow.windows as w
    where channel = %(channel)s and loaded_at is null
        and not exists (select from known where settled @> w.span)
),
last_before as (
    select max(planned_at) as began from orderflow.windows, under_way
    where channel = %(channel)s and loaded_at is not null and planned_at < since
)
select least(
    coalesce((select upper(part) from (select unnest(settled) as part from known) as parts
              where part @> %(start)s::timestamptz), %(start)s),
    case when since is not null then coalesce(began, %(start)s) end
) as reach from under_way, last_before
"""


@dataclass(slots=True)
class Proof:
    """One channel held against the truth, as figures that add up.

    `orders` = `coming` + `staged` + `quarantined` - `refused`, and `staged` = `delivered` + `refused` - `changes` +
    `waiting`, as long as nothing is missing and nothing is staged that the channel does not hold.
    """

    channel: str
    orders: int
    """How many the channel holds now."""
    coming: int = 0
    """On their way: placed or changed in a time that was not pulled yet, or not listed by the channel yet."""
    staged: int = 0
    quarantined: int = 0
    refused: int = 0
    """Staged, refused by the OMS, and therefore in quarantine too."""
    changes: int = 0
    """Of the refused: the OMS holds the order and refused a change of it."""
    waiting: int = 0
    """Staged and queued for the OMS."""
    delivered: int = 0
    missing: list[str] = field(default_factory=list)
    """On the channel in a time that was pulled, but neither staged nor in quarantine; or staged, and neither queued for
    the OMS nor in it nor refused by it."""
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
    def on_the_way(self) -> int:
        """To staging or to the OMS: neither lost nor there yet."""
        return self.coming + self.waiting

    @property
    def lag(self) -> tuple[float, float] | None:
        """Median and 95th percentile in seconds."""
        if len(self.lags) < 2:
            return None
        return statistics.median(self.lags), statistics.quantiles(self.lags, n=20)[-1]


def reach(dsn: str, channel: str, start: datetime) -> datetime:
    """Everything that the channel showed from `start` until this moment was pulled and loaded.

    The ledger's watermark, but never later than the last pull that began before the oldest one under way: a drop box
    gives its files to whoever looks first, whatever his window.
    """
    ((row,),) = together(dsn, [_REACH], {"channel": channel, "start": start})
    found: datetime = row["reach"]
    return found


def prove(channel: str, dsn: str, sandbox: str, oms: str, *, live_from: datetime, until: datetime) -> Proof:
    """Compare one channel's staging and OMS with the sandbox's truth.

    What the channel showed at the moment `until` must be there; what came later may be on its way. So may an order that
    has changed since then: if it had not been pulled, it stands in a later window now. Its content is not compared.
    """
    # The OMS before staging before the truth, because orders move the other way while this looks.
    effects = httpx.get(f"{oms}/_effects", params={"channel": channel}, timeout=60).raise_for_status().json()
    asked = (_STAGED, _QUARANTINED, _ACCEPTED, _WAITING)
    staged, held, accepted, queued = (
        {row["order_id"]: row for row in rows} for rows in together(dsn, asked, [channel])
    )
    latest = _truth(sandbox, channel, None)
    now = {order["order_id"]: order["version"] for order in latest}
    truth = _truth(sandbox, channel, until)
    proof = Proof(
        channel,
        orders=len(latest),
        staged=len(staged),
        quarantined=len(held),
        refused=len(staged.keys() & held.keys()),
        changes=len(staged.keys() & held.keys() & accepted.keys()),
        waiting=len(staged.keys() & queued.keys() - held.keys() - accepted.keys()),
        delivered=len(accepted),
        effects=effects["effects"],
        twice=[f"{each['order_id']}: {each['effects']} effects of one key" for each in effects["repeated"]],
    )
    for order in truth:
        mine, waits = _of(order, staged), _of(order, held)
        if mine is None and waits is None:
            if order["listed"] and now[order["order_id"]] == order["version"]:
                proof.missing.append(order["order_id"])
            continue
        if waits is not None and waits["source"] != "oms" and order["outcome"] == "accept":
            proof.unexplained.append(f"{order['order_id']}: {waits['code']}, but nothing is wrong with it")
        if mine is None:
            continue
        if waits is None and now[order["order_id"]] == order["version"]:
            _compare(proof, order, mine)
        arrived = accepted.get(mine["order_id"])
        if arrived is not None and datetime.fromisoformat(order["created_at"]) >= live_from and not order["version"]:
            visible_from = datetime.fromisoformat(order["visible_from"])
            proof.lags.append((arrived["accepted_at"] - visible_from).total_seconds())
    nowhere = [order for order in latest if _of(order, staged) is None and _of(order, held) is None]
    proof.coming = len(nowhere) - len(proof.missing)
    lost = staged.keys() - accepted.keys() - held.keys() - queued.keys()
    proof.missing += [f"{order_id}: staged, but not in the OMS" for order_id in sorted(lost)]
    known = {name for order in latest for name in _names(order)}
    proof.unexplained += [f"{order_id}: staged, but not on the channel" for order_id in sorted(staged.keys() - known)]
    if effects["orders"] > len(accepted.keys() | queued.keys()):
        proof.twice.append(f"the OMS holds {effects['orders']} orders, but accepted {len(accepted)}")
    return proof


def _names(order: dict[str, Any]) -> list[str]:
    return [order["order_id"], *order["aliases"]]


def _of(order: dict[str, Any], rows: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    return next((rows[name] for name in _names(order) if name in rows), None)


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
