"""A platform that exists for these tests only: options of every kind that an adapter may have."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from orderflow.domain.channel import Block, Duration
from orderflow.domain.source import Adapter, Limits, Options


class Feed(Block):
    path: str
    """Where the feed lies."""
    every: Duration = timedelta(hours=1)


class MarketOptions(Options):
    shop_id: int = Field(ge=1)
    """Number of the shop in the market's back office."""
    regions: list[str] = []
    """Regions to pull, all of them when empty."""
    mode: Literal["orders", "packages"] = "orders"
    feeds: list[Feed] = []
    page_size: int = Field(default=100, le=500)
    rate: float = 2.0


def _open(options, account, runtime):
    raise AssertionError("nothing is opened while files are read")


ADAPTER = Adapter(
    options=MarketOptions,
    limits=Limits(settle=timedelta(minutes=1), lookback=timedelta(minutes=5), timezone="Asia/Taipei"),
    open=_open,
    to_order=_open,
)
