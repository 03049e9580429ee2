"""A change in the mailbox finds its order, whenever either of them comes."""

from __future__ import annotations

from pathlib import Path

from edi_mailbox import change, mailbox, one, x12


def test_a_change_finds_its_order_in_the_archive(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    box.run()
    box.drop("change.edi", x12(change("PO-1", "5"), control="000000102").replace(b"GS*PO", b"GS*PC"))
    (order,), refused = box.run()
    assert refused == []
    assert (order.order_id, order.lines[0].quantity, order.grand_total) == ("PO-1", "5", "50.00")


def test_a_change_finds_its_order_in_the_same_reading(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("a.edi", x12(one("PO-1")))
    box.drop("b.edi", x12(change("PO-1", "5"), control="000000102"))
    orders, refused = box.run()
    assert refused == []
    assert [order.lines[0].quantity for order in orders] == ["2", "5"]


def test_a_change_that_comes_before_its_order_is_applied_when_the_order_comes(tmp_path: Path):
    box = mailbox(tmp_path)
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
        box = mailbox(folder)
        last = None
        for name in names:
            box.drop(f"{name}.edi", files[f"{name}.edi"])
            orders, _ = box.run()
            last = orders[-1] if orders else last
        ends.append(last)
    assert ends[0] is not None
    assert ends[0].lines[0].quantity == "3"
    assert all(end == ends[0] for end in ends)


def test_names_in_every_script_become_file_names(tmp_path: Path):
    box = mailbox(tmp_path)
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
