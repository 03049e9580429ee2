"""Douyin shop (抖店): orders of one shop over the Jinritemai open platform. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta

from orderflow.adapters.douyin.mapping import order_id, to_order
from orderflow.adapters.douyin.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """Douyin needs nothing in the channel file: the shop is the one that the connection's tokens are for."""


LIMITS = source.Limits(
    settle=timedelta(minutes=1),
    lookback=timedelta(minutes=10),
    page_size=100,
    ceiling=50_000,
    reach=timedelta(days=90),
    timezone="Asia/Shanghai",
    rate=10.0,
    burst=10,
    blind=frozenset({"refund", "status"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.douyin.source import Douyin  # httpx is not needed to read channel files

    return Douyin(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id, webhook=webhook
)
