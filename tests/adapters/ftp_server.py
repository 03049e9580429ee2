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
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def secured(folder: Path, host: str = "127.0.0.1") -> ssl.SSLContext:
    """What a server that signed its own certificate needs to speak TLS; the certificate stands in `server.pem`."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    day = datetime.now(UTC)
    known_by = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(day).not_valid_after(day + timedelta(days=1))
        .add_extension(known_by, critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "server.pem").write_bytes(signed.public_bytes(pem))
    (folder / "server.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


@contextmanager
def serve(root: Path, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The address of its folder `in`, and what it was told so far. Names go over the line in the bytes they have.

    It has no connection for the list of a folder `busy`. `implicit`: it speaks TLS from the first byte.
    """
    told: list[str] = []

    class Client(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            if tls and implicit:
                self.secure(tls)
            self.say("220 ready")
            while line := self.rfile.readline():
                word, _, value = line.decode(errors="surrogateescape").strip().partition(" ")
                told.append(f"{word} {value}".strip())
                try:
                    getattr(self, word.lower(), self.other)(value)
                except OSError:
                    self.say("550 no")

        def other(self, _: str) -> None:
            self.say("200 so be it")

        def auth(self, _: str) -> None:
            self.say("234 go on" if tls else "500 unknown")
            if tls:
                self.secure(tls)

        def secure(self, tls: ssl.SSLContext) -> None:
            self.request = tls.wrap_socket(self.request, server_side=True)
            self.setup()

        def user(self, _: str) -> None:
            self.say("331 password?" if tls is None or isinstance(self.request, ssl.SSLSocket) else "530 must encrypt")

        def pasv(self, _: str) -> None:
            self.listening = socket.create_server(("127.0.0.1", 0))
            high, low = divmod(self.listening.getsockname()[1], 256)
            self.say(f"227 Entering Passive Mode (127,0,0,1,{high},{low})")

        def mlsd(self, path: str) -> None:
            if path == "/busy":
                self.say("425 Can't open data connection")
                return
            kinds = [(each, "dir" if each.is_dir() else "file") for each in place(path).iterdir()]
            lines = [f"type={kind};size={each.stat().st_size}; {each.name}\r\n" for each, kind in kinds]
            self.send("".join(lines).encode(errors="surrogateescape"))

        def list(self, path: str) -> None:
            raise FileNotFoundError(path)  # which is why fsspec asks a second time

        def retr(self, path: str) -> None:
            self.send(place(path).read_bytes())

        def accept(self) -> socket.socket:
            with self.listening:
                return self.listening.accept()[0]

        def send(self, content: bytes) -> None:
            line = self.accept()
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

        def stor(self, path: str) -> None:
            with place(path).open("wb") as file:
                line = self.accept()
                self.say("150 go on")
                while block := line.recv(1 << 16):
                    file.write(block)
            line.close()
            self.say("226 done")

        def dele(self, path: str) -> None:
            place(path).unlink()
            self.say("250 gone")

        def rmd(self, path: str) -> None:
            place(path).rmdir()
            self.say("250 gone")

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
