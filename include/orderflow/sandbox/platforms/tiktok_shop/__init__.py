"""The Open API of TikTok Shop, version 202309, as far as orders go.

Below `/{shop}`: POST `/order/202309/orders/search`, GET `/order/202309/orders` and `/api/v2/token/refresh`, signed as
TikTok wants it. Errors come in the body, with status 200 or 401.

Options of a shop: `app_key`, `app_secret`, `shop_cipher`, `access_token` and `refresh_token` (the first pair),
`token_seconds` (life of an access token, in real seconds), `per_second` (requests before 36009002; 0: no limit), `mask`
(stars in personal data).

Traps played: ranges are half-open; `orders` is left out where nothing matches; a page token is good for its own query
alone; the moment at which a token ends is no duration; one line for each unit; `sub_total` counts called-off lines on
some orders and not on others; one unknown id spoils a request.
By id the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from orderflow.sandbox.defects import to_ship
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.tiktok_shop.api import Api
from orderflow.sandbox.platforms.tiktok_shop.documents import order_id, pieces_of, status_of, total_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    total = total_of(snap)
    return len(pieces_of(snap)), (total, total)


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        api.route("/order/202309/orders/search", api.search, method="POST"),
        api.route("/order/202309/orders", api.by_id),
        Route("/api/v2/token/refresh", api.renew),
    ]


def _address_codes(snap: Snapshot) -> tuple[str, ...]:
    """An order that is not released yet need not say where it goes."""
    return ("SHIP_TO_MISSING",) if to_ship(snap) and status_of(snap) != "ON_HOLD" else ()


def _welcome(shop: Shop, url: str) -> str:
    key, secret = shop.options.get("app_key", "6abc12def"), shop.options.get("app_secret", "demo-app-secret")
    cipher, token = shop.options.get("shop_cipher", "GCP_demo"), shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}   app {key} / {secret}   shop_cipher {cipher}   access token {token}"


PLATFORM = Platform(
    name="tiktok_shop",
    spell=lambda index: [order_id(index)],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {
            "cancelled_without_time",
            "email_garbage",
            "order_number_missing",
            "quantity_absurd",
            "quantity_negative",
            "quantity_zero",
            "refund_exceeds_paid",
            "shipped_exceeds_ordered",
            "shop_money_imbalance",
            "tax_negative",
            "tax_rate_absurd",
            "time_naive",
        }
    ),
    welcome=_welcome,
    codes={"address_missing": _address_codes},
)
