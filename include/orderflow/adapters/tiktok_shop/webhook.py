"""What TikTok Shop's webhooks name.

`Authorization` is HMAC-SHA256, in lower-case hex, over app key and body, with the app secret as key; the body is
`{"type": ..., "shop_id": ..., "data": {"order_id": ...}}` (partner.tiktokshop.com, "Webhooks overview"; EcomPHP/
tiktokshop-php, `src/Webhook.php`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orderflow.adapters.webhook import app_of, body, demand_signed, digest, hint, inner
from orderflow.domain.source import Account, Hint, Posted


def webhook(posted: Posted, account: Account, _: Any, now: datetime) -> Hint:  # noqa: ARG001 -- its rule has no time
    key, secret = app_of(account)
    demand_signed(posted.headers.get("authorization"), digest(secret, key, posted.body).hex())
    told = body(posted)
    return hint(inner(told, "data", "order_id"), delivery=told.get("tts_notification_id"))
