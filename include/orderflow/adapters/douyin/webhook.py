"""What Douyin's messages name.

`event-sign` is the MD5, in lower-case hex, of app key, body and app secret in a row; the body is a list of
`{"tag": ..., "msg_id": ..., "data": "<JSON>"}`, and only the answer `{"code":0,"msg":"success"}` ends its repetition
(op.jinritemai.com, message push). That `data` names the order as `p_id` is *(guess)*: no public source was found.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from orderflow.adapters.webhook import app_of, demand_signed, hint
from orderflow.domain.source import Account, Hint, Posted

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)
_TAKEN = '{"code":0,"msg":"success"}'


def webhook(posted: Posted, account: Account, _: Any, now: datetime) -> Hint:  # noqa: ARG001 -- its rule has no time
    key, secret = app_of(account)
    signed = key.encode() + posted.body + secret.reveal().encode()
    demand_signed(posted.headers.get("event-sign"), hashlib.md5(signed).hexdigest())  # noqa: S324 -- the platform's rule
    messages = [each for each in _listed(posted.body) if isinstance(each, dict)]
    found = [told.get("p_id") for each in messages for told in _listed(each.get("data")) if isinstance(told, dict)]
    return hint(*found, answer=_TAKEN)


def _listed(text: Any) -> list[Any]:
    """The elements of a list in JSON, or its one object; nothing for what is no JSON."""
    try:
        told = _JSON.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return []
    return told if isinstance(told, list) else [told]
