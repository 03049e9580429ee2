"""The `sql` adapter against real databases: PostgreSQL and SQLite."""

import logging
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import psycopg2
import pytest
import yaml
from sql_shop import DECODE, HOUR, RUNTIME, ids, opened, records, sqlite_shop

from orderflow import adapters
from orderflow.adapters.sql import database
from orderflow.config.connections import account_from_text
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Secret
from orderflow.domain.window import Window

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres_shop(dsn):
    """A connection to the shop's database, and the account that reads it."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        info = connection.info
        host = info.dsn_parameters["host"]
        account = Account(
            "shop", f"postgres://127.0.0.1/{info.dbname}", info.user, Secret("irrelevant"), {"host": host}
        )
        yield cursor, account


@pytest.fixture
def lite(tmp_path):
    with sqlite_shop(tmp_path) as shop:
        yield shop


def test_every_value_of_postgres_stays_what_it_is(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute(
        """
        CREATE TABLE orders (
            id bigint PRIMARY KEY, modified timestamptz NOT NULL, total numeric(30,10), ratio float8, big numeric,
            flag bool, day date, naive timestamp, spent interval, raw bytea, tags text[], doc json, docb jsonb,
            code uuid, nothing text, empty text, "Käufer; DROP TABLE" text);
        INSERT INTO orders VALUES (9007199254740993, '2026-03-01 10:00:00.000001+01', 0.1000000000, 0.1,
            123456789012345678901234567890.5, true, '2026-03-01', '2026-03-01 10:00', '1 day 2 hours', '\\x00ff',
            '{甲,"b c"}', '{"b": 1.10, "a": 12345678901234567890}', '{"x": 1.50}',
            '6f1c0c9e-8f4e-4a53-9b0a-5a0f0e9d2f11', NULL, '', '王小明 😀 مريم')
        """
    )
    (record,) = records(opened(account))
    assert record == {
        "id": 9007199254740993, "modified": "2026-03-01T09:00:00.000001+00:00", "total": "0.1000000000",
        "ratio": "0.1", "big": "123456789012345678901234567890.5", "flag": True, "day": "2026-03-01",
        "naive": "2026-03-01T10:00:00", "spent": "P1DT7200S", "raw": "AP8=", "tags": ["甲", "b c"],
        "doc": {"b": "1.10", "a": 12345678901234567890}, "docb": {"x": "1.50"},
        "code": "6f1c0c9e-8f4e-4a53-9b0a-5a0f0e9d2f11", "nothing": None, "empty": "",
        "Käufer; DROP TABLE": "王小明 😀 مريم",
    }  # fmt: skip


def test_a_type_without_a_form_in_json_is_told_with_its_cure(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute(
        "CREATE TABLE orders AS SELECT 1 AS id, '2026-03-01 09:00Z'::timestamptz AS modified, int4range(1, 2) r"
    )
    with pytest.raises(DriftError, match=r"column r holds a NumericRange.*view that casts it to text"):
        ids(opened(account))


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_windows_are_half_open_and_neighbours_leave_nothing_out(postgres_shop, kind):
    cursor, account = postgres_shop
    cursor.execute(f"CREATE TABLE orders (id int PRIMARY KEY, modified {kind} NOT NULL); SET timezone = 'UTC'")
    cursor.execute(
        "INSERT INTO orders SELECT n, '2026-03-01 08:59:59.5+00'::timestamptz + n * interval '500ms'"
        " FROM generate_series(0, 7202) n"
    )
    source = opened(account, batch=997)
    first, second = ids(source), ids(source, Window(HOUR.end, HOUR.end + timedelta(hours=1)))
    assert first == list(range(1, 7201)), "the first moment belongs to it, the end to the next"
    assert second == [7201, 7202]
    assert source.count(HOUR) == 7200


def test_thousands_of_rows_of_one_moment_are_read_page_by_page(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute("CREATE TABLE orders (id text PRIMARY KEY, modified timestamptz NOT NULL)")
    cursor.execute("INSERT INTO orders SELECT '訂單-' || n, '2026-03-01 09:30Z' FROM generate_series(1, 3001) n")
    found = list(opened(account, batch=1000).fetch(HOUR))
    assert [len(page.records) for page in found] == [1000, 1000, 1000, 1]
    assert len({record for page in found for record in page.records}) == 3001
    behind = opened(account, batch=1000).fetch(HOUR, found[1].cursor)
    assert [record for page in behind for record in page.records] == [
        record for page in found[2:] for record in page.records
    ]


def test_a_row_that_changes_while_one_reads_hides_no_other(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, modified timestamptz NOT NULL)")
    cursor.execute(
        "INSERT INTO orders SELECT n, '2026-03-01 09:00Z'::timestamptz + n * interval '1s'"
        " FROM generate_series(1, 100) n"
    )
    seen = []
    for page in opened(account, batch=10).fetch(HOUR):
        seen += [DECODE(each)["id"] for each in page.records]
        cursor.execute(
            "UPDATE orders SET modified = '2026-03-01 10:30Z' WHERE id IN (%s, %s)", (seen[-1], seen[-1] + 5)
        )
        cursor.execute("DELETE FROM orders WHERE id = %s", (seen[0],))
    following = ids(opened(account), Window(HOUR.end, HOUR.end + timedelta(hours=1)))
    assert len(seen) == len(set(seen))
    assert set(seen) | set(following) == set(range(1, 101))


def test_a_late_commit_is_seen_within_settle_and_lookback(postgres_shop):
    """A transaction writes its modified time, and commits after the window that asked for it."""
    cursor, account = postgres_shop
    cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, modified timestamptz NOT NULL)")
    limits = adapters.find("sql").limits
    with closing(psycopg2.connect(cursor.connection.dsn)) as late, late.cursor() as writing:
        writing.execute("INSERT INTO orders VALUES (1, '2026-03-01 09:58Z')")
        asked = HOUR.asked(lookback=limits.lookback, settle=limits.settle)
        assert ids(opened(account), asked) == []
        late.commit()
    following = Window(HOUR.end, HOUR.end + timedelta(hours=1)).asked(lookback=limits.lookback, settle=limits.settle)
    assert ids(opened(account), following) == [1]


def test_the_session_can_only_read_and_leaves_no_transaction_open(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, modified timestamptz NOT NULL)")
    cursor.execute("INSERT INTO orders SELECT n, '2026-03-01 09:30Z' FROM generate_series(1, 5) n")
    pages = opened(account, batch=2).fetch(HOUR)
    next(pages)
    cursor.execute("SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    assert cursor.fetchall() == [("idle",)]
    pages.close()
    with pytest.raises(DriftError, match="25006"), database.session(account) as session:
        session.exec_driver_sql("DELETE FROM orders")


@pytest.mark.parametrize("evil", ['x" OR 1=1 --', "orders; DROP TABLE orders", "modified\0", "'"])
def test_no_text_of_the_channel_file_becomes_sql(lite, evil):
    connection, account = lite
    connection.executescript(
        "CREATE TABLE orders (id TEXT, modified TEXT); INSERT INTO orders VALUES ('1', '2026-03-01 09:00:00')"
    )
    tries = [
        {"table": evil},
        {"id": evil},
        {"modified": {"column": evil}},
        {"where": {evil: "1"}},
        {"json_columns": [evil]},
    ]
    tries.append({"children": {"lines": {"table": evil, "key": "id", "order_by": "id"}}})
    tries.append({"children": {"lines": {"table": "orders", "key": evil, "order_by": "id"}}})
    for each in tries:
        with pytest.raises((DriftError, TransientError)):
            ids(opened(account, **each))
    assert ids(opened(account, where={"id": evil})) == []
    assert list(opened(account).fetch_ids([evil])) == []
    assert ids(opened(account)) == ["1"]


def test_odd_names_are_quoted(lite):
    connection, account = lite
    connection.executescript(
        'CREATE TABLE "訂單 \'26" ("Order" TEXT, "select" TEXT);'
        """INSERT INTO "訂單 '26" VALUES ('甲', '2026-03-01 09:00:00')"""
    )
    source = opened(account, table="訂單 '26", id="Order", modified={"column": "select"})
    assert [DECODE(each)["Order"] for page in source.fetch(HOUR) for each in page.records] == ["甲"]


def test_children_of_all_pages_find_their_orders_in_their_own_order(lite):
    connection, account = lite
    connection.executescript(
        "CREATE TABLE orders (id INTEGER, modified TEXT); CREATE TABLE parts (of TEXT, n INT, sku TEXT)"
    )
    connection.executemany("INSERT INTO orders VALUES (?, '2026-03-01 09:00:00')", [(n,) for n in range(1, 8)])
    connection.executemany("INSERT INTO parts VALUES (?, ?, ?)", [(n % 7 + 1, 50 - n, f"貨{n}") for n in range(50)])
    connection.commit()
    found = records(opened(account, batch=3, children={"lines": {"table": "parts", "key": "of", "order_by": "n"}}))
    assert [len(each["lines"]) for each in found] == [8, 7, 7, 7, 7, 7, 7]
    assert all([line["n"] for line in each["lines"]] == sorted(line["n"] for line in each["lines"]) for each in found)
    assert all(line["of"] == str(each["id"]) for each in found for line in each["lines"])


def test_an_order_without_an_id_is_told_instead_of_passed_over(lite):
    connection, account = lite
    connection.executescript(
        "CREATE TABLE orders (id TEXT, modified TEXT); INSERT INTO orders VALUES (NULL, '2026-03-01 09:00:00')"
    )
    with pytest.raises(DriftError, match="a row without id"):
        ids(opened(account))


def test_ids_that_such_a_column_cannot_hold_are_not_there(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, modified timestamptz); INSERT INTO orders VALUES (7, now())"
    )
    source = opened(account)
    assert [len(page.records) for page in source.fetch_ids(["A-1", "7", "№-１２３", "8"])] == [1]
    assert list(source.fetch_ids(["A-1"])) == []


def test_errors_say_who_must_act_and_show_no_secret(postgres_shop, tmp_path, caplog):
    cursor, account = postgres_shop
    caplog.set_level(logging.DEBUG)
    cursor.execute("CREATE TABLE orders (id int, modified timestamptz); CREATE ROLE nosy LOGIN")
    refused = [
        (Account("shop", "postgres://127.0.0.1:1/none", "u", Secret("geheim-1")), TransientError, "does not answer"),
        (Account("shop", f"sqlite://{tmp_path}/none.db", "u", Secret("geheim-1")), TransientError, "does not answer"),
        (Account("shop", "oracle+nodriver://127.0.0.1/x", "u", Secret("geheim-1")), ConfigError, "no database that"),
        (Account("shop", "mysql+aiomysql://127.0.0.1/x", "u", Secret("geheim-1")), ConfigError, "is not installed"),
        (Account("shop", account.url, "nosy", Secret("geheim-1"), account.extra), DeniedError, "grant its user SELECT"),
        (Account("shop", account.url, "nobody", Secret("geheim-1"), account.extra), DeniedError, "credentials"),
    ]
    for each, kind, message in refused:
        with pytest.raises(kind, match=message) as caught:
            ids(opened(each))
        assert "geheim" not in str(caught.value)
    assert "geheim" not in caplog.text
    with pytest.raises(DriftError, match="no table or view nothing"):
        ids(opened(account, table="nothing"))
    cursor.execute("DROP OWNED BY nosy; DROP ROLE nosy")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ('{"conn_type": "postgres", "host": "db", "port": 5433, "login": "u", "password": "p@:/", "schema": "shop"}',
         "postgresql+psycopg2://u:p%40%3A%2F@db:5433/shop"),
        ("mysql://u:p@rds.example:3306/sys_info?charset=utf8mb4", "mysql+pymysql://u:p@rds.example:3306/sys_info?charset=utf8mb4"),
        ('{"conn_type": "mysql+mysqldb", "host": "db", "login": "u", "schema": "shop"}', "mysql+mysqldb://u@db/shop"),
        ('{"conn_type": "mssql", "host": "db", "login": "u", "password": "p", "schema": "shop"}', "mssql+pymssql://u:p@db/shop"),
        ('{"conn_type": "sqlite", "host": "/srv/店 1.db"}', "sqlite:///file%3A/srv/%25E5%25BA%2597%25201.db?mode=ro&uri=true"),
    ],
)  # fmt: skip
def test_an_airflow_connection_is_an_address_of_sqlalchemy(text, url):
    assert database.url(account_from_text("shop", text)).render_as_string(hide_password=False) == url


def test_the_example_of_taobaos_push_table_maps_its_orders(lite):
    connection, account = lite
    told = yaml.safe_load((ROOT / "docs/examples/taobao_rds.yml").read_text())["source"]
    trade = {
        "trade_fullinfo_get_response": {
            "trade": {
                "payment": "289.00", "post_fee": "6.00", "receiver_name": "王**", "pay_time": "2026-03-09 09:20:59",
                "orders": {"order": [
                    {"oid_str": "4203417012345678902", "outer_sku_id": "TEE", "price": "129.00", "num": 2,
                     "divide_order_fee": "228.00"},
                    {"oid_str": "4203417012345678903", "outer_sku_id": "SOCK", "price": "59.90", "num": 1,
                     "divide_order_fee": "55.00"}]},
            }
        }
    }  # fmt: skip
    connection.execute(
        "CREATE TABLE jdp_tb_trade (tid INTEGER, status, seller_nick, created, jdp_modified, jdp_response)"
    )
    row = (4203417012345678901, "WAIT_SELLER_SEND_GOODS", "測試旗艦店", "2026-03-01 17:00:00", "2026-03-01 17:05:00")
    connection.execute("INSERT INTO jdp_tb_trade VALUES (?,?,?,?,?,?)", (*row, msgspec.json.encode(trade).decode()))
    connection.commit()
    adapter = adapters.find("sql")
    options = adapter.options(**{name: each for name, each in told.items() if name not in {"adapter", "connection"}})
    (record,) = (each for page in adapter.open(options, account, RUNTIME).fetch(HOUR) for each in page.records)
    order = adapter.to_order(DECODE(record), options)
    assert (order.order_id, order.grand_total, order.order_status, order.payment_status) == (
        "4203417012345678901", "289.00", "open", "paid",
    )  # fmt: skip
    assert [(line.line_id, line.total) for line in order.lines] == [
        ("4203417012345678902", "228.00"), ("4203417012345678903", "55.00"),
    ]  # fmt: skip
    assert order.contacts[0].name == "王**"


def test_an_enumeration_a_uuid_and_a_child_in_the_same_table(postgres_shop):
    cursor, account = postgres_shop
    cursor.execute(
        """
        CREATE TYPE kind AS ENUM ('order', 'part');
        CREATE TABLE orders (id uuid PRIMARY KEY, modified timestamptz, kind kind, of uuid, n int);
        INSERT INTO orders VALUES
            ('00000000-0000-0000-0000-000000000001', '2026-03-01 09:10Z', 'order', NULL, 0),
            ('00000000-0000-0000-0000-000000000002', '2026-03-01 09:10Z', 'order', NULL, 0),
            ('00000000-0000-0000-0000-000000000003', '2026-03-01 09:10Z', 'part',
             '00000000-0000-0000-0000-000000000002', 1);
        """
    )
    parts = {"parts": {"table": "orders", "key": "of", "order_by": "n"}}
    source = opened(account, where={"kind": "order"}, children=parts, batch=1)
    found = records(source)
    assert [len(each["parts"]) for each in found] == [0, 1]
    assert [len(page.records) for page in source.fetch_ids([found[1]["id"], "no uuid"])] == [1]
    with pytest.raises(DriftError, match="22P02"):
        ids(opened(account, where={"kind": "parcel"}))
