"""The mailbox acknowledges once, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from edi_mailbox import change, mailbox, one, x12

from orderflow.adapters.edi.archive import Archive
from orderflow.adapters.files.storage import Storage


def test_acknowledging_is_done_once_however_often_it_is_asked(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    origins = [page.origin for page in box.pages()]
    for _ in range(3):
        box.source.acknowledge(origins)
    assert len(box.out()) == 1
    next((tmp_path / "out").iterdir()).unlink()
    box.source.acknowledge(origins)
    assert box.out() == [], "what the gateway took is not written again"


def test_a_file_that_changed_after_it_was_read_stays_and_is_read_again(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    origins = [page.origin for page in box.pages()]
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    box.source.acknowledge(origins)
    assert box.left() == ["po.edi"]
    assert (box.out(), (tmp_path / "archive").exists()) == ([], False)
    assert [order.order_id for order in box.run()[0]] == ["PO-1", "PO-2"]


def test_a_file_that_changes_while_it_is_answered_stays_and_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1")))
    origins = [page.origin for page in box.pages()]
    promise = Archive.promise

    def meanwhile(*given: Any) -> None:
        promise(*given)
        box.drop("po.edi", x12(one("PO-2"), control="000000102"))

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "promise", meanwhile)
        box.source.acknowledge(origins)
    assert (box.left(), box.out(), box.done()) == (["po.edi"], [], [])
    assert [order.order_id for order in box.run()[0]] == ["PO-2"]
    assert [path.name[:13] for path in (tmp_path / "out").iterdir()] == ["ack-000000102"]


class Died(BaseException):
    """The process is gone."""


STEPS = 40
"""More than acknowledging takes here."""


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_process_that_dies_anywhere_while_acknowledging_leaves_nothing_lost_or_doubled(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
):
    box = mailbox(tmp_path)
    box.drop("po.edi", x12(one("PO-1"), one("PO-2", reference="0002")))
    origins = [page.origin for page in box.pages()]
    kind, taken, sent = type(fsspec.filesystem("file")), [0], []

    def dying(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def act(self: Any, *arguments: Any, **named: Any) -> Any:
            taken[0] += 1
            if taken[0] == step:
                raise Died
            result = real(self, *arguments, **named)
            if name == "_rename" and "/out/" in str(arguments[1]):
                sent.append(arguments[1])
            return result

        monkeypatch.setattr(owner, name, act)

    dying(Storage, "_rename")
    for name in ("pipe_file", "makedirs", "cat_file", "exists", "rmdir", "ls", "open"):
        dying(kind, name)
    try:
        box.source.acknowledge(origins)
    except Died:
        assert step < STEPS - 1, "it takes more steps by now"
    taken[0] = STEPS
    again = box.pages()
    assert len(box.mapped(again)[0]) in (0, 2)
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


def test_an_acknowledgement_is_named_after_its_interchange_whatever_that_is_called(tmp_path: Path):
    box = mailbox(tmp_path)
    box.drop("注文 №7 (copy).edi", x12(one("PO-1"), control="000000101").replace(b"000000101", b"0/../0101"))
    box.run()
    (name,) = [path.name for path in (tmp_path / "out").iterdir()]
    assert name.startswith("ack-0%2F..%2F0101-")
    assert box.left() == []
