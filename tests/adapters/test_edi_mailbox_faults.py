"""What the mailbox does not take: torn, unbalanced, strangers' and unreadable files, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from edi_mailbox import mailbox, one, x12


def test_a_torn_file_is_left_where_it_is_and_explained_once_it_is_old(tmp_path: Path):
    box = mailbox(tmp_path)
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
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")).replace(old, new))
    orders, (error,) = box.run()
    assert orders == []
    assert error.code.startswith("INTERCHANGE_")
    assert box.left() == ["po.edi"]
    assert box.out() == []


def test_an_unbalanced_interchange_that_asks_for_a_ta1_is_answered_and_put_away(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")).replace(b"IEA*1*", b"IEA*2*").replace(b"*0*P*>", b"*1*P*>"))
    orders, (error,) = box.run()
    assert orders == []
    assert "kept under done/" in str(error)
    assert box.left() == []
    (told,) = box.out()
    assert "TA1*000000101*260301*0914*R*021~" in told


def test_an_unbalanced_group_is_rejected_and_the_others_are_not(tmp_path: Path):
    box = mailbox(tmp_path)
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
    box = mailbox(tmp_path)
    bad = x12(one("PO-2"), control="000000102").replace(b"IEA*1*", b"IEA*9*")
    box.drop("both.edi", x12(one("PO-1")) + bad)
    orders, refused = box.run()
    assert [order.order_id for order in orders] == ["PO-1"]
    assert [error.code for error in refused] == ["INTERCHANGE_UNBALANCED"]
    assert box.left() == []
    assert len(box.out()) == 1


def test_a_strangers_interchange_is_left_with_its_reason(tmp_path: Path):
    box = mailbox(tmp_path, partner="SOMEONE")
    box.drop("po.edi", x12(one("PO-1")))
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("SENDER_UNKNOWN", "BUYERCO")
    assert box.left() == ["po.edi"]


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n"])
def test_an_empty_file_is_left_with_its_reason(tmp_path: Path, content: bytes):
    box = mailbox(tmp_path)
    box.drop("po.edi", content)
    _, (error,) = box.run()
    assert error.code == "INTERCHANGE_TORN"
    assert box.left() == ["po.edi"]


def test_a_file_that_its_manifest_contradicts_is_left(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    box.drop("po.edi.manifest", b'{"sha256": "00"}')
    orders, (error,) = box.run()
    assert (orders, error.code) == ([], "MANIFEST_DIFFERS")
    assert box.left() == ["po.edi", "po.edi.manifest"]


def test_a_byte_that_is_not_of_the_character_set_is_never_replaced(tmp_path: Path):
    box = mailbox(tmp_path)
    content = x12(one("PO-1")).decode().replace("李小龍", "Nuñez").encode("latin-1")
    box.drop("po.edi", content)
    orders, (error,) = box.run()
    assert orders == []
    assert (error.code, error.value) == ("CHARACTER_SET", "eb")
    assert error.field == f"byte {content.index(0xEB)}"
    assert "source.charset" in str(error)
    agreed = mailbox(tmp_path, charset="latin-1")
    (order,), _ = agreed.run()
    assert order.contacts[0].name == "Zoë Nuñez"


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_is_read_and_taken_off(tmp_path: Path, charset: str):
    box = mailbox(tmp_path)
    mark = b"\xfe\xff" if charset == "utf-16-be" else b""
    box.drop("po.edi", mark + x12(one("PO-1")).decode().encode(charset))
    (order,), refused = box.run()
    assert refused == []
    assert order.contacts[0].name == "Zoë 李小龍"
    assert len(list((tmp_path / "out").glob("*"))) == 1
