"""How a connection's server is reached: over a proxy, with an authority of its own, with a certificate of ours."""

import os
import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loopback import Proxy, certificate
from orderflow.adapters.http import client
from orderflow.config import connections
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Limits, Runtime

LIMITS = Limits(page_size=1)


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        body = str(shown["subject"][0][0][1] if shown else "nobody").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def shop(tmp_path):
    """An HTTPS server whose certificate nobody knows; it asks who comes where `tmp_path/ours.pem` is there."""
    pem = certificate(tmp_path / "shop.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(certificate(tmp_path / "ours.pem", "orderflow"))
    context.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def asked(url, **extra):
    runtime = Runtime(clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=lambda _: None)
    with client(Account("shop", url, extra=extra), runtime, LIMITS) as session:
        return session.get("/orders", extensions={"attempts": 1}).text


def test_a_private_authority_is_trusted_where_the_connection_names_it(shop, tmp_path):
    with pytest.raises(DeniedError, match=r"certificate is not trusted.*extra field verify"):
        asked(shop)
    assert asked(shop, verify=str(tmp_path / "shop.pem")) == "nobody"


def test_what_is_wrong_with_a_certificate_is_said(shop, tmp_path):
    with pytest.raises(DeniedError, match=r"not trusted \(self.signed certificate\)"):
        asked(shop)
    with pytest.raises(DeniedError, match=r"not trusted \(.*mismatch.*'127.0.0.1'.*\).*write that name into"):
        asked(shop.replace("localhost", "127.0.0.1"), verify=str(tmp_path / "shop.pem"))


def test_a_server_that_asks_who_comes_sees_our_certificate(shop, tmp_path):
    assert asked(shop, verify=str(tmp_path / "shop.pem"), cert=str(tmp_path / "ours.pem")) == "orderflow"


def test_requests_go_over_the_proxy_of_the_connection(shop, tmp_path):
    with Proxy(login="me:s3 cret") as proxy:
        way = f"http://me:s3%20cret@{proxy.place}"
        assert asked(shop, verify=str(tmp_path / "shop.pem"), proxy=way) == "nobody"
        assert proxy.tunnels == [shop.removeprefix("https://")]


def test_no_variable_of_the_environment_leads_over_a_proxy(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert asked(shop, verify=str(tmp_path / "shop.pem")) == "nobody"


@pytest.mark.parametrize("url", ["https://localhost:1", "http://localhost:1"])
def test_a_proxy_that_wants_another_login_is_told_without_it(url):
    with Proxy(login="me:right") as proxy, pytest.raises(DeniedError, match=r"proxy .*wants a login") as caught:
        asked(url, proxy=f"http://me:s3cret@{proxy.place}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error", "said"), [(403, DeniedError, r"forbids it \(403\)"), (503, TransientError, r"reach it \(503\)")]
)
def test_what_a_proxy_does_not_let_through_is_told(status, error, said):
    with Proxy(refuses=status) as proxy, pytest.raises(error, match=said):
        asked("https://localhost:1", proxy=f"http://{proxy.place}")


def test_a_proxy_that_is_not_there_is_told():
    with pytest.raises(TransientError, match="nothing listens there, or at the proxy"):
        asked("https://localhost:1", proxy="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"proxy": "proxy.example:3128"}, "no address of a proxy"),
        ({"proxy": "socks5://me:s3cret@proxy.example"}, "no address of a proxy"),
        ({"proxies": {"https": "http://proxy.example"}}, "its extra field proxies is not read; write it like"),
        ({"verify": False}, "leaving them unchecked is not possible"),
        ({"cert": "-----BEGIN PRIVATE KEY-----\ns3cret"}, "certificates and keys do not stand in the field"),
        ({"cert": r"-----BEGIN PRIVATE KEY-----\ns3cret"}, "certificates and keys do not stand in the field"),
        ({"cert": ["s3cret"]}, "is no name of a file"),
        ({"verify": "/nowhere.pem"}, "verify /nowhere.pem: No such file"),
        ({"verify": "{folder}/notes.txt"}, "no certificate can be read there"),
        ({"cert": "{folder}/notes.txt"}, "no certificate can be read there"),
        ({"cert": "{folder}/sealed.pem"}, "its key, not encrypted"),
    ],
)
def test_extra_fields_that_cannot_work_are_told_before_anything_is_asked(extra, said, tmp_path):
    (tmp_path / "notes.txt").write_text("no certificate")
    certificate(tmp_path / "sealed.pem", password=b"s3cret")
    given = {name: value.format(folder=tmp_path) if isinstance(value, str) else value for name, value in extra.items()}
    with pytest.raises(ConfigError, match=f"connection shop: .*{said}") as caught:
        asked("https://localhost:1", **given)
    assert "s3cret" not in str(caught.value)


def test_a_file_of_authorities_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE /nowhere.pem: No such file"):
        asked("https://localhost:1")


def test_folders_of_authorities_are_looked_into_at_every_handshake(shop, tmp_path, monkeypatch):
    folders = [tmp_path / "others", tmp_path / "own"]
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(map(str, folders)))
    with pytest.raises(DeniedError, match="certificate is not trusted"):
        asked(shop)
    folders[1].mkdir()
    (folders[1] / "ce275665.0").symlink_to(tmp_path / "shop.pem")  # what `openssl rehash` calls CN=localhost
    assert asked(shop) == "nobody"


def test_another_way_to_the_server_keeps_the_tokens_that_were_renewed():
    told = '{"conn_type": "http", "host": "https://shop.example", "password": "s", "extra": %s}'
    straight, around, another = (
        connections.fingerprint(connections.connection_from_text("shop", told % extra))
        for extra in ("{}", '{"proxy": "http://proxy.example:3128", "verify": "/own.pem"}', '{"shop_id": "7"}')
    )
    assert straight == around != another
