"""The Orders API of Amazon's Selling Partner API in both versions, v0 and v2026-01-01.

Below `/{shop}`: `/auth/o2/token` (Login with Amazon), `/tokens/2021-03-01/restrictedDataToken`, `/orders/v0/orders`
with `/{id}`, `/{id}/orderItems` and `/{id}/shipmentConfirmation`, `/orders/2026-01-01/orders` with `/{id}`.

Options of a shop: `client_id`, `client_secret`, `refresh_token`, `access_token` (the first one), `marketplace`
(unless given: one of the shop's currency), `token_seconds` (life of a token, in real seconds), `per_second` (requests
before `QuotaExceeded`; 0: no limit), `role` (false: no restricted data token), `items_at_once` (items of a page in v0),
`foreign` (every so many-th order was sold elsewhere and is only shipped by Amazon; some of those state amounts).

Traps played: both ends of a range belong to it, and it must end two minutes ago; expired tokens and missing roles are
both `Unauthorized`; a quota names no `Retry-After`; v0 shows people to a restricted data token alone; pending and
cancelled orders state no amounts, and cancelled ones of v0 no units; every other discount of v2026-01-01 has a minus
sign; the tax of v0 stands before or after what the discounts take off it; a page token is good for its own query alone.
By id the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import BaseRoute

from orderflow.sandbox.defects import DEFECTS, Codes, codes_of
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.amazon_sp_api.api import Api
from orderflow.sandbox.platforms.amazon_sp_api.states import called_off, foreign, marketplace_of, order_id, priced
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot

_MONEY = (
    "amount_absurd",
    "amount_empty",
    "amount_malformed",
    "amount_other_digits",
    "currency_missing",
    "currency_mixed",
    "currency_unknown",
    "discount_exceeds_line",
    "money_imbalance",
    "total_missing",
    "unit_price_negative",
)


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(snap.lines), snap.total if priced(snap) else (None, None)


def _where(defect: str, holds: Callable[[Snapshot], bool]) -> Callable[[Snapshot], Codes]:
    """The usual codes of a defect, where the document shows it."""
    return lambda snap: codes_of(DEFECTS[defect].codes, snap) if holds(snap) else ()


def _doubled(snap: Snapshot) -> Codes:
    return ("GRAND_TOTAL_MISMATCH", "LINE_ID_DUPLICATE") if priced(snap) else ("LINE_ID_DUPLICATE",)


def _routes(site: Site) -> list[BaseRoute]:
    return Api(site).routes()


def _welcome(shop: Shop, url: str) -> str:
    told = shop.options.get
    client, secret = told("client_id", "amzn1.demo-client"), told("client_secret", "demo-client-secret")
    refresh, marketplace = told("refresh_token", "demo-refresh-token"), marketplace_of(shop)
    where = f"{url}/{shop.name}"
    return (
        f"{where}   client {client} / {secret}   refresh token {refresh}   auth_url {where}/auth/o2/token"
        f"   marketplace {marketplace}"
    )


PLATFORM = Platform(
    name="amazon_sp_api",
    spell=lambda index: [order_id(index)],
    shown=_shown,
    routes=_routes,
    foreign=foreign,
    unshown=frozenset(
        {
            "address_missing",
            "amount_too_fine",
            "cancelled_without_time",
            "email_garbage",
            "order_number_missing",
            "paid_before_created",
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
    codes={
        **{defect: _where(defect, priced) for defect in _MONEY},
        "country_unknown": _where("country_unknown", lambda snap: snap.status not in {"pending", "on_hold"}),
        "line_ids_duplicate": _doubled,
        "no_lines": _where("no_lines", lambda snap: not called_off(snap)),
    },
)
