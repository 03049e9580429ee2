"""The files kit over FTP and FTPS, against a real server on loopback."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from ftp_server import secured, serve
from http_server import Time, account

from orderflow.adapters.files import Inbox
from orderflow.domain.errors import DeniedError, TransientError
from orderflow.domain.source import Secret


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the server shows, with an inbox in it."""
    (tmp_path / "root" / "in").mkdir(parents=True)
    return tmp_path / "root"


def inbox(url: str, **storage: object) -> Inbox:
    given = account(url, login="partner", password=Secret("secret-0001"), extra={"storage": storage})
    return Inbox(given, Time().runtime(), pattern="*.csv", settle=timedelta(seconds=10))


def taken(box: Inbox) -> list[str]:
    origins = [copy.origin for copy in box.copies(box.ready())]
    box.acknowledge(origins)
    return [origin.partition("#")[0] for origin in origins]


def test_files_come_from_a_server_that_demands_one_session_for_all_of_its_connections(folder: Path, tmp_path: Path):
    (folder / "in" / "a.csv").write_bytes(b"a\n" * 100_000)
    with serve(folder, secured(tmp_path)) as (url, told):
        assert taken(inbox(url, tls=True)) == ["a.csv"]
    assert told[0] == "AUTH TLS"
    assert [len(path.read_bytes()) for path in (folder / "in" / "done").iterdir()] == [200_000]


def test_names_are_read_in_the_encoding_that_the_connection_tells(folder: Path):
    name = os.fsdecode("订单.csv".encode("gbk"))
    (folder / "in" / name).write_text("a\n")
    with serve(folder) as (url, told):
        assert taken(inbox(url, encoding="gbk")) == ["订单.csv"]
    assert told[:2] == ["USER partner", "PASS secret-0001"]
    assert [os.fsencode(path.name)[:4].decode("gbk") for path in (folder / "in" / "done").iterdir()] == ["订单"]


def test_what_a_server_says_when_it_lets_nobody_in_is_told(folder: Path, tmp_path: Path):
    with (
        serve(folder, secured(tmp_path)) as (url, _),
        pytest.raises(DeniedError, match=r"530 must encrypt.*login and password") as caught,
    ):
        inbox(url).ready()
    assert "secret-0001" not in str(caught.value)


def test_what_a_storage_says_of_its_trouble_is_told():
    with pytest.raises(TransientError, match=r"OSError .*No space left"), inbox("ftp://h/in").storage.speaking("a.csv"):
        raise OSError(28, "No space left on device")
