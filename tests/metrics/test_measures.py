"""Totals only grow and are added once; coverage is always what the windows say."""

from __future__ import annotations

import random
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from metrics_site import NOW
from staged import EPOCH, batch, order
from staged import load as load_orders

from orderflow.domain.batch import DURATIONS, Endpoint
from orderflow.domain.errors import DeniedError, TransientError
from orderflow.domain.source import Meter
from orderflow.domain.target import Receipt
from orderflow.domain.window import Window
from orderflow.quality.punctual import due
from orderflow.staging import gauges, ledger, measures
from orderflow.staging.session import transaction
from orderflow.staging.store import connect

HOUR = timedelta(hours=1)
SPANS = "settled::text, proven::text, delivered::text, compared::text"
NOTHING = [("{}", "{}", "{}", "{}")]


@pytest.fixture
def totals(ask):
    def of(channel: str, name: str) -> dict[tuple[str, ...], float]:
        rows = ask("SELECT labels, value FROM orderflow.measures WHERE channel = %s AND name = %s", channel, name)
        return {tuple(labels): value for labels, value in rows}

    return of


def test_a_load_that_runs_again_counts_what_it_did_and_nothing_shrinks(store, totals):
    for _ in range(2):
        load_orders(store, order("R-1"), order("R-2"), channel="twice", seconds={"extract": 3.0})
    orders = {outcome: value for (outcome,), value in totals("twice", "orders").items() if value}
    assert orders == {"inserted": 2, "unchanged": 2}
    assert totals("twice", "batches") == {("window",): 2}
    assert totals("twice", "stage_seconds")["extract", "5"] == 2
    assert totals("twice", "stage_seconds")["extract", "sum"] == 6


def test_a_load_that_is_rolled_back_counts_nothing(store, totals):
    connection = store.connection
    with transaction(connection) as cursor:
        measures.loaded(cursor, batch(3, channel="torn").counted(inserted=3))
        connection.rollback()
    assert totals("torn", "orders") == {}


def test_an_answer_that_is_stored_twice_is_one_delivery(store, totals):
    load_orders(store, order("D-1"), channel="answers")
    (claim,) = store.claims("answers", 10)
    answer = (claim[0], Receipt(claim[0].key, "accepted", "oms-9", seconds=0.3))
    for _ in range(2):
        store.settle([answer])
    assert totals("answers", "deliveries") == {("accepted",): 1}
    assert totals("answers", "delivery_seconds") == {("0.5",): 1, ("sum",): pytest.approx(0.3)}
    assert sum(value for (_, bound), value in totals("answers", "lag_seconds").items() if bound != "sum") == 1


def test_calls_count_even_when_the_run_fails(migrated, totals):
    meter = Meter()

    @contextmanager
    def database():
        with closing(connect(migrated)) as connection:
            yield connection

    def run():
        with measures.counting("denied", meter, database):
            meter.endpoint("GET /orders").answered("401", 0.2, 17)
            raise DeniedError("no")

    with pytest.raises(DeniedError):
        run()
    assert totals("denied", "requests") == {("GET /orders", "401"): 1}
    assert totals("denied", "request_seconds")["GET /orders", "0.25"] == 1


def test_a_database_that_is_away_loses_the_count_and_hides_no_error(caplog):
    meter = Meter()
    meter.endpoint("GET /orders").answered("500", 0.2, 0)

    def away():
        raise TransientError("the staging database does not answer")

    with pytest.raises(DeniedError), measures.counting("away", meter, away):
        raise DeniedError("no")
    assert "calls not counted channel=away" in caplog.text


def test_an_adapter_that_puts_ids_into_paths_makes_no_end_of_series(migrated, totals):
    cost = Endpoint()
    cost.answered("200", 0.1, 1)
    with closing(connect(migrated)) as connection:
        for first in (0, 100):
            measures.called(connection, "leaky", {f"GET /orders/a{n}b": cost for n in range(first, first + 100)})
    names = {name for name, _ in totals("leaky", "requests")}
    assert len(names) == measures.MOST_ENDPOINTS + 1
    assert sum(totals("leaky", "requests").values()) == 200
    assert totals("leaky", "requests")[measures.OTHER, "200"] == 160


def test_a_bound_belongs_to_its_bucket_and_a_longer_call_to_the_next():
    cost = Endpoint()
    for seconds in (*DURATIONS, 60.001, 0.0):
        cost.answered("200", seconds, 1)
    assert cost.durations == {"0.05": 2, **{f"{bound:g}": 1 for bound in DURATIONS[1:]}, "+Inf": 1}
    assert cost.calls == 12


@pytest.mark.parametrize("longest", [1, 4], ids=["side by side", "overlapping"])
@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_what_the_windows_say_whatever_happens_to_them(store, ask, seed, longest):
    """What is delivered and compared is exact where windows lie side by side, as a schedule cuts them."""
    chance = random.Random(seed)
    name, connection = f"covered_{seed}", store.connection
    span = Window(EPOCH - 2 * HOUR, EPOCH + 30 * HOUR)
    for _ in range(60):
        first = chance.randrange(24)
        window = Window(EPOCH + first * HOUR, EPOCH + (first + chance.randint(1, longest)) * HOUR)
        match chance.randrange(9):
            case 0:
                ledger.begin(connection, name, window, "r")
            case 1:
                ledger.unreachable(connection, name, window, "r", "too old")
            case 2:
                ledger.failed(connection, name, window, "r", "TransientError: no")
            case 3:
                ask("DELETE FROM orderflow.windows WHERE channel = %s AND window_start = %s", name, window.start)
            case 4:
                ask(
                    "UPDATE orderflow.windows SET loaded_at = NULL, state = %s"
                    " WHERE channel = %s AND window_start = %s",
                    chance.choice(("planned", "unreachable")),
                    name,
                    window.start,
                )
            case 5:
                with transaction(connection) as cursor:
                    ledger.synced(cursor, name)
            case 6:
                ledger.reconciled(connection, name, window)
            case _:
                with transaction(connection) as cursor:
                    ledger.record_load(cursor, batch(window=window, channel=name))
        kept = ask(f"SELECT {SPANS} FROM orderflow.coverage WHERE channel = %s", name) or NOTHING
        told = ask(f"SELECT {SPANS} FROM orderflow.covered(ARRAY[%s])", name) or NOTHING
        exact = slice(0, 4 if longest == 1 else 2)
        assert kept[0][exact] == told[0][exact]
        ((nested,),) = ask("SELECT bool_and(proven @> delivered AND delivered @> compared) FROM orderflow.coverage")
        assert nested is not False
    with transaction(connection) as cursor:
        known = gauges.settled(cursor, {name: span.start, "never": span.start})
    newest = ask("SELECT upper(settled) FROM orderflow.coverage WHERE channel = %s", name)[0][0]
    holes = ledger.gaps(connection, name, Window(span.start, newest)) if newest else []
    assert known[name].watermark == ledger.watermark(connection, name, span.start)
    assert (known[name].holes, known[name].hole_seconds) == (
        len(holes),
        sum(each.length.total_seconds() for each in holes),
    )
    assert known["never"] == gauges.Settled(span.start, span.start, 0, 0.0)


def test_two_loads_at_once_lose_no_coverage(migrated, store, ask):
    """A deletion waits for a load that is under way, and then knows what that load settled."""
    ask(
        "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)"
        " VALUES ('busy', %s, %s, 'loaded', 'r', now())",
        EPOCH,
        EPOCH + HOUR,
    )
    with closing(connect(migrated)) as other:
        with other.cursor() as cursor:
            ledger.record_load(cursor, batch(window=Window(EPOCH + HOUR, EPOCH + 2 * HOUR), channel="busy"))
        with suppress(TransientError), transaction(store.connection) as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            cursor.execute("DELETE FROM orderflow.windows WHERE channel = 'busy' AND window_start = %s", (EPOCH,))
        other.commit()
    ask("DELETE FROM orderflow.windows WHERE channel = 'busy' AND window_start = %s", EPOCH)
    assert ledger.watermark(store.connection, "busy", EPOCH + HOUR) == EPOCH + 2 * HOUR
    assert ledger.watermark(store.connection, "busy", EPOCH) == EPOCH


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-01T03:07Z", "2026-03-01T02:00Z"),
        ("2026-03-01T03:25Z", "2026-03-01T02:00Z"),
        ("2026-03-01T03:26Z", "2026-03-01T03:00Z"),
        ("2026-02-01T00:00Z", "2026-02-28T16:00Z"),
        ("2026-02-28T16:40Z", "2026-02-28T16:00Z"),
    ],
)
def test_a_tick_is_due_when_its_deadline_has_passed_and_never_before_the_start(include, now, expected):
    from orderflow import config

    channel = config.read(include / "channels", now=NOW, only="shop_tw").channels[0]
    assert due(channel, datetime.fromisoformat(now)) == datetime.fromisoformat(expected).astimezone(UTC)
