"""From raw records in a landing folder to staged orders, through the real clean and validate."""

from datetime import timedelta

import msgspec
import pytest
from shop import channel, to_order
from staged import EPOCH, WINDOW, line, order

from orderflow.domain.batch import Batch, Counts
from orderflow.domain.errors import BalanceError
from orderflow.domain.source import Page
from orderflow.pipeline import landing
from orderflow.pipeline.clean import clean
from orderflow.pipeline.load import load
from orderflow.pipeline.validate import validate

TOTALS = ["items_total", "grand_total"]


def raw(order):
    return msgspec.json.encode(order)


def landed(folder, *records: bytes) -> Batch:
    with landing.Writer(folder) as writer:
        for start in range(0, len(records), 50):
            page = Page(records[start : start + 50], f"/orders?page={start}")
            writer.write(page, EPOCH + timedelta(hours=1, seconds=start))
    return Batch(
        channel="shop_tw",
        window_start=WINDOW.start,
        window_end=WINDOW.end,
        run_id="r1",
        landing=str(folder),
        counts=Counts(fetched=len(records)),
    )


def judged(shop, batch):
    return validate(shop, clean(shop, batch))


@pytest.fixture
def shop():
    return channel(validate={"guards": "warn"})


def test_good_orders_are_staged_and_bad_ones_wait_with_their_raw_record(store, ask, shop, tmp_path):
    good = [raw(order(f"A-{n}")) for n in range(120)]
    bad = [raw(order("B-1", grand_total="99.5")), b'{"order_id": "B-2", "lines": 7}', b"[1, 2"]
    told = []
    batch = judged(shop, landed(tmp_path, *good[:60], *bad, *good[60:]))
    loaded = load(shop, batch, store, progress=lambda *step: told.append(step))
    assert (loaded.counts.inserted, loaded.counts.quarantined, loaded.counts.unreadable) == (120, 1, 2)
    assert told[-1] == ("load", 123, 123)
    assert loaded.seconds["load"] > 0
    assert ask("SELECT order_id, source FROM orderflow.quarantine ORDER BY ordinal") == [
        ("B-1", "validate"),
        (ask("SELECT order_id FROM orderflow.quarantine ORDER BY ordinal OFFSET 1 LIMIT 1")[0][0], "unreadable"),
        (None, "unreadable"),
    ]
    assert ask("SELECT bool_and(landing = %s), count(DISTINCT ordinal) FROM orderflow.orders", str(tmp_path)) == [
        (True, 120)
    ]
    again = load(shop, batch, store)
    assert (again.counts.unchanged, again.counts.inserted) == (120, 0)


def test_the_document_is_the_canonical_order_byte_for_byte(store, ask, shop, tmp_path):
    sent = order(
        "訂單-1", lines=[line(title='"大"\\茶\t杯 ☕\n'), line(2)], tags=["vip", "春"], **dict.fromkeys(TOTALS, "49")
    )
    batch = judged(shop, landed(tmp_path, raw(sent)))
    load(shop, batch, store)
    ((document,),) = ask("SELECT document::text FROM orderflow.orders")
    kept = to_order(msgspec.json.decode(document), shop.options)
    assert document == msgspec.json.encode(kept).decode()
    assert kept.lines[1].sku == "SKU-2"
    assert ask("SELECT title FROM orderflow.order_lines WHERE number = 1") == [(kept.lines[0].title,)]


def test_a_batch_that_was_not_validated_is_not_loaded(store, ask, shop, tmp_path):
    batch = clean(shop, landed(tmp_path, raw(order())))
    with pytest.raises(BalanceError, match="cleaned but never validated"):
        load(shop, batch, store)
    assert ask("SELECT count(*) FROM orderflow.windows") == [(0,)]


def test_an_empty_window_is_proven(store, ask, shop, tmp_path):
    loaded = load(shop, judged(shop, landed(tmp_path)), store)
    assert loaded.counts.inserted == 0
    assert ask("SELECT state FROM orderflow.windows") == [("loaded",)]


def test_a_shadow_channel_is_staged_but_queues_nothing(store, ask, tmp_path):
    shadow = channel(shadow=True)
    load(shadow, judged(shadow, landed(tmp_path, raw(order()))), store)
    assert ask("SELECT (SELECT count(*) FROM orderflow.orders), (SELECT count(*) FROM orderflow.outbox)") == [(1, 0)]
