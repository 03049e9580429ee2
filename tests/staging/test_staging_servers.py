"""Servers, users and poolers as their administrators set them."""

import os
import socket
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from pooled import pooler, refusing
from psycopg2.extensions import make_dsn
from staged import counts, load, order

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.staging.session import transaction
from orderflow.staging.store import Store, connect


@pytest.fixture
def user(ask, migrated):
    """The DSN of a user of this database, with these settings."""
    made = []

    def make(name, *settings, login="LOGIN SUPERUSER"):
        ask(f"CREATE ROLE {name} {login}")
        made.append(name)
        for setting in settings:
            ask(f"ALTER ROLE {name} SET {setting}")
        return make_dsn(migrated, user=name)

    yield make
    for name in made:
        ask(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_text_is_kept_as_it_is_whatever_encoding_the_user_is_set_to(store, user, ask):
    with closing(connect(user("latin", "client_encoding = 'LATIN1'"))) as connection:
        load(Store(connection, store.vault), order("№ é 茶"))
    assert ask("SELECT order_id FROM orderflow.orders") == [("№ é 茶",)]


def test_a_schema_older_than_the_code_is_told_with_its_cure(store, ask):
    ask("ALTER TABLE orderflow.windows DROP COLUMN asked")
    with pytest.raises(ConfigError, match=r"column .* does not exist; .* bring it up to date with: orderflow migrate"):
        load(store, order("1"))


def test_tables_of_others_are_left_alone_wherever_the_user_looks_for_temporary_ones(store, user, ask):
    ask("CREATE TABLE public.keys AS SELECT 1 AS theirs")
    with closing(connect(user("careful", "search_path = public, pg_temp"))) as connection:
        assert counts(load(Store(connection, store.vault), order())) == (1, 0, 0, 0)
    assert ask("SELECT theirs FROM public.keys") == [(1,)]


def test_two_loads_of_one_order_meet_though_the_user_is_set_to_repeatable_read(store, user, ask):
    dsn = user("repeating", "default_transaction_isolation = 'repeatable read'")
    loaded = []

    def run(run_id):
        with closing(connect(dsn)) as connection:
            loaded.append(counts(load(Store(connection, store.vault), order("A-1"), run_id=run_id)))

    waiting = (
        "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
        " WHERE datname = current_database() AND NOT granted"
    )
    with closing(connect(dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orderflow.load'), hashtext('shop_tw'))")
        threads = [threading.Thread(target=run, args=(f"manual__{number}",)) for number in range(2)]
        for thread in threads:
            thread.start()
        while ask(waiting) != [(2,)]:
            pass
        holder.commit()
        for thread in threads:
            thread.join()
    assert sorted(loaded) == [(0, 0, 1, 0), (1, 0, 0, 0)]
    assert ask("SELECT count(*) FROM orderflow.quarantine") == [(0,)]


def test_spans_of_time_are_read_however_the_user_wants_them_written(user):
    for name, style in [("terse", "iso_8601"), ("formal", "sql_standard")]:
        with closing(connect(user(name, f"intervalstyle = '{style}'"))) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT interval '1 day -90 minutes'")
            assert cursor.fetchone() == (timedelta(days=1, minutes=-90),)


def test_a_server_that_says_no_in_its_own_character_set_is_told():
    said = "Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen".encode("latin-1")
    with refusing(said) as dsn, pytest.raises(TransientError, match=r"Passwort-Authentifizierung f.r Benutzer"):
        connect(dsn)


def test_no_clock_of_the_server_ends_a_session_that_waits_for_others_or_a_load_that_takes_long(user):
    clocks = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"]
    dsn = user("hurried", *(f"{name} = '30s'" for name in clocks))
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(name, true) FROM unnest(%s) AS name", (clocks,))
        assert cursor.fetchall() == [("0",)] * 4


def test_what_was_committed_is_kept_though_the_user_is_set_to_lose_it(user):
    for name, setting, found in [("hasty", "off", "on"), ("near", "local", "on"), ("far", "remote_apply", None)]:
        dsn = user(name, f"synchronous_commit = {setting}")
        with closing(connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == (found or setting,)


def test_a_primary_that_became_a_standby_is_worth_another_try(store, user):
    told = "let the connection lead to the primary; nothing was written"
    dsn = user("reading", "default_transaction_read_only = on")
    with closing(connect(dsn)) as connection, pytest.raises(TransientError, match=told):
        load(Store(connection, store.vault), order())


def test_why_a_connection_was_lost_is_told(migrated):
    told = "(terminating connection|server closed the connection).*; nothing was written"
    with closing(connect(migrated)) as connection, pytest.raises(TransientError, match=told):
        demand_end(connection)


def demand_end(connection):
    with transaction(connection) as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_user_with_too_many_connections_is_worth_another_try_and_one_that_may_not_log_in_is_not(user):
    with pytest.raises(TransientError, match="too many connections for role"):
        connect(user("few", login="LOGIN CONNECTION LIMIT 0"))
    with pytest.raises(DeniedError, match="is not permitted to log in"):
        connect(user("mute", login="NOLOGIN"))


def test_a_user_without_temporary_tables_is_told_what_to_be_granted(store, user, ask):
    dsn = user("poor", login="LOGIN")
    ask("REVOKE ALL ON DATABASE " + store.connection.info.dbname + " FROM PUBLIC")
    ask("GRANT CONNECT ON DATABASE " + store.connection.info.dbname + " TO poor")
    with closing(connect(dsn)) as connection, pytest.raises(DeniedError, match="GRANT CREATE, TEMPORARY ON DATABASE"):
        load(Store(connection, store.vault), order())


@pytest.mark.parametrize("sessions", [1, 3], ids=["idle", "busy"])
def test_a_pooler_that_gives_every_transaction_another_session_is_refused(migrated, sessions):
    with (
        pooler(migrated, by_transaction=True, sessions=sessions) as dsn,
        pytest.raises(ConfigError, match="pool_mode = session"),
    ):
        connect(dsn)


def test_a_server_that_lost_its_power_is_noticed_while_it_is_sent_something_too(migrated):
    with pooler(migrated, by_transaction=False) as dsn, closing(connect(dsn)) as connection:
        line = socket.socket(fileno=os.dup(connection.fileno()))
        with closing(line):
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_a_pooler_that_gives_every_connection_a_session_will_do(store, migrated, ask):
    load(store, order())
    with pooler(migrated, by_transaction=False) as dsn, closing(connect(dsn)) as connection:
        pooled = Store(connection, store.vault)
        with pooled.sender("shop_tw"):
            assert [len(claim) for claim in pooled.claims("shop_tw", 10)] == [1]
    assert ask("SELECT attempts FROM orderflow.outbox") == [(1,)]


def test_a_server_that_is_too_old_can_be_reached_so_that_its_age_is_told(migrated, ask):
    ask("ALTER FUNCTION pg_catalog.string_to_table(text, text) RENAME TO of_postgresql_14")
    with closing(connect(migrated)) as connection:
        assert connection.server_version
