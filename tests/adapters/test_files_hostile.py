"""Files that would fill the memory of whoever reads them whole."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from http_server import Time

from orderflow.adapters.files import FileError, Inbox, manifest, text
from orderflow.domain.source import Account


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_without_an_end_is_given_up_and_named(encoding: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(text.__globals__, "LONGEST_LINE", 1000)
    lines = text(io.BytesIO(("good\n" + "é" * 200_000).encode(encoding)), encoding)
    assert next(lines) == "good\n"
    with pytest.raises(FileError, match="longer than 1,000 characters: the file lost its line feeds") as caught:
        next(lines)
    assert caught.value.line == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_of_any_length_below_that_come_back_as_they_were(encoding: str):
    written = ["a" * 70_000 + "\n", "\n", "é" * 140_000 + "\n", "the end"]
    assert list(text(io.BytesIO("".join(written).encode(encoding)), encoding)) == written


def test_no_more_of_a_manifest_is_read_than_any_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manifest, "LARGEST", 100)
    (tmp_path / "orders.csv").write_text("id\n1\n")
    (tmp_path / "orders.csv.ok").write_text("x" * 1000)
    inbox = Inbox(Account("box", str(tmp_path)), Time().runtime(), pattern="*.csv", settle=timedelta(0))
    (drop,) = inbox.ready()
    with inbox.copy(drop) as copy:
        assert copy.statement == b"x" * 100
