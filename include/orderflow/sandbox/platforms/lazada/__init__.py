"""The Lazada Open Platform, as far as orders go.

Below `/{shop}/rest`: GET `/orders/get`, `/orders/items/get`, `/order/get` and `/auth/token/refresh`, signed as Lazada
wants it. Errors come in the body, with status 200.

Options of a shop: `app_key`, `app_secret`, `access_token` and `refresh_token` (the first pair), `token_seconds` (life
of an access token, in real seconds), `per_second` (requests before `ApiCallLimit`; 0: no limit), `mask` (stars in
personal data).

Traps played: pages by offset over a list that moves while one reads; both ends of a range belong to it; at most 5,000
orders by offset; newest first unless asked otherwise; one row for each piece; money as text on orders and as numbers on
items; no total; the price counts called-off items on some orders and not on others; one unknown id spoils a request.
By id the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.lazada.api import Api
from orderflow.sandbox.platforms.lazada.documents import order_id, pieces_of, total_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    total = total_of(snap)
    return len(pieces_of(snap)), (total, total)


def _currency_codes(snap: Snapshot) -> tuple[str, ...]:
    """Items alone say the currency: where all of them say another one, it is the order's."""
    said = {piece["line"].currency for piece in pieces_of(snap)}
    return ("CURRENCY_MIXED",) if len(said) > 1 else ()


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        api.route("/orders/get", api.listed),
        api.route("/orders/items/get", api.items),
        api.route("/order/get", api.one),
        api.route("/auth/token/refresh", api.renew, public=True),
    ]


def _welcome(shop: Shop, url: str) -> str:
    key, secret = shop.options.get("app_key", 123456), shop.options.get("app_secret", "demo-app-secret")
    token = shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}/rest   app {key} / {secret}   access token {token}"


PLATFORM = Platform(
    name="lazada",
    spell=lambda index: [str(order_id(index))],
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
        }
    ),
    welcome=_welcome,
    codes={
        "currency_mixed": _currency_codes,
        "no_lines": ("CURRENCY_MISSING", "LINES_MISSING"),  # only items say the currency
    },
)
