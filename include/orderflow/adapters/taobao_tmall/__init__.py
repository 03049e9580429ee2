"""Taobao and Tmall: orders of one shop over the Taobao Open Platform (TOP). Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from orderflow.adapters.taobao_tmall.mapping import order_id, to_order
from orderflow.domain import source

TYPES = (
    "fixed",
    "auction",
    "guarantee_trade",
    "step",
    "independent_simple_trade",
    "independent_shop_trade",
    "auto_delivery",
    "ec",
    "cod",
    "game_equipment",
    "shopex_trade",
    "netcn_trade",
    "external_trade",
    "instant_trade",
    "b2c_cod",
    "hotel_trade",
    "super_market_trade",
    "super_market_cod_trade",
    "taohua",
    "waimai",
    "o2o_offlinetrade",
    "nopaid",
    "eticket",
    "tmall_i18n",
    "insurance_plus",
    "finance",
    "pre_auth_type",
)
"""Every kind of trade that TOP documents; a list names them all, because TOP leaves out what is not named."""


class Options(source.Options):
    """What a channel file may say about a shop on Taobao or Tmall; its credentials stand in its connection."""

    types: Annotated[tuple[Annotated[str, Field(pattern="^[a-z0-9_]+$")], ...], Field(min_length=1)] = TYPES
    """Kinds of trade to ask for; name fewer where TOP refuses one, more where it has a new one."""


LIMITS = source.Limits(
    longest_window=timedelta(minutes=30),
    settle=timedelta(minutes=2),
    lookback=timedelta(minutes=10),
    page_size=50,
    reach=timedelta(days=90),
    rate=20.0,
    burst=20,
    timezone="Asia/Shanghai",
    blind=frozenset({"refund"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.taobao_tmall.source import TaobaoTmall  # httpx is not needed to read channel files

    return TaobaoTmall(options, account, runtime)


ADAPTER = source.Adapter(options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id)
