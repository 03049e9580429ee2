"""The files kit: what is ready, what is taken, what is put away, on a local folder and in another storage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from http_server import Time, account

from orderflow.adapters.files import FileError, Inbox, Manifest, text
from orderflow.adapters.files.inbox import Drop
from orderflow.domain.errors import ConfigError, DeniedError, TransientError

SETTLE = timedelta(seconds=10)


def inbox(folder: Path | str, time: Time | None = None, **more) -> Inbox:
    time = time or Time()
    given = {"pattern": "*.csv", "settle": SETTLE, **more}
    return Inbox(account(str(folder)), time.runtime(), **given)


class Writing(Time):
    """A clock during whose sleep a partner goes on writing."""

    def __init__(self, write: Callable[[], object]) -> None:
        super().__init__()
        self.write = write

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.write()


def put(path: Path, content: str | bytes = "a\n", at: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if at is not None:
        os.utime(path, (at, at))
    return path


def names(drops: list[Drop]) -> list[str]:
    return [drop.name for drop in drops]


def lying(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def take(box: Inbox, drop: Drop) -> tuple[bytes, str]:
    with box.copy(drop) as copy:
        copy.file.seek(0)
        return copy.file.read(), copy.origin


def test_an_empty_inbox_is_no_fault_and_costs_no_wait(tmp_path: Path):
    time = Time()
    assert inbox(tmp_path, time).ready() == []
    assert time.slept == []


def test_files_come_oldest_first_and_then_by_name(tmp_path: Path):
    for name, at in (("b.csv", 200), ("a.csv", 200), ("z.csv", 100)):
        put(tmp_path / name, at=at)
    assert names(inbox(tmp_path).ready()) == ["z.csv", "a.csv", "b.csv"]


def test_what_is_unfinished_hidden_or_of_another_kind_is_left_alone(tmp_path: Path):
    for name in ("a.csv.tmp", "a.csv.part", "b.csv.filepart", ".c.csv", "d.csv~", "e.txt", "done/f.csv", "注文.csv"):
        put(tmp_path / name)
    assert names(inbox(tmp_path).ready()) == ["注文.csv"]
    assert names(inbox(tmp_path, pattern="*").ready()) == ["e.txt", "注文.csv"]


def test_a_link_is_told_and_stays_whether_it_leads_anywhere_or_not(tmp_path: Path):
    put(tmp_path / "elsewhere.txt")
    (tmp_path / "a.csv").symlink_to("elsewhere.txt")
    (tmp_path / "b.csv").symlink_to("nowhere")
    box = inbox(tmp_path)
    for copy in (told := list(box.copies(box.ready()))):
        with pytest.raises(FileError, match="is a link"):
            copy.file  # noqa: B018  reading it is what fails
    assert names([copy.drop for copy in told]) == ["a.csv", "b.csv"]


def test_folders_that_are_links_are_folders(tmp_path: Path):
    """What was put away may lie on another disk; EDI takes files of every name."""
    (disk := tmp_path / "disk").mkdir()
    (box := tmp_path / "in").mkdir()
    put(box / "a.edi")
    for name in ("done", "archive"):
        (box / name).symlink_to(disk)
    (tmp_path / "link").symlink_to(box)
    assert names(inbox(tmp_path / "link", pattern="*").ready()) == ["a.edi"]


def test_a_file_that_grows_between_two_looks_is_not_ready(tmp_path: Path):
    growing = put(tmp_path / "a.csv", at=100)
    put(tmp_path / "b.csv", at=100)
    time = Writing(lambda: put(growing, "a\nb\n", at=100))
    assert names(inbox(tmp_path, time).ready()) == ["b.csv"]
    assert time.slept == [10.0]


def test_a_file_that_is_written_over_at_the_same_length_is_not_ready(tmp_path: Path):
    changing = put(tmp_path / "a.csv", at=100)
    assert inbox(tmp_path, Writing(lambda: put(changing, "b\n", at=101))).ready() == []


def test_a_file_that_vanishes_between_two_looks_is_not_ready(tmp_path: Path):
    gone = put(tmp_path / "a.csv")
    assert inbox(tmp_path, Writing(gone.unlink)).ready() == []


@pytest.mark.parametrize("ending", [".done", ".ok", ".manifest", ".manifest.json"])
def test_a_manifest_makes_a_file_ready_at_once(tmp_path: Path, ending: str):
    put(tmp_path / "a.csv")
    put(tmp_path / f"a.csv{ending}", '{"rows": 1}')
    time = Time()
    assert names(inbox(tmp_path, time).ready()) == ["a.csv"]
    assert time.slept == []


def test_without_its_manifest_a_file_waits_where_every_file_has_one(tmp_path: Path):
    put(tmp_path / "a.csv")
    put(tmp_path / "b.csv")
    put(tmp_path / "b.csv.done", "")
    assert names(inbox(tmp_path, needs_manifest=True).ready()) == ["b.csv"]


def test_a_manifest_without_its_file_is_nothing(tmp_path: Path):
    put(tmp_path / "a.csv.done", "")
    assert inbox(tmp_path, pattern="*").ready() == []


def test_a_copy_is_the_content_as_it_was_with_its_hash_and_its_manifest(tmp_path: Path):
    put(tmp_path / "a.csv", "菜刀\n" * 100)
    put(tmp_path / "a.csv.manifest", '{"rows": 100, "sha256": "AB", "from": "partner"}')
    box = inbox(tmp_path)
    (drop,) = box.ready()
    with box.copy(drop) as copy:
        put(tmp_path / "a.csv", "something else\n")
        copy.file.seek(0)
        content = copy.file.read()
        assert content == ("菜刀\n" * 100).encode()
        assert copy.sha256 == hashlib.sha256(content).hexdigest()
        assert copy.origin == f"a.csv#sha256={copy.sha256}"
        assert copy.manifest == Manifest(rows=100, sha256="AB")


@pytest.mark.parametrize("content", ["", "ok", "[]", '{"lines": 3}', '{"rows": "3"}'])
def test_a_statement_that_states_nothing_is_a_fault_and_a_flag_that_states_nothing_is_none(
    tmp_path: Path, content: str
):
    put(tmp_path / "a.csv")
    put(tmp_path / "a.csv.manifest", content)
    put(tmp_path / "b.csv")
    put(tmp_path / "b.csv.ok", content)
    box = inbox(tmp_path)
    stated, flagged = sorted(box.ready(), key=lambda drop: drop.name)
    with box.copy(stated) as copy, pytest.raises(FileError, match="states nothing"):
        copy.manifest  # noqa: B018 -- reading it is what fails
    with box.copy(flagged) as copy:
        assert copy.manifest == Manifest()


def test_a_manifest_is_checked_by_rows_and_by_hash():
    Manifest().check(rows=5, sha256="ab")
    Manifest(rows=5, sha256="AB").check(rows=5, sha256="ab")
    with pytest.raises(FileError, match="5 rows, its manifest says 6"):
        Manifest(rows=6).check(rows=5, sha256="ab")
    with pytest.raises(FileError, match="its manifest says cd"):
        Manifest(sha256="cd").check(rows=5, sha256="ab")


def test_what_is_acknowledged_goes_away_with_its_manifest_and_comes_back_never(tmp_path: Path):
    put(tmp_path / "a.csv")
    put(tmp_path / "a.csv.done", "")
    box = inbox(tmp_path)
    _, origin = take(box, box.ready()[0])
    box.acknowledge([origin])
    short = origin[-64:][:12]
    assert lying(tmp_path) == [f"done/a.{short}.csv", f"done/a.csv.{short}.done"]
    assert box.ready() == []
    box.acknowledge([origin])
    assert len(lying(tmp_path)) == 2


def test_nothing_is_overwritten_when_the_same_file_is_dropped_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    box = inbox(tmp_path)
    for _ in range(3):
        put(tmp_path / "a.csv")
        (origin,) = (copy.origin for copy in box.copies(box.ready()))
        box.acknowledge([origin])
    short = origin[-64:][:12]
    assert lying(tmp_path) == [f"done/a.{short}.2.csv", f"done/a.{short}.3.csv", f"done/a.{short}.csv"]
    assert sum("file repeated" in record.getMessage() for record in caplog.records) == 2


def test_a_file_that_changed_since_it_was_read_stays(tmp_path: Path):
    put(tmp_path / "a.csv")
    box = inbox(tmp_path)
    _, origin = take(box, box.ready()[0])
    put(tmp_path / "a.csv", "a newer one of the same name\n")
    box.acknowledge([origin])
    assert lying(tmp_path) == ["a.csv"]


def test_an_origin_that_is_none_of_ours_moves_nothing(tmp_path: Path):
    put(tmp_path / "a.csv")
    inbox(tmp_path).acknowledge(["a.csv left", "a.csv", "", "../../etc/passwd#sha256=" + "0" * 64])
    assert lying(tmp_path) == ["a.csv"]


def test_another_storage_works_the_same_way():
    memory = fsspec.filesystem("memory")
    memory.pipe("/partner/in/a.csv", "قميص\n".encode())
    memory.pipe("/partner/in/b.csv.tmp", b"x")
    try:
        box = inbox("memory://partner/in")
        (drop,) = box.ready()
        content, origin = take(box, drop)
        assert content.decode() == "قميص\n"
        assert drop.modified is not None
        box.acknowledge([origin])
        assert box.ready() == []
        assert memory.ls("/partner/in/done", detail=False) == [f"/partner/in/done/a.{origin[-64:][:12]}.csv"]
    finally:
        memory.rm("/partner", recursive=True)


def test_a_folder_that_is_not_there_is_a_matter_of_configuration(tmp_path: Path):
    with pytest.raises(ConfigError, match="inbox loopback, its listing: there is no such folder"):
        inbox(tmp_path / "nowhere").ready()


@pytest.mark.parametrize("url", ["gopher://x/y", "s3://bucket/in"])
def test_a_storage_that_is_not_installed_is_a_matter_of_configuration(url: str):
    with pytest.raises(ConfigError, match="a scheme fsspec knows here"):
        inbox(url).ready()


def test_a_file_that_is_gone_when_it_is_to_be_copied_is_transient(tmp_path: Path):
    gone = put(tmp_path / "a.csv")
    box = inbox(tmp_path)
    (drop,) = box.ready()
    gone.unlink()
    with pytest.raises(TransientError, match="no such folder or file"):
        take(box, drop)


def test_a_host_that_nobody_answers_on_is_transient_and_shows_no_password():
    box = inbox("sftp://partner@127.0.0.1:1/in")
    with pytest.raises(TransientError) as caught:
        box.ready()
    assert "secret-0001" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_denied(tmp_path: Path):
    tmp_path.chmod(0)
    try:
        with pytest.raises(DeniedError):
            inbox(tmp_path).ready()
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("\ufeffa,ö\n菜,刀\n".encode(), "utf-8"),
        ("a,ö\n菜,刀\n".encode(), "utf-8"),
        ("a,ö\n菜,刀\n".encode("utf-16"), "utf-16"),
        ("a,ö\n菜,刀\n".encode("utf-16-le"), "utf-16-le"),
        ("a,ö\n菜,刀\n".encode("gb18030"), "gb18030"),
        ("\ufeffa,ö\n菜,刀\n".encode(), "cp1252"),
        ("a,ö\n菜,刀\n".encode("utf-16"), "utf-8"),
    ],
)
def test_text_is_read_in_its_declared_encoding(content: bytes, encoding: str, tmp_path: Path):
    with put(tmp_path / "a", content).open("rb") as file:
        assert list(text(file, encoding)) == ["a,ö\n", "菜,刀\n"]
        assert list(text(file, encoding)) == ["a,ö\n", "菜,刀\n"], "a file can be read again"


@pytest.mark.parametrize("word", ["Zoë", "ROSÉ®", "NESCAFÉ® MENÜ® NESCAFÉ®", "»Gruß«", "é"])
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_letters_of_one_byte_are_not_taken_for_utf_8(word: str, encoding: str, tmp_path: Path):
    with put(tmp_path / "a", f"{word}\n".encode(encoding)).open("rb") as file:
        assert list(text(file, encoding)) == [f"{word}\n"]


def test_lines_end_with_a_line_feed_and_nothing_else(tmp_path: Path):
    odd = "a\u2028b\x0bc\x85d\r\ne\rf\n"
    with put(tmp_path / "a", odd).open("rb") as file:
        assert list(text(file, "utf-8")) == ["a\u2028b\x0bc\x85d\r\n", "e\rf\n"]


@pytest.mark.parametrize(
    ("content", "encoding", "line", "part"),
    [
        (b"a\nb\nZo\xeb\n", "utf-8", 3, "no utf-8; declare"),
        ("Zoë\n".encode(), "cp1252", None, "written in UTF-8, and not in cp1252; declare encoding: utf-8"),
        ("Öl €\n".encode(), "latin-1", None, "written in UTF-8, and not in latin-1"),
        ("Zoë\nÁ\n".encode(), "cp1252", None, "written in UTF-8"),
        ("À la carte\nà\n".encode() + b"Zo\xeb\n", "latin-1", 1, "holds the byte 80"),
        (b"a\n\x81\n", "cp1252", 2, "no cp1252"),
        (b"a\n\xff\xff\n", "gb18030", 2, "no gb18030"),
    ],
)
def test_a_byte_of_another_encoding_is_a_fault_with_its_line(content, encoding, line, part, tmp_path: Path):
    with put(tmp_path / "a", content).open("rb") as file, pytest.raises(FileError, match=part) as caught:
        list(text(file, encoding))
    assert caught.value.line == line
