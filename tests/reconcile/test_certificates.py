"""Days, chains, pages, and a day that is larger than memory should be."""

import csv
import hashlib
import io
import itertools
import json
import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest

from orderflow.domain.reconciliation import CAUSES, UNEXPLAINED, Head, business_day, newest_day
from orderflow.domain.source import OrderStub
from orderflow.domain.target import OmsOrder, one_of_each
from orderflow.domain.window import Window
from orderflow.quality.pages import certificate as pages
from orderflow.staging import certificates
from orderflow.staging.sides import CHUNK, DaySides
from orderflow.staging.store import connect

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

ADD_ORDERS = """
INSERT INTO orderflow.orders (channel, order_id, version, content_hash, contacts_hash, order_status, payment_status,
    fulfilment_status, return_status, channel_created_at, channel_updated_at, currency, grand_total, line_count,
    document, landing, ordinal, raw_sha256, fetched_at, window_start, window_end)
SELECT 'big', 'N' || n, 1, '', '', 'open', 'paid', 'unfulfilled', 'none', %(start)s + n * interval '1 millisecond',
    %(start)s + interval '1 day', 'TWD', 10, 2, '{}', '', n, '', %(start)s, %(start)s, %(start)s + interval '2 days'
FROM generate_series(1, %(count)s) AS n;
INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)
VALUES ('big', %(start)s - interval '1 day', %(start)s + interval '3 days', 'synced', 'r', now())
"""


def head(channel="big", day=DAY, absent=None, **more):
    how = {"channel": "its list", "staging": "orders", "oms": "look-up"}
    settings = {"title": "旗艦店 🏬 חנות <b>", "platform": "woocommerce", "target": "demo", "timezone": "Asia/Taipei"}
    span = business_day(day, settings["timezone"])
    return Head(
        channel=channel, day=day, window=span, run_id="r", now=NOW, how=how, absent=absent or {}, **settings | more
    )


def sides(connection, day=DAY, channel="big"):
    return DaySides(connection, channel, business_day(day, "Asia/Taipei"), timedelta(minutes=1), timedelta(minutes=5))


@pytest.fixture
def own(migrated):
    with closing(connect(migrated)) as connection:
        yield connection


def compared(own, stubs=(), held=None, *, day=DAY, keep=True):
    """A kept certificate of a day with this list and this OMS."""
    day_sides = sides(own, day)
    day_sides.list_channel(stubs, listed_at=NOW)
    day_sides.compare_channel()
    day_sides.ask_oms(lambda ids: held or {}, size=500)
    day_sides.compare_oms()
    return day_sides.certify(head(day=day), keep=keep), list(day_sides.differences())


def test_days_are_as_long_as_the_clock_makes_them():
    assert business_day(date(2026, 3, 29), "Europe/Stockholm").length == timedelta(hours=23)
    assert business_day(date(2026, 10, 25), "Europe/Stockholm").length == timedelta(hours=25)
    assert business_day(date(2026, 3, 8), "America/New_York").length == timedelta(hours=23)
    assert business_day(date(2026, 9, 6), "America/Santiago").length == timedelta(hours=23), "midnight does not exist"
    assert business_day(DAY, "Asia/Kathmandu") == Window.parse("2026-11-19T18:15Z/2026-11-20T18:15Z")


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/Santiago", "Pacific/Apia", "Asia/Taipei", "UTC"])
def test_the_days_of_a_year_tile_it_without_gap_or_overlap(zone):
    days = [business_day(date(2026, 1, 1) + timedelta(days=number), zone) for number in range(366)]
    assert all(earlier.end == later.start for earlier, later in itertools.pairwise(days))


def test_the_newest_day_is_over_everywhere_it_counts():
    assert newest_day("Asia/Taipei", datetime(2026, 3, 1, 16, 5, tzinfo=UTC), after=timedelta(0)) == date(2026, 3, 1)
    late = newest_day("Asia/Taipei", datetime(2026, 3, 1, 16, 5, tzinfo=UTC), after=timedelta(minutes=6))
    assert late == date(2026, 2, 28)
    assert newest_day("America/New_York", datetime(2026, 3, 1, 3, tzinfo=UTC), after=timedelta(0)) == date(2026, 2, 27)


def test_every_cause_says_what_it_means_and_what_to_do():
    for name, cause in CAUSES.items():
        assert cause.meaning, name
        assert cause.cure, name
    assert set(UNEXPLAINED) == {
        "missed", "missed_change", "not_sent", "channel_differs", "unknown_to_channel", "oms_missing", "oms_differs",
    }  # fmt: skip


def stub(number, **more):
    settings = {"status": "open", "total": "10.00", "currency": "TWD", "lines": 2, **more}
    return OrderStub(f"N{number}", updated_at=business_day(DAY, "Asia/Taipei").start + timedelta(days=1), **settings)


def test_a_large_day_passes_through_memory_in_chunks(own):
    count, start = 3 * CHUNK, business_day(DAY, "Asia/Taipei").start
    with closing(psycopg2.connect(own.dsn)) as other, other, other.cursor() as cursor:
        cursor.execute(ADD_ORDERS, {"start": start, "count": count})
    largest = waiting = 0

    def listing():
        nonlocal waiting
        for number in range(1, count + 2):
            if number % 1000 == 0:
                with own, own.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM pg_temp.sides_listed")
                    waiting = max(waiting, number - cursor.fetchone()[0])
            yield stub(number)

    def look_up(order_ids):
        nonlocal largest
        largest = max(largest, len(order_ids))
        return {
            each: OmsOrder(each, f"O-{each}", 1, None, "received", "11" if each == "N7" else "10.0", "TWD", 2)
            for each in order_ids
        }

    day = sides(own)
    day.list_channel(listing(), listed_at=NOW)
    day.compare_channel()
    day.ask_oms(look_up, size=500)
    day.compare_oms()
    certificate = day.certify(head(), keep=True)
    assert waiting <= CHUNK
    assert largest == 500
    found = {(row.order_id, row.cause, row.field) for row in day.differences()}
    assert found == {(f"N{count + 1}", "missed", None), ("N7", "oms_differs", "total")}
    assert certificate.agreed == count - 1
    assert certificate.sides["channel"].sums == {"TWD": str(10 * (count + 1))}
    assert certificate.sides["staging"].sums == {"TWD": str(10 * count)}


def test_what_is_delivered_or_changed_while_the_oms_is_asked_is_not_judged_by_its_answer(own):
    with own, own.cursor() as cursor:
        cursor.execute(ADD_ORDERS, {"start": business_day(DAY, "Asia/Taipei").start, "count": 4})
        cursor.execute(
            "INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, seconds, accepted_at) "
            "SELECT 'big', 'N' || n, 1, 'k' || n, 'accepted', 0, now() - interval '1 day' "
            "FROM generate_series(2, 3) AS n"
        )

    def look_up(order_ids):
        with own, own.cursor() as cursor:
            cursor.execute(
                "INSERT INTO orderflow.receipts (channel, order_id, version, key, outcome, seconds) "
                "VALUES ('big', 'N1', 1, 'k1', 'accepted', 0)"
            )
            cursor.execute("UPDATE orderflow.orders SET version = 2 WHERE order_id = 'N3'")
        return {}

    day = sides(own)
    day.ask_oms(look_up, size=500)
    day.compare_oms()
    found = {row.order_id: row.cause for row in day.differences()}
    assert found == {"N1": "waiting", "N2": "oms_missing", "N3": "waiting", "N4": "shadow"}
    certificate = day.certify(head(absent={"channel": "has no list"}), keep=True)
    assert certificate.state == "provisional"
    assert not certificate.sides["channel"].compared


def test_a_day_that_the_account_cannot_reach_is_never_settled(own):
    with own, own.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id) "
            "VALUES ('big', '2026-11-19', '2026-11-22', 'unreachable', 'r')"
        )
    certificate, found = compared(own)
    assert (found, certificate.coverage.gaps, certificate.state) == ([], [], "provisional")
    assert certificate.open == [
        "1 span is out of the account's reach, from 2026-11-19T16:01:00Z/2026-11-20T16:06:00Z on"
    ]


def test_an_order_that_the_oms_holds_twice_is_named(own):
    with own, own.cursor() as cursor:
        cursor.execute(ADD_ORDERS, {"start": business_day(DAY, "Asia/Taipei").start, "count": 3})
    right = {"version": 1, "status": "received", "total": "10", "currency": "TWD", "lines": 2}
    held = one_of_each(
        [
            OmsOrder("N1", "7", **right),
            OmsOrder("N2", "8", **right),
            OmsOrder("N2", "9", **right),
            OmsOrder("N3", "5", **right | {"status": "Cancelled", "version": 2}),
            OmsOrder("N3", "4", **right),
        ]
    )
    certificate, found = compared(own, [stub(number) for number in (1, 2, 3)], held)
    assert [(each.order_id, each.cause, each.field, each.ours, each.theirs, each.note) for each in found] == [
        ("N2", "oms_differs", "orders", "1", "2", "OMS id 8, 9")
    ]
    assert certificate.unexplained == 1


def test_a_day_that_is_reconciled_again_gets_a_revision_and_every_certificate_names_the_one_before(own):
    first, _ = compared(own, [stub(1)])
    second, _ = compared(own)
    third, _ = compared(own, day=date(2026, 11, 19))
    chain = [(each.number, each.day, each.revision, each.previous_sha256) for each in (first, second, third)]
    assert chain == [
        (1, DAY, 1, None),
        (2, DAY, 2, first.sha256),
        (3, date(2026, 11, 19), 1, second.sha256),
    ]
    assert certificates.newest(own, "big", DAY) == second
    assert certificates.newest(own, "big") == third
    assert certificates.newest(own, "other") is None
    assert certificates.verify(own, "big") == (third, [])
    assert certificates.provisional(own, "big", date(2026, 11, 1)) == [date(2026, 11, 19), DAY]


def test_certificates_can_neither_be_changed_nor_removed(own, ask):
    compared(own, [stub(1)])
    for sql in (
        "UPDATE orderflow.certificates SET unexplained = 0",
        "DELETE FROM orderflow.certificates",
        "TRUNCATE orderflow.certificates",
        "DELETE FROM orderflow.certificate_differences",
    ):
        with pytest.raises(psycopg2.Error, match="append-only"):
            ask(sql)


FORGED = "replace(body::text, '\"agreed\":0', '\"agreed\":9')"

FORGED_HASH = f"encode(sha256({FORGED}::bytea), 'hex')"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE orderflow.certificates SET unexplained = 7 WHERE number = 2", "something else than its content"),
        (f"UPDATE orderflow.certificates SET body = {FORGED}::json WHERE number = 2", "not what was signed"),
        (
            f"UPDATE orderflow.certificates SET body = {FORGED}::json, sha256 = {FORGED_HASH} WHERE number = 2",
            "certificate 3 .* not the one that it was chained to",
        ),
        ("DELETE FROM orderflow.certificates WHERE number = 2", "certificates 2 to 2 are gone"),
        ("UPDATE orderflow.certificate_differences SET cause = 'shadow'", "its differences were changed"),
        ("DELETE FROM orderflow.certificate_differences", "its differences were changed"),
    ],
    ids=range(6),
)
def test_whoever_changes_a_certificate_behind_its_back_is_found_out(own, ask, sql, said):
    for _ in range(3):
        compared(own, [stub(1)])
    ask("ALTER TABLE orderflow.certificates DISABLE TRIGGER ALL")
    ask("ALTER TABLE orderflow.certificate_differences DISABLE TRIGGER ALL")
    ask(sql)
    _, wrong = certificates.verify(own, "big")
    assert wrong
    assert any(re.search(said, each) for each in wrong), wrong


EVIL = "=cmd|' /C calc'!A1 <script>alert(\"昨天\")</script> \u202e👻"


def test_a_page_stands_alone_and_shows_what_it_is_given_as_text(own):
    certificate, found = compared(own, [OrderStub(EVIL, updated_at=NOW - timedelta(days=9)), stub(2)])
    page = pages.page(certificate, found)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "חנות &lt;b&gt;" in page
    for outside in ("http://", "https://", "src=", "url(", "@import", "stylesheet"):
        assert outside not in page
    assert certificate.sha256 in page
    assert "2 orders need a person" in page or "not settled" in page


def test_a_page_of_very_many_differences_lists_the_first_and_says_so(own):
    certificate, found = compared(own, (stub(number) for number in range(pages.MOST_ROWS + 5)))
    page = pages.page(certificate, found)
    assert page.count('<tr><th scope="row"><bdi><code>') == pages.MOST_ROWS
    assert f"Only the first {pages.MOST_ROWS}" in page
    assert len(list(pages.to_csv(certificate, found))) == pages.MOST_ROWS + 6


def test_json_holds_the_certificate_as_it_was_hashed_and_csv_no_formula(own):
    certificate, found = compared(own, [OrderStub(EVIL, total="-3", updated_at=NOW - timedelta(days=9))])
    text = b"".join(pages.to_json(certificate, found))
    told = json.loads(text)
    assert told["sha256"] == hashlib.sha256(certificate.body()).hexdigest()
    assert certificate.body() in text
    assert [row["order_id"] for row in told["differences"]] == [EVIL]
    rows = list(csv.DictReader(io.StringIO("".join(pages.to_csv(certificate, found)))))
    assert [row["order_id"] for row in rows] == [f"'{EVIL}"]
    assert rows[0]["cause"] == found[0].cause
    assert rows[0]["cure"] == CAUSES[found[0].cause].cure


def test_an_empty_list_of_a_day_with_nothing_staged_is_a_certificate_all_the_same(own):
    certificate, found = compared(own)
    assert (found, certificate.agreed, certificate.differing) == ([], 0, 0)
    assert certificate.state == "provisional", "no window of the day is loaded"
    assert certificate.coverage.share == 0
    assert "There are none" in pages.page(certificate, found)
