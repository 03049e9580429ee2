"""Held batches and history in a real database: one decision, one load, nothing forgotten."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import psycopg2
import pytest

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Secret
from orderflow.domain.window import Window
from orderflow.staging import history, ledger, reviews
from orderflow.staging.migrate import migrate
from orderflow.staging.session import transaction
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(dsn):
    with closing(connect(dsn)) as connection:
        migrate(connection)
        yield Store(connection, Vault.parse(Secret("k1:" + "A" * 43 + "=")))


def batch(folder, start=START, length=HOUR, *, run_id="scheduled__1", held="TOO_FEW_ORDERS: 3 orders", **more):
    return Batch(
        channel="shop_台北",
        window_start=start,
        window_end=start + length,
        run_id=run_id,
        landing=str(folder),
        held=held,
        **more,
    )


def rows(store, sql):
    with store.connection, store.connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def load(store, of):
    return store.load(msgspec.structs.replace(of, held=None), [], [], deliver=True)


def events(store, number):
    return [
        what
        for (what,) in rows(store, f"SELECT what FROM orderflow.review_events WHERE review_id = {number} ORDER BY id")
    ]


def test_several_batches_wait_side_by_side_and_each_is_decided_by_itself(store, tmp_path):
    held = [reviews.hold(store.connection, batch(tmp_path, START + n * HOUR, run_id=f"r{n}")) for n in range(3)]
    assert [each.id for each in reviews.waiting(store.connection)] == [each.id for each in held]
    reviews.release(store.connection, held[1].id, "ana", "a sale began")
    load(store, held[1].batch)
    reviews.discard(store.connection, held[2].id, "bo", "測試單 only", [(0, "A-1"), (1, None)])
    assert [each.id for each in reviews.waiting(store.connection)] == [held[0].id]
    assert events(store, held[1].id) == ["held", "released", "loaded"]
    assert events(store, held[2].id) == ["held", "discarded"]


def test_a_release_that_was_interrupted_goes_on_and_loads_once(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    first = reviews.release(store.connection, held.id, "ana", "right")
    assert [each.state for each in reviews.waiting(store.connection)] == ["released"]
    again = reviews.release(store.connection, held.id, "bo", "me too")
    assert (again.decided_by, again.decided_why) == (first.decided_by, first.decided_why) == ("ana", "right")
    load(store, held.batch)
    load(store, held.batch)
    assert reviews.waiting(store.connection) == []
    assert events(store, held.id) == ["held", "released", "loaded"]
    assert reviews.read(store.connection, held.id).loaded_at


def test_a_decision_cannot_be_turned(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    reviews.discard(store.connection, held.id, "ana", "rubbish", [])
    with pytest.raises(ConfigError, match=r"was discarded already by ana \(rubbish\); pull the window again"):
        reviews.release(store.connection, held.id, "bo", "no, good")
    other = reviews.hold(store.connection, batch(tmp_path, START + HOUR))
    reviews.release(store.connection, other.id, "ana", "good")
    with pytest.raises(ConfigError, match="was released already by ana"):
        reviews.discard(store.connection, other.id, "bo", "no, rubbish", [])
    with pytest.raises(ConfigError, match="no review 99"):
        reviews.release(store.connection, 99, "bo", "?")


def test_a_decision_needs_a_reason(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    with pytest.raises(ConfigError, match="say why"):
        reviews.release(store.connection, held.id, "ana", "  ")
    assert reviews.read(store.connection, held.id).state == "held"


def test_what_was_discarded_is_written_down_and_its_window_is_no_silent_gap(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    ledger.begin(store.connection, held.batch.channel, held.batch.window, held.batch.run_id)
    ledger.held(store.connection, held.batch, held.why)
    orders = [(n, f"訂單-{n}") for n in range(3)] + [(3, None)]
    reviews.discard(store.connection, held.id, "ana", "a test of the platform", orders)
    assert rows(store, "SELECT ordinal, order_id FROM orderflow.discarded_orders ORDER BY 1") == orders
    assert rows(store, "SELECT state, error FROM orderflow.windows") == [
        ("held", "discarded by ana: a test of the platform")
    ]
    (gap,) = ledger.named_gaps(store.connection, held.batch.channel, held.batch.window)
    assert (gap.cause, gap.error) == ("held", "discarded by ana: a test of the platform")


def test_a_window_that_was_covered_meanwhile_takes_the_question_back(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    load(store, batch(tmp_path, run_id="manual__2"))
    assert reviews.read(store.connection, held.id).state == "superseded"
    assert events(store, held.id) == ["held", "superseded"]
    with pytest.raises(ConfigError, match="superseded already; its window is covered"):
        reviews.release(store.connection, held.id, "ana", "late")


def test_a_batch_that_is_validated_again_is_asked_about_anew_unless_it_is_loaded(store, tmp_path):
    held = reviews.hold(store.connection, batch(tmp_path))
    reviews.discard(store.connection, held.id, "ana", "rubbish", [])
    again = reviews.hold(store.connection, batch(tmp_path, held="TOO_MANY_REFUSED: 9 of 10"))
    assert (again.id, again.state, again.why, again.decided_by) == (held.id, "held", "TOO_MANY_REFUSED: 9 of 10", None)
    reviews.release(store.connection, held.id, "ana", "right")
    load(store, held.batch)
    with pytest.raises(ConfigError, match="released and loaded already"):
        reviews.hold(store.connection, batch(tmp_path))


def test_the_record_of_decisions_cannot_be_changed(store, tmp_path):
    reviews.hold(store.connection, batch(tmp_path))
    with pytest.raises(psycopg2.Error, match="append-only"):
        rows(store, "UPDATE orderflow.review_events SET who = 'nobody' RETURNING 1")


def proven(store, folder: Path, start, orders, length=HOUR):
    """A loaded window with a profile; its counts are put in by hand."""
    folder.mkdir(exist_ok=True)
    (folder / "profile.json").write_text(json.dumps({"records": 60, "fields": {f"f{orders}": {"records": 60}}}))
    of = batch(folder, start, length, run_id=f"r{start}{length}", held=None, counts=Counts(fetched=orders))
    with transaction(store.connection) as cursor:
        ledger.record_load(cursor, msgspec.structs.replace(of, counts=Counts(fetched=orders, cleaned=orders)))
        history.learn(cursor, of)


def test_a_window_is_compared_with_those_of_its_length_and_hour(store, tmp_path):
    for day in range(1, 12):
        proven(store, tmp_path / "p", START - timedelta(days=day), 100 + day)
        proven(store, tmp_path / "p", START - timedelta(days=day, hours=5), 5)
    proven(store, tmp_path / "p", START - 26 * HOUR, 7000, 2 * HOUR)
    recent = history.recent(store.connection, "shop_台北", Window(START, START + HOUR), "Asia/Taipei")
    assert recent.orders == tuple(range(101, 112))
    first = history.recent(store.connection, "shop_台北", Window(START + 3 * HOUR, START + 4 * HOUR))
    assert len(first.orders) == 22
    assert history.recent(store.connection, "another", Window(START, START + HOUR)) == history.Recent((), ())


def test_the_same_weekday_counts_more_where_there_are_enough(store, tmp_path):
    for week in range(1, 10):
        proven(store, tmp_path / "p", START - timedelta(weeks=week), week)
        proven(store, tmp_path / "p", START - timedelta(weeks=week, days=1), 1000)
    recent = history.recent(store.connection, "shop_台北", Window(START, START + HOUR))
    assert recent.orders == tuple(range(1, 10))


def test_days_like_no_other_are_not_compared_with_and_are_known_by_the_channels_own_clock(store, tmp_path):
    for day in range(1, 4):
        proven(store, tmp_path / "p", START - timedelta(days=day), day)
    there = [(START - timedelta(days=day)).astimezone(ZoneInfo("Asia/Taipei")).date() for day in range(4)]
    window = Window(START, START + HOUR)
    recent = history.recent(store.connection, "shop_台北", window, "Asia/Taipei", special={there[2]: "sale"})
    assert (recent.orders, recent.special) == ((1, 3), None)
    today = history.recent(store.connection, "shop_台北", window, "Asia/Taipei", special={there[0]: "holiday"})
    assert today.special == "holiday"


def test_profiles_of_the_newest_windows_are_kept_one_per_window(store, tmp_path):
    for hour in range(history.MOST_PROFILES + 5):
        proven(store, tmp_path / "p", START + hour * HOUR, hour + 1)
    proven(store, tmp_path / "p", START + hour * HOUR, 77)
    after = Window(START + (hour + 1) * HOUR, START + (hour + 2) * HOUR)
    recent = history.recent(store.connection, "shop_台北", after)
    assert len(recent.profiles) == history.MOST_PROFILES
    end, newest = recent.profiles[0]
    assert (end, list(json.loads(newest)["fields"])) == (after.start, ["f77"])


def test_a_batch_that_proves_no_window_teaches_nothing(store, tmp_path):
    (tmp_path / "profile.json").write_text('{"records": 9}')
    with transaction(store.connection) as cursor:
        history.learn(cursor, batch(tmp_path, purpose="repair", counts=Counts(fetched=9)))
        history.learn(cursor, batch(tmp_path, counts=Counts()))
    assert rows(store, "SELECT count(*) FROM orderflow.profiles") == [(0,)]
