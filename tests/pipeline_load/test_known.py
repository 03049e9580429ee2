"""What staging holds is not judged again: the same outcome as without, as long as nothing that decides has changed."""

from datetime import timedelta

import msgspec
import pytest
from shop import channel
from staged import EPOCH, WINDOW, line, order

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.decision import Decisions, Edit
from orderflow.domain.source import Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.fingerprint import basis
from orderflow.pipeline.flow import staged

STAGED = (
    "SELECT order_id, version, content_hash, raw_sha256, fetched_at, landing FROM orderflow.orders ORDER BY order_id"
)
LATER = timedelta(minutes=5)


@pytest.fixture
def pull(store, tmp_path):
    """Pull these orders into staging; each in a folder of its own, five minutes after the one before."""
    pulls = 0

    def run(*orders, shop=None, window=WINDOW, **more) -> Batch:
        nonlocal pulls
        pulls += 1
        folder = tmp_path / str(pulls)
        with landing.Writer(folder) as writer:
            records = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in orders]
            writer.write(Page(records, "/orders"), EPOCH + timedelta(hours=1) + pulls * LATER)
        batch = Batch(
            channel="shop_tw", window_start=window.start, window_end=window.end, run_id=f"r{pulls}",
            landing=str(folder), counts=Counts(fetched=len(orders)),
        )  # fmt: skip
        return staged(shop or channel(validate={"guards": "warn"}), batch, store, **more)

    return run


def test_the_same_again_is_counted_and_neither_judged_nor_written(pull, ask):
    orders = [order(f"茶-{n}") for n in range(30)]
    first = pull(*orders)
    assert (first.counts.inserted, first.counts.known) == (30, 0)
    before = ask(STAGED)
    again = pull(*orders)
    counts = again.counts
    assert (counts.known, counts.cleaned, counts.accepted, counts.unchanged) == (30, 30, 30, 30)
    assert ask(STAGED) == before


def test_news_among_what_is_known_goes_its_usual_way(pull, ask):
    pull(order("A"), order("B"), order("C"))
    newer = order("B", minute=2, tags=["vip"])
    counts = pull(order("A"), newer, order("D"), b"{", order("C")).counts
    assert (counts.known, counts.updated, counts.inserted, counts.unchanged, counts.unreadable) == (2, 1, 1, 2, 1)
    assert ask("SELECT order_id, version FROM orderflow.orders ORDER BY 1") == [("A", 1), ("B", 2), ("C", 1), ("D", 1)]
    counts = pull(order("B"), newer).counts
    assert (counts.known, counts.duplicates, counts.stale) == (1, 0, 1), "only the version that stands is known"


def test_another_rule_or_another_sku_map_judges_everything_again(pull):
    mapped = channel(validate={"guards": "warn"}, clean={"sku": "mapped"})
    pull(order("A"), shop=mapped, skus={"SKU-1": "X-1"})
    assert pull(order("A"), shop=mapped, skus={"SKU-1": "X-1"}).counts.known == 1
    counts = pull(order("A"), shop=mapped, skus={"SKU-1": "X-2"}).counts
    assert (counts.known, counts.updated) == (0, 1)
    stricter = channel(validate={"guards": "warn", "tolerance": "0.02"}, clean={"sku": "mapped"})
    assert pull(order("A"), shop=stricter, skus={"SKU-1": "X-2"}).counts.known == 0


def test_what_people_corrected_is_judged_every_time(pull, ask):
    edits = Decisions(edits={"A": (Edit("tags.1", "x"),)})
    pull(order("A"), order("B"), decisions=edits)
    assert ask("SELECT count(basis) FROM orderflow.orders") == [(0,)]
    assert pull(order("A"), order("B"), decisions=edits).counts.known == 0
    assert pull(order("A"), order("B")).counts.known == 0, "the edit was withdrawn"


def test_an_order_that_quarantine_has_seen_is_judged_every_time(pull, ask):
    pull(order("A"), order("B", grand_total="99.5"))
    assert pull(order("A"), order("B", minute=2)).counts.known == 1
    counts = pull(order("A"), order("B", minute=2)).counts
    assert (counts.known, counts.unchanged) == (1, 2)


def test_orders_outside_of_what_was_asked_for_are_not_asked_of_staging(pull, store):
    shop = channel(validate={"guards": "warn"})
    pull(order("A"))
    own = basis(shop, None)
    assert len(store.known("shop_tw", own, shop.asks(WINDOW))) == 1
    assert not store.known("shop_tw", own, Window(WINDOW.end + LATER, WINDOW.end + 2 * LATER))
    assert not store.known("other", own, shop.asks(WINDOW))
    assert not store.known("shop_tw", "00" * 32, shop.asks(WINDOW))


def test_a_window_read_again_keeps_what_was_counted_when_it_was_judged(pull, ask):
    spaced = order("A", lines=[line(title=" 茶 ")])
    pull(spaced, order("B", items_total="1"))
    told = "SELECT repairs, warnings, steps, counts -> 'known' FROM orderflow.windows"
    ((repairs, warnings, steps, known),) = ask(told)
    assert repairs
    assert warnings
    assert known is None
    pull(spaced, order("B", items_total="1"))
    assert ask(told) == [(repairs, warnings, steps, 2)]
    pull(spaced, order("B", items_total="1"), order("C", lines=[line(title=" 酒 ")]))
    ((now, _, _, _),) = ask(told)
    assert now["trimmed"] == 1, "the larger of the two counts"
