"""Orders into an OMS's own PostgreSQL: its tables or its function, each order once, one refusal alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from orders import CHANNEL, line, person, runtime, settle, submission
from pydantic import ValidationError

from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.order import Charge
from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import postgres as kind
from orderflow.sandbox.postgres import Postgres

TABLES = """
CREATE SCHEMA oms;
CREATE TABLE oms.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL, "external ID" text NOT NULL, version integer NOT NULL, push_key text,
    "Total €" numeric(12,2) NOT NULL CHECK ("Total €" < 1000000), currency char(3), state text, city varchar(40),
    placed_at timestamptz, tags jsonb, payload jsonb, touched integer NOT NULL DEFAULT 0,
    UNIQUE (channel, "external ID")
);
CREATE TABLE oms.order_lines (
    order_id bigint NOT NULL REFERENCES oms.orders, position integer NOT NULL, sku text NOT NULL, title text,
    quantity numeric, amount numeric, PRIMARY KEY (order_id, position)
);
CREATE TABLE oms.products (sku text PRIMARY KEY);
INSERT INTO oms.products SELECT 'SKU-00' || n FROM generate_series(1, 9) AS n;
ALTER TABLE oms.order_lines ADD FOREIGN KEY (sku) REFERENCES oms.products DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION oms.touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN new.touched = old.touched + 1; RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON oms.orders FOR EACH ROW EXECUTE FUNCTION oms.touch();
"""
TABLE = {
    "name": "oms.orders",
    "id": "id",
    "unique": ["channel", "external ID"],
    "columns": {
        "channel": "channel",
        "external ID": "order_id",
        "version": "version",
        "push_key": "key",
        "Total €": "grand_total",
        "currency": "currency",
        "state": "order_status",
        "city": "ship_to.city",
        "placed_at": "placed_at",
        "tags": "tags",
        "payload": "document",
    },
    "parts": {
        "lines": {
            "name": "oms.order_lines",
            "link": "order_id",
            "columns": {
                "position": "number",
                "sku": "sku",
                "title": "title",
                "quantity": "quantity",
                "amount": "total",
            },
        }
    },
}
FUNCTION = """
CREATE TABLE inbox (id serial PRIMARY KEY, channel text, code text, key text, version int, total numeric);
CREATE FUNCTION receive_order(o jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made text;
BEGIN
    IF o ->> 'currency' = 'XXX' THEN
        RAISE EXCEPTION 'we do not trade in %', o ->> 'currency';
    END IF;
    UPDATE inbox SET key = o ->> 'key', version = (o ->> 'version')::int, total = (o ->> 'grand_total')::numeric
        WHERE channel = o ->> 'channel' AND code = o ->> 'order_id' RETURNING 'IN-' || id INTO made;
    IF NOT FOUND THEN
        PERFORM pg_sleep(0.01);
        INSERT INTO inbox (channel, code, key, version, total) VALUES (o ->> 'channel', o ->> 'order_id', o ->> 'key',
            (o ->> 'version')::int, (o ->> 'grand_total')::numeric) RETURNING 'IN-' || id INTO made;
    END IF;
    RETURN made;
END $$;
CREATE VIEW overview AS SELECT channel, code, 'IN-' || id AS id, key, version, total FROM inbox;
"""
OVERVIEW = {
    "name": "overview",
    "channel": "channel",
    "order_id": "code",
    "oms_id": "id",
    "key": "key",
    "total": "total",
}


def opened(dsn: str, **options: Any) -> Target:
    return kind.open(kind.OPTIONS(**options), Account("oms_db", dsn), runtime())


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def alone(dsn: str, statement: str) -> None:
    """Outside of a transaction."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@pytest.fixture
def tables(dsn: str) -> str:
    rows(dsn, TABLES)
    return dsn


@pytest.fixture
def function(dsn: str) -> str:
    rows(dsn, FUNCTION)
    return dsn


def test_an_order_fills_its_row_and_its_lines_with_every_script_intact(tables: str) -> None:
    target = opened(tables, table=TABLE)
    lines = [line(1), line(2, "SKU-002", "0.5", "1.000001")]
    sent = submission(1, lines=lines, tags=["急", "عاجل"], grand_total="35.50")

    (receipt,) = settle(target, sent)

    found = rows(tables, "select id::text, \"Total €\"::text, city, tags, payload ->> 'key', touched from oms.orders")
    assert receipt.reason is None
    assert found == [(receipt.oms_id, "35.50", "臺北市", ["急", "عاجل"], sent.key, 0)]
    assert rows(tables, "select position, title, amount::text from oms.order_lines order by 1") == [
        (1, lines[0].title, "30"),
        (2, lines[1].title, "1.000001"),
    ]
    held = target.look_up(CHANNEL, ["24-00001", "no such"])["24-00001"]
    assert (held.oms_id, held.key, held.version, held.status) == (receipt.oms_id, sent.key, 1, "open")
    assert (held.total, held.currency, held.lines) == ("35.5", "EUR", 2)


def test_the_same_version_again_touches_nothing_and_an_older_one_neither(tables: str) -> None:
    target = opened(tables, table=TABLE)
    settle(target, submission(1, 2, lines=[line(1), line(2, "SKU-002")]))

    again, late = settle(target, submission(1, 2), submission(1, 1, lines=[]))

    assert again.outcome == late.outcome == "accepted"
    assert again.oms_id == late.oms_id
    assert rows(tables, "select version, touched from oms.orders") == [(2, 0)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(2,)]


def test_what_was_accepted_is_kept_though_the_oms_is_set_to_lose_it(tables: str) -> None:
    rows(tables, "alter table oms.orders add kept text default current_setting('synchronous_commit')")
    for number, setting in enumerate(["off", "local", "remote_apply"], 1):
        settle(opened(f"{tables}&options=-csynchronous_commit%3D{setting}", table=TABLE), submission(number))
    assert rows(tables, "select kept from oms.orders order by id") == [("on",), ("on",), ("remote_apply",)]


def test_a_version_that_comes_while_the_oms_works_on_the_order_says_so(tables: str) -> None:
    rows(tables, "alter table oms.orders add column handling text")
    target = opened(tables, table={**TABLE, "state": "handling"}, stages={"verpackt": "picking", "已发货": "shipped"})
    (first,) = settle(target, submission(1))
    rows(tables, "update oms.orders set handling = '已发货'")

    (second,) = settle(target, submission(1, 2, order_status="cancelled"))
    (again,) = settle(target, submission(1, 2, order_status="cancelled"))

    assert [each.outcome for each in (first, second, again)] == ["accepted"] * 3
    assert [each.stage for each in (first, second, again)] == [None, "shipped", None]


def test_a_newer_version_replaces_the_lines_exactly(tables: str) -> None:
    target = opened(tables, table=TABLE)
    (first,) = settle(target, submission(1, lines=[line(1), line(2, "SKU-002"), line(3, "SKU-003")]))

    (second,) = settle(target, submission(1, 2, lines=[line(2, "SKU-004", "1", "7")], order_status="cancelled"))

    assert second.oms_id == first.oms_id
    assert rows(tables, "select position, sku from oms.order_lines") == [(2, "SKU-004")]
    assert target.look_up(CHANNEL, ["24-00001"])["24-00001"].status == "cancelled"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"grand_total": "1000000"}, "check constraint"),
        ({"grand_total": "abc"}, "invalid input syntax"),
        ({"grand_total": None}, "null value in column"),
        ({"contacts": [person(city="長" * 41)]}, "value too long"),
        ({"lines": [line(1), line(1)]}, "duplicate key"),
        ({"lines": [line(1, "NOPE")]}, "violates foreign key constraint"),
        ({"order_number": "a\0b"}, "unsupported Unicode escape sequence"),
        ({"contacts": [person(city="a\0b")]}, "NUL"),
    ],
)
def test_a_refused_order_goes_back_alone_with_the_databases_words(
    tables: str, fields: dict[str, Any], told: str
) -> None:
    before, refused, after = settle(opened(tables, table=TABLE), submission(1), submission(2, **fields), submission(3))

    assert [each.outcome for each in (before, refused, after)] == ["accepted", "refused", "accepted"]
    assert told in (refused.reason or "")
    assert refused.oms_id is None
    assert rows(tables, 'select "external ID" from oms.orders order by 1') == [("24-00001",), ("24-00003",)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(2,)]


def test_reasons_hold_no_values_of_the_buyer(tables: str) -> None:
    mapped = {**TABLE, "columns": {**TABLE["columns"], "touched": "ship_to.name"}}

    (receipt,) = settle(opened(tables, table=mapped), submission(1, contacts=[person(name="فاطمة 王小明")]))

    assert receipt.outcome == "refused"
    assert "فاطمة" not in (receipt.reason or "")
    assert "王小明" not in (receipt.reason or "")


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


def test_a_function_needs_to_tell_what_it_holds_and_a_table_does_not() -> None:
    for options in ({}, {"function": "f"}, {"table": TABLE, "function": "f"}, {"table": TABLE, "look_up": OVERVIEW}):
        with pytest.raises(ValidationError):
            kind.OPTIONS(**options)
    with pytest.raises(ValidationError, match="`key` or `version`"):
        kind.OPTIONS(function="f", look_up={k: v for k, v in OVERVIEW.items() if k != "key"})


def test_a_function_receives_each_version_once(function: str) -> None:
    target = opened(function, function="receive_order(jsonb)", look_up=OVERVIEW)

    (first,) = settle(target, submission(1))
    (again,) = settle(target, submission(1, earlier=True))
    (newer,) = settle(target, submission(1, 2, grand_total="1"))

    assert (first.oms_id, again.oms_id, newer.oms_id) == ("IN-1", "IN-1", "IN-1")
    assert rows(function, "select version, total::text from inbox") == [(2, "1")]
    held = target.look_up(CHANNEL, ["24-00001"])["24-00001"]
    assert (held.oms_id, held.total, held.version) == ("IN-1", "1", None)


def test_what_a_function_raises_is_the_reason(function: str) -> None:
    target = opened(function, function="receive_order", look_up=OVERVIEW)

    refused, accepted = settle(target, submission(1, currency="XXX"), submission(2))

    assert refused.reason == "OMS_REFUSED: we do not trade in XXX (P0001)"
    assert accepted.oms_id == "IN-1"


def test_many_senders_at_once_make_one_row_even_where_the_function_looks_before_it_inserts(function: str) -> None:
    ((database,),) = rows(function, "select current_database()")
    rows(function, f"alter database {database} set default_transaction_isolation to 'repeatable read'")
    receipts = []

    def send() -> None:
        target = opened(function, function="receive_order", look_up=OVERVIEW)
        receipts.extend(settle(target, *(submission(number) for number in range(20))))

    together(send, 6)

    assert len(receipts) == 120
    assert rows(function, "select count(*), count(distinct code) from inbox") == [(20, 20)]


def test_many_senders_at_once_make_one_row_per_order(tables: str) -> None:
    receipts = []

    def send() -> None:
        receipts.extend(settle(opened(tables, table=TABLE), *(submission(number) for number in range(50, 0, -1))))

    together(send, 6)

    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    assert rows(tables, "select count(*), sum(touched) from oms.orders") == [(50, 0)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(50,)]


def together(work: Any, count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_processes_push_200_orders_and_one_is_killed_and_started_again(tables: str) -> None:
    def sender() -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        script = Path(__file__).with_name("postgres_sender.py")
        return subprocess.Popen([sys.executable, script, tables], stdout=subprocess.PIPE, text=True, env=environment)

    one, other = sender(), sender()
    assert other.stdout is not None
    for _ in range(30):
        other.stdout.readline()
    other.kill()
    other.wait()
    again = sender()
    printed = [process.communicate()[0].splitlines() for process in (one, again)]

    assert [len(lines) for lines in printed] == [200, 200]
    assert rows(tables, "select count(*), sum(touched), max(version) from oms.orders") == [(200, 0, 1)]
    assert rows(tables, "select count(*) from oms.order_lines") == [(400,)]
    before = rows(tables, "select xmin, * from oms.orders order by id")
    sender().communicate()
    assert rows(tables, "select xmin, * from oms.orders order by id") == before


def test_a_server_that_stops_in_the_middle_leaves_the_batch_pending(postgres: Postgres, tables: str) -> None:
    rows(
        tables,
        "create function oms.gone() returns trigger language plpgsql as $$ begin "
        "perform pg_terminate_backend(pg_backend_pid()); return new; end $$",
    )
    rows(
        tables,
        "create trigger gone after insert on oms.orders for each row "
        "when (new.\"external ID\" = '24-00002') execute function oms.gone()",
    )

    with pytest.raises(TransientError, match="stays pending"):
        settle(opened(tables, table=TABLE), submission(1), submission(2))

    assert rows(tables, "select count(*) from oms.orders") == [(0,)]


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


def test_charges_and_contacts_can_be_mapped_to_tables_of_their_own(tables: str) -> None:
    rows(
        tables,
        "create table oms.charges (o bigint, kind text, amount numeric);"
        "create table oms.people (o bigint, role text, lines jsonb)",
    )
    parts = {
        "charges": {"name": "oms.charges", "link": "o", "columns": {"kind": "kind", "amount": "total"}},
        "contacts": {"name": "oms.people", "link": "o", "columns": {"role": "role", "lines": "address"}},
    }
    target = opened(tables, table={**TABLE, "parts": parts})

    settle(target, submission(1, charges=[Charge(kind="cod", total="2")]))
    settle(target, submission(1, 2, charges=[]))

    assert rows(tables, "select count(*) from oms.charges") == [(0,)]
    assert rows(tables, "select role, lines ->> 1 from oms.people") == [("ship_to", "شقة 4")]


@pytest.mark.parametrize("moment", ["INSERT", "UPDATE"])
def test_a_row_that_a_trigger_drops_without_a_word_is_never_taken_for_accepted(tables: str, moment: str) -> None:
    rows(tables, "CREATE FUNCTION oms.drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    rows(tables, f"CREATE TRIGGER last BEFORE {moment} ON oms.orders FOR EACH ROW EXECUTE FUNCTION oms.drop_it()")
    target = opened(tables, table=TABLE)
    outcomes = [settle(target, submission(1, version))[0] for version in (1, 2)]

    assert outcomes[1].outcome == "refused"
    assert "dropped it without a word" in (outcomes[1].reason or "")
    assert (outcomes[0].outcome == "refused") == (moment == "INSERT")


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
