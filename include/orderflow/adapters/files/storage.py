"""The storage that an inbox lies in, whatever fsspec reaches: its address, its credentials, what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ftplib import error_perm
from typing import Any
from urllib.parse import urlsplit

import fsspec
import paramiko

from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account

CONNECT_SECONDS = 20.0
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
                self._opened = fsspec.core.url_to_fs(self._account.url, **own)
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
        except (OSError, error_perm) as error:
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
            if "Authentication" in kind or "Credentials" in kind or str(error).startswith("530"):  # 530: FTP's word
                raise DeniedError(f"{where}: {kind}; correct login and password of the connection") from None
            raise TransientError(f"{where}: {kind}; the run tries again by itself") from error


class _Known(paramiko.Transport):
    """A session whose server shows the key that the connection's extra field `host_key` tells; fsspec takes any."""

    account: Account

    def start_client(self, *given: Any, **named: Any) -> None:
        """Raises `DeniedError` for another key, before the server is told a password."""
        super().start_client(*given, **named)
        key = self.get_remote_server_key()
        if [key.get_name(), key.get_base64()] != str(self.account.extra["host_key"]).split()[:2]:
            self.close()
            raise DeniedError(
                f"inbox {self.account.name}: the server at {urlsplit(self.account.url).hostname} shows another host "
                "key than the connection's host_key; ask the partner whether it was changed, and correct the field "
                "only when they say so"
            )


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
    if urlsplit(account.url).scheme in _SSH and account.extra.get("host_key") is not None:

        def known(*given: Any, **named: Any) -> _Known:
            made = _Known(*given, **named)
            made.account = account
            return made

        options["transport_factory"] = known
    return options
