"""Migrations: once each, in order, never changed."""

import threading
from contextlib import closing

import pytest

from orderflow.domain.errors import ConfigError
from orderflow.staging import migrate as migrations
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect


@pytest.fixture
def connection(dsn):
    with closing(connect(dsn)) as connection:
        yield connection


def write(folder, **files):
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)


def test_everything_is_applied_once(connection):
    names = [path.name for path in sorted(migrations.FOLDER.glob("*.sql"))]
    assert migrate(connection) == names
    assert migrate(connection) == []


def test_a_new_file_is_applied_behind_the_others(connection, tmp_path):
    write(tmp_path, **{"0001_a": "CREATE TABLE a (n int)", "notes": "nonsense"})
    assert migrate(connection, tmp_path) == ["0001_a.sql"]
    write(tmp_path, **{"0002_b": "ALTER TABLE a ADD m int"})
    assert migrate(connection, tmp_path) == ["0002_b.sql"]


def test_a_changed_file_is_refused_by_name(connection, tmp_path):
    write(tmp_path, **{"0001_a": "CREATE TABLE a (n int)"})
    migrate(connection, tmp_path)
    write(tmp_path, **{"0001_a": "CREATE TABLE a (n bigint)"})
    with pytest.raises(ConfigError, match=r"0001_a\.sql was changed after it was applied"):
        migrate(connection, tmp_path)


def test_a_database_of_a_newer_release_is_refused(connection, tmp_path):
    write(tmp_path, **{"0001_a": "CREATE TABLE a (n int)"})
    migrate(connection, tmp_path)
    (tmp_path / "0001_a.sql").unlink()
    with pytest.raises(ConfigError, match="which this version of Orderflow does not know"):
        migrate(connection, tmp_path)


def test_a_broken_file_leaves_nothing_and_can_be_mended(connection, tmp_path):
    write(tmp_path, **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "CREATE TABLE b (n int); SELECT nonsense"})
    with pytest.raises(Exception, match="nonsense"):
        migrate(connection, tmp_path)
    write(tmp_path, **{"0002_b": "CREATE TABLE b (n int)"})
    assert migrate(connection, tmp_path) == ["0002_b.sql"]


def test_several_at_once_apply_everything_once(dsn):
    applied: list[list[str]] = []

    def run() -> None:
        with closing(connect(dsn)) as connection:
            applied.append(migrate(connection))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(migrations.FOLDER.glob("*.sql")))]
