"""The open platform of Douyin shops (Jinritemai), as far as orders go.

Below `/{shop}`: POST `/order/searchList`, `/order/orderDetail`, `/token/refresh` and `/token/create`, signed as Douyin
wants it, with the parameters as JSON in the body. Errors come in the body, with status 200.

Options of a shop: `app_key`, `app_secret`, `shop_id`, `access_token` and `refresh_token` (the first pair),
`token_seconds` (life of an access token, in real seconds), `per_second` (requests before 60000; 0: no limit), `mask`
(personal data only masked and encrypted), `short` (every so many orders come without their parts; 0: none).

Traps played: pages count from 0 over a list that moves while one reads; by creation and newest first unless asked
otherwise; orders created more than 90 days ago are on no list; `shop_order_list` is null where nothing matches; amounts
are whole fen; times are 0 where nothing happened; a part's payment contains post; the total counts called-off parts on
some orders and not on others; a dead token hides under the code of wrong parameters.
By id the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderflow.sandbox.defects import to_ship
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.douyin.api import Api
from orderflow.sandbox.platforms.douyin.documents import order_id, status_of, total_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    total = total_of(snap)
    return len(snap.lines), (total, total)


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        api.route("order/searchList", api.listed),
        api.route("order/orderDetail", api.one),
        api.route("token/refresh", api.renew, public=True),
        api.route("token/create", api.create, public=True),
    ]


def _address_codes(snap: Snapshot) -> tuple[str, ...]:
    """An order that is not released yet need not say where it goes."""
    return ("SHIP_TO_MISSING",) if to_ship(snap) and status_of(snap) != 105 else ()


def _welcome(shop: Shop, url: str) -> str:
    key = shop.options.get("app_key", "7000000000000000001")
    secret, token = (
        shop.options.get("app_secret", "demo-app-secret"),
        shop.options.get("access_token", "demo-access-token"),
    )
    return f"{url}/{shop.name}   app {key} / {secret}   access token {token}"


PLATFORM = Platform(
    name="douyin",
    spell=lambda index: [order_id(index)],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {
            "cancelled_without_time",
            "country_blocked",
            "country_unknown",
            "currency_missing",
            "currency_mixed",
            "currency_unknown",
            "email_garbage",
            "order_number_missing",
            "refund_exceeds_paid",
            "shop_money_imbalance",
            "tax_negative",
            "tax_rate_absurd",
            "time_naive",
        }
    ),
    welcome=_welcome,
    codes={"address_missing": _address_codes},
)
