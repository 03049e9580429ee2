"""Orders at the seam of two files: those that an export cut in two, and those that a second file corrects."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from drop_box import DropBox

from orderflow.adapters import csv_drop
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

COLUMNS: dict[str, Any] = {
    "order": {"order_id": "id"},
    "line": {"sku": "sku", "quantity": "qty", "unit_price": "price"},
}


def run(folder: Path, *files: str, **form: Any) -> tuple[list[Order], list[RecordError]]:
    """Files one minute apart, each of rows such as `1A 1B 2C`."""
    box = DropBox(folder, csv_drop.ADAPTER, **{**COLUMNS, **form})
    for number, rows in enumerate(files):
        lines = "".join(f"PO-{row[0]},{row[1:]},1,5\n" for row in rows.split())
        content = f"id,sku,qty,price\n{lines}"
        box.drop(f"part_{number}.csv", content.encode(), age=timedelta(hours=2) - timedelta(minutes=number))
    outcome = box.run()
    assert box.left() == []
    return outcome


def ids(orders: list[Order]) -> list[str]:
    return [f"{order.order_id[3:]}{''.join(line.sku or '' for line in order.lines)}" for order in orders]


def test_an_order_that_an_export_cut_in_two_is_refused_in_both_halves(tmp_path: Path):
    orders, refused = run(tmp_path, "1A 2A 2B", "2C 2D 3A")
    assert ids(orders) == ["1A", "3A"]
    assert [each.code for each in refused] == ["ROWS_DISAGREE"] * 2
    assert "some of its rows stand in part_0.csv, others in part_1.csv" in refused[0].message


def test_an_order_that_fills_a_file_of_its_own_is_cut_on_both_sides(tmp_path: Path):
    orders, refused = run(tmp_path, "1A 2A", "2B 2C", "2D 3A")
    assert (ids(orders), len(refused)) == (["1A", "3A"], 3)


@pytest.mark.parametrize(
    "files",
    [
        ("1A 2A 2B", "2A 2D 3A"),  # some of its lines again
        ("2A", "2B"),  # files of one order each
        ("1A 2A", "3A 2B"),  # not where the file begins
        ("2A 1A", "2B 3A"),  # not where the file ends
        ("1A 2A", "3A", "2B 4A"),  # not the next file
    ],
)
def test_an_order_that_a_later_file_states_anew_is_a_correction(tmp_path: Path, files: tuple[str, ...]):
    orders, refused = run(tmp_path, *files)
    assert refused == []
    assert sum(order.order_id == "PO-2" for order in orders) == 2
    assert len(orders) == sum(len({row[0] for row in rows.split()}) for rows in files)


def test_the_order_that_is_held_back_comes_whatever_comes_behind_it(tmp_path: Path):
    box = DropBox(tmp_path, csv_drop.ADAPTER, **COLUMNS)
    box.drop("a.csv", b"id,sku,qty,price\nPO-1,A,1,5\nPO-2,A,1,5\n", age=timedelta(hours=3))
    box.drop("b.csv", b"id,sku,qty,price\n")
    box.drop("c.csv", b"id;sku\n", age=timedelta(hours=1))
    orders, (refused,) = box.run()
    assert ([order.order_id for order in orders], refused.code) == (["PO-1", "PO-2"], "FILE_FAULT")


def test_lines_are_told_apart_by_their_ids_where_they_have_some(tmp_path: Path):
    form = {"line": {"line_id": "qty", "sku": "sku"}}
    orders, refused = run(tmp_path, "1A 2A", "2B 3A", **form)
    assert (ids(orders), refused) == (["1A", "2A", "2B", "3A"], [])
