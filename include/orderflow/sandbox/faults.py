"""Faults on demand, and a log of every request.

One request: the header `X-Sandbox-Fault: kind` or `X-Sandbox-Fault: kind; seconds=2`. Many requests: rules, posted to
`POST /_sandbox/faults` as one rule or a list of them: `{"kind": "503", "path": "*/orders*", "count": 2}`.
`GET` lists the rules that still have something to do, `DELETE` forgets them.

Before the request does anything: `429` (with `Retry-After`), `429-bare` (without), `500`, `503`, `timeout-before`,
`drop`, and `html` (200 with a maintenance page), `garbage` (200 with broken JSON). After it was done, its answer being
lost or spoilt: `timeout-after`, `drop-after`, `500-after`, `torn` (half the body, then the connection ends), `slow`,
`duplicated-page` (what the last request of this route got, at most `seconds` ago, once more). Done by the platform
itself, which reads the fault from the request: `throttled`, `expired-token`, `late` (changes of the last `seconds` are
not listed yet), `skew` (the platform's clock is `seconds` ahead), `shifted-page` (an order that was listed already is
modified first, so that pages move under the reader's feet).

`GET /_sandbox/log` counts requests by route and lists the newest; `DELETE` starts anew.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from random import Random
from time import perf_counter
from typing import Any, Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Kind: TypeAlias = Literal[
    "429", "429-bare", "500", "503", "timeout-before", "drop", "html", "garbage",
    "timeout-after", "drop-after", "500-after", "torn", "slow", "duplicated-page",
    "throttled", "expired-token", "late", "skew", "shifted-page",
]  # fmt: skip


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `seconds`: how long to be slow, to hang, to lag, or to be ahead; `retry_after` in seconds."""

    kind: Kind
    seconds: float = 30.0
    retry_after: float = 1.0


class Rule(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault for requests whose path (and query) match the shell pattern `path`.

    The first `skip` matches pass; then up to `count` (None: for ever) are hit, each with `probability`, drawn from a
    generator with `seed`.
    """

    path: str = "*"
    method: str | None = None
    count: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the log. Credentials in the query are masked."""

    at: datetime
    method: str
    path: str
    query: str
    status: int | None
    """None where no answer went out."""
    fault: str | None
    milliseconds: float


class _Armed:
    """A rule with what it has seen so far."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.skip = rule.skip
        self.left = rule.count
        self.random = Random(rule.seed)

    def takes(self, method: str, target: str) -> bool:
        rule = self.rule
        if self.left == 0 or (rule.method and rule.method != method) or not fnmatchcase(target, rule.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if rule.probability < 1 and self.random.random() >= rule.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True


_SECRETS = re.compile(r"((?:consumer_key|consumer_secret|access_token|client_secret|oauth_signature)=)[^&]*")
_IDS = re.compile(r"/\d+(?=/|$)|/gid:.*$")
_STATUS = {"429": 429, "429-bare": 429, "500": 500, "500-after": 500, "503": 503}
_PAGE = b"<!doctype html><html><head><title>Back soon</title></head><body><h1>We are tidying up</h1></body></html>"
_GARBAGE = b'{"orders": [{"id": 1, "total": "12.\xff'


def fault_of(request: Request) -> Fault | None:
    """The fault that the platform itself has to act out on this request."""
    fault: Fault | None = request.scope.get("sandbox.fault")
    return fault


class Faults:
    """The rules and the log of one server; `wrap` puts both in front of its app."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.entries: deque[Entry] = deque(maxlen=20_000)
        self._armed: list[_Armed] = []
        self._last: dict[str, tuple[datetime, list[Message]]] = {}

    def add(self, *rules: Rule) -> None:
        self._armed += [_Armed(rule) for rule in rules]

    def clear(self) -> None:
        self._armed = []

    def routes(self) -> list[BaseRoute]:
        """The HTTP side: `/_sandbox/faults` and `/_sandbox/log`."""

        async def faults(request: Request) -> Response:
            if request.method == "POST":
                try:
                    given = msgspec.json.decode(await request.body(), type=Rule | list[Rule])
                except msgspec.MsgspecError as error:
                    return Response(msgspec.json.encode({"error": str(error)}), 400, media_type="application/json")
                self.add(*(given if isinstance(given, list) else [given]))
            elif request.method == "DELETE":
                self.clear()
            rules = [msgspec.structs.replace(each.rule, count=each.left) for each in self._armed if each.left != 0]
            return Response(msgspec.json.encode(rules), media_type="application/json")

        async def log(request: Request) -> Response:
            if request.method == "DELETE":
                self.counts.clear()
                self.entries.clear()
            path = request.query_params.get("path", "*")
            newest = [entry for entry in self.entries if fnmatchcase(entry.path, path)][-1000:]
            body = {"counts": self.counts, "requests": newest}
            return Response(msgspec.json.encode(body), media_type="application/json")

        return [
            Route("/_sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/log", log, methods=["GET", "DELETE"]),
        ]

    def wrap(self, app: App) -> App:
        """`app` with faults and log in front. Paths under `/_sandbox/` are left alone."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
                await app(scope, receive, send)
                return
            started, status = perf_counter(), None
            route = f"{scope['method']} {_IDS.sub('/{id}', scope['path'])}"
            try:
                fault = self._choose(scope)
            except (msgspec.ValidationError, ValueError) as error:
                await _answer(send, 400, [(b"content-type", b"text/plain")], f"X-Sandbox-Fault: {error}".encode())
                return
            scope["sandbox.fault"] = fault

            async def watched(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    ahead = fault.seconds if fault and fault.kind == "skew" else 0
                    date = format_datetime(self.clock() + timedelta(seconds=ahead), usegmt=True)
                    message["headers"] = [*message.get("headers", []), (b"date", date.encode())]
                await send(message)

            try:
                await self._serve(app, scope, receive, watched, send, fault, route)
            finally:
                self.counts[f"{route} {status or 'none'}"] += 1
                self.entries.append(
                    Entry(
                        at=self.clock(),
                        method=scope["method"],
                        path=scope["path"],
                        query=_SECRETS.sub(r"\1***", scope["query_string"].decode("latin-1"))[:2000],
                        status=status,
                        fault=fault.kind if fault else None,
                        milliseconds=round((perf_counter() - started) * 1000, 2),
                    )
                )

        return faulty

    def _choose(self, scope: Scope) -> Fault | None:
        for name, value in scope["headers"]:
            if name == b"x-sandbox-fault":
                kind, *options = (part.strip() for part in value.decode("latin-1").split(";"))
                pairs = (option.partition("=") for option in options)
                fields = {"kind": kind} | {option: float(number) for option, _, number in pairs}
                return msgspec.convert(fields, Fault)
        query = scope["query_string"].decode("latin-1")
        target = f"{scope['path']}?{query}" if query else scope["path"]
        return next((each.rule for each in self._armed if each.takes(scope["method"], target)), None)

    async def _serve(
        self, app: App, scope: Scope, receive: Receive, send: Send, raw: Send, fault: Fault | None, route: str
    ) -> None:
        kind = fault.kind if fault else None
        if fault is None or kind in {"throttled", "expired-token", "late", "skew", "shifted-page"}:
            self._last[route] = self.clock(), await _tee(app, scope, receive, send)
        elif kind in {"429", "429-bare", "500", "503"}:
            await _refuse(send, fault)
        elif kind in {"html", "garbage"}:
            content, body = (b"text/html; charset=utf-8", _PAGE) if kind == "html" else (b"application/json", _GARBAGE)
            await _answer(send, 200, [(b"content-type", content)], body)
        elif kind in {"timeout-before", "drop"}:
            if kind == "timeout-before":
                await _hang(receive, fault.seconds)
            await _abort(raw)
        elif kind == "slow":
            await asyncio.sleep(fault.seconds)
            self._last[route] = self.clock(), await _tee(app, scope, receive, send)
        elif kind == "duplicated-page":
            at, messages = self._last.get(route, (None, []))
            if at is None or self.clock() - at > timedelta(seconds=fault.seconds):
                messages = await _collect(app, scope, receive)
            for message in messages:
                await send(dict(message))
        else:
            messages = await _collect(app, scope, receive)
            if kind == "500-after":
                await _refuse(send, fault)
            elif kind == "torn":
                await _tear(send, raw, messages)
            else:
                if kind == "timeout-after":
                    await _hang(receive, fault.seconds)
                await _abort(raw)


async def _tee(app: App, scope: Scope, receive: Receive, send: Send) -> list[Message]:
    """Run the app; its answer goes out and comes back."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(dict(message))
        await send(message)

    await app(scope, receive, keep)
    return messages


async def _collect(app: App, scope: Scope, receive: Receive) -> list[Message]:
    """Run the app to its end without answering."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, fault: Fault) -> None:
    status = _STATUS[fault.kind]
    headers = [(b"content-type", b"application/json")]
    if fault.kind in {"429", "503"}:
        headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
    await _answer(send, status, headers, msgspec.json.encode({"error": f"sandbox fault {fault.kind}"}))


async def _tear(send: Send, raw: Send, messages: list[Message]) -> None:
    """Promise the whole body, send half of it, and hang up."""
    start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
    await send(start)
    await raw({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _transport(raw).close()
    await asyncio.sleep(0.01)


async def _hang(receive: Receive, seconds: float) -> None:
    """Do nothing until the other side gives up, at most `seconds`."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(left(), seconds)
    except TimeoutError:
        return


async def _abort(send: Send) -> None:
    _transport(send).abort()
    await asyncio.sleep(0.01)  # lets the server notice, so that it does not complain about the missing answer


def _transport(send: Send) -> asyncio.Transport:
    """The connection itself. ASGI has no word for hanging up; uvicorn keeps the transport beside its `send`."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]  # a bound method of uvicorn
    return transport
