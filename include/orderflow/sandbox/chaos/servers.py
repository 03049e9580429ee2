"""The platform and the OMS in processes of their own, which take up one world after the other and can be killed.

Both run on a clock that all processes of one schedule share: it goes on only when somebody waits.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import uvicorn

from orderflow.sandbox import server
from orderflow.sandbox.faults import App, Receive, Scope, Send
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.shop import Shop

CALLS = httpx.Client(
    verify=False,  # noqa: S501 -- loopback without TLS; reading certificates takes long
    limits=httpx.Limits(max_keepalive_connections=0),
    trust_env=False,
    timeout=20,
)
"""Calls of the stage itself, which leave no connection open to be shared by forked processes."""

PATIENT = Rules(picking_after=1e9, shipping_after=2e9)
"""The OMS never begins to work, so that the last content of an order is what it must hold."""


class SharedClock:
    """Epoch seconds in memory that forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def set(self, moment: datetime) -> None:
        struct.pack_into("d", self._memory, 0, moment.timestamp())

    def ticks(self) -> float:
        return float(struct.unpack_from("d", self._memory, 0)[0])

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ticks(), UTC)

    def sleep(self, seconds: float) -> None:
        struct.pack_into("d", self._memory, 0, self.ticks() + max(0.0, seconds))

    def reach(self, moment: datetime) -> None:
        """Go on to this moment; never back."""
        if self.now() < moment:
            self.set(moment)


class World(msgspec.Struct):
    """What a server is to serve from now on: a shop, or the OMS on a file."""

    shop: Shop | None = None
    file: str | None = None
    idempotent: bool = True
    dies_after: int | None = None
    """The OMS kills itself after it booked its n-th request, before it answers."""


class _Switch:
    """An ASGI app that serves one world after the other; `POST /_chaos` brings the next one."""

    def __init__(self, clock: SharedClock) -> None:
        self._clock = clock
        self._app: App | None = None
        self._left: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["path"] == "/_chaos":
            self._take_up(msgspec.json.decode(await _body(receive), type=World))
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        assert self._app is not None, "a world is set before anybody asks"
        await self._app(scope, receive, self._mortal(scope, send))

    def _take_up(self, world: World) -> None:
        if world.shop is not None:
            self._app = server.platforms_app([world.shop], clock=self._clock.now, ticks=self._clock.ticks)
        else:
            rules = msgspec.structs.replace(PATIENT, idempotent=world.idempotent)
            self._app = server.oms_app(path=world.file or ":memory:", rules=rules, clock=self._clock.now)
        self._left = world.dies_after

    def _mortal(self, scope: Scope, send: Send) -> Send:
        """`send`, or the end of this process where the answer to the last booking would go out."""
        if self._left is None or scope["method"] == "GET" or not scope["path"].startswith("/orders"):
            return send
        self._left -= 1
        if self._left:
            return send

        async def die(_: Any) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        return die


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


class Server:
    """A server process on a port of its own, which stays the same when it is killed and started again."""

    def __init__(self, clock: SharedClock) -> None:
        self._clock = clock
        self._port = 0
        self._pid: int | None = None
        self._world = World()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def take_up(self, world: World) -> None:
        """Serve this world; starts the process where there is none."""
        self._world = world
        if not self.alive():
            self._start()
        CALLS.post(f"{self.url}/_chaos", content=msgspec.json.encode(world)).raise_for_status()

    def alive(self) -> bool:
        if self._pid is None:
            return False
        if os.waitpid(self._pid, os.WNOHANG) != (0, 0):
            self._pid = None
        return self._pid is not None

    def kill(self) -> None:
        if self.alive() and self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None

    def back(self) -> None:
        """Start again with the same world, which has had its death."""
        self.take_up(msgspec.structs.replace(self._world, dies_after=None))

    def _start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._pid = forked(lambda: _serve(_Switch(self._clock), listener))
        listener.close()


def _serve(app: App, listener: socket.socket) -> None:
    settings = uvicorn.Config(
        app, log_level="critical", access_log=False, date_header=False, server_header=False, lifespan="off"
    )
    uvicorn.Server(settings).run(sockets=[listener])


def forked(work: Callable[[], None]) -> int:
    """Do `work` in a child process, which ends with it, and when its parent does; its process id."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = 1
    with contextlib.suppress(BaseException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _die_with(parent)
        work()
        code = 0
    os._exit(code)


def _die_with(parent: int) -> None:
    """Linux: be killed when the parent ends (PR_SET_PDEATHSIG); elsewhere the parent's clean-up has to do."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def faults_of(url: str) -> dict[str, int]:
    """How often each fault really hit a request of this server, by kind; nothing where it does not answer."""
    try:
        log = CALLS.get(f"{url}/_sandbox/log").raise_for_status().json()
    except httpx.HTTPError:
        return {}
    counts: dict[str, int] = {}
    for entry in log["requests"]:
        if entry["fault"]:
            counts[entry["fault"]] = counts.get(entry["fault"], 0) + 1
    return counts
