"""A mailbox on a disk without room: nothing is answered that is not kept, and nothing is lost once there is room again.

Writing to /dev/full is refused by the kernel as writing to a full disk is.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from drop_box import WINDOW, DropBox
from edi_mailbox import change, mailbox, one, x12

from orderflow.adapters import edi_x12
from orderflow.adapters.files import inbox, spool
from orderflow.domain.channel import Channel, Delivery, Schedule
from orderflow.domain.errors import TransientError
from orderflow.pipeline import landing
from orderflow.pipeline.extract import acknowledge, extract

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")


@contextmanager
def room(most: int) -> Iterator[None]:
    """No file may grow longer: the other way in which a system refuses to write, for files that are made anew."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def filled(folder: Path, **options: Any) -> DropBox:
    folder.mkdir()
    box = mailbox(folder, **options)
    box.drop("a.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    return box


def written(folder: Path) -> list[Path]:
    """Every file that is written while `a.edi` is put away, as seen from the mailbox."""
    box = filled(folder / "whole")
    box.run()
    (done,), (answer,) = box.done(), (path.name for path in (box.folder / "out").iterdir())
    kept = [path.relative_to(box.folder) for path in (box.folder / "archive").rglob("*.json")]
    return [*kept, Path("archive", "pending", done, answer)]


def test_nothing_is_answered_that_found_no_room_and_nothing_is_lost(tmp_path: Path):
    places = written(tmp_path)
    assert {path.parts[1] for path in places} == {"orders", "interchanges", "pending"}
    for number, place in enumerate(places):
        box = filled(tmp_path / str(number))
        pages = box.pages()
        full = box.folder / f"{place}.part"
        full.parent.mkdir(parents=True)
        full.symlink_to(FULL)
        with pytest.raises(TransientError, match=r"no room on its disk .*make room there.*not answered") as caught:
            box.source.acknowledge([page.origin for page in pages])
        assert str(place) in str(caught.value)
        assert (box.left(), box.done(), box.out()) == (["a.edi"], [], [])
        full.unlink()
        assert [order.order_id for order in box.run()[0]] == ["PO-1", "PO-2"]
        assert (box.left(), len(box.done()), len(box.out())) == ([], 1, 1)
        box.drop("b.edi", x12(change("PO-2", "5"), control="000000102"))
        (order,), refused = box.run()
        assert (order.lines[0].quantity, refused) == ("5", [])


def test_an_answer_to_another_disk_without_room_is_not_seen_before_it_is_whole(tmp_path: Path):
    other = Path("/dev/shm") / f"orderflow-{os.getpid()}"
    other.mkdir()
    try:
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("this is the same disk")
        (answer,) = (path.name for path in written(tmp_path) if path.parts[1] == "pending")
        box = filled(tmp_path / "in", outbox=os.path.relpath(other, tmp_path / "in"))
        (other / f"{answer}.part").symlink_to(FULL)
        with pytest.raises(TransientError, match="no room on its disk"):
            box.run()
        assert [path.name for path in other.iterdir()] == [f"{answer}.part"]
        (other / f"{answer}.part").unlink()
        assert box.run() == ([], []), "what was put away does not come again"
        assert [path.name for path in other.iterdir()] == [answer]
        assert (other / answer).read_text().endswith("IEA*1*000000101~\n")
    finally:
        for path in other.iterdir():
            path.unlink()
        other.rmdir()


def test_a_landing_zone_without_room_gets_no_order_answered(tmp_path: Path):
    box = filled(tmp_path / "in")
    channel = Channel(
        name="partner", title="Partner", owner="ops", adapter_name="edi_x12", adapter=edi_x12.ADAPTER,
        connection="partner", options=box.options, schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
        oms=Delivery(target="demo"),
    )  # fmt: skip
    folder = tmp_path / "landing"

    def pull() -> Any:
        return extract(channel, WINDOW, box.source, folder, run_id="1", runtime=box.runtime)

    with room(100), pytest.raises(OSError, match="File too large"):
        pull()
    assert (box.left(), (folder / landing.COMPLETE).exists()) == (["a.edi"], False)
    batch = pull()
    acknowledge(batch, folder, box.source)
    assert (batch.counts.fetched, box.left(), len(box.out())) == (2, [], 1)


@pytest.mark.parametrize("most", [100, 300], ids=["from the first block", "in the middle"])
def test_a_temporary_folder_without_room_is_not_taken_for_the_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
):
    monkeypatch.setattr(spool, "IN_MEMORY", 1)
    monkeypatch.setattr(inbox, "BLOCK", 200)
    box = filled(tmp_path / "in")
    with room(most), pytest.raises(TransientError, match=r"make room for temporary files there.*TMPDIR"):
        box.pages()
    assert len(box.run()[0]) == 2
