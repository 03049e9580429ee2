"""Decisions hold for what somebody has seen: a form from before another version came, or one that nobody wrote."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest
from waiting import line, states, wait

from orderflow.domain.errors import TransientError
from orderflow.staging import actions, erasure
from orderflow.staging.session import lock_channel
from orderflow.web import decisions, quarantined
from orderflow.web.database import Database


def test_nobody_decides_about_a_version_that_came_after_his_page_was_opened(client, store, staging):
    (row,) = wait(store, "A-1")
    (seen,) = set(re.findall(r'name="seen" value="(\w+)"', client().get(f"/quarantine/{row}").text))
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET content_hash = decode('ab', 'hex')")
    edit = {"path": ["payment_status"], "value": ["paid"], "why": "asked the shop", "seen": seen}
    for path, form in (("decide", {"action": "discard", "why": "a test order", "seen": seen}), ("edit", edit)):
        answer = client().post(f"/quarantine/{row}/{path}", data=form)
        assert answer.status_code == 400
        assert "the channel has sent another version of this order since you opened it" in answer.text
    assert "hreflang" not in answer.text, (
        "the same page in another language is asked for by an address, which it has not"
    )
    assert states(staging) == {"A-1": "open"}
    (now,) = set(re.findall(r'name="seen" value="(\w+)"', answer.text))
    assert client().post(f"/quarantine/{row}/edit", data=edit | {"seen": now}).status_code == 303


def test_what_no_column_takes_is_refused_with_what_the_database_says(client, store, staging):
    wait(store, "A-1")
    answers = [
        client().post("/quarantine/decide", data={"action": "park", "row": str(-(2**70)), "why": "x"}),
        client().get("/mapping/pairs", params={"after": "9999-12-31T23:59-23:00~channel_01~a"}),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "out of range" in answers[0].text
    assert states(staging) == {"A-1": "open"}


def test_a_version_that_is_just_being_written_counts_as_well(client, store, dsn, staging):
    (row,) = wait(store, "A-1")
    (seen,) = set(re.findall(r'name="seen" value="(\w+)"', client().get(f"/quarantine/{row}").text))
    with closing(psycopg2.connect(dsn)) as run, run.cursor() as cursor, ThreadPoolExecutor() as threads:
        lock_channel(cursor, "channel_01")
        cursor.execute("UPDATE orderflow.quarantine SET content_hash = decode('ab', 'hex')")
        form = {"action": "discard", "why": "a test order", "seen": seen}
        answer = threads.submit(client().post, f"/quarantine/{row}/decide", data=form)
        while not answer.done():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone() != (0,):
                run.commit()
    assert answer.result().status_code == 400
    assert states(staging) == {"A-1": "open"}


def test_a_decision_waits_for_a_run_only_so_long(store, dsn, staging):
    (row,) = wait(store, "A-1")
    impatient = Database(lambda: dsn, longest=timedelta(milliseconds=1))
    with closing(psycopg2.connect(dsn)) as run, run.cursor() as cursor:
        lock_channel(cursor, "channel_01")
        with (
            pytest.raises(TransientError, match="a run is writing this channel's orders just now"),
            impatient.writing() as connection,
        ):
            actions.park(connection, [row], who="mei", why="x")
    assert states(staging) == {"A-1": "open"}


def test_no_run_writes_between_the_look_and_the_decision(client, store, staging, dsn, monkeypatch):
    (row,) = wait(store, "A-1")
    free = []

    def act(*args, **kwargs):
        with closing(psycopg2.connect(dsn)) as run, run.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('orderflow.load'), hashtext('channel_01'))")
            free.extend(cursor.fetchall())
        return decisions.act(*args, **kwargs)

    monkeypatch.setattr(quarantined, "act", act)
    form = {"action": "discard", "why": "a test order"}
    assert client().post(f"/quarantine/{row}/decide", data=form).status_code == 303
    assert free == [(False,)]
    assert states(staging) == {"A-1": "discarded"}


def test_nobody_decides_about_an_order_that_could_not_be_read_when_he_looked(client, store, staging):
    (row,) = wait(store, "A-1")
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET content_hash = NULL")
    (seen,) = set(re.findall(r'name="seen" value="(\w*)"', client().get(f"/quarantine/{row}").text))
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET content_hash = decode('ab', 'hex')")
    form = {"action": "discard", "why": "a test order", "seen": seen}
    assert client().post(f"/quarantine/{row}/decide", data=form).status_code == 400
    assert states(staging) == {"A-1": "open"}


def test_a_browser_may_go_back_to_the_question_before_a_bulk_decision(client, store):
    """The question is the answer to a form: what may not be kept is shown as an error of the browser."""
    (row,) = wait(store, "A-1")
    question = client().post("/quarantine/decide", data={"action": "park", "row": row})
    assert "Park one order?" in question.text
    assert "no-store" not in question.headers["cache-control"]
    assert "no-store" in client().get(f"/quarantine/{row}").headers["cache-control"]


def test_a_rule_that_every_line_of_a_long_order_breaks_is_told_once_and_no_broken_field_is_cut(client, store, staging):
    (row,) = wait(store, "A-1", lines=[line(number) for number in range(1, 701)])
    places = [*range(1, 101), 700]
    reasons = [{"code": "SKU_UNMAPPED", "field": f"lines.{n}.sku", "value": f"S{n}", "message": "x"} for n in places]
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET reasons = %s WHERE id = %s", (json.dumps(reasons), row))
    page = client().get(f"/quarantine/{row}").text
    assert page.count('<article class="card">') == 1
    assert "SKU_UNMAPPED</code> ×101" in page
    assert "and 51 places more" in page
    assert "and 680 more" in page, "the SKUs that the map lacks"
    assert page.count('<tr class="broken">') == 101
    assert "The order has more fields" in page


def test_where_the_copy_of_a_record_went_is_told_as_it_is(client, store):
    (row,) = wait(store, "A-1")
    assert "No copy is kept" not in client().get(f"/quarantine/{row}").text
    erasure.erase(store.connection, "channel_01", ["A-1"], who="mei", why="ticket 4711")
    page = client().get(f"/quarantine/{row}").text
    assert "the buyer&#39;s data was erased, or nothing is left to judge" in page
    assert "the OMS refused it" not in page
