"""An FTP server as small as one can be, over a folder. With TLS each connection must go on with the first session."""

from __future__ import annotations

import os
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def secured(folder: Path) -> ssl.SSLContext:
    """What a server that signed its own certificate needs to speak TLS."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    day = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(day).not_valid_after(day + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    whole = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem)
    (folder / "server.pem").write_bytes(whole)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


@contextmanager
def serve(root: Path, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """The address of its folder `in`, and what it was told so far. Names go over the line in the bytes they have."""
    told: list[str] = []

    class Client(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self.listening = socket.create_server(("127.0.0.1", 0))
            with self.listening:
                self.say("220 ready")
                while line := self.rfile.readline():
                    word, _, value = line.decode(errors="surrogateescape").strip().partition(" ")
                    told.append(f"{word} {value}".strip())
                    getattr(self, word.lower(), self.other)(value)

        def other(self, _: str) -> None:
            self.say("200 so be it")

        def auth(self, _: str) -> None:
            self.say("234 go on" if tls else "500 unknown")
            if tls:
                self.request = tls.wrap_socket(self.request, server_side=True)
                self.setup()

        def user(self, _: str) -> None:
            self.say("331 password?" if tls is None or isinstance(self.request, ssl.SSLSocket) else "530 must encrypt")

        def pasv(self, _: str) -> None:
            high, low = divmod(self.listening.getsockname()[1], 256)
            self.say(f"227 Entering Passive Mode (127,0,0,1,{high},{low})")

        def mlsd(self, path: str) -> None:
            kinds = [(each, "dir" if each.is_dir() else "file") for each in place(path).iterdir()]
            lines = [f"type={kind};size={each.stat().st_size}; {each.name}\r\n" for each, kind in kinds]
            self.send("".join(lines).encode(errors="surrogateescape"))

        def retr(self, path: str) -> None:
            self.send(place(path).read_bytes())

        def send(self, content: bytes) -> None:
            line, _ = self.listening.accept()
            self.say("150 here it comes")
            if tls:
                line = tls.wrap_socket(line, server_side=True)
            if isinstance(line, ssl.SSLSocket) and not line.session_reused:
                self.say("522 session reuse is required")
            else:
                line.sendall(content)
                if isinstance(line, ssl.SSLSocket):
                    line = line.unwrap()
                self.say("226 done")
            line.close()

        def mkd(self, path: str) -> None:
            place(path).mkdir()
            self.say("257 made")

        def rnfr(self, path: str) -> None:
            self.moved = path
            self.say("350 where to?")

        def rnto(self, path: str) -> None:
            place(self.moved).rename(place(path))
            self.say("250 moved")

    def place(path: str) -> Path:
        return root / os.fsdecode(path.encode(errors="surrogateescape")).lstrip("/")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Client) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"ftp://127.0.0.1:{server.server_address[1]}/in", told
        finally:
            server.shutdown()
