"""The GraphQL kit: errors inside a 200, budgets of query costs, and queries that must be made smaller."""

from __future__ import annotations

import json
from itertools import count

import msgspec
import pytest
from http_server import Asked, Reply, Time, account, serve

from orderflow.adapters.graph import Budget, Cost, Graph, ThrottleStatus, fitting
from orderflow.adapters.http import client
from orderflow.domain.errors import DeniedError, DriftError, TooManyError, TransientError
from orderflow.domain.source import Limits

DATA = msgspec.json.Decoder(dict[str, int])


def ask(*bodies: object, time: Time | None = None, variables: dict | None = None):
    """Ask one question of a platform that answers with `bodies`, one after the other."""
    numbers = count()
    time = time or Time()

    def reply(_: Asked) -> Reply:
        return Reply(body=json.dumps(bodies[min(next(numbers), len(bodies) - 1)]).encode())

    with serve(reply) as (url, seen):
        runtime = time.runtime()
        graph = Graph(client(account(url), runtime, Limits()), "/graphql", runtime)
        found = graph.ask("query Q { a }", variables or {}, DATA, wanted="an answer")
        return found, seen, runtime


def cost(requested: float, available: float, actual: float | None = 1) -> dict:
    status = {"maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": 50.0}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}


THROTTLED = {"errors": [{"message": "Throttled"}], "extensions": cost(300, 50, None)}


def test_data_without_errors_is_decoded():
    found, seen, _ = ask({"data": {"a": 1}}, variables={"x": "订单"})
    assert found == {"a": 1}
    assert json.loads(seen[0].body) == {"query": "query Q { a }", "variables": {"x": "订单"}}


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([{"message": "no right", "extensions": {"code": "ACCESS_DENIED"}}], DeniedError),
        ([{"message": "no right", "extensions": {"code": "FORBIDDEN"}}], DeniedError),
        ([{"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], TransientError),
        ([{"message": "Field 'b' doesn't exist on type 'Q'", "extensions": {"code": "undefinedField"}}], DriftError),
        (
            [{"message": "Field 'b' doesn't exist"}, {"message": "no", "extensions": {"code": "ACCESS_DENIED"}}],
            DeniedError,
        ),
        ([{"message": "This app is not approved to access the Order object. See ..."}], DeniedError),
        ([{"message": "Access denied for orders field. Required access: `read_orders` access scope."}], DeniedError),
        ([{"message": "something"}], DriftError),
        ([{}], DriftError),
        ("Something went wrong", DriftError),
    ],
)
@pytest.mark.parametrize("data", [None, {"a": 1}])
def test_errors_are_a_failure_whether_data_stands_beside_or_not(errors: object, kind: type[Exception], data: object):
    with pytest.raises(kind) as caught:
        ask({"data": data, "errors": errors})
    assert type(caught.value) is kind
    assert str(caught.value).startswith("POST /graphql: status 200 with ")


@pytest.mark.parametrize("body", [{}, {"data": None}, {"extensions": {}}])
def test_neither_data_nor_errors_is_drift(body: dict):
    with pytest.raises(DriftError, match="neither data nor errors"):
        ask(body)


def test_data_of_another_shape_is_drift():
    with pytest.raises(DriftError, match=r"Expected `int`, got `str`.*schema"):
        ask({"data": {"a": "1"}})


def test_a_search_filter_that_was_ignored_is_drift():
    with pytest.raises(DriftError, match="ignored a part"):
        ask({"data": {"a": 1}, "extensions": {"search": [{"path": ["a"]}, {"warnings": [{"code": "invalid_field"}]}]}})
    found, _, _ = ask({"data": {"a": 1}, "extensions": {"search": [{"path": ["a"], "query": "x"}]}})
    assert found == {"a": 1}


def test_a_spent_budget_is_waited_for_exactly_as_long_as_it_takes():
    time = Time()
    found, seen, runtime = ask(THROTTLED, {"data": {"a": 1}, "extensions": cost(300, 700)}, time=time)
    assert (found, len(seen)) == ({"a": 1}, 2)
    assert time.slept == [pytest.approx((300 - 50) / 50)]
    assert runtime.meter.endpoints["POST /graphql"].throttled_seconds == pytest.approx(5.0)


def test_a_budget_that_others_spend_is_given_up_after_a_while():
    with pytest.raises(TransientError, match="5 times in a row"):
        ask(THROTTLED)


def test_a_query_that_costs_too_much_says_how_much():
    extra = {"code": "MAX_COST_EXCEEDED", "cost": 2500, "maxCost": 1000}
    with pytest.raises(TooManyError) as caught:
        ask({"errors": [{"message": "Query cost is 2500", "extensions": extra}]})
    assert (caught.value.found, caught.value.ceiling) == (2500, 1000)


def test_a_budget_waits_before_a_query_it_knows_and_fills_up_meanwhile():
    time = Time()
    budget = Budget(time.clock, time.sleep)
    assert budget.wait("q") == 0
    budget.learn("q", Cost(requested_query_cost=400, throttle_status=ThrottleStatus(1000, 100, 50)))
    assert budget.wait("never asked before") == 0
    assert budget.wait("q") == pytest.approx(6.0)
    assert budget.wait("q") == 0, "six seconds have passed, and nobody spent anything"


def test_a_query_dearer_than_the_bucket_waits_for_a_full_bucket_only():
    time = Time()
    budget = Budget(time.clock, time.sleep)
    budget.learn("q", Cost(requested_query_cost=5000, throttle_status=ThrottleStatus(1000, 0, 100)))
    assert budget.wait("q") == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("found", "ceiling", "limit", "sizes"),
    [(4000, 1000, 25, [100, 25]), (1100, 1000, 25, [100, 50, 25]), (0, 0, 3, [100, 50, 25, 12, 6, 3])],
)
def test_fewer_records_are_asked_for_until_they_fit(found: int, ceiling: int, limit: int, sizes: list[int]):
    asked = []

    def question(size: int) -> str:
        asked.append(size)
        if size > limit:
            raise TooManyError("too much", found=found, ceiling=ceiling)
        return "answer"

    assert fitting(100, question) == ("answer", asked[-1])
    assert asked == sizes


def test_a_single_record_that_does_not_fit_is_drift():
    def question(size: int) -> str:
        raise TooManyError("too much", found=2, ceiling=1)

    with pytest.raises(DriftError, match="a single record"):
        fitting(8, question)


@pytest.mark.parametrize("cost", ["many", {"points": 1}, "NaN", "1e999"])
def test_a_cost_that_is_no_number_is_told_as_none(cost: object):
    extensions = {"code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": 1000}
    with pytest.raises(TooManyError) as refused:
        ask({"errors": [{"message": "too much", "extensions": extensions}]})
    assert (refused.value.found, refused.value.ceiling) == (0, 1000)
