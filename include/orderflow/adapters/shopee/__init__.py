"""Shopee: orders of one shop over the Open Platform v2. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from orderflow.adapters.shopee.mapping import order_id, to_order
from orderflow.adapters.shopee.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a Shopee shop; address and credentials stand in its connection."""

    shop_id: Annotated[int, Field(gt=0)]
    """The shop's number on Shopee."""
    escrow: bool = True
    """Fetch the settlement of every order: vouchers, coins and the shipping fee the buyer paid stand only there."""


LIMITS = source.Limits(
    longest_window=timedelta(days=14),
    settle=timedelta(minutes=1),
    lookback=timedelta(minutes=10),
    page_size=100,
    rate=10.0,
    burst=10,
    blind=frozenset({"tracking", "refund"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.shopee.source import Shopee  # httpx is not needed to read channel files

    return Shopee(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id, webhook=webhook
)
