"""Lazada: orders of one seller in one country over the Lazada Open Platform. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta

from orderflow.adapters.lazada.mapping import order_id, to_order
from orderflow.adapters.lazada.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """Lazada needs nothing in the channel file: the country is the host of the connection."""


LIMITS = source.Limits(
    settle=timedelta(minutes=2),
    lookback=timedelta(minutes=15),
    page_size=100,
    ceiling=5000,
    rate=10.0,
    burst=10,
    blind=frozenset({"refund"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:  # noqa: ARG001 -- the port hands every adapter its options
    from orderflow.adapters.lazada.source import Lazada  # httpx is not needed to read channel files

    return Lazada(account, runtime)


ADAPTER = source.Adapter(
    options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id, webhook=webhook
)
