"""The runbook has an entry for every kind of alert and every class of error, and names only commands that exist."""

import re
from pathlib import Path
from typing import get_args

import pytest
import typer.main

from orderflow.domain import errors
from orderflow.domain.snapshot import COVERED, KINDS, Kind

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "runbook.md").read_text()
ENTRIES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
CLASSES = [name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")]


@pytest.mark.parametrize("name", [*get_args(Kind), *CLASSES])
def test_an_entry_says_what_it_means_where_to_look_and_what_cures_it(name):
    parts = re.findall(
        r"^\*\*(Meaning|First look|Cure)\.\*\* (\S.+?)(?=^\*\*|\Z)", ENTRIES[name], re.MULTILINE | re.DOTALL
    )
    assert [part for part, _ in parts] == ["Meaning", "First look", "Cure"]
    assert all(len(text.split()) >= 5 for _, text in parts)


def test_every_entry_is_of_a_kind_or_a_class():
    assert set(ENTRIES) == {*get_args(Kind), *CLASSES}
    assert set(KINDS) == set(get_args(Kind))
    assert set(COVERED) <= set(KINDS)
    assert len(CLASSES) > 8


def test_every_link_inside_leads_to_an_entry():
    anchors = {name.lower() for name in ENTRIES} | {"alerts", "errors"}
    assert set(re.findall(r"\(#([\w-]+)\)", TEXT)) <= anchors


def test_every_command_that_is_named_exists(monkeypatch):
    from orderflow.command.app import app, main

    with monkeypatch.context() as patch:
        patch.setattr("typer.main.Typer.__call__", lambda self: None)
        main()  # registers all commands, and runs none
    group = typer.main.get_command(app)
    named = {tuple(words.split()) for words in re.findall(r"`orderflow ([a-z]+(?: [a-z]+)?)", TEXT)}
    assert len(named) > 10
    for first, *rest in named:
        assert first in group.commands, first
        if rest and hasattr(group.commands[first], "commands"):
            assert rest[0] in group.commands[first].commands, (first, rest)
