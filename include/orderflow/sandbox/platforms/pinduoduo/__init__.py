"""The Pinduoduo Open Platform, as far as orders go.

Everything is POST `/{shop}/api/router`, a form whose `type` names the interface: `pdd.order.number.list.increment.get`,
`pdd.order.list.get`, `pdd.order.information.get` and `pdd.pop.auth.token.refresh`, signed as Pinduoduo wants it. Errors
come as `error_response`, with status 200.

Options of a shop: `client_id`, `client_secret`, `access_token` and `refresh_token` (the first pair), `token_seconds`
(life of an access token, in real seconds), `per_second` (requests before 52101; 0: no limit).

Traps played: 30 minutes at most for changes and 24 hours by time of confirmation; both statuses are mandatory; newest
first, so that a list read forward loses orders; no total with `use_has_next`; one order per detail; names, phones and
addresses as ciphertext while an order waits, and empty before and after; `goods_id` as text in lists and as a number in
details; service fees beside the order. By number the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.pinduoduo.api import Api
from orderflow.sandbox.platforms.pinduoduo.documents import order_sn, shown
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(shown(snap)), (snap.total[0], snap.total[0])


def _routes(site: Site) -> list[BaseRoute]:
    return [Api(site).route()]


def _welcome(shop: Shop, url: str) -> str:
    client, secret = shop.options.get("client_id", "demo_client"), shop.options.get("client_secret", "demo-secret")
    token = shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}   client {client} / {secret}   access token {token}"


PLATFORM = Platform(
    name="pinduoduo",
    spell=lambda index: [order_sn(index)],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {
            "address_missing",
            "cancelled_without_time",
            "currency_missing",
            "currency_mixed",
            "currency_unknown",
            "email_garbage",
            "order_number_missing",
            "phone_garbage",
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
        "discount_exceeds_line": ("GRAND_TOTAL_MISMATCH",),
        "quantity_absurd": ("GRAND_TOTAL_MISMATCH", "QUANTITY_HUGE"),
        "quantity_negative": ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "QUANTITY_NEGATIVE"),
        "quantity_zero": ("GRAND_TOTAL_MISMATCH",),
    },
)
