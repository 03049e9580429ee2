"""Settings that cannot work with an OMS's own PostgreSQL: mappings, rights, addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from orders import runtime, settle, submission
from postgres_target import TABLE, opened, rows
from pydantic import ValidationError

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Account, Secret
from orderflow.oms import postgres as kind


def test_names_that_look_like_sql_are_only_names(tables: str) -> None:
    evil = {**TABLE, "columns": {**TABLE["columns"], '"; DROP TABLE oms,orders; --': "locale"}}

    with pytest.raises(ConfigError, match="DROP TABLE"):
        settle(opened(tables, table=evil), submission(1))

    assert rows(tables, "select count(*) from oms.orders") == [(0,)]


def test_a_table_without_the_unique_constraint_is_a_wrong_setting(tables: str) -> None:
    rows(tables, 'alter table oms.orders drop constraint "orders_channel_external ID_key"')

    with pytest.raises(ConfigError, match=r"unique constraint on \(channel, external ID\)"):
        settle(opened(tables, table=TABLE), submission(1))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unique": ["channel"]}, "identity"),
        ({"unique": ["channel", "external ID", "version"]}, "identity"),
        ({"unique": ["channel", "nowhere"]}, "not among"),
        ({"columns": {"channel": "channel", "external ID": "order_id"}}, "version"),
        ({"columns": {**TABLE["columns"], "x": "grand_totl"}}, "did you mean 'grand_total'"),
        ({"columns": {**TABLE["columns"], "x": "ship_to.town"}}, "no part of the document"),
        ({"name": "a.b.c"}, "name"),
        ({"tabel": 1}, "tabel"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_when_it_is_read(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        kind.OPTIONS(table={**TABLE, **change})


def test_rights_that_are_missing_are_denied(tables: str) -> None:
    rows(tables, "create role clerk login; grant usage on schema oms to clerk")
    try:
        target = kind.open(kind.OPTIONS(table=TABLE), Account("oms_db", tables, "clerk", Secret("x")), runtime())
        with pytest.raises(DeniedError, match="permission denied"):
            settle(target, submission(1))
    finally:
        rows(tables, "drop owned by clerk; drop role clerk")


def test_a_database_that_does_not_exist_is_a_wrong_setting_and_a_dead_server_is_transient(
    dsn: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        settle(opened(dsn.replace("/test_", "/nowhere_"), table=TABLE), submission(1))
    with pytest.raises(TransientError, match="cannot be reached"):
        settle(opened(f"postgresql://postgres@/x?host={tmp_path}", table=TABLE), submission(1))


def test_a_user_whose_connections_are_used_up_is_no_wrong_password(tables: str) -> None:
    rows(tables, "CREATE ROLE busy LOGIN CONNECTION LIMIT 0 PASSWORD 'x'")
    try:
        target = kind.open(kind.OPTIONS(table=TABLE), Account("oms_db", tables, "busy", Secret("x")), runtime())
        with pytest.raises(TransientError, match="too many connections"):
            settle(target, submission(1))
    finally:
        rows(tables, "DROP ROLE busy")


def test_an_address_that_is_none_is_told_without_repeating_it() -> None:
    with pytest.raises(ConfigError, match="postgresql://host") as caught:
        settle(opened("oms-db:s3cret", table=TABLE), submission(1))
    assert "s3cret" not in str(caught.value)
