"""The mailbox of the interchange formats, on a real folder: duplicates, torn files, histories, acknowledgements."""

from __future__ import annotations

import os
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest

from orderflow.adapters import edi_x12, edifact, ubl
from orderflow.adapters.edi import archive
from orderflow.domain.errors import RecordError, TransientError
from orderflow.domain.order import Order
from orderflow.domain.source import Account, Acknowledging, Adapter, Page, Runtime
from orderflow.domain.window import Window

DECODE = msgspec.json.Decoder(float_hook=str).decode
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)

X12 = """ISA*00*          *00*          *ZZ*BUYERCO        *ZZ*SELLERCO       *260301*0914*U*00401*{control}*0*P*>~
GS*PO*BUYERCO*SELLERCO*20260301*0914*{control}*X*004010~
{sets}GE*{count}*{control}~
IEA*1*{control}~
"""
SET = """ST*850*{reference}~
BEG*00*SA*{number}**20260301~
CUR*BY*EUR~
N1*ST*Zoë 李小龍*92*1~
PO1*1*{quantity}*EA*10*PE*VP*TORCH-01~
CTT*1~
SE*7*{reference}~
"""
CHANGE = """ST*860*{reference}~
BCH*04*SA*{number}**{sequence}*20260301~
POC*1*{code}*{quantity}**EA*10*PE*VP*TORCH-01~
CTT*1~
SE*5*{reference}~
"""


def x12(*sets: str, control: str = "000000101") -> bytes:
    return X12.format(control=control, sets="".join(sets), count=len(sets)).encode()


def one(number: str, quantity: str = "2", reference: str = "0001") -> str:
    return SET.format(number=number, quantity=quantity, reference=reference)


def change(number: str, quantity: str, sequence: str = "1", code: str = "QI", reference: str = "0001") -> str:
    return CHANGE.format(number=number, quantity=quantity, sequence=sequence, code=code, reference=reference)


class Box:
    """A mailbox in a folder, its clock standing still."""

    def __init__(self, folder: Path, adapter: Adapter = edi_x12.ADAPTER, url: str | None = None, **options: object):
        self.folder, self.adapter, self.now = folder, adapter, NOW
        self.options: Any = adapter.options(**{"partner": "BUYERCO", **options})
        self.runtime = Runtime(clock=lambda: self.now, sleep=lambda seconds: None)
        self.account = Account(name="edi", url=url or str(folder))

    def drop(self, name: str, content: bytes, age: timedelta = timedelta(hours=2)) -> None:
        path = self.folder / name
        path.write_bytes(content)
        moment = (self.now - age).timestamp()
        os.utime(path, (moment, moment))

    @property
    def source(self) -> Any:
        """Opened anew each time, as every run does."""
        return self.adapter.open(self.options, self.account, self.runtime)

    def pages(self) -> list[Page]:
        return list(self.source.fetch(WINDOW))

    def outcome(self) -> tuple[list[Order], list[RecordError]]:
        return mapped(self, self.pages())

    def run(self) -> tuple[list[Order], list[RecordError]]:
        """One whole run: fetch, map, acknowledge."""
        pages = self.pages()
        result = mapped(self, pages)
        self.source.acknowledge([page.origin for page in pages])
        return result

    def out(self) -> list[str]:
        return sorted(path.read_text() for path in (self.folder / "out").glob("*"))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    def done(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "done").glob("*"))


def mapped(box: Box, pages: list[Page]) -> tuple[list[Order], list[RecordError]]:
    orders, refused = [], []
    for page in pages:
        for record in page.records:
            try:
                orders.append(box.adapter.to_order(DECODE(record), box.options))
            except RecordError as error:
                refused.append(error)
    return orders, refused


def test_an_interchange_is_delivered_acknowledged_and_put_away(tmp_path: Path):
    box = Box(tmp_path)
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
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    first = box.pages()
    assert box.pages() == first
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["po.edi"]


def test_a_mailbox_wants_to_be_told_and_says_so(tmp_path: Path):
    for adapter in (edi_x12.ADAPTER, edifact.ADAPTER, ubl.ADAPTER):
        assert adapter.limits.acknowledges
        assert isinstance(Box(tmp_path, adapter).source, Acknowledging)


def test_one_bad_order_stops_no_other_and_the_acknowledgement_names_it(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", "two", "0002"), one("PO-3", reference="0003")))
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1", "PO-3"]
    assert [(error.code, error.field) for error in refused] == [("AMOUNT_MALFORMED", "PO102")]
    (told,) = box.out()
    assert "AK2*850*0002~\nAK3*PO1*5**8~\nAK4*2**6~\nAK5*R*5~" in told
    assert "AK9*P*3*3*2~" in told


def test_an_interchange_that_comes_again_is_delivered_and_answered_once(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.run()
    for name in ("po.edi", "copy-of-po.edi"):
        box.drop(name, x12(one("PO-1")))
        assert box.run() == ([], [])
        assert box.left() == []
    assert len(box.out()) == 1
    assert len(box.done()) == 3


def test_two_copies_that_lie_side_by_side_are_delivered_once(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(one("PO-1")))
    orders, refused = box.run()
    assert (len(orders), refused) == (1, [])
    assert box.left() == []
    assert len(box.out()) == 1


def test_the_same_control_number_with_other_content_is_a_named_problem(tmp_path: Path):
    box = Box(tmp_path)
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
    again = Box(tmp_path, reuses_control_numbers=True)
    assert [order.order_id for order in again.run()[0]] == ["PO-2"]
    assert again.left() == []


def test_a_control_number_that_returns_on_another_day_is_a_new_interchange(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.run()
    box.drop("po2.edi", x12(one("PO-2")).replace(b"*260301*", b"*270301*"))
    assert [order.order_id for order in box.run()[0]] == ["PO-2"]


def test_a_torn_file_is_left_where_it_is_and_explained_once_it_is_old(tmp_path: Path):
    box = Box(tmp_path)
    whole = x12(one("PO-1"), one("PO-2", reference="0002"))
    box.drop("po.edi", whole[: len(whole) // 2], age=timedelta(minutes=1))
    box.drop("good.edi", x12(one("PO-3"), control="000000102"))
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-3"]
    assert refused == [], "it may still be on its way"
    assert box.left() == ["po.edi"]
    box.now += timedelta(hours=1)
    orders, (error,) = box.run()
    assert orders == []
    assert error.code == "INTERCHANGE_TORN"
    assert "po.edi" in str(error)
    assert "transmit it again" in str(error)
    assert box.left() == ["po.edi"]
    box.drop("po.edi", whole)
    assert [order.order_id for order in box.run()[0]] == ["PO-1", "PO-2"]
    assert box.left() == []


@pytest.mark.parametrize(
    ("old", "new"), [(b"IEA*1*", b"IEA*2*"), (b"IEA*1*000000101", b"IEA*1*000000100"), (b"~\nIEA*1", b"~\nIEB*1")]
)
def test_nothing_of_an_unbalanced_interchange_is_delivered(tmp_path: Path, old: bytes, new: bytes):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")).replace(old, new))
    orders, (error,) = box.run()
    assert orders == []
    assert error.code.startswith("INTERCHANGE_")
    assert box.left() == ["po.edi"]
    assert box.out() == []


def test_an_unbalanced_interchange_that_asks_for_a_ta1_is_answered_and_put_away(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")).replace(b"IEA*1*", b"IEA*2*").replace(b"*0*P*>", b"*1*P*>"))
    orders, (error,) = box.run()
    assert orders == []
    assert "kept under done/" in str(error)
    assert box.left() == []
    (told,) = box.out()
    assert "TA1*000000101*260301*0914*R*021~" in told


def test_an_unbalanced_group_is_rejected_and_the_others_are_not(tmp_path: Path):
    box = Box(tmp_path)
    second = x12(one("PO-2"), control="000000102").decode()
    group = second[second.index("GS*") : second.index("IEA")].replace("GE*1*", "GE*3*")
    first = x12(one("PO-1")).decode()
    whole = first[: first.index("IEA")] + group + "IEA*2*000000101~\n"
    box.drop("po.edi", whole.encode())
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1"]
    assert [error.code for error in refused] == ["GROUP_UNBALANCED"]
    (told,) = box.out()
    assert "AK9*A*1*1*1~" in told
    assert "AK9*R*1*1*0*5~" in told


def test_a_file_of_which_one_interchange_is_sound_is_taken(tmp_path: Path):
    box = Box(tmp_path)
    bad = x12(one("PO-2"), control="000000102").replace(b"IEA*1*", b"IEA*9*")
    box.drop("both.edi", x12(one("PO-1")) + bad)
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1"]
    assert [error.code for error in refused] == ["INTERCHANGE_UNBALANCED"]
    assert box.left() == []
    assert len(box.out()) == 1


def test_a_strangers_interchange_is_left_with_its_reason(tmp_path: Path):
    box = Box(tmp_path, partner="SOMEONE")
    box.drop("po.edi", x12(one("PO-1")))
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("SENDER_UNKNOWN", "BUYERCO")
    assert box.left() == ["po.edi"]


def test_without_a_partner_the_sender_keeps_equal_order_numbers_apart(tmp_path: Path):
    box = Box(tmp_path, partner=None)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(one("PO-1")).replace(b"BUYERCO ", b"OTHERCO "))
    orders, _ = box.run()
    assert [order.order_id for order in orders] == ["BUYERCO/PO-1", "OTHERCO/PO-1"]
    assert {order.order_number for order in orders} == {"PO-1"}


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n"])
def test_an_empty_file_is_left_with_its_reason(tmp_path: Path, content: bytes):
    box = Box(tmp_path)
    box.drop("po.edi", content)
    _, (error,) = box.run()
    assert error.code == "INTERCHANGE_TORN"
    assert box.left() == ["po.edi"]


def test_a_file_that_its_manifest_contradicts_is_left(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.drop("po.edi.manifest", b'{"sha256": "00"}')
    orders, (error,) = box.run()
    assert (orders, error.code) == ([], "MANIFEST_DIFFERS")
    assert box.left() == ["po.edi", "po.edi.manifest"]


def test_a_byte_that_is_not_of_the_character_set_is_never_replaced(tmp_path: Path):
    box = Box(tmp_path)
    content = x12(one("PO-1")).decode().replace("李小龍", "Nuñez").encode("latin-1")
    box.drop("po.edi", content)
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("CHARACTER_SET", "eb")
    assert error.field == f"byte {content.index(0xEB)}"
    assert "source.charset" in str(error)
    agreed = Box(tmp_path, charset="latin-1")
    (order,), _ = agreed.run()
    assert order.contacts[0].name == "Zoë Nuñez"


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_is_read_and_taken_off(tmp_path: Path, charset: str):
    box = Box(tmp_path)
    mark = b"\xfe\xff" if charset == "utf-16-be" else b""
    box.drop("po.edi", mark + x12(one("PO-1")).decode().encode(charset))
    (order,), refused = box.run()
    assert refused == []
    assert order.contacts[0].name == "Zoë 李小龍"
    assert len(list((tmp_path / "out").glob("*"))) == 1


def test_a_change_finds_its_order_in_the_archive(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    box.run()
    box.drop("change.edi", x12(change("PO-1", "5"), control="000000102").replace(b"GS*PO", b"GS*PC"))
    (order,), refused = box.run()
    assert refused == []
    assert (order.order_id, order.lines[0].quantity, order.grand_total) == ("PO-1", "5", "50.00")


def test_a_change_finds_its_order_in_the_same_reading(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(change("PO-1", "5"), control="000000102"))
    orders, refused = box.run()
    assert refused == []
    assert [order.lines[0].quantity for order in orders] == ["2", "5"]


def test_a_change_that_comes_before_its_order_is_applied_when_the_order_comes(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("change.edi", x12(change("PO-1", "5"), control="000000102"))
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("CHANGE_NEEDS_BASE", "PO-1")
    assert box.left() == [], "it is sound, only early: it was acknowledged and remembered"
    box.drop("po.edi", x12(one("PO-1")))
    (order,), refused = box.run()
    assert refused == []
    assert order.lines[0].quantity == "5"


def test_the_same_messages_in_any_order_end_in_the_same_order(tmp_path: Path):
    files = {
        "a.edi": x12(one("PO-1")),
        "b.edi": x12(change("PO-1", "5", "1"), control="000000102"),
        "c.edi": x12(change("PO-1", "3", "2", "QD"), control="000000103"),
    }
    ends = []
    for number, names in enumerate((["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"], ["c", "a", "b"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        box = Box(folder)
        last = None
        for name in names:
            box.drop(f"{name}.edi", files[f"{name}.edi"])
            orders, _ = box.run()
            last = orders[-1] if orders else last
        ends.append(last)
    assert ends[0] is not None
    assert ends[0].lines[0].quantity == "3"
    assert all(end == ends[0] for end in ends)


def test_acknowledging_is_done_once_however_often_it_is_asked(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    origins = [page.origin for page in box.pages()]
    for _ in range(3):
        box.source.acknowledge(origins)
    assert len(box.out()) == 1
    next((tmp_path / "out").iterdir()).unlink()
    box.source.acknowledge(origins)
    assert box.out() == [], "what the gateway took is not written again"


def test_a_file_that_changed_after_it_was_read_stays_and_is_read_again(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    origins = [page.origin for page in box.pages()]
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    box.source.acknowledge(origins)
    assert box.left() == ["po.edi"]
    assert box.out() == []
    assert [order.order_id for order in box.run()[0]] == ["PO-1", "PO-2"]


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", range(1, 36))
def test_a_process_that_dies_anywhere_while_acknowledging_leaves_nothing_lost_or_doubled(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    origins = [page.origin for page in box.pages()]
    files = fsspec.filesystem("file")
    kind, taken, sent = type(files), [0], []

    def dying(name: str):
        real = getattr(kind, name)

        def act(self: Any, *arguments: Any, **named: Any) -> Any:
            taken[0] += 1
            if taken[0] == step:
                raise Died
            result = real(self, *arguments, **named)
            if name == "mv" and "/out/" in str(arguments[1]):
                sent.append(arguments[1])
            return result

        return act

    with monkeypatch.context() as patch:
        for name in ("mv", "pipe_file", "makedirs", "cat_file", "exists"):
            patch.setattr(kind, name, dying(name))
        try:
            box.source.acknowledge(origins)
        except Died:
            taken[0] = -1000
        again = box.pages()
        taken[0] = -1000
        assert len(mapped(box, again)[0]) in (0, 2)
        box.source.acknowledge([*origins, *(page.origin for page in again)])
        box.source.acknowledge([])
    assert len(sent) == 1
    assert len(box.out()) == 1
    assert list((tmp_path / "archive" / "pending").glob("*")) == []
    assert box.left() == []
    assert len(box.done()) == 1
    box.drop("change.edi", x12(change("PO-2", "5"), control="000000102"))
    (order,), refused = box.run()
    assert (order.lines[0].quantity, refused) == ("5", [])


def test_a_large_interchange_comes_in_pages_and_can_be_gone_on_with(tmp_path: Path):
    box = Box(tmp_path)
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
    box = Box(tmp_path)
    box.drop(name, x12(one("PO-1")))
    assert len(box.run()[0]) == 1
    box.drop(name, x12(one("PO-1")))
    assert box.run() == ([], [])
    assert box.left() == []
    assert len(box.out()) == 1


def test_an_acknowledgement_is_named_after_its_interchange_whatever_that_is_called(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("注文 №7 (copy).edi", x12(one("PO-1"), control="000000101").replace(b"000000101", b"0/../0101"))
    box.run()
    (name,) = [path.name for path in (tmp_path / "out").iterdir()]
    assert name.startswith("ack-0%2F..%2F0101-")
    assert box.left() == []


def test_going_on_behind_a_page_that_is_gone_says_so(tmp_path: Path):
    box = Box(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    with pytest.raises(TransientError, match="begin again"):
        list(box.source.fetch(WINDOW, {"file": "gone.edi", "interchange": "1", "next": 0}))


def test_a_mailbox_may_lie_in_any_storage(tmp_path: Path):
    files = fsspec.filesystem("memory")
    files.pipe_file("/edi-box/po.edi", x12(one("PO-1")))
    box = Box(tmp_path, url="memory://edi-box")
    pages = box.pages()
    assert [order.order_id for order in mapped(box, pages)[0]] == ["PO-1"]
    box.source.acknowledge([page.origin for page in pages])
    assert len(files.ls("/edi-box/out")) == 1
    assert len(files.ls("/edi-box/done")) == 1
    assert box.pages() == []


def test_names_in_every_script_become_file_names(tmp_path: Path):
    box = Box(tmp_path)
    numbers = ["注文/2026 №7", "طلب-٧", "🧾" * 60, "a" * 200, "..", "PO 1?"]
    for place, number in enumerate(numbers):
        box.drop(f"{place}.edi", x12(one(number), control=f"{place + 1:09d}"))
    orders, refused = box.run()
    assert [order.order_id for order in orders] == numbers
    assert refused == []
    for place, number in enumerate(numbers):
        box.drop(f"change-{place}.edi", x12(change(number, "5"), control=f"{place + 100:09d}"))
    orders, refused = box.run()
    assert [order.lines[0].quantity for order in orders] == ["5"] * len(numbers)
    assert refused == []


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
        box = Box(folder)
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
