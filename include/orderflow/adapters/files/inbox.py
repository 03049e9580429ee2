"""A folder that partners drop files into: local, SFTP, object storage, or whatever fsspec reaches.

A file is ready when its manifest lies beside it, or when two looks, `settle` apart, find it unchanged. It is taken by
copying it, and acknowledged by moving it into the folder `done` inside the inbox, its SHA-256 in the name; nothing is
ever overwritten there. What is not acknowledged is ready again.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import fsspec
import paramiko

from orderflow.adapters.files import manifest
from orderflow.adapters.files.manifest import Manifest
from orderflow.domain.errors import ConfigError, DeniedError, OrderflowError, TransientError
from orderflow.domain.source import Account, Runtime

log = logging.getLogger(__name__)

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
"""Endings under which programs write what is not complete yet."""
HIDDEN = (".", "~$")
"""How names begin that are no partner's files: hidden ones, and the locks of Office programs."""
IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a copy that stay in memory; a longer one goes to a temporary file."""
BLOCK = 1024 * 1024
CONNECT_SECONDS = 20.0
_MARK = "#sha256="


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that lies in the inbox. `modified` is what the storage says."""

    name: str
    size: int
    modified: datetime | None
    manifest: str | None = None
    """Name of the manifest beside it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The content of a drop, taken once. `file` can be read again and again while the copy is open."""

    drop: Drop
    file: BinaryIO
    sha256: str
    statement: bytes | None
    """What stands in its manifest."""

    @property
    def manifest(self) -> Manifest:
        """What the sender says of the file; raises `FileError` for a manifest that states nothing."""
        if self.drop.manifest is None or self.statement is None:
            return Manifest()
        return manifest.read(self.drop.manifest, self.statement)

    @property
    def origin(self) -> str:
        """The evidence, and what `acknowledge` wants to hear: name and content."""
        return f"{self.drop.name}{_MARK}{self.sha256}"


class Inbox:
    """The folder of one account. `ready` is "settled", or "manifest" where every file comes with one."""

    def __init__(
        self,
        account: Account,
        runtime: Runtime,
        *,
        pattern: str,
        settle: timedelta,
        needs_manifest: bool = False,
        done: str = "done",
    ) -> None:
        self._account, self._runtime = account, runtime
        self._pattern, self._settle, self._needs_manifest = pattern, settle, needs_manifest
        self._done_name = done
        self._opened: tuple[Any, str] | None = None

    def ready(self) -> list[Drop]:
        """The files that may be read now, oldest first, then by name; waits for the second look where one is needed."""
        first = self._look()
        vouched = [drop for drop in first.values() if drop.manifest]
        waiting = [] if self._needs_manifest else [drop for drop in first.values() if not drop.manifest]
        if waiting:
            self._runtime.sleep(self._settle.total_seconds())
            second = self._look()
            waiting = [drop for drop in waiting if second.get(drop.name) == drop]
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted([*vouched, *waiting], key=lambda drop: (drop.modified or oldest, drop.name))

    @contextmanager
    def copy(self, drop: Drop) -> Iterator[Copy]:
        """The content of a file, copied so that it cannot change while it is read."""
        files, root = self._storage()
        digest = hashlib.sha256()
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as local:
            with self._speaking(drop.name, TransientError), files.open(f"{root}/{drop.name}", "rb") as remote:
                while block := remote.read(BLOCK):
                    digest.update(block)
                    local.write(block)
            statement = None
            if drop.manifest:
                with self._speaking(drop.manifest, TransientError):
                    statement = files.cat_file(f"{root}/{drop.manifest}")
            self._tell_repeated(drop, digest.hexdigest())
            yield Copy(drop, cast("BinaryIO", local), digest.hexdigest(), statement)

    def acknowledge(self, origins: Collection[str]) -> None:
        """Move the files with these origins into `done`; what is there already, or has changed since, stays."""
        for origin in origins:
            name, mark, sha256 = origin.rpartition(_MARK)
            if mark:
                self._put_away(name, sha256)

    def _put_away(self, name: str, sha256: str) -> None:
        """Move a file, its manifest first: what breaks off in between leaves the file to be moved next time."""
        files, root = self._storage()
        drop = self._look().get(name)
        if drop is None:
            return
        with self._speaking(name):
            if self._digest(name) != sha256:
                log.warning("file left, it changed since it was read name=%s", name)
                return
            files.makedirs(f"{root}/{self._done_name}", exist_ok=True)
            for each in filter(None, (drop.manifest, name)):
                files.mv(f"{root}/{each}", self._free(each, sha256))

    def _free(self, name: str, sha256: str) -> str:
        """A path in `done` that nothing has: `orders.3f2a9c41d0e7.csv`, or `orders.3f2a9c41d0e7.2.csv` and so on."""
        files, root = self._storage()
        path, number = PurePosixPath(name), 1
        while True:
            count = f".{number}" if number > 1 else ""
            target = f"{root}/{self._done_name}/{path.stem}.{sha256[:12]}{count}{path.suffix}"
            if not files.exists(target):
                return target
            number += 1

    def _look(self) -> dict[str, Drop]:
        """What lies there now, by name, without what is unfinished and without manifests. Capitals do not matter."""
        files, root = self._storage()
        with self._speaking("its listing"):
            files.invalidate_cache()
            entries: list[Mapping[str, Any]] = files.ls(root, detail=True)
        there = {PurePosixPath(entry["name"]).name: entry for entry in entries if entry["type"] == "file"}
        spelled = {name.lower(): name for name in there}
        return {
            name: Drop(
                name,
                int(entry["size"] or 0),
                _modified(entry),
                next(filter(None, (spelled.get(name.lower() + ending) for ending in manifest.ENDINGS)), None),
            )
            for name, entry in there.items()
            if fnmatchcase(name.lower(), self._pattern.lower())
            and not name.startswith(HIDDEN)
            and not name.lower().endswith((*UNFINISHED, *manifest.ENDINGS))
        }

    def _digest(self, name: str) -> str:
        files, root = self._storage()
        digest = hashlib.sha256()
        with files.open(f"{root}/{name}", "rb") as remote:
            while block := remote.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def _tell_repeated(self, drop: Drop, sha256: str) -> None:
        """Say so when a file of the same content was taken before; it is read again all the same."""
        files, root = self._storage()
        done = f"{root}/{self._done_name}"
        with self._speaking(drop.name):
            names = files.ls(done, detail=False) if files.exists(done) else []
        before = [PurePosixPath(name).name for name in names if f".{sha256[:12]}." in name]
        if before:
            log.info("file repeated name=%s before=%s", drop.name, before[0])

    def _storage(self) -> tuple[Any, str]:
        """The file system and the inbox's path in it, opened at the first need."""
        if self._opened is None:
            with self._speaking("its address"):
                _check_host(self._account)
                own = {"skip_instance_cache": True, **_credentials(self._account)}
                self._opened = fsspec.core.url_to_fs(self._account.url, **own)
        files, root = self._opened
        return files, root.rstrip("/")

    @contextmanager
    def _speaking(self, what: str, missing: type[OrderflowError] = ConfigError) -> Iterator[None]:
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
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{where}: {type(error).__name__}; the address needs a scheme fsspec knows here"
            ) from error
        except Exception as error:
            kind = type(error).__name__
            if "Authentication" in kind or "Credentials" in kind:
                raise DeniedError(f"{where}: {kind}; correct login and password of the connection") from None
            raise TransientError(f"{where}: {kind}; the run tries again by itself") from error


def _check_host(account: Account) -> None:
    """Compare an SFTP server's key with the connection's extra field `host_key`, before it is told a password.

    fsspec itself takes any key. Raises `DeniedError` when it is another one; without the field nothing is compared.
    """
    address, known = urlsplit(account.url), account.extra.get("host_key")
    if known is None or address.scheme not in {"sftp", "ssh"}:
        return
    with paramiko.Transport((address.hostname or "", address.port or 22)) as transport:
        transport.start_client(timeout=CONNECT_SECONDS)
        key = transport.get_remote_server_key()
    found = f"{key.get_name()} {key.get_base64()}"
    if found.split()[:2] != str(known).split()[:2]:
        raise DeniedError(
            f"inbox {account.name}: the server at {address.hostname} shows another host key than the connection's "
            "host_key; ask the partner whether it was changed, and correct the field only when they say so"
        )


def _credentials(account: Account) -> dict[str, Any]:
    """What fsspec's implementation for this scheme wants to know; local folders want nothing."""
    options: dict[str, Any] = dict(account.extra.get("storage", {}))
    if urlsplit(account.url).scheme in {"sftp", "ssh"}:
        if account.login:
            options["username"] = account.login
        if account.password:
            options["password"] = account.password.reveal()
    return options


def _modified(entry: Mapping[str, Any]) -> datetime | None:
    """When a file was last written: every storage has its own name and type for it."""
    for field in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        value = entry.get(field)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
    return None
