"""FTP as servers demand it that fsspec's own file system does not serve."""

from __future__ import annotations

import socket
import ssl
from ftplib import FTP, FTP_TLS
from functools import partial
from typing import Any

from fsspec.implementations.ftp import FTPFileSystem


class Ftp(FTPFileSystem):  # type: ignore[misc]  # fsspec tells no types
    """With TLS each file goes over a connection that is encrypted too, and goes on with the session of the first one:
    vsftpd, ProFTPD and FileZilla take no other one unless they are told to.
    """

    def _connect(self) -> None:
        super()._connect()
        if isinstance(self.ftp, FTP_TLS):
            self.ftp.prot_p()
            self.ftp.ntransfercmd = partial(_resumed, self.ftp)  # type: ignore[method-assign]


def opened(url: str, **own: Any) -> tuple[Ftp, str]:
    """The file system of an address, and the path in it. fsspec's `url_to_fs` keeps `encoding` for itself."""
    return Ftp(**{**Ftp._get_kwargs_from_urls(url), **own}), Ftp._strip_protocol(url)  # noqa: SLF001 - as url_to_fs does


def _resumed(ftp: FTP_TLS, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
    """A connection for one file, or one listing."""
    line, size = FTP.ntransfercmd(ftp, cmd, rest)  # noqa: S321 - encrypted in the next line
    assert isinstance(ftp.sock, ssl.SSLSocket)
    return ftp.context.wrap_socket(line, server_hostname=ftp.host, session=ftp.sock.session), size
