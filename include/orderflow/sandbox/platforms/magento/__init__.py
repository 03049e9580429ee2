"""Magento's REST API V1, as far as orders go: `/{shop}/rest/V1/orders`, `/shipments`, `/creditmemos`, one order by its
id, and `/integration/admin/token`.

Options of a shop: `key`, `secret`, `token`, `token_secret` (an integration's), `username`, `password` (an
administrator's), `token_seconds` (life of an administrator's token, in real seconds), `max_page_size` (input limiting;
0: off), `per_second` (requests before 429; 0: no limit).

Traps played: a page past the end shows the last one again; without a page size all rows come; newest first unless asked
otherwise; null fields are left out; a chosen variant is a row of its own and may repeat the price; discounts are
negative on orders and positive on rows; the delivery address stands in a shipping assignment alone; a plus sign in the
query breaks the signature; shipments and credit memos have lists of their own.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderflow.sandbox.defects import with_discount
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.magento.api import Api
from orderflow.sandbox.platforms.magento.documents import order_id
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot, counted


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(counted(snap)), snap.total


def _routes(site: Site) -> list[BaseRoute]:
    return Api(site).routes()


def _welcome(shop: Shop, url: str) -> str:
    name, word = shop.options.get("username", "demo"), shop.options.get("password", "demo-password")
    return f"{url}/{shop.name}   administrator {name} / {word}"


PLATFORM = Platform(
    name="magento",
    spell=lambda index: [str(order_id(index))],
    shown=_shown,
    routes=_routes,
    unshown=frozenset({"currency_mixed", "time_naive", "cancelled_without_time"}),
    welcome=_welcome,
    codes={
        "amount_empty": ("AMOUNT_MISSING",),
        "quantity_absurd": ("QUANTITY_HUGE",),  # a row says what it costs, the price of a unit follows from it
        "quantity_negative": ("QUANTITY_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
        "total_missing": ("AMOUNT_MISSING",),
        "unit_price_negative": lambda snap: (
            *(("DISCOUNT_NEGATIVE",) if with_discount(snap) else ()),
            "GRAND_TOTAL_MISMATCH",
            "LINE_TOTAL_NEGATIVE",
            "UNIT_PRICE_NEGATIVE",
        ),
    },
)
