"""FTP as servers demand it that fsspec's own file system does not serve; over TLS only to the server that is meant."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import socket
import ssl
from collections.abc import Callable
from ftplib import FTP, FTP_TLS, error_temp
from functools import partial
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.implementations.ftp import SECURITY_PROTOCOL_MAP, FTPFileSystem, ImplicitFTPTLS

from orderflow.adapters.files.spool import add, spool
from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account

_FINGERPRINT = re.compile(r"(?:sha256 fingerprint=)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})", re.IGNORECASE)
"""SHA-256 of a certificate, as OpenSSL and browsers write it."""
_KEEPING = "keeping_"


class Ftp(FTPFileSystem):  # type: ignore[misc]  # fsspec tells no types
    """With TLS each file goes over a connection that is encrypted too, and goes on with the session of the first one:
    vsftpd, ProFTPD and FileZilla take no other one unless they are told to.
    """

    def __init__(self, context: ssl.SSLContext | None, **told: Any) -> None:
        self.context = context
        super().__init__(**told | {"encoding": _KEEPING + told.get("encoding", "utf-8")})

    def _connect(self) -> None:
        if self.context is None:
            super()._connect()
        else:
            kind = ImplicitFTPTLS if isinstance(self.tls, str) else FTP_TLS
            self.ftp = kind(context=self.context, timeout=self.timeout, encoding=self.encoding)
            self.ftp.connect(self.host, self.port)
            self.ftp.login(*self.cred)
            self.ftp.prot_p()
            self.ftp.ntransfercmd = partial(_resumed, self.ftp)  # type: ignore[method-assign]
        self.ftp.getresp = partial(_answer, self.ftp.getresp)  # type: ignore[method-assign]

    def _open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        """A file, read at one go: fsspec breaks each of its blocks off, after which ProFTPD ends a session with TLS."""
        assert mode == "rb"
        content = spool()
        self.ftp.retrbinary(f"RETR {path}", partial(add, content))
        content.seek(0)
        return content

    cat_file = AbstractFileSystem.cat_file
    """fsspec's own says of every trouble that the file is not there."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write a file at one go: fsspec goes on behind its first 64 KB (REST), which ProFTPD refuses."""
        assert mode == "overwrite"
        self.ftp.storbinary(f"STOR {path}", io.BytesIO(value))
        self.invalidate_cache(self._parent(path))


def opened(account: Account, **own: Any) -> tuple[Ftp, str]:
    """The file system of an address, and the path in it. fsspec's `url_to_fs` keeps `encoding` for itself."""
    told = Ftp._get_kwargs_from_urls(account.url) | own  # noqa: SLF001 - as url_to_fs does
    try:
        codecs.lookup(told.get("encoding", "utf-8"))
    except LookupError:
        raise ConfigError(
            f"inbox {account.name}: encoding in the connection's extra field storage is {told['encoding']!r}, which is "
            "none; write utf-8, cp1252, gbk ..."
        ) from None
    context = _context(account, told["host"], told.get("port", FTP.port), told.get("tls", False))
    return Ftp(context, **told), Ftp._strip_protocol(account.url)  # noqa: SLF001 - as url_to_fs does


def _resumed(ftp: FTP_TLS, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
    """A connection for one file, or one listing."""
    line, size = FTP.ntransfercmd(ftp, cmd, rest)  # noqa: S321 - encrypted in the next line
    assert isinstance(ftp.sock, ssl.SSLSocket)
    return ftp.context.wrap_socket(line, session=ftp.sock.session), size


def _answer(getresp: Callable[[], str]) -> str:
    """What the server says. fsspec takes a list that got no connection for an empty one."""
    try:
        return getresp()
    except error_temp as error:
        if str(error).startswith(("421", "425", "426")):
            raise ConnectionError(str(error)) from error
        raise


class _Known(ssl.SSLContext):
    """Speaks with the server that is meant, and tells no other one anything."""

    host: str
    fingerprint: str | None
    where: str
    cure: str

    def wrap_socket(self, sock: socket.socket, *given: Any, **named: Any) -> ssl.SSLSocket:
        """Raises `DeniedError` for a certificate that is not trusted, or is not the one that was named."""
        try:
            line = super().wrap_socket(sock, *given, **{"server_hostname": self.host, **named})
        except ssl.SSLCertVerificationError as error:
            raise DeniedError(f"{self.where} is not trusted ({error.verify_message}); {self.cure}") from None
        shown = hashlib.sha256(line.getpeercert(binary_form=True) or b"").hexdigest()
        if self.fingerprint not in (None, shown):
            line.close()
            raise DeniedError(
                f"{self.where} is another one (SHA-256 {shown}) than the connection's certificate; ask the partner "
                "whether it was renewed, and correct the field only when they say so"
            )
        return line


def _context(account: Account, host: str, port: int, tls: bool | str) -> _Known | None:
    """How to speak TLS with the server, if it is to be spoken. Raises `ConfigError` where that cannot be."""
    told = str(account.extra.get("certificate") or "").strip()
    if (told and not tls) or (isinstance(tls, str) and tls not in SECURITY_PROTOCOL_MAP):
        raise ConfigError(
            f"inbox {account.name}: tls in the connection's extra field storage is {tls!r}; FTPS needs true (the "
            'server is asked for TLS), or "tls" (it speaks nothing else, mostly on port 990)'
        )
    if not tls:
        return None
    context = _Known(ssl.PROTOCOL_TLS_CLIENT)
    context.host, context.where = host, f"inbox {account.name}: the certificate of {host}"
    starttls = "" if isinstance(tls, str) else " -starttls ftp"
    context.cure = (
        "ask the partner for the SHA-256 fingerprint of their certificate, and write it into the connection's extra "
        "field certificate when it is the same that this shows: openssl s_client -connect "
        f"{host}:{port}{starttls} </dev/null | openssl x509 -noout -fingerprint -sha256; or name there a PEM file with "
        "the authority that signed it"
    )
    found = _FINGERPRINT.fullmatch(told)
    context.fingerprint = found[1].replace(":", "").lower() if found else None
    if found:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif not told:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(told)
        except OSError as error:
            raise ConfigError(
                f"inbox {account.name}: the connection's certificate must be a SHA-256 fingerprint (64 hex digits), or "
                f"a PEM file on this machine ({told[:60]!r}: {error.strerror or error})"
            ) from None
    return context


def _keeping(name: str) -> codecs.CodecInfo | None:
    """A codec `keeping_gbk` is that of GBK, but keeps bytes that are none of it, as names on servers may have them."""
    if not name.startswith(_KEEPING):
        return None
    own = codecs.lookup(name.removeprefix(_KEEPING))
    assert own.incrementaldecoder is not None
    return codecs.CodecInfo(
        lambda text, _="": own.encode(text, "surrogateescape"),
        lambda data, _="": own.decode(data, "surrogateescape"),
        incrementaldecoder=lambda _="": own.incrementaldecoder("surrogateescape"),
        name=name,
    )


codecs.register(_keeping)
