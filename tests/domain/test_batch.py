"""The balance law, and what a batch looks like on its way through XCom."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from orderflow.domain.batch import Batch, Endpoint, tally
from orderflow.domain.errors import BalanceError, RecordError, TooManyError, TransientError


def batch(**counts: int) -> Batch:
    return Batch(
        channel="shop_tw",
        window_start=datetime(2026, 3, 1, tzinfo=UTC),
        window_end=datetime(2026, 3, 1, 1, tzinfo=UTC),
        run_id="manual__1",
        landing="/landing/shop_tw",
        endpoints={"orders": Endpoint(calls=2, statuses={"200": 2})},
    ).counted(**counts)


def test_a_balanced_batch_passes_every_stage():
    whole = batch(
        fetched=10, cleaned=7, duplicates=2, unreadable=1, accepted=6, quarantined=1, inserted=1, updated=2,
        unchanged=2, stale=1,
    )  # fmt: skip
    assert whole.balance("clean").balance("validate").balance("load") is whole


@pytest.mark.parametrize("stage", ["clean", "validate", "load"])
def test_one_order_too_few_stops_the_stage(stage: str):
    with pytest.raises(BalanceError) as stopped:
        batch(fetched=10, cleaned=9, accepted=8).balance(stage)
    assert f"{stage} took" in str(stopped.value)
    assert "else keep the landing folder /landing/shop_tw" in str(stopped.value)


def test_a_batch_survives_json():
    sent = batch(fetched=3)
    assert Batch.from_json(json.loads(json.dumps(sent.to_json()))) == sent
    assert str(sent.window) == "2026-03-01T00:00:00Z/2026-03-01T01:00:00Z"


def test_tally_sorts_by_frequency_then_name():
    assert list(tally({"B": 1, "A": 1}, {"C": 3}).items()) == [("C", 3), ("A", 1), ("B", 1)]


@pytest.mark.parametrize(
    "error",
    [
        TransientError("later", retry_after=3.5, status=429),
        RecordError("AMOUNT_MALFORMED", "total", "1,5", "no"),
        TooManyError("many", found=5, ceiling=4),
    ],
)
def test_errors_keep_their_parts_between_processes(error: Exception):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
