"""The way out over HTTP, and a whole answer, unpacked, within bounds: what channels and OMSs are asked with.

Extra fields of a connection say how its server is reached where that is not straight:

    proxy    the proxy that lets requests out: http://proxy.example:3128, with user:password@ where it wants a login
    verify   a PEM file with the authority that signed the server's certificate, when no public one did
    cert     a PEM file with our certificate and its key, for a server that asks who we are

No variable of the environment says where requests go; `SSL_CERT_FILE`, or `SSL_CERT_DIR`, says whom to trust where
`verify` does not.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import time
from pathlib import Path

import httpx

from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account

MOST_BYTES = 256 * 1024 * 1024
"""Longest body that is taken in, unpacked: 2 KB on the way may unpack to a gigabyte."""
_PACKINGS = frozenset({"gzip", "deflate", "br", "zstd"})
"""What servers pack bodies with; any other word in the header packs nothing, such as `none` or `UTF-8`."""
_OF_PACKING = frozenset({"content-encoding", "content-length", "transfer-encoding"})

_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED\]( certificate verify failed:)? *(?P<why>[^(]*[^(. ])")
"""What OpenSSL says of a certificate: `self-signed certificate`, `certificate has expired`, `Hostname mismatch`."""

_LOGIN_WANTED = "407"
"""What a proxy answers to whom it does not know."""
_PROXY_WANTED = (
    'write it like "proxy": "http://proxy.example:3128", with user:password@ before the host where it wants a login'
)


class UnfitError(httpx.DecodingError):
    """No memory is sure to hold the answer. The message says why and what to do, and quotes nothing of the answer."""


def network(account: Account, limits: httpx.Limits) -> httpx.HTTPTransport:
    """The way to the account's server. Raises `ConfigError` for extra fields that name no proxy, or no such file."""
    verify, own = _file(account, "verify"), _file(account, "cert")
    context = trusted()
    if verify or own:
        context = _context(account, verify, own)
    return httpx.HTTPTransport(verify=context, limits=limits, proxy=_proxy(account))


def trusted() -> ssl.SSLContext:
    """Whom we trust, read once, and again when the file changes: 140 certificates take 40 ms of CPU.

    In the folders of `SSL_CERT_DIR` OpenSSL itself looks at every handshake.
    """
    file = os.environ.get("SSL_CERT_FILE", "")
    try:
        return _read(file or os.environ.get("SSL_CERT_DIR", ""), Path(file).stat().st_mtime_ns if file else 0)
    except OSError as error:
        raise ConfigError(
            f"SSL_CERT_FILE {file}: {error.strerror or error}; name a PEM file with the authorities that are trusted, "
            "or leave the variable out"
        ) from None


@functools.lru_cache(maxsize=2)
def _read(place: str, changed: int) -> ssl.SSLContext:  # noqa: ARG001 - what the key of the cache is made of
    return httpx.create_ssl_context()


def untrusted(where: str, error: httpx.RequestError) -> str | None:
    """What is wrong with the server's certificate, and the cures; None where nothing is."""
    if (found := _UNTRUSTED.search(str(error))) is None:
        return None
    return (
        f"{where}: its certificate is not trusted ({found['why']}); ask who runs the server for a valid one; where an "
        "authority of their own signed it, name a PEM file with that in the connection's extra field verify; where it "
        "is of another name, write that name into the connection's address"
    )


def proxy_fault(where: str, error: httpx.ProxyError) -> OrderflowError:
    """Our error for a proxy that did not let a request through."""
    said = str(error)
    if said.startswith(_LOGIN_WANTED):
        return DeniedError(
            f"{where}: the proxy on the way wants a login, or another one; write it into the connection's extra field "
            "proxy: http://user:password@proxy.example:3128"
        )
    if said.startswith("4"):
        return DeniedError(f"{where}: the proxy on the way forbids it ({said[:3]}); have this host allowed there")
    return TransientError(
        f"{where}: the proxy on the way does not reach it ({said[:3]}); the run tries again by itself; when it stays, "
        "ask who runs the proxy"
    )


def _proxy(account: Account) -> httpx.Proxy | None:
    told = account.extra.get("proxy")
    if told in (None, ""):
        if account.extra.get("proxies"):
            raise ConfigError(f"connection {account.name}: its extra field proxies is not read; {_PROXY_WANTED}")
        return None
    try:
        url = httpx.URL(told) if isinstance(told, str) else httpx.URL("")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(f"connection {account.name}: its extra field proxy is no address of a proxy; {_PROXY_WANTED}")
    return httpx.Proxy(url, ssl_context=trusted() if url.scheme == "https" else None)


def _file(account: Account, field: str) -> str | None:
    told = account.extra.get(field)
    if told in (None, "", True):
        return None
    if not isinstance(told, str) or not told.isprintable() or "-----" in told:  # a key itself must not be told
        raise ConfigError(
            f"connection {account.name}: its extra field {field} is no name of a file; it names a PEM file on this "
            "machine: certificates and keys do not stand in the field, and leaving them unchecked is not possible"
        )
    return told


def _context(account: Account, verify: str | None, own: str | None) -> ssl.SSLContext:
    """Raises `ConfigError` for a file that is not there, or holds something else."""
    place = f"verify {verify}"
    try:
        context = ssl.create_default_context(cafile=verify) if verify else httpx.create_ssl_context()
        if own:
            place = f"cert {own}"
            context.load_cert_chain(own, password="")
    except OSError as error:
        why = "no certificate can be read there" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
        more = " and its key, not encrypted" if own and place.startswith("cert") else " of the authority"
        raise ConfigError(
            f"connection {account.name}: its extra field {place}: {why}; name a PEM file with the certificate{more}"
        ) from None
    return context


def whole(inner: httpx.BaseTransport, request: httpx.Request, seconds: float) -> httpx.Response:
    """The answer, read to its end.

    Raises what httpx raises, `httpx.ReadTimeout` also for a body that drips in for more than `seconds`, each piece in
    time, and `UnfitError`. A failure that is packed as nobody asked comes without its body: its status says what to do.
    """
    end = time.monotonic() + seconds
    response = inner.handle_request(request)
    if response.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        response.close()
        raise httpx.ProxyError(_LOGIN_WANTED, request=request)
    try:
        body = _body(request, response, end)
    finally:
        response.close()
    left = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_PACKING]
    return httpx.Response(
        response.status_code, headers=left, content=body, extensions=response.extensions, request=request
    )


def _body(request: httpx.Request, response: httpx.Response, end: float) -> bytes:
    packed = [each for each in response.headers.get_list("content-encoding", split_commas=True) if each in _PACKINGS]
    if packed not in ([], ["gzip"], ["deflate"]):  # what these unpack to is known only when it fills the memory
        if response.is_success:
            raise UnfitError(
                f"its body is packed as {', '.join(packed)}, though it was asked for as "
                f"{request.headers.get('accept-encoding', 'identity')}; have the server, or the proxy in front of it, "
                "heed Accept-Encoding"
            )
        return b""
    declared = response.headers.get("content-length", "")
    if not packed and declared.isdecimal() and int(declared) > MOST_BYTES:
        raise _too_long(f"has {int(declared):,} bytes, more than the {MOST_BYTES:,}")
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_long(f"is longer than the {MOST_BYTES:,} bytes")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the answer did not end")
    return b"".join(pieces)


def _too_long(how: str) -> UnfitError:
    return UnfitError(
        f"its body {how} that are taken in; ask for fewer orders at a time, where the file of the channel or target "
        "says how many, else the other side has to answer shorter"
    )
