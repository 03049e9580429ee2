"""EDIFACT as bytes: every character set that UNB can declare, and bytes that are not of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drop_box import DropBox
from edifact_orders import BODY, interchange, message

from orderflow.adapters.edifact import ADAPTER
from orderflow.adapters.edifact.syntax import CHARSETS, charset
from orderflow.domain.errors import RecordError

WORDS = {
    "UNOA": "PLAIN TORCH",
    "UNOB": "plain torch",
    "UNOC": "Crème-brûlée torch",
    "UNOD": "Palnik Łódź żółty",
    "UNOE": "Горелка кухонная",
    "UNOF": "Φλόγιστρο κουζίνας",
    "UNOG": "Ĥorĉo Ġuljana",
    "UNOH": "Īsais deglis ģērbtuve",
    "UNOI": "موقد المطبخ",
    "UNOJ": "מבער מטבח",
    "UNOK": "Ocak çakmağı şık",
    "UNOW": "菜刀 🔥 موقد",
    "UNOX": "菜刀バーナー",
    "UNOY": "菜刀 🔥 Łódź",
    "KECA": "주방용 토치",
}


def test_every_known_character_set_has_a_sample():
    assert set(WORDS) == set(CHARSETS)


@pytest.mark.parametrize("name", WORDS)
def test_text_is_read_in_the_character_set_that_unb_declares(name: str, tmp_path: Path):
    body = [f"IMD+F++:::{WORDS[name]}" if line.startswith("IMD") else line for line in BODY]
    body = [line for line in body if line.isascii() or line.startswith("IMD")]
    box = DropBox(tmp_path, ADAPTER)
    box.drop("po.edi", interchange(message(body), syntax=name).encode(CHARSETS[name]))
    (found,), refused = box.run()
    assert refused == []
    assert found.lines[0].title == WORDS[name]
    (told,) = box.out(CHARSETS[name])
    assert f"UNB+{name}:3+7300000000028:14+7300000000011:14" in told


@pytest.mark.parametrize("name", ["UNOA", "UNOC", "UNOY"])
def test_a_byte_that_was_not_declared_is_refused_with_its_place(name: str, tmp_path: Path):
    wrong = {"UNOA": "latin-1", "UNOC": "utf-16-le", "UNOY": "latin-1"}[name]
    text = interchange(message(BODY), syntax=name)
    box = DropBox(tmp_path, ADAPTER)
    content = text.encode(wrong) if wrong == "latin-1" else text.encode("latin-1").replace(b"Cr", b"C\x00r")
    box.drop("po.edi", content)
    orders, refused = box.run()
    if name == "UNOC":
        assert orders[0].lines[0].title == "C\x00rème-brûlée torch", "latin-1 has every byte; cleaning judges this one"
        return
    assert orders == []
    assert refused[0].code == "CHARACTER_SET"
    assert "source.charset" in str(refused[0])
    assert box.left() == ["po.edi"]
    agreed = DropBox(tmp_path, ADAPTER, charset="latin-1")
    assert agreed.run()[0][0].lines[0].title == "Crème-brûlée torch"


def test_an_unknown_character_set_is_named():
    with pytest.raises(RecordError, match="UNOZ") as caught:
        charset(b"UNB+UNOZ:3+A+B'", None)
    assert "UNOC" in str(caught.value)


def test_a_byte_order_mark_beats_the_declaration():
    assert charset("\ufeffUNB+UNOC:3".encode(), None) == ("utf-8", 3)
    assert charset(b"UNA:+.? '\r\nUNB+UNOC:3+", None) == ("iso8859-1", 0)
