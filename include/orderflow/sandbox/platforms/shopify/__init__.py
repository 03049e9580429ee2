"""Shopify's Admin GraphQL API, as far as orders go.

`POST /{shop}/admin/api/{version}/graphql.json` with `X-Shopify-Access-Token`; `POST /{shop}/admin/oauth/access_token`
mints tokens for client id and secret. Queries are checked against a cut of the published schema. Served are `orders`,
`order`, `node`, `nodes`, `ordersCount` and `shop`, with nested pages, search syntax, cost accounting and THROTTLED
answers.

Options of a shop: `token`, `client_id`, `client_secret`, `token_seconds` (life of a minted token), `bucket` and
`restore` (cost points, and points per real second), `ceiling` (orders one query can page through), `reach_days` (0:
all orders may be read; 60 is what an app without `read_all_orders` gets).

By id the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from orderflow.sandbox.defects import mispriced, with_discount
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.shopify.api import Api
from orderflow.sandbox.platforms.shopify.values import gid, order_number
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _spell(index: int) -> list[str]:
    number = order_number(index)
    return [gid("Order", number), str(number)]


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    """Removed lines stay in the list; a cancelled order keeps the amounts it ever had."""
    return len(snap.lines), snap.ever_total if snap.status in {"cancelled", "failed"} else snap.total


def _reckoned(snap: Snapshot) -> bool:
    """Whether a discount or a refund is to be taken off a price that was spoilt."""
    returned = snap.status != "cancelled" and any(line.refunded != "0" for line in mispriced(snap))
    return with_discount(snap) or returned


def _given_back(snap: Snapshot) -> bool:
    """Whether a refund is to be taken off a line that counts less than nothing."""
    return any(line.refunded != "0" for line in snap.lines if line.quantity.startswith("-"))


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        Route("/admin/api/{version}/graphql.json", api.graphql, methods=["POST"]),
        Route("/admin/oauth/access_token", api.mint, methods=["POST"]),
        Route("/bulk/{number:int}.jsonl", api.bulk.file),
    ]


def _address_codes(snap: Snapshot) -> tuple[str, ...]:
    """An order is open from its first moment, whether it is paid or not."""
    opened = snap.status in {"pending", "on_hold", "open"} and snap.fulfilment in {"unfulfilled", "partial"}
    return ("SHIP_TO_MISSING",) if opened and snap.source != "pos" else ()


def _welcome(shop: Shop, url: str) -> str:
    options = shop.options
    token, client = options.get("token", "shpat_demo"), options.get("client_id", "demo-client")
    secret = options.get("client_secret", "demo-secret")
    return f"{url}/{shop.name}/admin/api/2026-07/graphql.json   token {token}   (or client {client} / {secret})"


PLATFORM = Platform(
    name="shopify",
    spell=_spell,
    shown=_shown,
    routes=_routes,
    unshown=frozenset(),
    welcome=_welcome,
    codes={
        "amount_empty": lambda snap: ("AMOUNT_MISSING",) if _reckoned(snap) else ("LINE_TOTAL_MISSING",),
        "amount_other_digits": lambda snap: (
            "AMOUNT_MALFORMED",
            *(("GRAND_TOTAL_MISMATCH",) if _reckoned(snap) else ()),
            *(("LINE_TOTAL_NEGATIVE",) if any(float(line.discount[0] or 0) > 34 for line in mispriced(snap)) else ()),
        ),
        "address_missing": _address_codes,
        "quantity_negative": lambda snap: (
            "DISCOUNT_NEGATIVE" if _given_back(snap) else "LINE_EQUATION",
            "QUANTITY_NEGATIVE",
        ),
    },
)
