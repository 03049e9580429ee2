"""WooCommerce: orders of one site over its REST API v3. Facts and guesses stand in README.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from orderflow.adapters.woocommerce.mapping import to_order
from orderflow.adapters.woocommerce.record import Record
from orderflow.adapters.woocommerce.webhook import webhook
from orderflow.domain import source


class Options(source.Options):
    """What a channel file may say about a WooCommerce site; address and keys stand in its connection."""

    auth: Literal["auto", "basic", "query", "oauth1"] = "auto"
    """How to sign. `auto`: HTTP Basic over https (in the query where the site loses the header), OAuth 1.0a over http.

    `basic` and `query` over plain http show the keys to everybody on the way; say so only for a machine's own network.
    """

    timezone: str | None = None
    """The site's time zone (WordPress: Settings, General), an IANA name. Without it, windows that begin where some
    zone's clocks may go forward are read two hours wider."""

    statuses: dict[str, Literal["draft", "pending", "open", "on_hold", "completed", "cancelled"]] = Field(
        default_factory=dict
    )
    """What the site's own order statuses mean: `awaiting-shipment: open`; without the prefix `wc-`."""

    at_once: Annotated[int, Field(ge=1, le=16)] = 2
    """Pages asked for at the same time; every one of them is a PHP process of the site."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            ZoneInfo(name or "UTC")
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone; write it like Europe/Stockholm") from error
        return name


LIMITS = source.Limits(
    settle=timedelta(minutes=1),
    lookback=timedelta(minutes=5),
    page_size=100,
    blind=frozenset({"deletion", "address", "lines", "refund"}),
    writes_back=frozenset({"shipments"}),
)


def open_source(options: Options, account: source.Account, runtime: source.Runtime) -> source.Source:
    """An open site; talks to nobody yet. The import stands here because reading a channel file needs no network."""
    from orderflow.adapters.woocommerce.source import WooCommerce

    return WooCommerce(options, account, runtime)


ADAPTER = source.Adapter(
    options=Options,
    limits=LIMITS,
    open=open_source,
    to_order=to_order,
    order_id=lambda raw: str(raw["id"]),
    record=Record,
    webhook=webhook,
)
