"""SFTP: the server that is meant, names in whatever bytes they have, and no more requests than are needed."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko.file import BufferedFile
from paramiko.sftp import CMD_CLOSE

from orderflow.domain.errors import ConfigError, DeniedError
from orderflow.domain.source import Account

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 60.0
"""How long a server may be silent; a connection that nobody holds any more looks the same for hours."""


class Sftp(SFTPFileSystem):  # type: ignore[misc]  # fsspec tells no types
    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write a file. A server may find out only at its end that a disk is full; paramiko does not listen then."""
        assert mode == "overwrite"
        file = self.ftp.open(path, "wb")
        file.write(value)
        BufferedFile.close(file)
        self.ftp._request(CMD_CLOSE, file.handle)  # noqa: SLF001 - what its own close does, answer and all

    def makedirs(self, path: str, exist_ok: bool = False, mode: int = 0o777) -> None:
        """Make a folder; those above it are asked for only where it cannot be made.

        There is no word of its own for a folder that is there, and many servers have one word for everything.
        """
        try:
            self.ftp.mkdir(path, mode)
        except OSError:
            if self.isdir(path):
                if exist_ok:
                    return
                raise
            above = posixpath.dirname(path)
            if above == path or self.isdir(above):
                raise
            self.makedirs(above, exist_ok=True, mode=mode)
            self.ftp.mkdir(path, mode)


def opened(account: Account, **own: Any) -> tuple[Sftp, str]:
    """The file system of an address, and the path in it."""

    def session(*given: Any, **named: Any) -> _Session:
        made = _Session(*given, **named)
        made.account = account
        return made

    told = Sftp._get_kwargs_from_urls(account.url) | {"timeout": CONNECT_SECONDS} | own  # noqa: SLF001 - as url_to_fs does
    return Sftp(**told, transport_factory=session), Sftp._strip_protocol(account.url)  # noqa: SLF001


class _Session(paramiko.Transport):
    """A session that waits for no answer forever, and whose server shows the key that the connection's extra field
    `host_key` tells, if it tells one; fsspec takes any.
    """

    account: Account

    def start_client(self, *given: Any, **named: Any) -> None:
        """Raises `DeniedError` for another key, before the server is told a password.

        A server has keys of several kinds, and shows the one that is asked for.
        """
        told = str(self.account.extra.get("host_key") or "").split()[:2]
        if told:
            self.get_security_options().key_types = _kinds(self, told[0])
        try:
            super().start_client(*given, **named)
        except paramiko.ssh_exception.IncompatiblePeer as error:
            if not told or "host key" not in str(error):
                raise
        else:
            key = self.get_remote_server_key()
            shown = [key.get_name(), key.get_base64()]
            if not told:
                log.warning(
                    "inbox %s takes any host key; to take this server's alone: host_key: %s",
                    self.account.name,
                    " ".join(shown),
                )
            if told in ([], shown):
                return
        self.close()
        raise DeniedError(
            f"inbox {self.account.name}: the server at {urlsplit(self.account.url).hostname} shows another host key "
            "than the connection's host_key; ask the partner whether it was changed, and correct the field only when "
            "they say so"
        )

    def open_sftp_client(self) -> paramiko.SFTPClient:
        client = _Client.from_transport(self)
        assert client is not None
        if (channel := client.get_channel()) is not None:
            channel.settimeout(ANSWER_SECONDS)
        return client


def _kinds(session: _Session, told: str) -> list[str]:
    """The ways to sign with a key of this kind. Raises `ConfigError` for a `host_key` that is none."""
    known = session.get_security_options().key_types
    found = [kind for kind in known if kind == told or (told == "ssh-rsa" and kind.startswith("rsa-sha2-"))]
    if not found:
        raise ConfigError(
            f"inbox {session.account.name}: the connection's host_key must be the kind of the key and the key, like "
            "ssh-ed25519 AAAA...: the last two words of a line that ssh-keyscan writes"
        )
    return found


class _Answer(paramiko.Message):
    """Bytes that are no UTF-8 are kept, in names as in what the server says of its troubles."""

    def get_text(self) -> str:
        return self.get_string().decode("utf-8", "surrogateescape")


class _Client(paramiko.SFTPClient):
    """paramiko takes and gives names in UTF-8 only, and asks fifty times for every list."""

    def listdir_iter(self, path: bytes | str = ".", read_aheads: int = 1) -> Iterator[paramiko.SFTPAttributes]:
        del read_aheads
        return iter(self.listdir_attr(path))  # type: ignore[arg-type]  # it takes bytes, too

    def _request(self, kind: int, *given: Any) -> tuple[int, paramiko.Message]:
        answered, answer = super()._request(kind, *given)  # type: ignore[misc]  # untyped
        answer.__class__ = _Answer
        return answered, answer

    def _convert_status(self, answer: paramiko.Message) -> None:
        answer.__class__ = _Answer
        super()._convert_status(answer)  # type: ignore[misc]  # untyped

    def _adjust_cwd(self, path: bytes | str) -> bytes:
        spelled = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
        adjusted: bytes = super()._adjust_cwd(spelled)  # type: ignore[misc]  # untyped
        return adjusted
