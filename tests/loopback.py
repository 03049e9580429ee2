"""Servers on loopback: free ports, certificates that nobody signed, and a proxy that lets requests out."""

import base64
import contextlib
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def certificate(file: Path, name: str = "localhost", password: bytes | None = None) -> Path:
    """A PEM file with a certificate of `name` that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    file.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, pkcs8, sealed))
    return file


class Proxy:
    """A proxy on loopback: tunnels (CONNECT) what knows its login, or answers everything with `refuses`."""

    def __init__(self, login: str = "", refuses: int = 0) -> None:
        self.wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
        self.refuses, self.tunnels = refuses, []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                if proxy.answered(self):
                    return
                proxy.tunnels.append(self.path)
                host, _, port = self.path.partition(":")
                self.send_response(200)
                self.end_headers()
                with socket.create_connection((host, int(port))) as server:
                    back = threading.Thread(target=pumped, args=(server, self.connection))
                    back.start()
                    pumped(self.connection, server)
                    back.join()

            def do_GET(self) -> None:
                assert proxy.answered(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answered(self, handler: BaseHTTPRequestHandler) -> bool:
        known = self.wanted in (None, handler.headers.get("proxy-authorization"))
        if status := self.refuses or (0 if known else 407):
            handler.send_response(status)
            handler.send_header("content-length", "0")
            handler.end_headers()
        return bool(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def pumped(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
        other.shutdown(socket.SHUT_WR)
