"""The other sides, each a process of its own: a channel that serves ready bodies, an OMS that takes everything."""

from __future__ import annotations

import asyncio
import mmap
import multiprocessing
import socket
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.orders import PAGE, Listing, Shop

SEND_BUFFER = 1 << 21
OMS_SECONDS, SLOW_OMS_SECONDS = 0.02, 0.1
"""What two OMSs take over each request: of four at a time with 100 orders each, they take 20,000 a second and 4,000."""
EARLY = timedelta(minutes=10)
"""Who asks for a span asks for a little before it, too: the list of the span that begins this much later is meant."""


class _Shop(asyncio.Protocol):
    """`GET /wp-json/wc/v3/orders` in pages of 100, oldest change first, and their count."""

    def __init__(self, listings: Sequence[tuple[Listing, mmap.mmap]], latency: float) -> None:
        self._listings, self._latency = listings, latency
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            head, _, self._asked = self._asked.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, target)
            else:
                self._answer(target)

    def _answer(self, target: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        after = datetime.fromisoformat(asked.get("modified_after", "2026-01-01")).replace(tzinfo=UTC) + EARLY
        place = bisect(self._listings, after.isoformat(), key=lambda each: each[0].since)
        listing, bodies = self._listings[max(0, place - 1)]
        page = int(asked.get("page", 1))
        body: bytes | memoryview = b"[]"
        if asked.get("per_page") == "1":
            body = b'[{"id":1}]'
        elif page <= len(listing.ends):
            body = memoryview(bodies)[listing.ends[page - 2] if page > 1 else 0 : listing.ends[page - 1]]
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-WP-Total: {listing.orders}\r\nX-WP-TotalPages: {-(-listing.orders // PAGE)}\r\n\r\n"
        )
        self._transport.write(head.encode())
        self._transport.write(body)


class _Entry(msgspec.Struct):
    key: str


class _Submitted(msgspec.Struct):
    orders: list[_Entry]


_submitted = msgspec.json.Decoder(_Submitted).decode


class Posted(asyncio.Protocol):
    """Answers what is posted, one request of a connection after the other, each after so many seconds."""

    def __init__(self, answer: Callable[[bytes], bytes | memoryview], seconds: float = 0.0) -> None:
        self._answer_to, self._seconds = answer, seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer is written in two parts
        self._transport, self._asked, self._missing = transport, bytearray(), 0

    def data_received(self, data: bytes) -> None:
        self._asked += data
        end = self._asked.find(b"\r\n\r\n")
        if end < 0:
            return
        if not self._missing:
            headers = bytes(self._asked[:end]).lower()
            self._missing = end + 4 + int(headers.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._asked) >= self._missing:
            loop = asyncio.get_running_loop()
            due = loop.time() + self._seconds
            answer = self._answer_to(bytes(self._asked[end + 4 :]))
            self._asked, self._missing = bytearray(), 0
            loop.call_at(due, self._answer, answer)

    def _answer(self, answer: bytes | memoryview) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        self._transport.write(head.encode())
        self._transport.write(answer)


def _taken(body: bytes) -> bytes:
    """An OMS takes every order; what the reference OMS answers."""
    results = [{"key": each.key, "outcome": "accepted", "oms_id": each.key[:8]} for each in _submitted(body).orders]
    return msgspec.json.encode({"results": results})


def _serve_shop(listener: socket.socket, data: Shop, latency: float) -> None:
    mapped = []
    for listing in data.lists:
        with (data.folder / listing.file).open("rb") as bodies:
            mapped.append((listing, mmap.mmap(bodies.fileno(), 0, access=mmap.ACCESS_READ)))
    asyncio.run(serve(listener, lambda: _Shop(mapped, latency)))


def _serve_oms(listener: socket.socket, seconds: float) -> None:
    asyncio.run(serve(listener, lambda: Posted(_taken, seconds)))


async def serve(listener: socket.socket, protocol) -> None:
    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    await server.serve_forever()


@contextmanager
def shop(data: Shop, latency: float) -> Iterator[str]:
    """The address of a channel that answers each request after `latency` seconds."""
    with running(_serve_shop, data, latency) as url:
        yield url


@contextmanager
def oms(seconds: float = OMS_SECONDS) -> Iterator[str]:
    """The address of an OMS that answers each request after so many seconds."""
    with running(_serve_oms, seconds) as url:
        yield url


@contextmanager
def running(serve, *arguments) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    process = multiprocessing.get_context("fork").Process(target=serve, args=(listener, *arguments), daemon=True)
    process.start()
    port = listener.getsockname()[1]
    listener.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.join()
