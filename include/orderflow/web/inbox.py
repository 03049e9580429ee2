"""The webhook inbox: push becomes pull. `POST /inbox/{channel}` keeps a hint, and nothing of what was sent.

The route stands beside the login, because its guard is the platform's own signature over the exact bytes. Who knows
neither a channel nor its secret gets the same answer for every name.

| answer | when |
|---|---|
| 200 | kept, sent again, a test, or news of something else than orders |
| 401 | no such channel, no webhooks there, no secret set, a wrong signature, or too old: which one stands in the log |
| 408 | it did not arrive whole within `SENDING` |
| 413 | more than `MOST_BYTES` |
| 503 | staging does not answer, or not to us, or too much comes at once: it is sent again, or the windows bring it |
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from orderflow.domain.channel import Channel
from orderflow.domain.errors import DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account, Hint, Posted
from orderflow.staging import inbox
from orderflow.staging.store import connect

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
"""Longest body that is read: an order with hundreds of lines is about 1 MB of JSON."""
MOST_ARRIVING = 16 * MOST_BYTES
"""Bytes of all bodies that arrive at the same time, so that many who know no secret hold no more memory than one."""
SENDING = 30.0
"""Seconds that a sender may take for its body: nobody who knows no secret may hold memory for longer."""
AT_ONCE = 4
"""Connections to staging, and so hints that are written at the same time; the others wait for their turn."""
PATIENCE = 3.0
"""Seconds to wait for that turn, and for an answer of staging: platforms wait for 5 (Shopify) or less."""
ACCOUNTS_FOR = 30.0
"""Seconds for which an account is not read again: a new secret counts after so long."""
_PING = re.compile(rb"webhook_id=\d{1,20}")
"""WooCommerce sends this, unsigned, when a webhook is saved, and saves it only when the answer is 200. It names no
order, so that the answer may be the same for every channel (class-wc-webhook.php, `deliver_ping`)."""


class Letterbox:
    """Writes hints to staging over a few kept connections. `dsn` (libpq URI) is asked for when one is opened."""

    def __init__(self, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._room = threading.Semaphore(AT_ONCE)
        self._idle: list[Connection] = []

    def put(self, channel: str, hint: Hint, delivery: str, received_at: datetime) -> int:
        """Keep a hint; returns how many orders it names for the first time. Raises `TransientError`."""
        if not self._room.acquire(timeout=PATIENCE):
            raise TransientError("too many webhooks at once; they are sent again, or the windows bring their orders")
        try:
            while connection := self._spare():
                try:
                    return self._put(connection, channel, hint, delivery, received_at)
                except TransientError:
                    if not connection.closed:  # slow: another one is no faster
                        connection.close()
                        raise
            return self._put(self._opened(), channel, hint, delivery, received_at)
        finally:
            self._room.release()

    def close(self) -> None:
        while connection := self._spare():
            connection.close()

    def _spare(self) -> Connection | None:
        """A connection that nobody uses; the server may have gone and come back since."""
        try:
            return self._idle.pop()
        except IndexError:  # another thread was faster than any look at the list
            return None

    def _put(self, connection: Connection, channel: str, hint: Hint, delivery: str, received_at: datetime) -> int:
        kept = inbox.receive(connection, channel, hint, delivery, received_at)
        self._idle.append(connection)
        return kept

    def _opened(self) -> Connection:
        connection = connect(self._dsn(), name="orderflow inbox")
        with connection, connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = %s", (int(PATIENCE * 1000),))
        return connection


class Doors:
    """The channels that may be written to, each with its account, which is read again now and then."""

    def __init__(self, channels: Callable[[], Mapping[str, Channel]], account: Callable[[str], Account]) -> None:
        self._channels, self._account = channels, account
        self._known: dict[str, tuple[float, Account]] = {}

    def find(self, name: str) -> tuple[Channel, Account] | None:
        """None for a channel that there is not, or whose platform sends nothing."""
        channel = self._channels().get(name)
        if channel is None or channel.adapter.webhook is None:
            return None
        until, account = self._known.get(channel.connection, (0.0, None))
        if account is None or time.monotonic() > until:
            account = self._account(channel.connection)
            self._known[channel.connection] = (time.monotonic() + ACCOUNTS_FOR, account)
        return channel, account


@dataclass
class Arriving:
    """How many bytes of bodies are held that are not whole yet."""

    size: int = 0


def mount(
    app: Starlette,
    channels: Callable[[], Iterable[Channel]],
    account: Callable[[str], Account],
    dsn: Callable[[], str],
    clock: Callable[[], datetime],
) -> None:
    """Give an app the route. Nothing is read before the first request; `account` reads one by its connection's name."""
    doors = Doors(lambda: {each.name: each for each in channels()}, account)
    app.add_route("/inbox/{channel}", endpoint(doors, Letterbox(dsn), clock), methods=["POST"])


def endpoint(
    doors: Doors, letterbox: Letterbox, clock: Callable[[], datetime]
) -> Callable[[Request], Awaitable[Response]]:
    """The route `POST /inbox/{channel}`."""
    arriving = Arriving()

    async def receive(request: Request) -> Response:
        body = await _body(request, arriving)
        if isinstance(body, int):
            return PlainTextResponse("", body)
        if _PING.fullmatch(body):
            return PlainTextResponse("")
        posted = Posted(str(request.url), {name.lower(): value for name, value in request.headers.items()}, body)
        status, answer = await run_in_threadpool(_kept, request.path_params["channel"], posted)
        return Response(answer, status, media_type="application/json" if answer else "text/plain")

    def _kept(name: str, posted: Posted) -> tuple[int, str]:
        """Status and text of the answer."""
        now = clock()
        try:
            found = doors.find(name)
            if found is None:
                log.info("webhook refused: no channel of this name takes any")
                return 401, ""
            channel, account = found
            assert channel.adapter.webhook is not None, "doors without a webhook are not found"
            hint = channel.adapter.webhook(posted, account, channel.options, now)
        except TransientError as error:
            log.warning("webhook not kept channel=%s: %s", name, error)
            return 503, ""
        except DeniedError as error:
            log.info("webhook refused channel=%s: %s", name, error)
            return 401, ""
        except OrderflowError as error:  # no secret, no connection: to the sender it is a closed door
            log.warning("webhook refused channel=%s: %s", name, error)
            return 401, ""
        try:
            kept = letterbox.put(channel.name, hint, _delivery(hint, posted, now), now) if hint.order_ids else 0
        except (OrderflowError, psycopg2.Error) as error:  # gone, no table yet, or no right: ours to mend, not theirs
            log.warning("webhook not kept channel=%s: %s", name, str(error).splitlines()[0])
            return 503, ""
        log.info("webhook received channel=%s orders=%d new=%d", channel.name, len(hint.order_ids), kept)
        return 200, hint.answer

    return receive


async def _body(request: Request, arriving: Arriving) -> bytes | int:
    """The exact bytes, or the status that refuses them."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        return 413
    parts, size = [], 0
    try:
        async with asyncio.timeout(SENDING):
            async for part in request.stream():
                size += len(part)
                arriving.size += len(part)
                if size > MOST_BYTES:
                    return 413
                if arriving.size > MOST_ARRIVING:
                    return 503
                parts.append(part)
    except (TimeoutError, ClientDisconnect):
        return 408
    finally:
        arriving.size -= size
    return b"".join(parts)


def _delivery(hint: Hint, posted: Posted, now: datetime) -> str:
    """The platform's own id of this news; where it has none, the same bytes within a minute are the same news."""
    if hint.delivery:
        return hint.delivery[:200]
    return f"{hashlib.sha256(posted.body).hexdigest()[:32]} {now:%Y-%m-%dT%H:%MZ}"
