"""Shopify: orders of one shop over the GraphQL Admin API. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from orderflow.adapters.shopify.mapping import to_order
from orderflow.adapters.shopify.record import Record
from orderflow.adapters.shopify.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a Shopify shop; address and credentials stand in its connection."""

    version: Annotated[str, Field(pattern=r"^20\d\d-(01|04|07|10)$")] = "2026-07"
    """Version of the Admin API; Shopify supports one for twelve months (shopify.dev/docs/api/usage/versioning)."""

    bulk_from: Annotated[int, Field(ge=1)] | None = 10_000
    """A window of at least so many orders is read by a bulk operation; `null`: never."""


LIMITS = source.Limits(
    settle=timedelta(minutes=2),
    lookback=timedelta(minutes=5),
    page_size=100,
    ceiling=25_000,
    personal_data="restricted",
    writes_back=frozenset({"shipments"}),
)


def sunset(options: Options) -> date:
    """The day twelve months after the version came out; from then on Shopify answers as its oldest version does."""
    year, month = map(int, options.version.split("-"))
    return date(year + 1, month, 1)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    """An open shop; talks to nobody yet. The import stands here because reading a channel file needs no network."""
    from orderflow.adapters.shopify.source import Shopify

    return Shopify(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options,
    limits=LIMITS,
    open=open_source,
    to_order=to_order,
    order_id=lambda raw: raw["id"],
    record=Record,
    sunset=sunset,
    webhook=webhook,
)
