"""Laws of loading, for whatever comes in whatever order."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staged import batch, chunk, line, order

STATUSES = ("open", "on_hold", "completed", "cancelled")
channels = itertools.count(1)

versions = st.lists(
    st.builds(
        dict,
        order_id=st.sampled_from(["A-1", "訂單-2", "ط-3"]),
        minute=st.integers(0, 5),
        order_status=st.sampled_from(STATUSES),
        lines=st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
    ),
    min_size=1,
    max_size=8,
    unique_by=repr,
)
"""No two alike: an order that shows A, B and A again at one and the same modified time is told apart by the next fetch
only, because seeing A again writes nothing."""


def made(version):
    return order(**{**version, "lines": [line(number) for number in version["lines"]]})


def newest(history):
    """The winner of each order among `(fetched, version)`: the latest by its time, then by its fetch."""
    best = {}
    for fetched, version in history:
        rank = (version["minute"], fetched)
        if version["order_id"] not in best or rank > best[version["order_id"]][0]:
            best[version["order_id"]] = rank, version
    return {order_id: (version["order_status"], sorted(version["lines"])) for order_id, (_, version) in best.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=versions, data=st.data())
def test_any_order_of_arrival_ends_with_the_newest_and_every_load_balances(store, ask, versions, data):
    """Versions arrive in any sequence, split into any loads and chunks, some of them twice."""
    channel = f"law_{next(channels)}"
    ask("TRUNCATE orderflow.coverage")  # other channels, and so orders of theirs that are the same, are out of sight
    history = list(enumerate(versions))
    arrival = data.draw(st.permutations(history)) + data.draw(st.lists(st.sampled_from(history), max_size=3))
    while arrival:
        size = data.draw(st.integers(1, 4))
        now, arrival = arrival[:size], arrival[size:]
        chunks = [chunk(made(version), fetched=fetched, first=n) for n, (fetched, version) in enumerate(now)]
        loaded = store.load(batch(len(now), channel=channel), chunks, [], deliver=True).counts
        assert loaded.inserted + loaded.updated + loaded.unchanged + loaded.stale == len(now)
    found = ask(
        """
        SELECT o.order_id, o.order_status, o.version, o.line_count,
            (SELECT array_agg(l.number ORDER BY l.number) FROM orderflow.order_lines l
             WHERE (l.channel, l.order_id) = (o.channel, o.order_id)),
            (SELECT array_agg(v.version ORDER BY v.version) FROM orderflow.order_versions v
             WHERE (v.channel, v.order_id) = (o.channel, o.order_id)),
            (SELECT x.version FROM orderflow.outbox x WHERE (x.channel, x.order_id) = (o.channel, o.order_id))
        FROM orderflow.orders o WHERE channel = %s
        """,
        channel,
    )
    assert {row[0]: (row[1], row[4]) for row in found} == newest(history)
    for _, _, version, line_count, lines, history_of_it, pending in found:
        assert line_count == len(lines)
        assert history_of_it == list(range(1, version + 1)), "no version is skipped or written twice"
        assert pending == version, "the OMS is owed the newest"
