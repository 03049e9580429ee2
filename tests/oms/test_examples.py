"""The target files in the docstrings of the ERP kinds are target files."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from orderflow.oms import find, odoo, postgres, tryton

EXAMPLES = [
    (module.__name__.rpartition(".")[2], textwrap.dedent(block))
    for module in (odoo, postgres, tryton)
    for block in re.findall(r"\n\n((?:    .*\n)+)", module.__doc__ or "")
]


def test_every_kind_has_its_examples() -> None:
    assert [kind for kind, _ in EXAMPLES] == ["odoo", "postgres", "postgres", "tryton"]


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_the_example_of_a_kind_is_a_target_file(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "shop.yml").write_text(text)

    assert find("shop", tmp_path).kind == kind
