"""What WooCommerce's webhooks name.

`X-WC-Webhook-Signature` is the Base64 of HMAC-SHA256 over the body, with the webhook's own secret as key;
`X-WC-Webhook-Delivery-ID` and `X-WC-Webhook-Topic` stand beside it (woocommerce-rest-api-docs,
`wp-api-v3/_webhooks.md`; WooCommerce, `class-wc-webhook.php`). A site goes on delivering only while it is answered with
2xx, 301 or 302: after five failures in a row it switches the webhook off.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from orderflow.adapters.webhook import body, demand_signed, digest, hint, secret_of
from orderflow.domain.source import Account, Hint, Posted


def webhook(posted: Posted, account: Account, _: Any, now: datetime) -> Hint:  # noqa: ARG001 -- its rule has no time
    expected = base64.b64encode(digest(secret_of(account), posted.body)).decode()
    demand_signed(posted.headers.get("x-wc-webhook-signature"), expected)
    about_orders = posted.headers.get("x-wc-webhook-topic", "order.").startswith("order.")
    delivery = posted.headers.get("x-wc-webhook-delivery-id")
    return hint(body(posted).get("id") if about_orders else None, delivery=delivery)
