"""Amazon: orders of one seller over the Selling Partner API. Facts and guesses stand in README.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from orderflow.adapters.amazon_sp_api.mapping import order_id, to_order
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a seller on Amazon; address and credentials stand in its connection."""

    marketplaces: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Z0-9]{8,20}$")]], Field(min_length=1, max_length=50)
    ]
    """Marketplaces of one region by Amazon's own ids, such as ATVPDKIKX0DER for amazon.com."""
    version: Literal["v2026-01-01", "v0"] = "v2026-01-01"
    """The Orders API that is asked. Amazon removes v0 on 2027-03-27."""
    personal_data: bool = True
    """Ask for buyers and addresses. Needs Amazon's restricted roles; without them an order comes masked."""


LIMITS = source.Limits(
    settle=timedelta(minutes=3),
    lookback=timedelta(minutes=15),
    page_size=100,
    reach=timedelta(days=730),
    rate=0.5,
    burst=30,
    blind=frozenset({"refund"}),
    personal_data="restricted",
    writes_back=frozenset({"shipments"}),
)
V0_LIMITS = replace(LIMITS, blind=frozenset({"address", "lines", "refund", "tracking"}))
"""In v0 the modified time follows the order's status alone."""


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    """The source of the version that the channel file names."""
    from orderflow.adapters.amazon_sp_api.source_2026 import Orders2026  # httpx is not needed to read channel files
    from orderflow.adapters.amazon_sp_api.source_v0 import OrdersV0

    return OrdersV0(options, account, runtime) if options.version == "v0" else Orders2026(options, account, runtime)


def described(options: Options) -> source.Adapter:
    """The adapter with the limits of one version."""
    return replace(ADAPTER, limits=V0_LIMITS if options.version == "v0" else LIMITS)


def sunset(options: Options) -> date | None:
    """The day on which Amazon removes the old version of the Orders API."""
    return date(2027, 3, 27) if options.version == "v0" else None


ADAPTER = source.Adapter(
    options=Options,
    limits=LIMITS,
    open=open_source,
    to_order=to_order,
    order_id=order_id,
    described=described,
    sunset=sunset,
)
