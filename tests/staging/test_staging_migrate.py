"""Migrations: once each, in order, never changed."""

import shutil
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from psycopg2.extensions import make_dsn

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
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


def test_how_windows_stood_before_it_was_kept_is_kept_too(connection, tmp_path):
    for path in migrations.FOLDER.glob("*.sql"):
        if path.name < "0034":
            shutil.copy(path, tmp_path)
    migrate(connection, tmp_path)
    with connection, connection.cursor() as cursor:
        for hour, state in enumerate(("reconciled", "synced", "loaded", "unreachable", "failed")):
            start, loaded = datetime(2026, 3, 1, hour, tzinfo=UTC), hour < 3
            cursor.execute(
                "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)"
                " VALUES ('a', %s, %s, %s, 'r', %s)",
                (start, start + timedelta(hours=1), state, start if loaded else None),
            )
    migrate(connection)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(hour FROM upper(settled)), extract(hour FROM upper(proven)),"
            " extract(hour FROM upper(delivered)), extract(hour FROM upper(compared)) FROM orderflow.coverage"
        )
        assert cursor.fetchall() == [(4, 3, 2, 1)]


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


def test_a_table_that_somebody_keeps_busy_is_not_waited_for_until_he_leaves(connection, dsn, tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "PATIENCE", "20ms")
    write(tmp_path, **{"0001_a": "CREATE TABLE orderflow.a (n int)"})
    migrate(connection, tmp_path)
    write(tmp_path, **{"0002_b": "ALTER TABLE orderflow.a ADD m int"})
    with closing(connect(dsn, name="a forgotten look")) as other, other.cursor() as cursor:
        cursor.execute("SELECT * FROM orderflow.a")
        told = rf"0002_b.sql: .* process {other.info.backend_pid} \(.*, a forgotten look\); .* again: orderflow migrate"
        with pytest.raises(TransientError, match=told):
            migrate(connection, tmp_path)
        other.rollback()
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


@pytest.fixture
def poor(postgres, dsn):
    """The DSN of a user without rights, and a way to do something as the owner of the database."""
    with closing(connect(dsn)) as owner, owner.cursor() as cursor:
        owner.autocommit = True
        cursor.execute("CREATE ROLE poor LOGIN")
        yield make_dsn(dsn, user="poor"), cursor.execute
        cursor.execute("DROP OWNED BY poor; DROP ROLE poor")


def test_a_user_who_may_not_make_schemas_can_be_given_one(poor):
    dsn, as_owner = poor
    with closing(connect(dsn)) as connection:
        with pytest.raises(DeniedError, match=r"permission denied for database .*GRANT CREATE, TEMPORARY ON DATABASE"):
            migrate(connection)
        as_owner("CREATE SCHEMA orderflow AUTHORIZATION poor")
        assert len(migrate(connection)) == len(list(migrations.FOLDER.glob("*.sql")))


def test_where_nothing_is_missing_a_user_without_rights_will_do(poor, connection):
    migrate(connection)
    dsn, as_owner = poor
    as_owner("GRANT USAGE ON SCHEMA orderflow TO poor; GRANT SELECT ON orderflow.migrations TO poor")
    with closing(connect(dsn)) as users:
        assert migrate(users) == []


def test_a_database_that_cannot_hold_every_script_is_refused(postgres, dsn):
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE DATABASE of_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    told = r"of_ascii is encoded in SQL_ASCII, .*ENCODING 'UTF8' TEMPLATE template0"
    with closing(connect(postgres.dsn("of_ascii"))) as connection, pytest.raises(ConfigError, match=told):
        migrate(connection)
