"""What Lazada's push messages name.

`Authorization` is HMAC-SHA256 in hex over app key and body, with the app secret as key; messages of trades and of
returns both hold `data.trade_order_id` (open.lazada.com, "Lazada Push Mechanism"). The documented example shows lower
case; nothing says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orderflow.adapters.webhook import app_of, body, demand_signed, digest, hint, inner
from orderflow.domain.source import Account, Hint, Posted


def webhook(posted: Posted, account: Account, _: Any, now: datetime) -> Hint:  # noqa: ARG001 -- messages are sent again for hours
    key, secret = app_of(account)
    demand_signed(posted.headers.get("authorization", "").lower(), digest(secret, key, posted.body).hex())
    return hint(inner(body(posted), "data", "trade_order_id"))
