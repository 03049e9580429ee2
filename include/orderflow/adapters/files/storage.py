"""The storage that an inbox lies in, whatever fsspec reaches: its address, its credentials, what its errors mean."""

from __future__ import annotations

import ftplib
import posixpath
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC, EXDEV
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import paramiko
from fsspec.implementations.local import LocalFileSystem

from orderflow.adapters.files import ftp, sftp
from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account

_OWN: dict[str, Any] = {"ftp": ftp, "sftp": sftp, "ssh": sftp}
"""Schemes that fsspec's implementation alone does not do for."""


class Storage:
    """The file system of one account, opened at the first need."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._opened: tuple[Any, str] | None = None

    def open(self) -> tuple[Any, str]:
        """The file system, and the inbox's path in it."""
        if self._opened is None:
            with self.speaking("its address"):
                url, given = self._account.url, {"skip_instance_cache": True, **_credentials(self._account)}
                own = _OWN.get(urlsplit(url).scheme)
                self._opened = own.opened(self._account, **given) if own else fsspec.core.url_to_fs(url, **given)
        files, root = self._opened
        return files, root.rstrip("/")

    def move(self, path: str, target: str) -> None:
        """Rename a file, over what is there; makes the folder that it goes to where that is missing."""
        try:
            self._rename(path, target)
        except Exception:  # noqa: BLE001 - many servers have one word for everything that fails, WebDAV errors of its own
            files, _ = self.open()
            files.makedirs(posixpath.dirname(target), exist_ok=True)
            self._rename(path, target)

    def _rename(self, path: str, target: str) -> None:
        """Rename a file, over what is there.

        fsspec asks SFTP servers for OpenSSH's `posix-rename`, which many others do not know, and some FTP servers never
        rename over a file: they are asked for a plain rename, with the place made free first. Where fsspec has nothing
        but a copy, its own would take `orders[1].csv` for a pattern. On local disks it would copy to another one in
        sight of everybody.
        """
        files, _ = self.open()
        if isinstance(files, LocalFileSystem):
            _rename_here(path, target)
            return
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
            files.invalidate_cache()

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
                f"{where}: a name has signs that the server's encoding does not have; correct the address, or name the "
                'encoding of an FTP server in the connection\'s extra field storage ({"encoding": "cp1252"})'
            ) from error
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{where}: {type(error).__name__}; the address needs a scheme fsspec knows here"
            ) from error
        except Exception as error:
            kind = type(error).__name__
            told = str(error) if isinstance(error, (OSError, ftplib.Error, paramiko.SSHException)) else ""
            told = told.encode(errors="backslashreplace").decode()  # a server may speak of a name that is no UTF-8
            said = f" ({told})" if told else ""
            if told == "Failure":  # SFTP has one word for most troubles
                said = " (Failure, which OpenSSH says of a full disk, too)"
            if _is_full(error):
                raise TransientError(
                    f"{where}: no room on its disk{said}; make room there: what lies in done/ and archive/ for longer "
                    "than you keep it may go; what is not put away is not answered, and the run tries again by itself"
                ) from error
            if _is_denied(error):
                raise DeniedError(
                    f"{where}: {kind}{said}; correct login and password of the connection, or its private key and "
                    "passphrase"
                ) from None
            raise TransientError(f"{where}: {kind}{said}; the run tries again by itself") from error


def _rename_here(path: str, target: str) -> None:
    """Rename a file, on another disk too: whoever looks there sees the whole of it or nothing."""
    try:
        Path(path).replace(target)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        half = Path(f"{target}.part")
        shutil.copyfile(path, half)
        half.replace(target)
        Path(path).unlink()


_FULL = re.compile("[45]52 |.*(no space|quota|disk full|disk is full|failure writing)", re.IGNORECASE)


def _is_full(error: Exception) -> bool:
    """Whether a storage has no room: this machine tells it by number, FTP servers by 452 and 552, others in words."""
    return getattr(error, "errno", None) in (ENOSPC, EDQUOT, EFBIG) or _FULL.match(str(error)) is not None


def _is_denied(error: Exception) -> bool:
    """Whether a storage does not let this login in; paramiko has no class for a private key that it cannot read."""
    if isinstance(error, paramiko.AuthenticationException) or re.search("private key|Invalid key", str(error)):
        return True
    kind = type(error).__name__
    return "Authentication" in kind or "Credentials" in kind or str(error).startswith("530")  # 530: FTP's word


def _credentials(account: Account) -> dict[str, Any]:
    """What fsspec's implementation for this scheme wants to know; local folders want nothing."""
    options: dict[str, Any] = dict(account.extra.get("storage", {}))
    if urlsplit(account.url).scheme in _OWN:
        if account.login:
            options["username"] = account.login
        if account.password:
            options["password"] = account.password.reveal()
    return options
