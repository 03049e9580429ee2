"""One budget for all who talk to an account."""

import multiprocessing
import time
from contextlib import closing

import pytest

from orderflow.domain.errors import ConfigError
from orderflow.staging.budget import Budget
from orderflow.staging.store import connect


@pytest.fixture
def budget(migrated):
    """Make budgets whose sleep is only written down."""
    connections = []

    def make(account="acct", **fields):
        connections.append(connect(migrated))
        return Budget(connections[-1], account, sleep=fields.pop("sleep", lambda _: None), **{"rate": 1.0, **fields})

    yield make
    for connection in connections:
        connection.close()


def test_the_burst_is_free_and_then_everyone_waits_their_turn(budget):
    first, second = budget(rate=0.1, burst=2), budget(rate=0.1, burst=2)
    assert [first.take(), second.take()] == [0.0, 0.0]
    assert first.take() == pytest.approx(10, abs=0.5)
    assert second.take() == pytest.approx(20, abs=0.5)
    assert first.take(3) == pytest.approx(50, abs=0.5)


def test_a_clock_that_is_set_back_costs_nobody_an_hour(budget, ask):
    taken = budget(rate=0.1, burst=2)
    taken.take()
    ask("UPDATE orderflow.budgets SET counted_at = clock_timestamp() + interval '1 hour'")
    assert taken.take() == 0.0


def test_accounts_have_budgets_of_their_own(budget):
    assert budget("a", rate=0.01).take() == 0.0
    assert budget("b", rate=0.01).take() == 0.0


def test_a_backfill_takes_only_what_nobody_was_promised(budget, ask):
    live = budget(rate=0.001, burst=1)
    live.take()
    assert live.take() > 0, "promised, so that the balance is negative"
    naps = []

    def nap(seconds):
        naps.append(seconds)
        ask("UPDATE orderflow.budgets SET tokens = 1, counted_at = clock_timestamp()")

    assert budget(rate=0.001, burst=1, lane="backfill", sleep=nap).take() == pytest.approx(2000, abs=5)
    assert len(naps) == 1
    assert ask("SELECT tokens < 0.01 FROM orderflow.budgets") == [(True,)]


def test_a_cost_above_the_burst_is_paid_off_by_waiting(budget):
    assert budget(rate=2.0, burst=4).take(10) == pytest.approx(3, abs=0.1)
    assert budget("b", rate=2.0, burst=4, lane="backfill").take(10) == pytest.approx(3, abs=0.1)


def test_a_budget_of_nothing_is_refused(budget):
    with pytest.raises(ConfigError, match="must be above 0"):
        budget(rate=0)


def _spend(dsn, takes, spent):
    with closing(connect(dsn)) as connection:
        budget = Budget(connection, "acct", rate=100.0, burst=5, sleep=time.sleep)
        for _ in range(takes):
            budget.take()
            spent.put(time.monotonic())


def test_two_processes_share_it(migrated):
    context = multiprocessing.get_context("fork")
    spent = context.Queue()
    processes = [context.Process(target=_spend, args=(migrated, 30, spent)) for _ in range(2)]
    for process in processes:
        process.start()
    moments = sorted(spent.get(timeout=30) for _ in range(60))
    for process in processes:
        process.join()
    assert moments[-1] - moments[0] >= 0.5, "60 units, 5 at once and then 100 a second"
