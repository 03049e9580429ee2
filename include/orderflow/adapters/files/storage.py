"""The storage that an inbox lies in, whatever fsspec reaches: its address, its credentials, what its errors mean."""

from __future__ import annotations

import ftplib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import fsspec
import paramiko

from orderflow.adapters.files import ftp
from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 60.0
"""How long an SFTP server may be silent; a connection that nobody holds any more looks the same for hours."""
_SSH = {"sftp", "ssh"}


class Storage:
    """The file system of one account, opened at the first need."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._opened: tuple[Any, str] | None = None

    def open(self) -> tuple[Any, str]:
        """The file system, and the inbox's path in it."""
        if self._opened is None:
            with self.speaking("its address"):
                own = {"skip_instance_cache": True, **_credentials(self._account)}
                opened = ftp.opened if urlsplit(self._account.url).scheme == "ftp" else fsspec.core.url_to_fs
                self._opened = opened(self._account.url, **own)
        files, root = self._opened
        return files, root.rstrip("/")

    def move(self, path: str, target: str) -> None:
        """Rename a file, over what is there.

        fsspec asks SFTP servers for OpenSSH's `posix-rename`, which many others do not know, and some FTP servers never
        rename over a file: they are asked for a plain rename, with the place made free first. Where fsspec has nothing
        but a copy, its own would take `orders[1].csv` for a pattern.
        """
        files, _ = self.open()
        if type(files).mv is fsspec.AbstractFileSystem.mv:
            files.cp_file(path, target)
            files.rm_file(path)
            return
        try:
            files.mv(path, target)
        except (OSError, ftplib.error_perm) as error:
            if getattr(error, "errno", None) is not None or not hasattr(files, "ftp"):
                raise
            if files.exists(target):
                files.rm_file(target)
            files.ftp.rename(path, target)

    @contextmanager
    def speaking(self, what: str, missing: type[OrderflowError] = ConfigError) -> Iterator[None]:
        """Turn the storage's errors into ours; `what` was to be read or moved, and `missing` means that it is gone."""
        where = f"inbox {self._account.name}, {what}"
        try:
            yield
        except OrderflowError:
            raise
        except FileNotFoundError as error:
            raise missing(f"{where}: there is no such folder or file; correct the address, if it stays away") from error
        except (PermissionError, NotADirectoryError) as error:
            raise DeniedError(f"{where}: access denied; grant this account the right to read and to move") from error
        except UnicodeError as error:
            raise ConfigError(
                f"{where}: a name there is not written in UTF-8; have the file renamed, or name the encoding of an FTP "
                'server in the connection\'s extra field storage ({"encoding": "cp1252"})'
            ) from error
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{where}: {type(error).__name__}; the address needs a scheme fsspec knows here"
            ) from error
        except Exception as error:
            kind = type(error).__name__
            said = (
                f" ({error})"
                if isinstance(error, (OSError, ftplib.Error, paramiko.SSHException)) and str(error)
                else ""
            )
            if _is_denied(error):
                raise DeniedError(
                    f"{where}: {kind}{said}; correct login and password of the connection, or its private key and "
                    "passphrase"
                ) from None
            raise TransientError(f"{where}: {kind}{said}; the run tries again by itself") from error


def _is_denied(error: Exception) -> bool:
    """Whether a storage does not let this login in; paramiko has no class for a private key that it cannot read."""
    if isinstance(error, paramiko.AuthenticationException) or re.search("private key|Invalid key", str(error)):
        return True
    kind = type(error).__name__
    return "Authentication" in kind or "Credentials" in kind or str(error).startswith("530")  # 530: FTP's word


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
            if not told or [key.get_name(), key.get_base64()] == told:
                return
        self.close()
        raise DeniedError(
            f"inbox {self.account.name}: the server at {urlsplit(self.account.url).hostname} shows another host key "
            "than the connection's host_key; ask the partner whether it was changed, and correct the field only when "
            "they say so"
        )

    def open_sftp_client(self) -> paramiko.SFTPClient:
        client = super().open_sftp_client()
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


def _credentials(account: Account) -> dict[str, Any]:
    """What fsspec's implementation for this scheme wants to know; local folders want nothing."""
    options: dict[str, Any] = dict(account.extra.get("storage", {}))
    if urlsplit(account.url).scheme in {*_SSH, "ftp"}:
        if account.login:
            options["username"] = account.login
        if account.password:
            options["password"] = account.password.reveal()
    if urlsplit(account.url).scheme in _SSH:
        options.setdefault("timeout", CONNECT_SECONDS)

        def session(*given: Any, **named: Any) -> _Session:
            made = _Session(*given, **named)
            made.account = account
            return made

        options["transport_factory"] = session
    return options
