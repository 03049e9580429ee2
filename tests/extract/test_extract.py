"""Extract asks for the right spans, halves what is too large, and can be run again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.errors import DriftError, TooManyError, TransientError
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Adapter, Limits, Options, Page, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import acknowledge, extract
from orderflow.pipeline.sweep import sweep

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window.parse("2026-03-01T09:00Z/2026-03-01T10:00Z")


class Shop:
    """A channel whose orders carry their modified time; it refuses windows that hold more than `ceiling`."""

    def __init__(self, moments: list[datetime], ceiling: int = 10**6, broken_after: int | None = None) -> None:
        self.moments, self.ceiling, self.broken_after = moments, ceiling, broken_after
        self.asked: list[Window] = []
        self.told: list[str] = []

    def fetch(self, window: Window, after: object = None) -> Iterator[Page]:
        self.asked.append(window)
        found = [moment for moment in self.moments if moment in window]
        if len(found) > self.ceiling:
            raise TooManyError("too many", found=len(found), ceiling=self.ceiling)
        for number, moment in enumerate(found):
            if number == self.broken_after:
                raise TransientError("the shop hung up")
            yield Page([moment.isoformat().encode()], f"/orders?at={moment:%H%M%S}")

    def acknowledge(self, origins: list[str]) -> None:
        self.told.extend(origins)


def channel(order_id=lambda _: None, **limits: object) -> Channel:
    adapter = Adapter(
        Options,
        Limits(**{"resolution": timedelta(0), **limits}),
        lambda *_: None,
        lambda *_: Order(order_id="1"),
        order_id,
    )
    return Channel(
        name="shop", title="Shop", owner="us", adapter_name="shop", adapter=adapter, connection="shop",
        options=Options(), schedule=Schedule(cron="0 * * * *", start="2026-01-01"), oms=Delivery(target="demo"),
    )  # fmt: skip


def pull(shop: Shop, folder: Path, **limits: object):
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None)
    return extract(channel(**limits), HOUR, shop, folder, run_id="r1", runtime=runtime)


def test_the_span_asked_for_is_widened_by_lookback_and_settle(tmp_path: Path):
    shop = Shop([])
    batch = pull(shop, tmp_path, settle=timedelta(minutes=2), lookback=timedelta(minutes=5))
    assert list(map(str, shop.asked)) == ["2026-03-01T08:53:00Z/2026-03-01T09:58:00Z"]
    assert (batch.window, batch.counts.fetched, batch.counts.pages) == (HOUR, 0, 0)
    assert [Window(batch.asked_start, batch.asked_end)] == shop.asked


def test_a_long_window_is_asked_for_in_slices(tmp_path: Path):
    shop = Shop([])
    pull(shop, tmp_path, longest_window=timedelta(minutes=25))
    assert [part.length for part in shop.asked] == [timedelta(minutes=25), timedelta(minutes=25), timedelta(minutes=10)]


def test_a_window_with_too_many_orders_is_halved_until_it_fits(tmp_path: Path):
    moments = [HOUR.start + timedelta(seconds=7 * n) for n in range(500)]
    shop = Shop(moments, ceiling=100)
    batch = pull(shop, tmp_path)
    came = [record.data.decode() for record in landing.records(tmp_path)]
    assert came == [moment.isoformat() for moment in moments]
    assert batch.counts.fetched == 500
    assert batch.notes[0] == f"{HOUR} held 500 orders, more than 100: read in halves"


def test_a_second_that_holds_too_many_is_named(tmp_path: Path):
    shop = Shop([HOUR.start] * 5, ceiling=4)
    with pytest.raises(DriftError, match=r"one second \(2026-03-01T09:00:00Z/2026-03-01T09:00:0\dZ\) holds 5 orders"):
        pull(shop, tmp_path)


def test_a_retry_leaves_what_one_good_run_leaves(tmp_path: Path):
    moments = [HOUR.start + timedelta(minutes=n) for n in range(5)]
    with pytest.raises(TransientError):
        pull(Shop(moments, broken_after=3), tmp_path)
    pull(Shop(moments), tmp_path)
    assert [record.ordinal for record in landing.records(tmp_path)] == [0, 1, 2, 3, 4]


def swept(shop: Shop, folder: Path, *known: datetime, **limits: object):
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None)
    orders = {f"訂單-{number}": moment for number, moment in enumerate(known)}
    return sweep(channel(**limits), orders, shop, folder, run_id="s1", runtime=runtime)


def test_a_sweep_by_hours_halves_what_is_too_large(tmp_path: Path):
    moments = [HOUR.start + timedelta(seconds=7 * n) for n in range(500)]
    batch = swept(Shop(moments, ceiling=100), tmp_path, moments[3])
    assert batch.counts.fetched == 500
    assert batch.notes[0].endswith("held 500 orders, more than 100: read in halves")


def test_a_sweep_by_hours_calls_nothing_gone_that_may_have_moved_to_another_hour(tmp_path: Path):
    batch = swept(Shop([]), tmp_path, HOUR.start, HOUR.start + timedelta(hours=1))
    assert (batch.counts.fetched, batch.notes, batch.behind) == (0, [], True)


class Known(Shop):
    """A shop that can be asked by id and sends these records."""

    def __init__(self, *records: bytes) -> None:
        super().__init__([])
        self.records = records

    def fetch_ids(self, order_ids: list[str]) -> Iterator[Page]:
        yield Page(self.records, "/orders?ids")


def test_a_record_that_shows_no_id_does_not_stop_a_sweep(tmp_path: Path):
    shop = Known(b'{"id": "\xe8\xa8\x82\xe5\x96\xae-0"}', b"{}", b"<html>")
    batch = swept(shop, tmp_path, HOUR.start, HOUR.start, order_id=lambda raw: raw["id"])
    assert batch.notes == ["no longer on the channel: 訂單-1"]


def test_a_mailbox_is_told_what_is_safe(tmp_path: Path):
    shop = Shop([HOUR.start, HOUR.start + timedelta(minutes=1)])
    batch = pull(shop, tmp_path, acknowledges=True, settle=timedelta(minutes=5))
    assert shop.asked == [HOUR]
    assert acknowledge(batch, tmp_path, shop) == 2
    assert [Window(batch.asked_start, batch.asked_end)] == shop.asked, "the span has no settle lag"
    assert shop.told == ["/orders?at=090000", "/orders?at=090100"]


def test_a_mailbox_that_forgot_what_it_was_told_of_leaves_the_landing_as_it_is(tmp_path: Path):
    full, empty = Shop([HOUR.start, HOUR.start + timedelta(minutes=1)]), Shop([HOUR.start + timedelta(minutes=2)])
    first = pull(full, tmp_path, acknowledges=True)
    second = pull(empty, tmp_path, acknowledges=True)
    assert (first.counts.fetched, second.counts.fetched) == (2, 3)
    assert (second.counts.pages, second.counts.bytes) == (3, first.counts.bytes // 2 * 3)
    assert landing.origins(tmp_path) == ["/orders?at=090000", "/orders?at=090100", "/orders?at=090200"]


def test_an_account_shows_no_secret():
    account = Account("shop", "https://shop.example", "ck", None, {"token": "shpat_secret"})
    assert "shpat_secret" not in repr(account)


class Counted(Shop):
    """A shop that counts; `arrivals` are orders that come between one reading and the count after it."""

    def __init__(self, moments: list[datetime], arrivals: list[list[datetime]], hidden: int = 0) -> None:
        super().__init__(moments)
        self.arrivals, self.hidden = arrivals, hidden

    def fetch(self, window: Window, after: object = None) -> Iterator[Page]:
        pages = list(super().fetch(window))
        yield from pages[: len(pages) - self.hidden]
        if self.arrivals:
            self.moments = sorted([*self.moments, *self.arrivals.pop(0)])

    def count(self, window: Window) -> int:
        return sum(moment in window for moment in self.moments)


def test_a_slice_that_changed_while_it_was_read_is_read_again(tmp_path: Path):
    late = HOUR.start + timedelta(minutes=1)
    shop = Counted([HOUR.start + timedelta(minutes=n) for n in (10, 20)], [[late], []])
    batch = pull(shop, tmp_path)
    assert late.isoformat().encode() in {record.data for record in landing.records(tmp_path)}
    assert len(shop.asked) == 2
    (note,) = batch.notes
    assert note.endswith("counted 2 orders before and 3 after paging, 2 came: read again")


def test_a_count_that_stands_still_costs_no_second_reading(tmp_path: Path):
    shop = Counted([HOUR.start, HOUR.start + timedelta(minutes=5)], [])
    batch = pull(shop, tmp_path)
    assert (len(shop.asked), batch.notes, batch.counts.fetched) == (1, [], 2)


def test_fewer_records_than_the_channel_counts_prove_nothing(tmp_path: Path):
    shop = Counted([HOUR.start + timedelta(minutes=n) for n in range(3)], [], hidden=1)
    with pytest.raises(TransientError, match=r"counts 3 orders, but 2 different ones came in reading 3"):
        pull(shop, tmp_path)
    assert len(shop.asked) == 3
    assert not (tmp_path / landing.COMPLETE).exists()


def test_a_count_that_stays_higher_than_the_list_says_what_to_compare(tmp_path: Path):
    shop = Counted([HOUR.start, HOUR.start + timedelta(minutes=1)], [], hidden=1)
    with pytest.raises(TransientError, match="compare the platform's own list of this span with what came") as raised:
        pull(shop, tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert {record.data for record in landing.records(tmp_path)} == {HOUR.start.isoformat().encode()}


def test_a_list_that_grows_while_it_is_read_proves_nothing(tmp_path: Path):
    moments = [HOUR.start + timedelta(seconds=n) for n in range(9)]
    shop = Counted(moments[:1], [[moment] for moment in moments[1:]])
    with pytest.raises(TransientError, match=r"counts 4 orders, but 3 different ones came"):
        pull(shop, tmp_path)


class Leaving(Counted):
    """A shop whose newest order leaves the list, being changed, whenever it was read."""

    def fetch(self, window: Window, after: object = None) -> Iterator[Page]:
        yield from super().fetch(window)
        self.moments.pop()


def test_a_list_that_orders_leave_without_end_is_not_read_for_ever(tmp_path: Path):
    shop = Leaving([HOUR.start + timedelta(seconds=n) for n in range(9)], [])
    batch = pull(shop, tmp_path)
    assert (len(shop.asked), len(batch.notes)) == (3, 3)
    assert batch.notes[-1].endswith("counted 7 orders before and 6 after paging, 7 came: left after 3 readings")


def test_the_lookback_is_never_less_than_the_clock_can_tell():
    assert channel(resolution=timedelta(minutes=1)).lookback == timedelta(minutes=1)
    assert channel(resolution=timedelta(seconds=1), lookback=timedelta(minutes=5)).lookback == timedelta(minutes=5)
