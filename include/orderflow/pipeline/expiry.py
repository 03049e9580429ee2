"""Which folders of the landing zone, and which old pages, may go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from upath import UPath

from orderflow.pipeline.landing import forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many days things are kept."""

    raw: int = 90
    """Raw landing folders, and the sealed raw records of orders that were discarded or superseded."""
    expectations: int = 180
    reports: int = 90
    calls: int = 400
    """What the calls to channels and the OMS cost."""
    alerts: int = 90
    """Alerts that are over, and heartbeats."""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many folders or files are old, how many bytes they hold, and how many old ones stay because of quarantine."""

    count: int = 0
    bytes: int = 0
    kept: int = 0


Rows = Callable[[str, int], int]
"""Removes the rows of one kind that are older than so many days; returns how many."""
Forget = Callable[[str, Collection[str]], int]
"""Forgets the buyers of these orders of a channel, should staging know them again; returns how many it did."""


def upkeep(
    keep: Keep,
    *,
    landing: Path,
    reports: Path,
    rows: Rows,
    forget: Forget,
    needed: Collection[str],
    now: datetime,
    dry_run: bool,
) -> dict[str, Expired]:
    """Remove everything that is old, by what people call it, and buyers that a backup brought back; a dry run only
    counts.
    """
    return {
        "forgotten buyers": Expired(_known_again(landing, forget)),
        "raw landing folders": batches(landing, days=keep.raw, now=now, needed=needed, dry_run=dry_run),
        "raw records of decided orders": Expired(rows("raw records of decided orders", keep.raw)),
        "expectation runs": Expired(rows("expectation runs", keep.expectations)),
        "endpoint calls": Expired(rows("endpoint calls", keep.calls)),
        "reports": old(reports, "[0-9]*", days=keep.reports, now=now, dry_run=dry_run),
        "alerts": Expired(rows("alerts", keep.alerts)),
        "heartbeats": Expired(rows("heartbeats", keep.alerts)),
    }


def _known_again(root: Path, forget: Forget) -> int:
    """Forget buyers that a restored backup brought back. Loads find that out by themselves, and do it at once, but not
    where nothing is loaded any more, or nothing was since the buyer was forgotten.
    """
    channels = root.iterdir() if root.is_dir() else ()
    return sum(forget(each.name, forgotten(each)) for each in channels)


def batches(root: Path, *, days: int, now: datetime, needed: Collection[str], dry_run: bool) -> Expired:
    """Remove batch folders (`root/channel/window/run`) whose newest file is older than so many days.

    A folder in `needed` stays, whatever its age.
    """
    stays = {_key(each) for each in needed}
    before = (now - timedelta(days=days)).timestamp()
    count = size = kept = 0
    for folder in _folders(root):
        files = [each.stat() for each in folder.iterdir() if each.is_file()]
        if not files or max(each.st_mtime for each in files) >= before:
            continue
        if _key(str(folder)) in stays:
            kept += 1
            continue
        count, size = count + 1, size + sum(each.st_size for each in files)
        if not dry_run:
            _remove(folder)
    return Expired(count, size, kept)


def old(folder: Path, pattern: str, *, days: int, now: datetime, dry_run: bool) -> Expired:
    """Remove the files or folders directly in `folder` that match and were last written so many days ago."""
    before = (now - timedelta(days=days)).timestamp()
    count = size = 0
    for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
        inside = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        facts = [each.stat() for each in inside]
        if not facts or max(each.st_mtime for each in facts) >= before:
            continue
        count, size = count + 1, size + sum(each.st_size for each in facts)
        if not dry_run:
            path.unlink() if path.is_file() else _remove(path)
    return Expired(count, size)


def _folders(root: Path) -> Iterator[Path]:
    """The batch folders: the ones that hold raw pages."""
    if not root.is_dir():
        return
    seen: set[str] = set()
    for header in root.glob("*/*/*/raw-*"):
        if str(header.parent) not in seen:
            seen.add(str(header.parent))
            yield header.parent


def _key(path: str) -> str:
    return str(cast(Path, UPath(path))).rstrip("/")


def _remove(folder: Path) -> None:
    """The folder with everything in it, and the window's folder above when nothing else is there."""
    if isinstance(folder, UPath) and folder.protocol not in {"", "file"}:
        folder.fs.rm(folder.path, recursive=True)
        return
    shutil.rmtree(folder)
    above = folder.parent
    if above.is_dir() and not any(above.iterdir()):
        above.rmdir()
