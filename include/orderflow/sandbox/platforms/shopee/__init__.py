"""Shopee's Open Platform v2, as far as orders go.

Below `/{shop}/api/v2/`: GET `order/get_order_list` and `order/get_order_detail`, POST `payment/get_escrow_detail_batch`
and `auth/access_token/get`, signed as Shopee wants it. Errors come in the body.

Options of a shop: `partner_id`, `partner_key`, `shop_id`, `access_token` and `refresh_token` (the first pair),
`token_seconds` (life of an access token, in real seconds), `per_second` (requests before `error_rate_limit`; 0: no
limit), `mask` (personal data as stars).

Traps played: a range may span 15 days and not a second more, and both its ends belong to it; `order_list` is left out
where nothing matches; PENDING orders are hidden from those who do not ask for them; one unknown number spoils a whole
request; fields come only when asked for; a refresh token serves once; what was never paid has neither total nor
settlement. By number the newest state is answered at once; lists show it after its lag.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import BaseRoute

from orderflow.sandbox.defects import to_ship
from orderflow.sandbox.platforms import Platform, Site
from orderflow.sandbox.platforms.shopee.api import Api
from orderflow.sandbox.platforms.shopee.documents import never_paid, order_sn, promotion, shown, status_of
from orderflow.sandbox.shop import Shop
from orderflow.sandbox.snapshot import Bag, Snapshot


def _shown(snap: Snapshot) -> tuple[int, Bag]:
    total = None if never_paid(snap) else snap.total[0]
    return len(shown(snap)), (total, total)


def _discount_codes(snap: Snapshot) -> tuple[str, ...]:
    """A promotion lowers the unit price, a voucher the order: only the first takes a line below zero."""
    lowered = any(line.net == ("-10", "-10") and promotion(line) != "0" for line in snap.lines)
    return _against_total("GRAND_TOTAL_MISMATCH", *(["LINE_TOTAL_NEGATIVE"] if lowered else []))(snap)


def _against_total(*codes: str) -> Callable[[Snapshot], tuple[str, ...]]:
    """These codes; before payment Shopee states no total, and what contradicts it cannot be seen."""
    blind = tuple(code for code in codes if not code.startswith("GRAND_TOTAL"))
    return lambda snap: blind if never_paid(snap) else codes


def _routes(site: Site) -> list[BaseRoute]:
    api = Api(site)
    return [
        api.route("/api/v2/order/get_order_list", api.listed),
        api.route("/api/v2/order/get_order_detail", api.details),
        api.route("/api/v2/payment/get_escrow_detail_batch", api.settlements, method="POST"),
        api.route("/api/v2/auth/access_token/get", api.renew, method="POST", public=True),
    ]


def _address_codes(snap: Snapshot) -> tuple[str, ...]:
    """An order that is not released yet need not say where it goes."""
    return ("SHIP_TO_MISSING",) if to_ship(snap) and status_of(snap) != "PENDING" else ()


def _welcome(shop: Shop, url: str) -> str:
    partner, key = shop.options.get("partner_id", 2001887), shop.options.get("partner_key", "demo-partner-key")
    number, token = shop.options.get("shop_id", 14701711), shop.options.get("access_token", "demo-access-token")
    return f"{url}/{shop.name}   shop_id {number}   partner {partner} / {key}   access token {token}"


PLATFORM = Platform(
    name="shopee",
    spell=lambda index: [order_sn(index)],
    shown=_shown,
    routes=_routes,
    unshown=frozenset(
        {
            "amount_other_digits",
            "cancelled_without_time",
            "currency_mixed",
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
    codes={
        "address_missing": _address_codes,
        "amount_empty": ("AMOUNT_MALFORMED",),
        "discount_exceeds_line": _discount_codes,
        "amount_too_fine": _against_total("GRAND_TOTAL_TOO_FINE"),
        "line_ids_duplicate": _against_total("GRAND_TOTAL_MISMATCH", "LINE_ID_DUPLICATE"),
        "money_imbalance": _against_total("GRAND_TOTAL_MISMATCH"),
        "quantity_absurd": _against_total("GRAND_TOTAL_MISMATCH", "QUANTITY_HUGE"),
        "quantity_negative": _against_total("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "QUANTITY_NEGATIVE"),
        "quantity_zero": _against_total("GRAND_TOTAL_MISMATCH"),
        "total_missing": _against_total("GRAND_TOTAL_MISSING"),
        "unit_price_negative": _against_total("GRAND_TOTAL_MISMATCH", "LINE_TOTAL_NEGATIVE", "UNIT_PRICE_NEGATIVE"),
    },
)
