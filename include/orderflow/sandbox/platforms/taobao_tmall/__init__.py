"""The Taobao Open Platform, as far as the trades of one seller go.

Below `/{shop}`: POST `/router/rest`, signed with `hmac-sha256`; parameters may stand in the query and in the body.
Errors come in the body, with status 200.

Options of a shop: `app_key`, `app_secret`, `access_token` (the session) and `refresh_token` (the first pair),
`token_seconds` (life of a session, in real seconds), `per_second` (requests before code 7; 0: no limit), `mask` (stars
in personal data).

Traps played: lists show the usual kinds of trade only, unless the question names others; the newest change comes first,
so that pages move while one reads; both ends of a range belong to it, and it spans a day at most; `use_has_next` takes
the number of trades away; an empty list vanishes; fields come only when named; one trade in a request for details; a
trade with one order shows the whole payment on it; cities that stand in the district; times without an offset. By its
number the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.taobao_tmall.api import Api
from orderflow.sandbox.platforms.taobao_tmall.documents import shown, shown_total, tid
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(shown(snap)), shown_total(snap)


def _routes(site: Site) -> list[BaseRoute]:
    return [Api(site).route()]


def _welcome(shop: Shop, url: str) -> str:
    key, secret = shop.options.get("app_key", 12345678), shop.options.get("app_secret", "demo-app-secret")
    session = shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}   app {key} / {secret}   session {session}"


PLATFORM = Platform(
    name="taobao_tmall",
    spell=lambda index: [str(tid(index))],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {
            "cancelled_without_time",
            "currency_missing",
            "currency_mixed",
            "currency_unknown",
            "email_garbage",
            "order_number_missing",
            "refund_exceeds_paid",
            "shipped_exceeds_ordered",
            "shop_money_imbalance",
            "tax_negative",
            "tax_rate_absurd",
            "time_naive",
        }
    ),
    welcome=_welcome,
    codes={"quantity_absurd": ("QUANTITY_HUGE",)},  # the price was changed by hand, to TOP's mind
)
