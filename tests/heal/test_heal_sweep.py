"""The sweep finds what a platform's modified time does not show. Real stages, real PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from staged import order

from good_orders import unmapped
from orderflow.domain.channel import Channel, Delivery, Schedule, Validation
from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Adapter, Limits, Options, Page, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline.extract import extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.sweep import UNREAD_FOR, hours, needed, sweep, sweep_all
from orderflow.staging.sweeps import Queue

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = Window(NOW - timedelta(days=1), NOW)


class Shop:
    """A platform whose modified time never moves; `asked` are the ids, or the windows, that it was asked for."""

    def __init__(self, *orders, by_id=True):
        self.orders = {each.order_id: each for each in orders}
        self.asked = []
        if by_id:
            self.fetch_ids = self._fetch_ids

    def fetch(self, window: Window, after=None) -> Iterator[Page]:
        self.asked.append(window)
        yield Page([msgspec.json.encode(each) for each in self.orders.values()], f"/orders?{window}")

    def _fetch_ids(self, order_ids) -> Iterator[Page]:
        self.asked.extend(order_ids)
        found = [self.orders[each] for each in order_ids if each in self.orders]
        yield Page([msgspec.json.encode(each) for each in found], "/orders?ids")


def channel(blind=frozenset({"payment"}), **limits) -> Channel:
    adapter = Adapter(
        Options, Limits(blind=blind, **limits), lambda *_: None, unmapped, order_id=lambda raw: raw["order_id"]
    )
    return Channel(
        name="shop_tw", title="台灣 🏪", owner="asia", adapter_name="plain", adapter=adapter, connection="shop_tw",
        options=Options(), schedule=Schedule(cron="*/15 * * * *", start=(NOW - timedelta(days=9)).date()),
        oms=Delivery(target="demo"), validate=Validation(guards="warn"),
    )  # fmt: skip


def an(order_id, **fields):
    moment = (NOW - timedelta(days=5)).isoformat()
    times = dict.fromkeys(("placed_at", "channel_created_at", "channel_updated_at"), moment)
    return order(order_id, None, **times, order_status="open", **fields)


@pytest.fixture
def runtime():
    return Runtime(clock=lambda: datetime.now(UTC), sleep=lambda _: None)


@pytest.fixture
def pulled(store, ask, tmp_path, runtime):
    """Stage what the shop holds, as if it had been read two days ago."""

    def pull(shop, about):
        batch = extract(about, DAY, shop, tmp_path / "first", run_id="first", runtime=runtime)
        loaded = staged(about, batch, store)
        assert loaded.counts.inserted == len(shop.orders), loaded.reasons
        ask("UPDATE orderflow.orders SET fetched_at = fetched_at - interval '2 days'")
        ask("DELETE FROM orderflow.outbox")
        shop.asked.clear()

    return pull


@pytest.fixture
def swept(store, tmp_path, runtime):
    def run(shop, about, unread_for=UNREAD_FOR):
        @contextmanager
        def source():
            yield shop, runtime

        queue = Queue(store.connection, about, unread_for)
        return sweep_all(about, queue, store, source, tmp_path / "landing", run_id="sweep_1")

    return run


def test_a_change_that_moves_no_modified_time_reaches_the_outbox(pulled, swept, ask):
    shop, about = Shop(an("訂單-1"), an("A-2")), channel()
    pulled(shop, about)
    shop.orders["訂單-1"] = an("訂單-1", payment_status="paid")
    done = swept(shop, about)
    assert (done.orders, done.changed, done.quarantined, done.notes) == (2, 1, 0, [])
    assert sorted(shop.asked) == ["A-2", "訂單-1"]
    assert ask("SELECT order_id, version FROM orderflow.outbox") == [("訂單-1", 2)]
    assert ask("SELECT purpose FROM orderflow.extra_batches") == [("sweep",)]
    assert ask("SELECT count(*) FROM orderflow.windows") == [(1,)], "a sweep proves no window"


def test_a_sweep_of_everything_reads_each_order_once(pulled, swept):
    class Once(Shop):
        def _fetch_ids(self, order_ids):
            assert self.asked == [], "asked again for what this sweep has read"
            yield from super()._fetch_ids(order_ids)

    shop, about = Once(an("A-1"), an("A-2")), channel()
    pulled(shop, about)
    assert swept(shop, about, timedelta(0)).orders == 2
    assert sorted(shop.asked) == ["A-1", "A-2"]


def test_what_was_read_today_is_left_alone(pulled, swept):
    shop, about = Shop(an("A-1")), channel()
    pulled(shop, about)
    assert swept(shop, about).orders == 1
    assert swept(shop, about).orders == 0


def test_final_orders_are_not_read_again_unless_a_refund_may_still_come(pulled, swept, ask):
    done = an("A-1", fulfilment_status="delivered")
    done = msgspec.structs.replace(done, order_status="completed")
    shop = Shop(done, msgspec.structs.replace(an("A-2"), order_status="cancelled"), an("A-3"))
    about = channel()
    pulled(shop, about)
    swept(shop, about)
    assert shop.asked == ["A-3"]
    shop.asked.clear()
    ask("UPDATE orderflow.swept SET swept_at = swept_at - interval '1 day'")
    swept(shop, channel(blind=frozenset({"refund"})))
    assert sorted(shop.asked) == ["A-1", "A-2", "A-3"]


def test_orders_that_are_gone_from_the_channel_are_named(pulled, swept):
    shop, about = Shop(an("A-1"), an("訂單-2")), channel()
    pulled(shop, about)
    del shop.orders["訂單-2"]
    done = swept(shop, about)
    assert any(note == "no longer on the channel: 訂單-2" for note in done.notes)


def test_without_ids_the_hours_of_the_last_change_are_read_again(pulled, swept):
    shop, about = Shop(an("A-1"), by_id=False), channel()
    pulled(shop, about)
    shop.orders["A-1"] = an("A-1", payment_status="paid")
    assert swept(shop, about).changed == 1
    (asked,) = shop.asked
    assert NOW - timedelta(days=5) in asked


def test_hours_are_whole_and_neighbours_become_one():
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    moments = [start, start + timedelta(minutes=40), start + timedelta(hours=5)]
    assert list(map(str, hours(moments))) == [
        "2026-03-29T00:00:00Z/2026-03-29T02:00:00Z",
        "2026-03-29T05:00:00Z/2026-03-29T06:00:00Z",
    ]


def test_only_blind_platforms_need_it_and_a_mailbox_cannot(tmp_path, runtime):
    assert needed(channel())
    assert not needed(channel(blind=frozenset()))
    mailbox = channel(acknowledges=True)
    assert not needed(mailbox)
    with pytest.raises(ConfigError, match="gives every document once"):
        sweep(mailbox, {"A": None}, Shop(), tmp_path, run_id="r", runtime=runtime)
