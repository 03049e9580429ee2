"""Pinduoduo: orders of one shop over the Pinduoduo Open Platform. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta

from orderflow.adapters.pinduoduo.mapping import order_id, to_order
from orderflow.domain import source


class Options(source.Options):
    """Pinduoduo needs nothing in the channel file: the access token says which shop it is."""


LIMITS = source.Limits(
    longest_window=timedelta(minutes=29),
    settle=timedelta(minutes=5),
    lookback=timedelta(minutes=10),
    page_size=100,
    reach=timedelta(days=90),
    timezone="Asia/Shanghai",
    rate=10.0,
    burst=10,
    blind=frozenset({"refund"}),
    personal_data="restricted",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:  # noqa: ARG001 -- the port hands every adapter its options
    from orderflow.adapters.pinduoduo.source import Pinduoduo  # httpx is not needed to read channel files

    return Pinduoduo(account, runtime)


ADAPTER = source.Adapter(options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id)
