"""Laws of windows: whatever happens while one reads, consecutive windows bring exactly what the channel holds.

`ORDERFLOW_EXAMPLES=2000` plays so many worlds per law instead of the few of the default run.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market import CEILING, SECOND, SIZE, SOURCES, ByCursor, Change, FromTheEnd, Market, Reader

from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.errors import DriftError, TransientError
from orderflow.domain.source import Adapter, Limits, Options, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract

SETTLE, LOOKBACK = 120, 300
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Stockholm")
EXAMPLES = int(os.environ.get("ORDERFLOW_EXAMPLES", "50"))
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ORDERFLOW_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def nothing(*_: Any) -> Any:
    """Neither opening nor mapping is asked for here."""


def channel(longest: timedelta | None) -> Channel:
    limits = Limits(
        longest_window=longest,
        settle=timedelta(seconds=SETTLE),
        lookback=timedelta(seconds=LOOKBACK),
        page_size=SIZE,
        ceiling=CEILING,
    )
    adapter = Adapter(options=Options, limits=limits, open=nothing, to_order=nothing)
    return Channel(
        name="m", title="m", owner="t", adapter_name="m", adapter=adapter, connection="m", options=Options(),
        schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)), oms=Delivery(target="demo"),
    )  # fmt: skip


def pulled(of: Channel, source: Reader, windows: Sequence[Window], edits: Sequence[list[list[int]]]) -> Any:
    """The newest version of every order that consecutive windows brought; each run begins when its window has ended."""
    market, newest = source.market, dict[int, tuple[float, int]]()
    with TemporaryDirectory() as folder:
        for number, window in enumerate(windows):
            market.now = max(market.now, window.end)
            source.edits = [list(page) for page in edits[number]] if number < len(edits) else []
            runtime = Runtime(clock=lambda: market.now, sleep=lambda _: None)
            place = Path(folder) / str(number)
            batch = extract(of, window, source, place, run_id="r", runtime=runtime)  # type: ignore[arg-type]
            records = [msgspec.json.decode(each.data) for each in landing.records(place)]
            assert batch.counts.fetched == len(records)
            for each in records:
                newest[each["id"]] = max(tuple(each["version"]), newest.get(each["id"], (-1.0, 0)))
    return newest


@contextmanager
def process_zone(name: str) -> Iterator[None]:
    """The process's own time zone, which must not matter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def local_ticks(first: date, zone: str, minutes: int, count: int) -> list[datetime]:
    """Ticks of a wall clock that change to and from summer time: each is a moment, and none comes twice."""
    start = datetime.combine(first, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    if minutes == 1440:
        days = [first + timedelta(days=number) for number in range(count + 1)]
        return [datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC) for day in days]
    return [start + timedelta(minutes=minutes * number) for number in range(count + 1)]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Market, list[Window], list[list[list[int]]]]:
    """A market with bursts and late commits around a change of clocks, windows over it, and edits while paging."""
    first = draw(st.sampled_from([date(2026, 3, 28), date(2026, 10, 24), date(2026, 6, 1)]))
    minutes, count = draw(st.sampled_from([(10, 4), (60, 3), (1440, 2)]))
    ticks = local_ticks(first, draw(st.sampled_from(ZONES)), minutes, count)
    skew = draw(st.integers(-LOOKBACK, 600))
    market = Market(skew, ticks[0])
    length = int((ticks[-1] - ticks[0]).total_seconds())
    seconds = st.integers(0, length) | st.sampled_from(
        [int((tick - ticks[0]).total_seconds()) + nudge for tick in ticks for nudge in (-SETTLE, -1, 0, 1)]
    ).filter(lambda each: 0 <= each <= length)
    orders = itertools.count(1)
    for at, crowd in draw(st.lists(st.tuples(seconds, st.sampled_from([1, 1, 2, 5, 9])), max_size=8)):
        delay = draw(st.integers(0, SETTLE))
        for _ in range(crowd):
            market.change(next(orders), ticks[0] + at * SECOND, delay)
    known = next(orders) - 1
    for at, order in draw(st.lists(st.tuples(seconds, st.integers(1, max(1, known))), max_size=8)):
        if order <= known:
            market.change(order, ticks[0] + at * SECOND, draw(st.integers(0, SETTLE)))
    numbers = st.integers(1, known + 3)
    edits = draw(st.lists(st.lists(st.lists(numbers, max_size=3, unique=True), max_size=2), max_size=len(ticks)))
    windows = [Window(start, end) for start, end in itertools.pairwise(ticks)]
    closing = Window(ticks[-1], ticks[-1] + timedelta(hours=1))
    return market, [*windows, closing, Window(closing.end, closing.end + timedelta(hours=1))], edits


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
@given(
    world=worlds(),
    longest=st.sampled_from([None, timedelta(minutes=7), timedelta(hours=1)]),
    zone=st.sampled_from(ZONES),
)
@few
def test_consecutive_windows_bring_the_last_state_of_every_order(
    kind: Callable[[Market], Reader], world: Any, longest: timedelta | None, zone: str
):
    market, windows, edits = world
    with process_zone(zone):
        found = pulled(channel(longest), kind(market), windows, edits[: len(windows) - 2])
    assert found == market.truth()


class Stuttering(FromTheEnd):
    """Somebody between us and the platform gives the answer before, once more, instead of some of the answers."""

    def __init__(self, market: Market, stutters: Iterator[bool]) -> None:
        super().__init__(market)
        self.stutters = stutters
        self.last: tuple[int, list[tuple[datetime, Change]]] | None = None

    def ask(self, window: Window, page: int) -> tuple[int, list[tuple[datetime, Change]]]:
        answer = super().ask(window, page)
        if self.last is None or not next(self.stutters):
            self.last = answer
        return self.last


@given(orders=st.integers(1, 4 * SIZE), stutters=st.lists(st.booleans(), min_size=1, max_size=20))
@few
def test_whatever_answers_are_repeated_an_extract_that_ends_well_brought_every_order(orders: int, stutters: list[bool]):
    start = datetime(2026, 3, 28, tzinfo=UTC)
    market = Market(0, start)
    for order in range(orders):
        market.change(order, start + order * SECOND)
    source = Stuttering(market, itertools.chain(stutters, itertools.repeat(stutters[-1])))
    try:
        found = pulled(channel(None), source, [Window(start, start + timedelta(hours=1))], [])
    except (TransientError, DriftError):
        assert any(stutters)
    else:
        assert found == market.truth()


@given(world=worlds())
@settings(few, max_examples=max(1, EXAMPLES // len(ZONES)))
def test_the_time_zone_of_the_process_does_not_matter(world: Any):
    market, windows, _ = world
    found = []
    for zone in ZONES:
        with process_zone(zone):
            found.append(pulled(channel(None), ByCursor(Market(market.skew, market.now, market.changes)), windows, []))
    assert found == [found[0]] * len(ZONES)


@given(st.integers(1, 200), st.sampled_from(ZONES), st.integers(0, 365))
@few
def test_ticks_of_any_wall_clock_tile_time_whatever_the_clocks_do(count: int, zone: str, day: int):
    ticks = local_ticks(date(2026, 1, 1) + timedelta(days=day), zone, 1440, count)
    windows = [Window(start, end) for start, end in itertools.pairwise(ticks)]
    of = channel(timedelta(hours=5))
    asked = [part for window in windows for part in of.asks(window).slices(timedelta(hours=5))]
    reach = asked[0].start
    for part in asked:
        assert part.start <= reach, "a gap between what two windows ask for"
        reach = max(reach, part.end)
    assert reach == windows[-1].end - timedelta(seconds=SETTLE)


def test_without_lookback_a_late_commit_is_lost():
    """The law above has teeth: the same world, read without overlap, loses an order."""
    start = datetime(2026, 3, 28, tzinfo=UTC)
    market = Market(-LOOKBACK, start)
    market.change(1, start + timedelta(minutes=59), SETTLE)
    windows = [Window(start + hour * timedelta(hours=1), start + (hour + 1) * timedelta(hours=1)) for hour in range(3)]
    careful = channel(None)
    limits = Limits(page_size=SIZE, ceiling=CEILING)
    careless = careful.model_copy(update={"adapter": Adapter(Options, limits, nothing, nothing)})
    assert pulled(careful, ByCursor(Market(market.skew, start, market.changes)), windows, []) == market.truth()
    assert pulled(careless, ByCursor(Market(market.skew, start, market.changes)), windows, []) != market.truth()
