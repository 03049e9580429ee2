"""What the mailbox of the interchange formats delivers: every interchange once, in pages, whatever it is called."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import fsspec
import pytest
from drop_box import WINDOW, DropBox
from edi_mailbox import mailbox, one, x12

from orderflow.adapters import edi_x12, edifact, ubl
from orderflow.adapters.edi import archive
from orderflow.domain.errors import TransientError
from orderflow.domain.source import Acknowledging


def test_an_interchange_is_delivered_acknowledged_and_put_away(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1", "PO-2"]
    assert refused == []
    assert box.left() == []
    assert box.done()[0].startswith("po.")
    (told,) = box.out()
    assert "AK9*A*2*2*2~" in told
    assert box.outcome() == ([], [])


def test_fetching_changes_nothing(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    first = box.pages()
    assert box.pages() == first
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["po.edi"]


def test_a_mailbox_wants_to_be_told_and_says_so(tmp_path: Path):
    for adapter in (edi_x12.ADAPTER, edifact.ADAPTER, ubl.ADAPTER):
        assert adapter.limits.acknowledges
        assert isinstance(DropBox(tmp_path, adapter).source, Acknowledging)


def test_one_bad_order_stops_no_other_and_the_acknowledgement_names_it(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", "two", "0002"), one("PO-3", reference="0003")))
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1", "PO-3"]
    assert [(error.code, error.field) for error in refused] == [("AMOUNT_MALFORMED", "PO102")]
    (told,) = box.out()
    assert "AK2*850*0002~\nAK3*PO1*5**8~\nAK4*2**6~\nAK5*R*5~" in told
    assert "AK9*P*3*3*2~" in told


def test_an_interchange_that_comes_again_is_delivered_and_answered_once(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.run()
    for name in ("po.edi", "copy-of-po.edi"):
        box.drop(name, x12(one("PO-1")))
        assert box.run() == ([], [])
        assert box.left() == []
    assert len(box.out()) == 1
    assert len(box.done()) == 3


def test_two_copies_that_lie_side_by_side_are_delivered_once(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(one("PO-1")))
    orders, refused = box.run()
    assert (len(orders), refused) == (1, [])
    assert box.left() == []
    assert len(box.out()) == 1


def test_the_same_control_number_with_other_content_is_a_named_problem(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.run()
    box.drop("po2.edi", x12(one("PO-2")))
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("CONTROL_NUMBER_REUSED", "000000101")
    for part in ("BUYERCO", "po.edi", "po2.edi", "source.reuses_control_numbers", "left where it is"):
        assert part in str(error)
    assert box.left() == ["po2.edi"]
    assert len(box.out()) == 1
    again = mailbox(tmp_path, reuses_control_numbers=True)
    assert [order.order_id for order in again.run()[0]] == ["PO-2"]
    assert again.left() == []


def test_a_control_number_that_returns_on_another_day_is_a_new_interchange(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.run()
    box.drop("po2.edi", x12(one("PO-2")).replace(b"*260301*", b"*270301*"))
    assert [order.order_id for order in box.run()[0]] == ["PO-2"]


def test_without_a_partner_the_sender_keeps_equal_order_numbers_apart(tmp_path: Path):
    box = mailbox(tmp_path, partner=None)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(one("PO-1")).replace(b"BUYERCO ", b"OTHERCO "))
    orders, _ = box.run()
    assert [order.order_id for order in orders] == ["BUYERCO/PO-1", "OTHERCO/PO-1"]
    assert {order.order_number for order in orders} == {"PO-1"}


def test_a_large_interchange_comes_in_pages_and_can_be_gone_on_with(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(*[one(f"PO-{number}", reference=f"{number:05d}") for number in range(1200)]))
    whole = box.pages()
    assert [len(page.records) for page in whole] == [500, 500, 200]
    assert len({page.origin for page in whole}) == 1
    for number, page in enumerate(whole):
        rest = list(box.source.fetch(WINDOW, page.cursor))
        assert [page.records for page in rest] == [page.records for page in whole[number + 1 :]]


@pytest.mark.parametrize(
    "name", ["po", "po.", "po.edi", "a.b.c.edi", "po.edi#1", "#sha256=x.edi", "注文.edi", "a b;c.edi"]
)
def test_a_file_of_any_name_is_taken_and_answered_once(name: str, tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop(name, x12(one("PO-1")))
    assert len(box.run()[0]) == 1
    box.drop(name, x12(one("PO-1")))
    assert box.run() == ([], [])
    assert box.left() == []
    assert len(box.out()) == 1


def test_going_on_behind_a_page_that_is_gone_says_so(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    with pytest.raises(TransientError, match="begin again"):
        list(box.source.fetch(WINDOW, {"file": "gone.edi", "interchange": "1", "next": 0}))


def test_a_mailbox_may_lie_in_any_storage(tmp_path: Path):
    files = fsspec.filesystem("memory")
    files.pipe_file("/edi-box/po.edi", x12(one("PO-1")))
    box = mailbox(tmp_path, url="memory://edi-box")
    pages = box.pages()
    assert [order.order_id for order in box.mapped(pages)[0]] == ["PO-1"]
    box.source.acknowledge([page.origin for page in pages])
    assert len(files.ls("/edi-box/out")) == 1
    assert len(files.ls("/edi-box/done")) == 1
    assert box.pages() == []


def test_keys_differ_where_interchanges_do():
    same = archive.key("S", "2026-03-01T09:14:00", "1")
    assert archive.key("S", "2026-03-01T23:00:00", "1") == same
    others = {
        archive.key("T", "2026-03-01T09:14:00", "1"),
        archive.key("S", "2026-03-02T09:14:00", "1"),
        archive.key("S", "2026-03-01T09:14:00", "2"),
        archive.key("S", "2026-03-01T09:14:00", "1", "other"),
        archive.key("S.1", "2026-03-01T09:14:00", ""),
    }
    assert same not in others
    assert len(others) == 5


def test_memory_does_not_grow_with_the_interchange(tmp_path: Path):
    def peak(count: int) -> tuple[int, int]:
        folder = tmp_path / str(count)
        folder.mkdir()
        box = mailbox(folder)
        sets = [one(f"PO-{number}", reference=f"{number:05d}") for number in range(count)]
        box.drop("po.edi", x12(*sets))
        del sets
        tracemalloc.start()
        records = sum(len(page.records) for page in box.source.fetch(WINDOW))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return records, most

    small, large = peak(2_000), peak(10_000)
    assert (small[0], large[0]) == (2_000, 10_000)
    assert large[1] < small[1] + 2_000_000
    assert large[1] < 12_000_000
