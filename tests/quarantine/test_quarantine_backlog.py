"""Lists and totals of quarantine: paged by key, narrowed alike, quick with very many rows."""

import time
from contextlib import closing
from decimal import Decimal

import psycopg2
import pytest
from staged import line, load, order, refusal

from orderflow.domain.errors import ConfigError
from orderflow.staging import articles, backlog
from orderflow.staging.backlog import Filter
from orderflow.staging.store import connect

SEED = """
INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, document, value, currency,
    landing, fetched_at, window_start, window_end, first_seen_at, last_seen_at, assignee)
SELECT 'shop_' || g %% 7, 'N-' || g, 'N-' || g, 'validate',
    CASE WHEN g %% 5 = 0 THEN 'open' WHEN g %% 5 = 1 THEN 'parked' ELSE 'superseded' END,
    CASE WHEN g %% 10 < 2 THEN '[{"code": "SKU_UNMAPPED"}]'::jsonb
        WHEN g %% 1000 = 5 THEN '[{"code": "RARE_CODE"}, {"code": "TOTAL_WRONG"}]' ELSE '[{"code": "TOTAL_WRONG"}]' END,
    jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('number', 1, 'sku', 'SKU-' || g %% 3000))),
    g %% 500, CASE WHEN g %% 3 = 0 THEN 'TWD' ELSE 'EUR' END, '/l', now(), now() - interval '1 hour', now(),
    now() - g * interval '1 second', now() - (g / 100) * interval '1 minute', CASE WHEN g %% 400 = 0 THEN 'mei' END
FROM generate_series(1, %s) AS g
"""


ROWS = 20_000


@pytest.fixture(scope="module")
def crowd(postgres, template):
    """20,000 rows of seven channels, 8,000 of which wait; nobody changes them."""
    with closing(psycopg2.connect(postgres.dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"CREATE DATABASE quarantine_crowd TEMPLATE {template}")
    with closing(connect(postgres.dsn("quarantine_crowd"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")  # so that VACUUM may mark pages as visible to all
            cursor.execute(SEED, (ROWS,))
            cursor.execute("VACUUM ANALYZE orderflow.quarantine")
        connection.autocommit = False
        yield connection


def plan(connection, sql, values):
    with connection, connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + sql, values)
        return "\n".join(row[0] for row in cursor.fetchall())


def every_page(connection, which, size):
    after, rows = None, []
    while True:
        page = backlog.page(connection, which, after=after, size=size)
        rows += page.rows
        if page.after is None:
            return rows
        after = page.after


def test_pages_follow_each_other_without_gap_or_repeat(crowd):
    which = Filter(channel="shop_3", reason="SKU_UNMAPPED")
    rows = every_page(crowd, which, 77)
    keys = [(row.last_seen_at, row.id) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == len(keys) == len(every_page(crowd, which, 10_000)) > 550


@pytest.mark.parametrize(
    "which",
    [
        Filter(),
        Filter(channel="shop_3"),
        Filter(state="superseded"),
        Filter(state="open"),
        Filter(channel="shop_1", state="parked"),
        Filter(reason="TOTAL_WRONG"),
        Filter(reason="RARE_CODE"),
        Filter(reason="NO_SUCH_CODE"),
        Filter(codes=frozenset({"RARE_CODE", "NO_SUCH_CODE"})),
        Filter(sku="SKU-42"),
        Filter(sku="SKU-42", channel="shop_2"),
        Filter(order_id="N-60"),
        Filter(order_id="N-60", state=None),
    ],
)
def test_no_list_reads_the_whole_table(crowd, which):
    condition, values = which.where()
    order = "ORDER BY q.last_seen_at DESC, q.id DESC LIMIT 51"
    found = plan(crowd, f"SELECT q.id FROM orderflow.quarantine AS q WHERE {condition} {order}", values)
    assert "Seq Scan" not in found, found


def test_filters_narrow_as_they_say(crowd):
    def ids(**fields):
        return {row.id for row in every_page(crowd, Filter(**fields), 10_000)}

    assert len(ids()) == 8_000
    assert len(ids(state="open")) == len(ids(state="parked")) == 4_000
    assert len(ids(reason="RARE_CODE")) == 20
    assert ids(codes=frozenset({"RARE_CODE"})) == ids(reason="RARE_CODE")
    assert len(ids(assignee="mei")) == 50
    assert {row.order_id for row in every_page(crowd, Filter(order_id="N-60"), 10)} == {"N-60"}
    valued = every_page(crowd, Filter(currency="TWD", at_least=Decimal(499)), 10_000)
    assert valued == []
    assert all(row.currency == "TWD" for row in every_page(crowd, Filter(currency="TWD", at_least=Decimal(470)), 100))


def test_totals_by_reason_with_value_and_their_plan(crowd):
    totals = backlog.totals(crowd)
    by_code = {}
    for total in totals:
        opened, parked, values = by_code.get(total.code, (0, 0, {}))
        merged = {name: values.get(name, 0) + value for name, value in total.values.items()} | {
            name: value for name, value in values.items() if name not in total.values
        }
        by_code[total.code] = opened + total.open, parked + total.parked, merged
    assert {code: each[:2] for code, each in by_code.items()} == {
        "SKU_UNMAPPED": (2_000, 2_000),
        "TOTAL_WRONG": (2_000, 2_000),
        "RARE_CODE": (20, 0),
    }
    with crowd, crowd.cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(value) FROM orderflow.quarantine WHERE state IN ('open', 'parked')"
            " AND codes @> '{SKU_UNMAPPED}' GROUP BY 1"
        )
        assert by_code["SKU_UNMAPPED"][2] == dict(cursor.fetchall())
    assert backlog.waiting(crowd) == {"open": 4_000, "parked": 4_000}
    assert backlog.totals(crowd, "shop_2") == [total for total in totals if total.channel == "shop_2"]
    found = plan(crowd, backlog._TOTALS, {"channel": None})
    assert "Index Only Scan using quarantine_totals" in found, found


def test_unmapped_skus_with_what_waits(crowd):
    began = time.perf_counter()
    found = articles.unmapped(crowd, limit=50)
    took = time.perf_counter() - began
    print(f"unmapped SKUs of 4,000 waiting orders in {took * 1000:.0f} ms")
    assert len(found) == 50
    assert took < 5


def test_one_order_with_everything_about_it(store):
    load(store, refused=[refusal(order("№ 1", lines=[line(sku="茶")]), 0, "SKU_UNMAPPED", "TOTAL_WRONG")], raw=[b"{}"])
    (row_id,) = backlog.identify(store.connection, ["№ 1"])
    assert backlog.identify(store.connection, [f"#{row_id}"]) == [row_id]
    found = backlog.whole(store.connection, row_id)
    assert (found.row.codes, found.row.unmapped) == (["SKU_UNMAPPED", "TOTAL_WRONG"], ["茶"])
    assert found.row.value == Decimal("24.5")
    assert found.document["lines"][0]["sku"] == "茶"
    assert [event.what for event in found.story] == ["open"]
    (unmapped,) = articles.unmapped(store.connection, "shop_tw")
    assert (unmapped.sku, unmapped.orders, unmapped.values, unmapped.title) == (
        "茶",
        1,
        {"TWD": Decimal("24.5")},
        "茶杯 ☕",
    )


def test_orders_are_named_wrongly_or_ambiguously(store):
    for channel in ("shop_tw", "shop_ar"):
        load(store, refused=[refusal(order())], raw=[b"{}"], channel=channel)
    with pytest.raises(
        ConfigError, match="A-1 is in shop_tw, shop_ar; say which with --channel\nX is not in quarantine"
    ):
        backlog.identify(store.connection, ["A-1", "X"])
    assert len(backlog.identify(store.connection, ["A-1"], "shop_ar")) == 1
    with pytest.raises(ConfigError, match="no row 99"):
        backlog.whole(store.connection, 99)


def test_a_filter_says_what_it_cannot_mean():
    with pytest.raises(ConfigError, match="no state 'closed'; it has waiting, open, parked"):
        Filter(state="closed")
    with pytest.raises(ConfigError, match="needs its currency"):
        Filter(at_least=Decimal(5))
    assert not Filter(state="open").narrow
    assert Filter(channel="shop_tw").narrow


def test_a_page_that_nobody_gave_out_is_refused(store):
    with pytest.raises(ConfigError, match="'gestern~x' is not where a page ended"):
        backlog.page(store.connection, Filter(), after="gestern~x")


def test_very_long_codes_and_skus_do_not_stop_a_load(store, ask):
    lines = [line(n, sku="長" * 900 + str(n)) for n in range(1, 4)]
    load(store, refused=[refusal(order("Ω" * 400, lines=lines), 0, *(f"CODE_{n}" for n in range(300)))], raw=[b"{}"])
    assert ask("SELECT cardinality(codes), skus FROM orderflow.quarantine") == [(40, [])]
