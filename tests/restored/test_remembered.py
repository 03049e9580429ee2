"""What a channel's folder in the landing zone knows of its loads."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.domain.source import Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = Window.parse("2026-03-01T09:00Z/2026-03-01T10:00Z")


def loaded(root: Path, number: int, channel: str = "shop") -> Batch:
    folder = landing.folder(root, channel, HOUR, f"run_{number}")
    with landing.Writer(folder) as writer:
        writer.write(Page([b"{}", b"[]"], "p"), NOW)
    batch = Batch(
        channel="shop", window_start=HOUR.start, window_end=HOUR.end, run_id=f"run_{number}", landing=str(folder)
    )
    landing.remember(batch, number)
    return batch


def numbers(root: Path, behind: int = 0) -> list[int]:
    return [number for number, _ in landing.remembered(root / "shop", behind)]


def test_loads_are_known_in_their_order_with_what_their_files_hold(tmp_path: Path):
    for number in (2, 1, 10):
        loaded(tmp_path, number)
    assert (landing.newest(tmp_path / "shop"), numbers(tmp_path), numbers(tmp_path, 2)) == (10, [1, 2, 10], [10])
    (_, batch) = next(landing.remembered(tmp_path / "shop", 9))
    counts = landing.counted(Path(batch.landing))
    assert (batch.run_id, counts.fetched, counts.pages) == ("run_10", 2, 1)


def test_a_landing_zone_that_was_moved_still_knows(tmp_path: Path):
    loaded(tmp_path / "old", 1)
    (tmp_path / "old").rename(tmp_path / "new")
    (_, batch) = next(landing.remembered(tmp_path / "new" / "shop", 0))
    assert batch.landing.startswith(str(tmp_path / "new"))


def test_a_folder_that_lost_raw_files_proves_nothing(tmp_path: Path):
    folder = Path(loaded(tmp_path, 1).landing)
    loaded(tmp_path, 2)
    (folder / "raw-00000.jsonl.zst").unlink()
    assert numbers(tmp_path) == [2]


def test_a_number_that_was_cut_by_a_power_loss_is_found_in_the_folders(tmp_path: Path):
    loaded(tmp_path, 3)
    (tmp_path / "shop" / landing.NEWEST).write_text("")
    assert landing.newest(tmp_path / "shop") == 3


def test_a_receipt_that_was_cut_by_a_power_loss_keeps_the_others_from_nothing(tmp_path: Path):
    (receipt,) = Path(loaded(tmp_path, 1).landing).glob(landing.LOADED)
    loaded(tmp_path, 2)
    receipt.write_bytes(b"")
    assert numbers(tmp_path) == [2]


def test_what_is_pulled_anew_under_the_same_name_is_not_loaded_yet(tmp_path: Path):
    with landing.Writer(Path(loaded(tmp_path, 1).landing)):
        pass
    assert numbers(tmp_path) == []


def test_a_batch_in_a_scratch_folder_is_not_remembered(tmp_path: Path):
    loaded(tmp_path, 1, channel="scratch")
    assert list(tmp_path.rglob("loaded*")) == []


def test_forgotten_buyers_are_known_in_object_storage_as_well():
    shop = UPath("memory://remembered/shop")
    assert landing.forgotten(shop) == set()
    for order_ids in (["A-2", "A-1"], ["№ 3"]):
        landing.forget(shop, order_ids)
    assert landing.forgotten(shop) == {"A-1", "A-2", "№ 3"}


def test_who_delivers_what_is_held_is_known_in_object_storage_as_well():
    shop = UPath("memory://remembered/another")
    assert landing.held(shop) == {}
    for others in ({"A-2": "shop", "A-1": "shop"}, {"№ 3": "till"}):
        landing.hold(shop, others)
    assert landing.held(shop) == {"A-1": "shop", "A-2": "shop", "№ 3": "till"}
    assert landing.forgotten(shop) == set()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forgotten_buyers_that_may_not_be_read_are_no_empty_list(tmp_path: Path):
    landing.forget(tmp_path, ["A-1"])
    (tmp_path / landing.ERASED).chmod(0)
    with pytest.raises(PermissionError):
        landing.forgotten(tmp_path)
