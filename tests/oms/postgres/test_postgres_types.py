"""Columns, encodings and views as other people made them."""

from __future__ import annotations

import contextlib

import psycopg2
import pytest
from orders import CHANNEL, person, settle, submission
from postgres_target import TABLE, TABLES, opened, rows

from orderflow.domain.errors import ConfigError
from orderflow.sandbox.postgres import Postgres


def alone(dsn: str, statement: str) -> None:
    """Outside of a transaction."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


OTHER_TYPES = (
    ('"Total €" numeric(12,2) NOT NULL CHECK ("Total €" < 1000000)', '"Total €" double precision'),
    ('"external ID" text', '"external ID" char(20)'),
    ("channel text", "channel char(30)"),
    ("version integer", "version text"),
    ("currency char(3), state text", "currency char(10), state char(20)"),
)


def test_columns_of_other_types_hold_the_same_order(dsn: str) -> None:
    schema = TABLES
    for ours, theirs in OTHER_TYPES:
        schema = schema.replace(ours, theirs)
    rows(dsn, schema)
    target = opened(dsn, table=TABLE, stages={"on_hold": "picking"})
    for version in (9, 10):
        (receipt,) = settle(target, submission(1, version, grand_total="148.8", order_status="on_hold"))
    held = target.look_up(CHANNEL, ["24-00001"])

    assert receipt.stage == "picking"
    assert list(held) == ["24-00001"]
    assert (held["24-00001"].version, held["24-00001"].total, held["24-00001"].currency) == (10, "148.8", "EUR")


def test_a_total_that_is_no_plain_number_is_a_wrong_setting(dsn: str) -> None:
    rows(dsn, TABLES.replace(*OTHER_TYPES[0]).replace("double precision", "money"))
    target = opened(dsn, table=TABLE)
    settle(target, submission(1))
    with pytest.raises(ConfigError, match="no plain number"):
        target.look_up(CHANNEL, ["24-00001"])


def test_a_database_with_another_encoding_takes_what_it_can_hold(postgres: Postgres, dsn: str) -> None:
    alone(dsn, "CREATE DATABASE old ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        rows(postgres.dsn("old") + "&client_encoding=utf8", TABLES)
        target = opened(postgres.dsn("old"), table=TABLE)
        (receipt,) = settle(target, submission(1, contacts=[person(1, city="臺北市")]))
        assert receipt.outcome == "accepted"
    finally:
        alone(dsn, "DROP DATABASE old")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("now()::timestamp AS recorded_at, '[]'::text AS lines", "timestamptz"),
        ("now() AS recorded_at, 'two pieces'::text AS lines", "cannot be read"),
        ("now() AS recorded_at, '[{\"sku\": 1}]'::jsonb AS lines", "cannot be read"),
    ],
)
def test_a_view_of_parcels_that_cannot_be_read_says_which_column_to_change(dsn: str, columns: str, told: str) -> None:
    rows(dsn, f"CREATE VIEW parcels AS SELECT 'c' AS channel, 'A-1' AS order_id, 7 AS id, {columns}")
    names = {name: name for name in ("channel", "order_id", "recorded_at", "lines")}
    target = opened(dsn, table=TABLE, shipments={"name": "parcels", "shipment_id": "id", **names})
    with pytest.raises(ConfigError, match=told):
        list(target.shipped("c", None))


def test_lines_of_a_parcel_may_come_as_text(dsn: str) -> None:
    lines = """'[{"line_id": "L1", "quantity": 2}]'::text"""
    rows(
        dsn, f"CREATE VIEW parcels AS SELECT 'c' AS channel, 'A-1' AS order_id, 7 AS id, now() AS at, {lines} AS lines"
    )
    view = {"name": "parcels", "channel": "channel", "order_id": "order_id", "shipment_id": "id", "recorded_at": "at"}
    (parcel,) = opened(dsn, table=TABLE, shipments={**view, "lines": "lines"}).shipped("c", None)
    assert parcel.shipment.lines == [("L1", "2")]
