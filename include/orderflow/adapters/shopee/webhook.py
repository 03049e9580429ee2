"""What Shopee's push messages name.

`Authorization` is HMAC-SHA256, in lower-case hex, over the address as it is registered, a `|` and the body, with the
partner key as text for key; the body is `{"code": 3, "shop_id": ..., "data": {"ordersn": ...}}` (open.shopee.com,
"Push mechanism"; minchao/shopee-php, `examples/webhook/webhook.php`). One app has one address for all of its shops, so
that a message may be about another shop.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from orderflow.adapters.webhook import app_of, body, demand_signed, digest, hint, inner
from orderflow.domain.source import Account, Hint, Posted

if TYPE_CHECKING:
    from orderflow.adapters.shopee import Options


def webhook(posted: Posted, account: Account, options: Options, now: datetime) -> Hint:  # noqa: ARG001 -- no time in it
    """`webhook_url` of the connection's extra fields is the registered address, where a proxy shows us another one."""
    _, key = app_of(account)
    address = str(account.extra.get("webhook_url") or posted.url)
    demand_signed(posted.headers.get("authorization"), digest(key, address, "|", posted.body).hex())
    told = body(posted)
    ours = str(told.get("shop_id")) == str(options.shop_id)
    return hint(inner(told, "data", "ordersn") if ours else None)
