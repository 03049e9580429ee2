"""Magento 2 and Adobe Commerce: orders of one instance over its REST API V1. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from orderflow.adapters.magento.mapping import order_id, to_order
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a Magento instance; address and secrets stand in its connection."""

    auth: Literal["oauth1", "bearer", "admin", "ims"] = "oauth1"
    """How to get in.

    `oauth1`: an integration's four secrets. `bearer`: an integration's access token as it stands, where the instance
    allows that. `admin`: an administrator's name and password, for a token of four hours. `ims`: Adobe's login, for
    Adobe Commerce as a Cloud Service.
    """

    statuses: dict[str, Literal["draft", "pending", "open", "on_hold", "completed", "cancelled"]] = Field(
        default_factory=dict
    )
    """What the shop's own statuses mean, where their state does not say enough: `awaiting_stock: on_hold`."""


LIMITS = source.Limits(
    settle=timedelta(minutes=2),
    lookback=timedelta(minutes=10),
    page_size=100,
    blind=frozenset({"address", "tracking"}),
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    from orderflow.adapters.magento.source import Magento  # httpx is not needed to read channel files

    return Magento(options, account, runtime)


ADAPTER = source.Adapter(options=Options, limits=LIMITS, open=open_source, to_order=to_order, order_id=order_id)
