"""The HTTP kit: one client per account, paging as pure functions, auth objects, and the table from status to error.

An adapter makes one `client`, asks it, lets `judge` look at the status and `read` at the body:

    asking = client(account, runtime, LIMITS, auth=basic(account))
    response = asking.get("orders", params={"page": 1})
    judge(response, wanted="a page of orders", now=runtime.clock())
    rows = read(response, ROWS, wanted="a page of orders")
"""

from orderflow.adapters.http.answers import BOM, Verdict, judge, legible, read, refusal, retry_after, sound
from orderflow.adapters.http.auth import Bearer, Header, Token, basic, bearer, login
from orderflow.adapters.http.bucket import Bucket
from orderflow.adapters.http.client import client, is_loopback
from orderflow.adapters.http.paging import (
    Question,
    by_cursor,
    by_page,
    last_page_first,
    side_by_side,
    walk,
)
from orderflow.adapters.http.redact import is_secret, named, shown, told, words
from orderflow.adapters.http.transport import endpoint

__all__ = [
    "BOM",
    "Bearer",
    "Bucket",
    "Header",
    "Question",
    "Token",
    "Verdict",
    "basic",
    "bearer",
    "by_cursor",
    "by_page",
    "client",
    "endpoint",
    "is_loopback",
    "is_secret",
    "judge",
    "last_page_first",
    "legible",
    "login",
    "named",
    "read",
    "refusal",
    "retry_after",
    "shown",
    "side_by_side",
    "sound",
    "told",
    "walk",
    "words",
]
