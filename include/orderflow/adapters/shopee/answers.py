"""What Shopee's answers say of themselves: an empty `error` is success, whatever the HTTP status.

Error codes come with and without the module in front (`common.error_auth`, `error_auth`); the last part decides.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import httpx
import msgspec

from orderflow.adapters.http import named, words
from orderflow.domain.errors import DeniedError, DriftError, OrderflowError, TransientError

TOKEN_DEAD = frozenset({"error_auth", "invalid_acceess_token", "invalid_access_token"})
"""The second spelling is Shopee's own."""
BUSY = frozenset(
    {
        "error_config",
        "error_database",
        "error_inner",
        "error_network",
        "error_rate_limit",
        "error_server",
        "error_system_busy",
        "frequency_limited",
        "request_limit_exceeded",
    }
)
DAY_IS_USED_UP = "error_limit"
UNKNOWN_ORDER = frozenset({"error_not_found", "order_not_found"})
NO_SETTLEMENT = frozenset({"decoded_failed_error", "error_data", "income_not_found"})
"""One order of a request has no settlement, or one that Shopee itself cannot read."""
DENIED = {
    "error_api_call_restricted": "the app may not call this; ask Shopee to lift the restriction",
    "error_api_permission": "the app lacks this permission; apply for it in the partner console",
    "error_kyc_auth": "the seller has to finish the identity check in the seller centre",
    "error_partner_key_expired": "the partner key has expired; put the new one into the connection",
    "error_permission": "the app lacks this permission; apply for it in the partner console",
    "error_sign": "partner id or partner key in the connection is wrong",
    "refresh_token_expired": "the refresh token has expired; let the seller authorise the app again",
    "shop_access_expired": "the seller's authorisation has ended; let the seller authorise the app again",
    "shop_banned": "Shopee has banned the shop; its owner has to settle it with Shopee",
    "shop_no_linked": "the shop has not authorised the app; let the seller authorise it",
    "source_ip_undeclared": "our address is not on the app's allow list; add it in the partner console",
}
CLOCK_OR_KEY = ("timestamp is expired", "there is no partner_id")
"""What `error_param` says where not the question is wrong but the clock or the credentials are."""

QUOTA_ZONE = timezone(timedelta(hours=8))
"""The app's daily quota begins anew at midnight in this zone."""
_LATER = re.compile(r"\btry (again )?later\b", re.IGNORECASE)
_NOT_FOUND = "queried is not found"
"""What `error_param` says, too, of an order that is not there."""


class Said(msgspec.Struct):
    """The two fields that every answer has."""

    error: str
    message: str = ""

    @property
    def code(self) -> str:
        return self.error.rpartition(".")[2]

    @property
    def busy(self) -> bool:
        """Whether it passes by itself; any code may say so in its words, that of an unknown order among them."""
        passing = self.code in BUSY or self.code.startswith("error_busi")
        return passing or (self.code not in TOKEN_DEAD | DENIED.keys() and bool(_LATER.search(self.message)))

    @property
    def order_unknown(self) -> bool:
        found = self.code in UNKNOWN_ORDER or (self.code == "error_param" and _NOT_FOUND in self.message)
        return found and not self.busy

    @property
    def settlement_missing(self) -> bool:
        return self.order_unknown or (self.code in NO_SETTLEMENT and not self.busy)


_SAID = msgspec.json.Decoder(Said)


def said(response: httpx.Response) -> Said | None:
    """What the answer says of itself; None where the body is not Shopee's."""
    try:
        return _SAID.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def failure(response: httpx.Response, answer: Said, *, wanted: str, now: datetime) -> OrderflowError | None:
    """The error that an answer stands for; None for a success, and where only the status says what is wrong."""
    code = answer.code
    if not code:
        return None
    where = f"{named(response.request)}: {words(f'{answer.error} {answer.message}', response)} instead of {wanted}"
    if code == DAY_IS_USED_UP:
        midnight = now.astimezone(QUOTA_ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        wait = (midnight - now).total_seconds()
        return TransientError(f"{where}; the app's daily quota is used up until 00:00 UTC+8", retry_after=wait)
    if answer.busy:
        return TransientError(f"{where}; the platform is busy or down; the run tries again by itself")
    if code in TOKEN_DEAD:
        return DeniedError(f"{where}; a fresh access token was refused, too; let the seller authorise the app again")
    if code in DENIED:
        return DeniedError(f"{where}; {DENIED[code]}")
    if code == "error_param" and any(text in answer.message.lower() for text in CLOCK_OR_KEY):
        return DeniedError(f"{where}; correct this machine's clock, or partner id and key in the connection")
    if response.status_code == 429 or response.status_code >= 500:
        return None
    return DriftError(f"{where}; compare the request with the adapter's README")
