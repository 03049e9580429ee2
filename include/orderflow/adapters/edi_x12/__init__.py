"""ANSI X12 purchase orders from a mailbox: 850 and 860 in, 997 (and TA1) out. Facts: `README.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orderflow.adapters.edi.options import MailboxOptions
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Raw, Runtime, Source


class Options(MailboxOptions):
    sku: Sequence[str] = ("SK", "VN", "VP", "UP", "EN", "UK", "IN", "BP")
    """Item qualifiers (element 235) whose number is our SKU, best first."""
    first_change: int = 1
    """Sequence number (BCH05) of an order's first change."""
    amount_total: Literal["order", "lines"] = "order"
    """What AMT*TT totals: the whole order, or its lines alone."""
    price_each: Literal["piece", "ordered_unit"] | None = None
    """What a price per each is for where cases or dozens are ordered: a `piece`, of which PO4 tells how many there are
    in a case, or the `ordered_unit`. Without it such a line is refused unless its own total is stated."""


def open_(options: Options, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.edi_x12 import source

    return source.open_(options, account, runtime)


def to_order(raw: Raw, options: Options) -> Order:
    from orderflow.adapters.edi_x12 import mapping

    return mapping.to_order(raw, options)


ADAPTER = Adapter(
    options=Options,
    limits=Limits(acknowledges=True, page_size=500, personal_data="plain", writes_back=frozenset({"responses"})),
    open=open_,
    to_order=to_order,
    order_id=lambda raw: raw.get("order_id"),
)
