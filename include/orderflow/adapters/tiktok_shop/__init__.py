"""TikTok Shop: orders of one shop over the Open API, version 202309. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from orderflow.adapters.tiktok_shop.mapping import order_id, to_order
from orderflow.adapters.tiktok_shop.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a TikTok shop; address and credentials stand in its connection."""

    shop_cipher: Annotated[str, Field(min_length=1)]
    """Which of the seller's shops; `GET /authorization/202309/shops` tells it."""


LIMITS = source.Limits(
    settle=timedelta(minutes=1),
    lookback=timedelta(minutes=10),
    page_size=100,
    rate=5.0,
    burst=10,
    blind=frozenset({"refund"}),
    personal_data="masked",
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.tiktok_shop.source import TikTokShop  # httpx is not needed to read channel files

    return TikTokShop(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id, webhook=webhook
)
