"""UBL 2 purchase orders from a mailbox: Order, OrderChange and OrderCancellation, Peppol's too. Facts: `README.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orderflow.adapters.edi.options import MailboxOptions
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Raw, Runtime, Source


class Options(MailboxOptions):
    sku: Sequence[Literal["seller", "standard", "buyer"]] = ("seller", "standard", "buyer")
    """Whose item number is our SKU, best first."""


def open_(options: Options, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.ubl import source

    return source.open_(options, account, runtime)


def to_order(raw: Raw, options: Options) -> Order:
    from orderflow.adapters.ubl import mapping

    return mapping.to_order(raw, options)


ADAPTER = Adapter(
    options=Options,
    limits=Limits(acknowledges=True, page_size=500, personal_data="plain", writes_back=frozenset({"responses"})),
    open=open_,
    to_order=to_order,
    order_id=lambda raw: raw.get("order_id"),
)
