"""The files kit on storages with manners of their own: the lists of FTP, buckets, wrong clocks, full folders."""

from __future__ import annotations

import ftplib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from drop_box import NOW, DropBox
from edi_mailbox import mailbox, one, x12
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from http_server import Time
from test_files import inbox, put, take

from orderflow.adapters import csv_drop
from orderflow.adapters.files.inbox import Drop
from orderflow.domain.errors import ConfigError, DriftError, TransientError

LAYOUT: dict[str, Any] = {"order": {"order_id": "id"}, "line": {"sku": "sku"}}


class Bucket(fsspec.AbstractFileSystem):
    """Object storage: one bucket, no folders but in the names of objects."""

    protocol = "bucket"
    objects: dict[str, bytes] = {}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        inside = path.rstrip("/") + "/"
        names = {name if "/" not in name[len(inside) :] else inside + name[len(inside) :].split("/")[0] for name in
                 self.objects if name.startswith(inside)}  # fmt: skip
        if not names and path != "orders":
            raise FileNotFoundError(path)
        found = [{"name": name, "size": len(self.objects.get(name, b"")),
                  "type": "file" if name in self.objects else "directory"} for name in sorted(names)]  # fmt: skip
        return found if detail else [each["name"] for each in found]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> MemoryFile:
        return MemoryFile(self, path, self.objects[path])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    monkeypatch.setattr(Bucket, "objects", {})
    return Bucket.objects


def test_an_empty_folder_of_a_bucket_is_an_empty_inbox_and_a_bucket_that_is_not_there_is_none(bucket: dict[str, bytes]):
    assert inbox("bucket://orders/in").ready() == []
    with pytest.raises(ConfigError, match="no such folder"):
        inbox("bucket://other/in").ready()


def test_the_empty_object_that_stands_for_a_folder_is_no_file(bucket: dict[str, bytes]):
    bucket.update({"orders/in/": b"", "orders/in/a.csv": b"a\n"})
    (drop,) = inbox("bucket://orders/in", pattern="*").ready()
    assert drop.name == "a.csv"


def test_a_name_that_looks_like_a_pattern_is_put_away_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    memory = MemoryFileSystem()
    memory.pipe({"/in/orders[1].csv": b"a\n", "/in/orders1.csv": b"b\n"})
    box = inbox("memory://in")
    box.acknowledge([copy.origin for copy in box.copies(box.ready()) if "[" in copy.drop.name])
    assert [drop.name for drop in box.ready()] == ["orders1.csv"]
    assert len(memory.ls("/in/done")) == 1


def test_a_name_that_is_not_utf_8_is_read_like_any_other(tmp_path: Path):
    (tmp_path / os.fsdecode(b"M\xe4rz.csv")).write_bytes(b"id,sku\nPO-1,A\n")
    (tmp_path / os.fsdecode(b"M\xe4rz.csv.ok")).write_bytes(b"")
    box = DropBox(tmp_path, csv_drop.ADAPTER, **LAYOUT)
    box.drop("b.csv", b"id,sku\nPO-2,A\n")
    orders, refused = box.run()
    assert (sorted(order.order_id for order in orders), refused, box.left()) == (["PO-1", "PO-2"], [], [])
    assert [name.partition(".")[0] for name in box.done()] == ["M%E4rz", "M%E4rz", "b"]


def test_a_manifest_whose_name_is_not_utf_8_and_that_states_nothing_stops_no_other_file(tmp_path: Path):
    (tmp_path / os.fsdecode(b"M\xe4rz.csv")).write_bytes(b"id,sku\nPO-1,A\n")
    (tmp_path / os.fsdecode(b"M\xe4rz.csv.manifest")).write_bytes(b"so be it")
    box = DropBox(tmp_path, csv_drop.ADAPTER, **LAYOUT)
    box.drop("b.csv", b"id,sku\nPO-2,A\n")
    (order,), (refused,) = box.run()
    assert (order.order_id, "manifest M%E4rz.csv.manifest states nothing" in refused.message) == ("PO-2", True)


def test_a_name_of_an_interchange_that_is_not_utf_8_is_answered_once(tmp_path: Path):
    box = mailbox(tmp_path)
    for _ in range(2):
        box.drop(os.fsdecode(b"M\xe4rz.edi"), x12(one("PO-1")))
        box.run()
    assert (box.left(), len(box.out()), len(box.done())) == ([], 1, 2)


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "菜" * 83 + ".csv", "No. " + "x" * 251])
def test_a_name_as_long_as_a_name_may_be_is_put_away(tmp_path: Path, name: str):
    for _ in range(2):
        put(tmp_path / name)
        box = inbox(tmp_path, pattern="*")
        box.acknowledge([copy.origin for copy in box.copies(box.ready())])
    assert [path.name for path in tmp_path.iterdir()] == ["done"]
    assert len(list((tmp_path / "done").iterdir())) == 2


def test_a_name_that_a_server_cannot_write_is_a_matter_of_configuration():
    with pytest.raises(ConfigError, match="name the encoding"), inbox("ftp://h/in").storage.speaking("its listing"):
        "菜".encode("cp1252")


class Dav(MemoryFileSystem):
    """Files of a storage whose errors are its own, as those of webdav4 are, and whose moves make no folder."""

    protocol = "memdav"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]

    def mv(self, path: str, target: str, **_: Any) -> None:
        if target.rpartition("/")[0] not in self.pseudo_dirs:
            raise RuntimeError("409 Conflict")
        self.store[target] = self.store.pop(path)


def test_a_storage_whose_errors_are_its_own_gets_the_folder_of_what_was_taken():
    fsspec.register_implementation("memdav", Dav, clobber=True)
    Dav().pipe(Dav._strip_protocol("memdav://in/a.csv"), b"a\n")
    box = inbox("memdav://in")
    box.acknowledge([copy.origin for copy in box.copies(box.ready())])
    assert (box.ready(), len(Dav().ls(Dav._strip_protocol("memdav://in/done")))) == ([], 1)


class Ftp(MemoryFileSystem):
    """Files as FTP servers list them."""

    protocol = "memftp"
    store: dict[str, Any] = {}
    modify = "20260301091400.123"
    unread = False

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:
        found = [] if self.unread else super().ls(path, detail=True, **more)
        told = [{**{key: each[key] for key in ("name", "size", "type")}, "modify": self.modify} for each in found]
        return told if detail else [each["name"] for each in told]

    @property
    def ftp(self) -> Any:
        return self

    def nlst(self, path: str) -> list[str]:
        return [each["name"] for each in MemoryFileSystem.ls(self, path)]


@pytest.fixture
def ftp(monkeypatch: pytest.MonkeyPatch) -> type[Ftp]:
    fsspec.register_implementation("memftp", Ftp, clobber=True)
    monkeypatch.setattr(Ftp, "store", {})
    Ftp().pipe(Ftp._strip_protocol("memftp://in/a.csv"), b"a\n")
    return Ftp


@pytest.mark.parametrize(
    ("modify", "moment"),
    [("20260301091400.123", datetime(2026, 3, 1, 9, 14, tzinfo=UTC)), ("Mar 1 09:14", None), ("Mar 1 2025", None)],
)
def test_the_times_of_ftp_are_read_where_they_have_a_year_and_a_zone(
    ftp: type[Ftp], monkeypatch: pytest.MonkeyPatch, modify: str, moment: datetime | None
):
    monkeypatch.setattr(ftp, "modify", modify)
    (drop,) = inbox("memftp://in").ready()
    assert drop.modified == moment


def test_a_list_that_nobody_can_read_is_no_empty_inbox(ftp: type[Ftp], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ftp, "unread", True)
    with pytest.raises(DriftError, match="ask for MLSD"):
        inbox("memftp://in").ready()


@pytest.mark.parametrize("says", ["550 No files found", "450 No files found", "/in/."])
def test_an_empty_folder_of_ftp_is_an_empty_inbox_whatever_the_server_says_of_it(
    ftp: type[Ftp], monkeypatch: pytest.MonkeyPatch, says: str
):
    def nlst(_: Ftp, path: str) -> list[str]:
        if says.startswith("/"):
            return [says, f"{says}."]
        raise {"5": ftplib.error_perm, "4": ftplib.error_temp}[says[0]](says)

    monkeypatch.setattr(ftp, "unread", True)
    monkeypatch.setattr(ftp, "nlst", nlst)
    assert inbox("memftp://in").ready() == []


@pytest.mark.parametrize("gone", ["file", "connection"])
def test_a_file_that_is_gone_or_a_connection_that_broke_is_no_file_without_rights(
    ftp: type[Ftp], monkeypatch: pytest.MonkeyPatch, gone: str
):
    box = inbox("memftp://in")
    drops = box.ready()

    def refuse(*_: Any, **__: Any) -> Any:
        raise ftplib.error_perm("550 No such file") if gone == "file" else OSError("Socket is closed")

    if gone == "file":
        monkeypatch.setattr(ftp, "store", {f"{path}.part": content for path, content in ftp.store.items()})
        monkeypatch.setattr(ftp, "open", refuse)
        assert list(box.copies(drops)) == []
        return
    monkeypatch.setattr(ftp, "open", refuse)
    monkeypatch.setattr(ftp, "ls", refuse)
    with pytest.raises(TransientError):
        list(box.copies(drops))


def test_a_file_whose_size_the_storage_does_not_tell_is_read_all_the_same(bucket: dict[str, bytes]):
    bucket["orders/in/a.csv"] = b"a\n"
    box = inbox("bucket://orders/in")
    ls = box.storage.open()[0].ls
    box.storage.open()[0].ls = lambda path, detail=True, **_: [
        {**each, "size": None} if detail else each for each in ls(path, detail)
    ]
    assert [copy.drop.name for copy in box.copies(box.ready())] == ["a.csv"]


@pytest.mark.parametrize("told", [None, datetime(2100, 1, 1, tzinfo=UTC)])
def test_a_file_of_no_time_or_of_tomorrow_is_as_old_as_its_reading(tmp_path: Path, told: datetime | None):
    put(tmp_path / "a.csv")
    time = Time()
    (copy,) = inbox(tmp_path, time).copies([Drop("a.csv", 2, told)])
    assert copy.dropped_at == time.now


def test_an_order_in_a_file_of_tomorrow_is_no_order_of_tomorrow(tmp_path: Path):
    box = DropBox(tmp_path, csv_drop.ADAPTER, **LAYOUT)
    box.drop("a.csv", b"id,sku\nPO-1,A\n", age=timedelta(days=-400))
    (order,), _ = box.outcome()
    assert order.channel_updated_at == NOW.isoformat()


def test_a_torn_interchange_of_tomorrow_is_not_waited_for_until_then(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", x12(one("PO-1"))[:200], age=timedelta(days=-400))
    _, (refused,) = box.run()
    assert refused.code == "INTERCHANGE_TORN"


def test_a_torn_interchange_of_a_server_whose_clock_is_fast_is_waited_for(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", x12(one("PO-1"))[:200], age=timedelta(minutes=-5))
    assert box.run() == ([], [])


def test_a_file_that_grew_since_the_last_look_waits_and_one_that_vanished_stops_no_other(tmp_path: Path):
    put(tmp_path / "a.csv", "a\n", at=1)
    put(tmp_path / "b.csv", "b\n", at=2)
    put(tmp_path / "c.csv", "c\n", at=3)
    box = inbox(tmp_path)
    drops = box.ready()
    put(tmp_path / "a.csv", "a\nmore\n")
    (tmp_path / "b.csv").unlink()
    assert [copy.drop.name for copy in box.copies(drops)] == ["c.csv"]


def test_a_full_folder_is_looked_through_once_for_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        put(tmp_path / f"{number}.csv", f"{number}\n")
        put(tmp_path / "done" / f"{number}.0123456789ab.csv")
    box = inbox(tmp_path)
    files, _ = box.storage.open()
    looks: list[str] = []
    ls = files.ls
    monkeypatch.setattr(files, "ls", lambda path, **more: looks.append(path) or ls(path, **more))
    box.acknowledge([copy.origin for copy in box.copies(box.ready())])
    assert len(looks) == 3, "two looks at the inbox, and one when they are put away; none at done, which grows"
    assert list(box.copies(box.ready())) == []
    assert len(looks) == 4, "without files one look is enough"
    assert take(inbox(tmp_path / "done"), Drop("0.0123456789ab.csv", 2, None))[0] == b"a\n"
