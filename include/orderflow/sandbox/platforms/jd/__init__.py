"""JD's open platform, as far as the orders of POP merchants go.

Below `/{shop}`: POST `/routerjson` with the methods `jingdong.pop.order.search` and `jingdong.pop.order.get`, signed as
JD wants it, and GET `/oauth2/refresh_token`. Errors come in the body, with status 200.

Options of a shop: `app_key`, `app_secret`, `access_token` and `refresh_token` (the first pair), `token_seconds` (life
of an access token, in real seconds), `per_second` (requests before the gateway finds its back end unavailable; 0: no
limit), `mask` (ciphertext and stars in personal data), `container` (wraps the fields of a search).

Traps played: `responce`; a failure behind the gateway looks like an empty list, and `success` is a bool or a text; a
state that was not asked for is hidden; fields come only when asked for, and asking for none is refused; both ends of a
range belong to it, and it spans a month at most; beyond page 100 all pages are empty; pages move while one reads; a
token is renewed in its last day only, and never after its end; gifts have no SKU number; placeholders for times. By id
the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from orderflow.sandbox.numbers import value
from orderflow.sandbox.platforms import Platform
from orderflow.sandbox.platforms.jd.api import Api
from orderflow.sandbox.platforms.jd.documents import order_id, promotion, shown, sku_id, state_of, store_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Line, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    return len(shown(snap)), (snap.total[0], snap.total[0])


def _on_its_line(snap: Snapshot, line: Line) -> bool:
    """Whether a promotion lowers this line alone: nobody can say which, where two have the SKU."""
    same = [each for each in shown(snap) if not each.gift and sku_id(each) == sku_id(line)]
    return value(promotion(line)) != 0 and len(same) == 1


def _discount_codes(snap: Snapshot) -> tuple[str, ...]:
    """A promotion takes its line below zero, a reduction of the shop does not."""
    below = any(line.net == ("-10", "-10") and _on_its_line(snap, line) for line in shown(snap))
    return ("GRAND_TOTAL_MISMATCH", *(["LINE_TOTAL_NEGATIVE"] if below else []))


def _zero_codes(snap: Snapshot) -> tuple[str, ...]:
    """Nothing less a promotion is less than nothing."""
    below = any(line.quantity == "0" and _on_its_line(snap, line) for line in shown(snap))
    return ("GRAND_TOTAL_MISMATCH", *(["LINE_TOTAL_NEGATIVE"] if below else []))


def _address_codes(snap: Snapshot) -> tuple[str, ...]:
    """What JD's warehouse sends needs no address of ours, and what is paused or locked none yet."""
    to_send = state_of(snap) == "WAIT_SELLER_STOCK_OUT" and not store_of(snap)
    return ("SHIP_TO_MISSING",) if to_send else ()


def _welcome(shop: Shop, url: str) -> str:
    key, secret = shop.options.get("app_key", "DEMOJDKEY"), shop.options.get("app_secret", "demo-jd-secret")
    token = shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}   app {key} / {secret}   access token {token}"


PLATFORM = Platform(
    name="jd",
    spell=lambda index: [order_id(index)],
    shown=_shown,
    routes=lambda site: Api(site).routes(),
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
            "shipped_exceeds_ordered",
            "shop_money_imbalance",
            "status_unknown",
            "tax_negative",
            "tax_rate_absurd",
            "time_naive",
        }
    ),
    welcome=_welcome,
    codes={
        "address_missing": _address_codes,
        "discount_exceeds_line": _discount_codes,
        "line_ids_duplicate": ("GRAND_TOTAL_MISMATCH",),  # JD has no line ids
        "quantity_absurd": ("GRAND_TOTAL_MISMATCH", "QUANTITY_HUGE"),
        "quantity_negative": ("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "QUANTITY_NEGATIVE"),
        "quantity_zero": _zero_codes,
    },
)
