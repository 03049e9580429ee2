"""Rows that a database keeps for its own reasons: without a time, padded, of another case, out of every range."""

from contextlib import closing

import psycopg2
import pytest
from sql_shop import ids, opened, records, sqlite_shop

from orderflow.domain.errors import DriftError
from orderflow.domain.source import Account, Secret

LINES = {"lines": {"table": "parts", "key": "of", "order_by": "n"}}


@pytest.fixture
def shop(dsn):
    """Tells PostgreSQL what the shop's database holds; yields the account that reads it."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        info = connection.info
        account = Account(
            "shop",
            f"postgres://127.0.0.1/{info.dbname}",
            info.user,
            Secret("irrelevant"),
            {"host": info.dsn_parameters["host"]},
        )
        yield cursor.execute, account


@pytest.fixture
def lite(tmp_path):
    with sqlite_shop(tmp_path) as shop:
        yield shop


def test_a_row_without_a_modified_time_is_told_and_not_passed_over(lite):
    connection, account = lite
    connection.executescript(
        "CREATE TABLE orders (id TEXT, modified TEXT, shop TEXT);"
        "INSERT INTO orders VALUES ('1', '2026-03-01 09:00:00', 'a'), ('2', NULL, 'b')"
    )
    assert ids(opened(account, where={"shop": "a"})) == ["1"], "another shop's rows are not ours"
    with pytest.raises(DriftError, match=r"a row without modified, .*which no window.*COALESCE\(modified"):
        ids(opened(account))


def test_a_filter_that_its_column_can_never_hold_is_told_and_does_not_mean_nothing(shop):
    execute, account = shop
    execute("CREATE TABLE orders (id int, modified timestamptz NOT NULL, shop_id int)")
    execute("INSERT INTO orders VALUES (1, '2026-03-01 09:30Z', 3)")
    assert ids(opened(account, where={"shop_id": ["3", "4"]})) == [1]
    with pytest.raises(DriftError, match="shop_id is of type INTEGER and can never be 'main'; correct `where`"):
        ids(opened(account, where={"shop_id": ["3", "main"]}))


def test_lines_find_an_order_whose_id_is_padded_with_blanks(shop):
    execute, account = shop
    execute("CREATE TABLE orders (id char(6), modified timestamptz NOT NULL)")
    execute("CREATE TABLE parts (of varchar(6), n int)")
    execute("INSERT INTO orders VALUES ('A1', '2026-03-01 09:30Z')")
    execute("INSERT INTO parts VALUES ('A1', 1)")
    source = opened(account, children=LINES)
    (order,) = records(source)
    assert (order["id"], order["lines"]) == ("A1", [{"of": "A1", "n": 1}])
    assert [len(page.records) for page in source.fetch_ids(["A1"])] == [1]


def test_lines_find_their_order_where_the_database_does_not_mind_case(lite):
    connection, account = lite
    connection.executescript(
        "CREATE TABLE orders (id TEXT, modified TEXT); CREATE TABLE parts (of TEXT COLLATE NOCASE, n INT);"
        "INSERT INTO orders VALUES ('A1', '2026-03-01 09:00:00'), ('B2', '2026-03-01 09:00:01');"
        "INSERT INTO parts VALUES ('a1', 1), ('A1', 2), ('B2', 3)"
    )
    assert [[line["n"] for line in each["lines"]] for each in records(opened(account, children=LINES))] == [[1, 2], [3]]


def test_a_year_that_no_driver_reads_is_told_with_its_cure(shop):
    execute, account = shop
    execute("CREATE TABLE orders (id int, modified timestamptz NOT NULL, wanted date)")
    execute("INSERT INTO orders VALUES (1, '2026-03-01 09:30Z', '20223-01-01')")
    with pytest.raises(DriftError, match=r"cannot read .*20223.*casts its column to text"):
        ids(opened(account))
