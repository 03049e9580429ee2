"""UN/EDIFACT purchase orders from a mailbox: ORDERS and ORDCHG in, CONTRL out. Facts: `README.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orderflow.adapters.edi.options import MailboxOptions
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Raw, Runtime, Source


class Options(MailboxOptions):
    sku: Sequence[str] = ("SA", "MF", "EN", "UP", "SRV", "IN", "BP")
    """Item number types (element 7143) whose number is our SKU, best first."""
    amount_total: Literal["order", "lines"] = "order"
    """What the message's total (MOA 86) is one of: the whole order, or something that is to be ignored."""


def open_(options: Options, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.edifact import source

    return source.open_(options, account, runtime)


def to_order(raw: Raw, options: Options) -> Order:
    from orderflow.adapters.edifact import mapping

    return mapping.to_order(raw, options)


ADAPTER = Adapter(
    options=Options,
    limits=Limits(acknowledges=True, page_size=500, personal_data="plain", writes_back=frozenset({"responses"})),
    open=open_,
    to_order=to_order,
    order_id=lambda raw: raw.get("order_id"),
)
