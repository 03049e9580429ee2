"""The Sell Fulfillment API of eBay, as far as reading orders goes.

Below `/{shop}`: GET `/sell/fulfillment/v1/order`, `.../order/{id}`, `.../order/{id}/shipping_fulfillment`, and POST
`/identity/v1/oauth2/token` for tokens.

Options of a shop: `client_id`, `client_secret`, `access_token`, `refresh_token`, `token_seconds` (life of an access
token, in real seconds), `per_second` (requests before 429; 0: no limit), `deepest` (the largest offset; 0: none).

Traps played: pages by offset over a list that moves while one reads; both ends of a range belong to it, and none may
lie in the future; a created range makes eBay forget a modified one; at most 200 rows, 50 unless asked otherwise; the
list leaves out requests to cancel; taxes and special fees come only with the breakdown, which a list by ids ignores;
reductions are negative numbers in the summary and positive ones at lines; eBay's own tax stands in some totals.
By id the newest state is answered at once; lists show it after their lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from orderflow.sandbox.defects import with_discount
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.ebay.api import ORDERS, TOKENS, Api
from orderflow.sandbox.platforms.ebay.documents import order_id, total_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot, counted


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    total = total_of(snap)
    return len(counted(snap)), (total, total)


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        api.route(ORDERS, api.listed),
        api.route(f"{ORDERS}/{{name}}", api.one),
        api.route(f"{ORDERS}/{{name}}/shipping_fulfillment", api.parcels),
        Route(TOKENS, api.renew, methods=["POST"]),
    ]


def _welcome(shop: Shop, url: str) -> str:
    name, secret = shop.options.get("client_id", "Demo-PRD-1"), shop.options.get("client_secret", "demo-client-secret")
    token = shop.options.get("refresh_token", "demo-refresh-token")
    return f"{url}/{shop.name}{ORDERS}   client {name} / {secret}   refresh token {token}"


PLATFORM = Platform(
    name="ebay",
    spell=lambda index: [order_id(index)],
    shown=_shown,
    routes=_routes,
    unshown=frozenset({"order_number_missing", "shop_money_imbalance", "tax_negative", "tax_rate_absurd"}),
    welcome=_welcome,
    codes={
        "quantity_absurd": ("QUANTITY_HUGE",),  # an order says what a line costs, not what a unit does
        "quantity_negative": ("QUANTITY_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
        "unit_price_negative": lambda snap: (
            *(("DISCOUNT_NEGATIVE",) if with_discount(snap) else ()),
            "GRAND_TOTAL_MISMATCH",
            "LINE_TOTAL_NEGATIVE",
            "UNIT_PRICE_NEGATIVE",
        ),
    },
)
