"""A pooler in front of PostgreSQL, as small as one can be: each transaction, or each connection, gets a session.

Where transactions share several, each gets another one than the last, as where many clients take them in between. It
knows no COPY.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

from psycopg2.extensions import parse_dsn

_WELCOME = b"R" + struct.pack("!ii", 8, 0)
_READY = b"K" + struct.pack("!iii", 12, 1, 1) + b"Z" + struct.pack("!ic", 5, b"I")
"""Idle, and served by a process whose number is none of the server's."""


def _read(peer: socket.socket) -> bytes:
    """One message with its type; nothing where the peer is gone."""
    head = peer.recv(5, socket.MSG_WAITALL)
    return head and head + peer.recv(struct.unpack("!i", head[1:])[0] - 4, socket.MSG_WAITALL)


def _begin(dsn: str) -> tuple[socket.socket, bytes]:
    """A session of the server, and what it says of its parameters."""
    target = parse_dsn(dsn)
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{target['host']}/.s.PGSQL.5432")
    said = f"user\0{target['user']}\0database\0{target['dbname']}\0\0".encode()
    server.sendall(struct.pack("!ii", len(said) + 8, 196608) + said)
    parameters = b""
    while not (message := _read(server)).startswith(b"Z"):
        parameters += message if message.startswith(b"S") else b""
    return server, parameters


@contextlib.contextmanager
def pooler(dsn: str, *, by_transaction: bool, sessions: int = 1) -> Iterator[str]:
    """The URI that leads through it to the same database."""
    shared, turn = [_begin(dsn) for _ in range(sessions)], threading.RLock()
    turns = itertools.cycle(shared)

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while (asked := struct.unpack("!ii", self.request.recv(8, socket.MSG_WAITALL)))[1] != 196608:
                self.request.sendall(b"N")  # no encryption
            self.request.recv(asked[0] - 8, socket.MSG_WAITALL)
            server, parameters = shared[0] if by_transaction else _begin(dsn)
            self.request.sendall(_WELCOME + parameters + _READY)
            held = False
            while (wanted := _read(self.request)) and not wanted.startswith(b"X"):
                if by_transaction and not held:
                    held = turn.acquire()
                    server, _ = next(turns)
                server.sendall(wanted)
                answers = [_read(server)]
                while not answers[-1].startswith(b"Z"):
                    answers.append(_read(server))
                self.request.sendall(b"".join(answers))
                if held and answers[-1].endswith(b"I"):
                    held = turn.release() is not None

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Client) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, args=(0.01,)).start()
        try:
            yield f"postgresql://postgres@127.0.0.1:{listening.server_address[1]}/{parse_dsn(dsn)['dbname']}"
        finally:
            listening.shutdown()
    for server, _ in shared:
        server.close()


@contextlib.contextmanager
def refusing(said: bytes) -> Iterator[str]:
    """The URI of a server that lets nobody in and says so in these bytes."""
    answer = b"SFATAL\0C28P01\0M" + said + b"\0\0"

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while (asked := struct.unpack("!ii", self.request.recv(8, socket.MSG_WAITALL)))[1] != 196608:
                self.request.sendall(b"N")  # no encryption
            self.request.recv(asked[0] - 8, socket.MSG_WAITALL)
            self.request.sendall(b"E" + struct.pack("!i", len(answer) + 4) + answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Client) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"postgresql://x@127.0.0.1:{server.server_address[1]}/x"
        finally:
            server.shutdown()
