"""The embedded PostgreSQL starts, keeps its data through a kill, and says what is wrong when it cannot start."""

import contextlib
from pathlib import Path

import psutil
import psycopg2
import pytest

from orderflow.domain.errors import ConfigError
from orderflow.sandbox.postgres import start


def rows(dsn: str, statement: str) -> list[tuple]:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_data_survives_a_kill(tmp_path: Path):
    server = start(tmp_path / "pg")
    try:
        dsn = server.create("shop")
        rows(dsn, "create table kept as select 42 as answer")
        server.kill()
        with pytest.raises(psycopg2.OperationalError):
            rows(dsn, "select 1")
        server = start(tmp_path / "pg")
        assert rows(server.dsn("shop"), "select answer from kept") == [(42,)]
        assert server.create("shop") == server.dsn("shop")
    finally:
        server.stop()


def test_a_server_that_was_killed_is_revived_at_the_same_address(tmp_path: Path):
    server = start(tmp_path / "pg")
    try:
        dsn = server.create("shop")
        rows(dsn, "create table kept as select 42 as answer")
        assert not server.revive()
        postmaster = psutil.Process(server.server.get_pid())
        postmaster.kill()  # and what it leaves behind ends by itself
        psutil.wait_procs([postmaster])
        assert server.revive()
        assert rows(dsn, "select answer from kept") == [(42,)]
    finally:
        server.stop()
    with pytest.raises(psycopg2.OperationalError):
        rows(dsn, "select 1")


def test_a_folder_that_is_a_file_gives_a_config_error(tmp_path: Path):
    (tmp_path / "pg").write_text("not a folder")
    with pytest.raises(ConfigError, match=r"PostgreSQL does not start in .*make clean"):
        start(tmp_path / "pg")


def test_what_a_command_of_postgresqls_says_is_told(tmp_path: Path):
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "notes.txt").write_text("somebody else's folder")
    with pytest.raises(ConfigError, match=r'"[^"]*pg" exists but is not empty.*; remove the folder'):
        start(tmp_path / "pg")
