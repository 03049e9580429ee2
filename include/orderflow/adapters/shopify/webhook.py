"""What Shopify's webhooks name.

`X-Shopify-Hmac-Sha256` is the Base64 of HMAC-SHA256 over the body, with the app's client secret as key, and
`X-Shopify-Webhook-Id` stays the same when a delivery is repeated (shopify.dev, "Deliver webhooks through HTTPS" and
"Ignore duplicates"). Topics `orders/*` send the order, but for its edits and risks; these and its refunds, parcels,
payments and returns name it.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from orderflow.adapters.webhook import body, demand_signed, digest, hint, inner, own_secret, secret_of
from orderflow.domain.source import Account, Hint, Posted


def webhook(posted: Posted, account: Account, _: Any, now: datetime) -> Hint:  # noqa: ARG001 -- Shopify's rule has no time
    # With a login the password is the client secret; alone it is an access token, which signs nothing.
    app = account.password if account.login else None
    secret = own_secret(account) or app or secret_of(account)
    expected = base64.b64encode(digest(secret, posted.body)).decode()
    demand_signed(posted.headers.get("x-shopify-hmac-sha256"), expected)
    topic, told = posted.headers.get("x-shopify-topic", ""), body(posted)
    number = told.get("order_id") or inner(told, "order_edit", "order_id") or inner(told, "order", "id")
    named = _gid(number) or told.get("admin_graphql_api_order_id")
    if topic.startswith("orders/"):
        named = named or told.get("admin_graphql_api_id") or _gid(told.get("id"))
    return hint(named, delivery=posted.headers.get("x-shopify-webhook-id"))


def _gid(number: Any) -> str | None:
    return f"gid://shopify/Order/{number}" if number else None
