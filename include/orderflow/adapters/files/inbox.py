"""A folder that partners drop files into: local, SFTP, object storage, or whatever fsspec reaches.

A file is ready when its manifest lies beside it, or when two looks, `settle` apart, find it unchanged. It is taken by
copying it, and acknowledged by moving it into the folder `done` inside the inbox, its SHA-256 in the name; nothing is
ever overwritten there. What is not acknowledged is ready again.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from errno import EBUSY
from fnmatch import fnmatchcase
from ftplib import error_perm, error_temp
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from orderflow.adapters.files import manifest
from orderflow.adapters.files.manifest import Manifest
from orderflow.adapters.files.spool import add, spool
from orderflow.adapters.files.storage import Storage
from orderflow.adapters.files.text import FileError
from orderflow.domain.errors import DriftError, TransientError
from orderflow.domain.source import Account, Runtime

log = logging.getLogger(__name__)

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
"""Endings under which programs write what is not complete yet."""
HIDDEN = (".", "~$")
"""How names begin that are no partner's files: hidden ones, and the locks of Office programs."""
BLOCK = 1024 * 1024
LONGEST_NAME = 255
"""Bytes that most file systems have room for in a name."""
_MARK = "#sha256="
_KEPT = re.compile("[\udc80-\udcff]")
"""Bytes of a name that are no UTF-8, as Python keeps them."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that lies in the inbox. `modified` is what the storage says."""

    name: str
    """What it is called; bytes that are no UTF-8 stand as `%E4`."""
    size: int
    modified: datetime | None
    manifest: str | None = None
    """Name of the manifest beside it, in the storage."""
    link: bool = False
    """Whether it only points to a file."""
    spelled: str | None = None
    """Its name in the storage, where that is another one."""

    @property
    def path(self) -> str:
        """Where it lies in the inbox."""
        return self.spelled or self.name


@dataclass(frozen=True, slots=True)
class Copy:
    """The content of a drop, taken once."""

    drop: Drop
    content: BinaryIO | None
    """None where the file is a link or cannot be opened."""
    sha256: str
    statement: bytes | None
    """What stands in its manifest."""
    dropped_at: datetime
    """When the file was last written, at the latest when it was read: clocks of servers go wrong, or tell nothing."""

    @property
    def file(self) -> BinaryIO:
        """The content, to be read again and again while the copy is open; raises `FileError` where there is none."""
        if self.drop.link:
            raise FileError(
                None, "is a link, which may point nowhere once it is put away; have the file itself put here"
            )
        if self.content is None:
            raise FileError(
                None,
                "cannot be opened; let the account read it, or close the program that still holds it",
            )
        return self.content

    @property
    def manifest(self) -> Manifest:
        """What the sender says of the file; raises `FileError` for a manifest that states nothing."""
        if self.drop.manifest is None or self.statement is None:
            return Manifest()
        return manifest.read(_name(self.drop.manifest), self.statement)

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
        self.storage = Storage(account)
        self._runtime = runtime
        self._pattern, self._settle, self._needs_manifest = pattern, settle, needs_manifest
        self._done_name = done

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

    def copies(self, drops: Sequence[Drop]) -> Iterator[Copy]:
        """The contents of these files, one open at a time; what vanished or grew meanwhile is left for the next run."""
        for drop in drops:
            try:
                with self.copy(drop) as copy:
                    if copy.content is not None and not self._is_whole(drop, copy.content.seek(0, 2)):
                        log.warning("file left, it is still being written name=%s", drop.name)
                        continue
                    yield copy
            except _GoneError:
                log.warning("file left, it is gone again name=%s", drop.name)

    def _is_whole(self, drop: Drop, size: int) -> bool:
        """Whether so many bytes are all of a file; some storages list no size, or that of the packed content."""
        return size == drop.size or (size > drop.size and self._look().get(drop.name) == drop)

    @contextmanager
    def copy(self, drop: Drop) -> Iterator[Copy]:
        """The content of a file, copied so that it cannot change while it is read."""
        if drop.link:
            yield Copy(drop, None, "", None, self._runtime.clock())
            return
        files, root = self.storage.open()
        digest = hashlib.sha256()
        with spool() as local:
            content: BinaryIO | None = local
            statement = None
            with self.storage.speaking(drop.name, _GoneError):
                try:
                    with files.open(f"{root}/{drop.path}", "rb") as remote:
                        while block := remote.read(BLOCK):
                            digest.update(block)
                            add(local, block)
                    if drop.manifest:
                        with files.open(f"{root}/{drop.manifest}", "rb") as stated:
                            statement = stated.read(manifest.LARGEST)
                except Exception as error:
                    if not _is_its_own(error):
                        raise
                    if drop.name not in self._look():  # which fails where it is the storage that is gone
                        raise FileNotFoundError(drop.name) from error
                    content = None
            now = self._runtime.clock()
            yield Copy(drop, content, digest.hexdigest() if content else "", statement, min(drop.modified or now, now))

    def acknowledge(self, origins: Collection[str]) -> None:
        """Move the files with these origins into `done`; what is there already, or has changed since, stays."""
        for drop, sha256 in self.there(origins):
            self.put_away(drop, sha256)

    def there(self, origins: Collection[str]) -> list[tuple[Drop, str]]:
        """The files with these origins that still lie in the inbox, each with the SHA-256 that it had."""
        taken = [(name, sha256) for name, mark, sha256 in (origin.rpartition(_MARK) for origin in origins) if mark]
        found = self._look() if taken else {}
        return [(found.pop(name), sha256) for name, sha256 in taken if name in found]

    def put_away(self, drop: Drop, sha256: str) -> bool:
        """Move a file, its manifest first: what breaks off in between leaves the file to be moved next time.

        False for one that has changed since it was read: it stays.
        """
        _, root = self.storage.open()
        with self.storage.speaking(drop.name):
            target = self._free(drop.name, sha256)
            if self._digest(drop.path) != sha256:
                log.warning("file left, it changed since it was read name=%s", drop.name)
                return False
            if drop.manifest:
                self.storage.move(f"{root}/{drop.manifest}", self._free(_name(drop.manifest), sha256))
            self.storage.move(f"{root}/{drop.path}", target)
        return True

    def _free(self, name: str, sha256: str) -> str:
        """A path in `done` that nothing has: `orders.3f2a9c41d0e7.csv`, or `orders.3f2a9c41d0e7.2.csv` and so on."""
        files, root = self.storage.open()
        number = 1
        while files.exists(target := f"{root}/{self._done_name}/{done_name(name, sha256, number)}"):
            number += 1
        if number > 1:
            log.info("file repeated name=%s before=%s", name, done_name(name, sha256))
        return target

    def _look(self) -> dict[str, Drop]:
        """What lies there now, by name, without what is unfinished and without manifests. Capitals do not matter."""
        files, root = self.storage.open()
        with self.storage.speaking("its listing"):
            files.invalidate_cache()
            entries: list[Mapping[str, Any]] = self._listed(files, root)
            if not entries and hasattr(files, "ftp") and hasattr(files.ftp, "nlst") and _names(files.ftp, root):
                raise DriftError(
                    f"inbox {root}: the FTP server lists its files in a form that is not understood; ask for MLSD, or "
                    "for a listing in the form of Unix"
                )
        # Object storage shows a folder that was made by hand as an empty file of the folder's own name.
        found = [
            entry
            for entry in entries
            if (entry["type"] == "file" or _is_link(entry))
            and entry["name"].rstrip("/") != root
            and not (_is_link(entry) and files.isdir(entry["name"]))
        ]
        there = {_name(entry["name"]): entry for entry in found}
        spelled = {name.lower(): PurePosixPath(entry["name"]).name for name, entry in there.items()}
        return {
            name: Drop(
                name,
                int(entry["size"] or 0),
                _modified(entry),
                next(filter(None, (spelled.get(name.lower() + ending) for ending in manifest.ENDINGS)), None),
                _is_link(entry),
                None if (own := PurePosixPath(entry["name"]).name) == name else own,
            )
            for name, entry in there.items()
            if fnmatchcase(name.lower(), self._pattern.lower())
            and not name.startswith(HIDDEN)
            and not name.lower().endswith((*UNFINISHED, *manifest.ENDINGS))
        }

    def _listed(self, files: Any, root: str) -> list[Mapping[str, Any]]:
        """What lies in the folder. Object storage has no empty folders: there it is the bucket that must be there."""
        try:
            found: list[Mapping[str, Any]] = files.ls(root or "/", detail=True)
        except FileNotFoundError:
            bucket, _, inside = root.partition("/")
            if not bucket or not inside:
                raise
            files.ls(bucket)
            return []
        return found

    def _digest(self, name: str) -> str:
        files, root = self.storage.open()
        digest = hashlib.sha256()
        with files.open(f"{root}/{name}", "rb") as remote:
            while block := remote.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()


def done_name(name: str, sha256: str, number: int = 1) -> str:
    """What a file is called in `done`; a name that would be too long there loses the end of its stem."""
    path, mark = PurePosixPath(name), f".{sha256[:12]}" + (f".{number}" if number > 1 else "")
    stem, suffix = path.stem, path.suffix
    if len(f"{mark}{suffix}".encode()) >= LONGEST_NAME:  # the dot ends a word, and what follows is no suffix
        stem, suffix = name, ""
    room = LONGEST_NAME - len(f"{mark}{suffix}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore')}{mark}{suffix}"


class _GoneError(TransientError):
    """A file is not there any more: its sender took it back, or is just putting another in its place."""


def _is_its_own(error: Exception) -> bool:
    """Whether an error concerns one file and not its storage: no right to it, or a program that holds it.

    SFTP servers have one word for all of that, which arrives without a number; FTP servers say 550.
    """
    if isinstance(error, error_perm):
        return str(error).startswith("550")
    return isinstance(error, PermissionError) or (type(error) is OSError and error.errno in (None, EBUSY))


def _is_link(entry: Mapping[str, Any]) -> bool:
    """Whether a file is a symbolic link: local folders, SFTP, FTP with MLSD, and FTP with a list have a word each."""
    listed = str(entry.get("unix.mode", "")).startswith("l")
    return listed or "link" in str(entry["type"]).lower() or entry.get("islink") is True


def _names(ftp: Any, root: str) -> list[str]:
    """What an FTP server names in a folder; many have an error of their own for an empty one (550 or 450)."""
    try:
        found: list[str] = ftp.nlst(root)
    except (error_perm, error_temp):
        return []
    return [name for name in found if name.rpartition("/")[2] not in {".", ".."}]


def _name(path: str) -> str:
    """The name of a file, in signs that every system can write."""
    return _KEPT.sub(lambda kept: f"%{ord(kept[0]) - 0xDC00:02X}", PurePosixPath(path).name)


def _modified(entry: Mapping[str, Any]) -> datetime | None:
    """When a file was last written: every storage has its own name and type for it."""
    for field in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        value = entry.get(field)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
    told = entry.get("modify")  # FTP: `20260301091400` or `20260301091400.123` in UTC, or what a Unix listing shows
    if isinstance(told, str) and told[:14].isdigit():
        return datetime.strptime(told[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return None
