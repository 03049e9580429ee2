"""eBay: orders of one seller over the Sell Fulfillment API v1. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta

from orderflow.adapters.ebay.mapping import order_id, to_order
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about an eBay seller; address and credentials stand in its connection."""

    tracking: bool = True
    """Fetch the parcels of every order that has some: one more request for each such order."""


LIMITS = source.Limits(
    longest_window=timedelta(days=365),
    settle=timedelta(minutes=5),
    lookback=timedelta(minutes=10),
    resolution=timedelta(milliseconds=1),
    page_size=200,
    reach=timedelta(days=730),
    rate=5.0,
    burst=10,
    blind=frozenset({"refund", "tracking"}),
    personal_data="restricted",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.ebay.source import Ebay  # httpx is not needed to read channel files

    return Ebay(options, account, runtime)


ADAPTER = source.Adapter(options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id)
