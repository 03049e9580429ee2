"""Airflow connections mean the same with and without Airflow."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.config.connections import account_from_text, connection_from_text, dsn
from orderflow.domain.errors import ConfigError


def text(**parts):
    return json.dumps({"conn_type": "http", **parts})


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (text(host="https://shop.example/admin/api/"), "https://shop.example/admin/api"),
        (text(host="shop.example"), "https://shop.example"),
        (text(conn_type="HTTP", host="shop.example"), "https://shop.example"),
        (text(host="shop.example", schema="http"), "http://shop.example"),
        (text(host="shop.example", schema="https", port=8443), "https://shop.example:8443"),
        (text(host="shop.example/base", port=8443), "https://shop.example:8443/base"),
        (text(host="http://127.0.0.1:18/demo_shopify"), "http://127.0.0.1:18/demo_shopify"),
        (text(host="127.0.0.1", port=18), "http://127.0.0.1:18"),
        (text(host="http://127.0.0.1", port=18), "http://127.0.0.1:18"),
        (text(host="oms", port="8069"), "http://oms:8069"),
        (text(host="10.0.0.7"), "http://10.0.0.7"),
        ("https://shop.example/wp-json/wc/v3", "https://shop.example/wp-json/wc/v3"),
        ("http://shop.example", "https://shop.example"),
        ("http://https://shop.example:81/base", "https://shop.example:81/base"),
        ("http://https%3A%2F%2Fshop.example%2Fbase", "https://shop.example/base"),
        ("http://[::1]:90", "http://[::1]:90"),
        (text(conn_type="file", host="/srv/drop/"), "/srv/drop"),
        (text(conn_type="fs", extra={"path": "/srv/檔案"}), "/srv/檔案"),
        (text(conn_type="fs", extra='{"path": "/"}'), "/"),
        (text(conn_type="generic", host="memory://orders"), "memory://orders"),
        ("sftp://u:p@files.example:2222/in/orders", "sftp://files.example:2222/in/orders"),
        (text(conn_type="ssh", host="files.example", extra={"path": "in"}), "sftp://files.example/in"),
        (text(conn_type="aws", host="bucket/prefix"), "s3://bucket/prefix"),
    ],
)
def test_the_address_of_an_account_is_assembled_as_people_mean_it(written, url):
    assert account_from_text("demo", written).url == url


def test_login_password_and_extra_arrive_and_stay_hidden():
    account = account_from_text("demo", "https://ck_1:p%40ss@shop.example/?version=2026-01&shop=%E5%BA%97")
    assert account.login == "ck_1"
    assert account.password.reveal() == "p@ss"
    assert account.extra == {"version": "2026-01", "shop": "店"}
    assert "p@ss" not in repr(account)
    assert "2026-01" not in repr(account)


def test_an_empty_login_or_password_is_none():
    account = account_from_text("demo", "https://:@shop.example")
    assert account.login is None
    assert account.password is None


def test_extra_may_be_json_inside_of_a_uri():
    account = account_from_text("demo", "https://shop.example/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D")
    assert account.extra == {"a": {"b": 1}}


@pytest.mark.parametrize(
    "written", ["{", '{"conn_type": "http", "password": shhh}', text(host="x", port="http"), text(host="x", extra=[1])]
)
def test_a_connection_that_cannot_be_read_says_how_to_write_it_and_shows_no_secret(written):
    with pytest.raises(ConfigError, match=r"connection 'demo' \(AIRFLOW_CONN_DEMO\) cannot be read") as told:
        account_from_text("demo", written)
    assert "shhh" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_connection_in_quotes_is_told_so(quote):
    with pytest.raises(ConfigError, match=r"AIRFLOW_CONN_DEMO. begins with a quote; write it without") as caught:
        connection_from_text("demo", f"{quote}https://u:shhh@shop.example{quote}")
    assert "shhh" not in str(caught.value)


def test_an_account_without_an_address_is_refused():
    with pytest.raises(ConfigError, match="connection 'demo' has no host"):
        account_from_text("demo", text(password="shhh"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("postgresql://u:p%2F@db.example:5433/orders", "postgresql://u:p%2F@db.example:5433/orders"),
        ("postgres://u@db/orders?sslmode=require", "postgresql://u@db/orders?sslmode=require"),
        ("postgresql://postgres@/orders?host=/run/pg", "postgresql://postgres@/orders?host=%2Frun%2Fpg"),
        (text(conn_type="postgres", extra={"dsn": "postgresql:///x?host=/y"}), "postgresql:///x?host=/y"),
        (text(conn_type="postgres", host="db", login="ü", schema="o"), "postgresql://%C3%BC@db/o"),
    ],
)
def test_the_staging_connection_becomes_a_libpq_uri(written, expected):
    assert dsn(connection_from_text("orderflow_db", written)) == expected


def test_a_staging_connection_of_another_type_is_refused():
    with pytest.raises(ConfigError, match="'orderflow_db' is of type 'http'; it must be postgres"):
        dsn(connection_from_text("orderflow_db", text(host="db")))


@given(login=st.text(min_size=1), password=st.text(min_size=1), extra=st.dictionaries(st.text(), st.text()))
def test_a_connection_survives_being_written_as_json(login, password, extra):
    account = account_from_text("demo", text(host="https://x.example", login=login, password=password, extra=extra))
    assert (account.login, account.password.reveal(), account.extra) == (login, password, extra)
