"""Target files: read with every problem at once, each with its line."""

import re
from pathlib import Path

import pytest

from orderflow import oms
from orderflow.domain.errors import ConfigError

TARGETS = Path(oms.__file__).resolve().parents[2] / "targets"

GOOD = """
title: Lager
kind: http
connection: lager
auth: basic
timeout: 1m30s
single: {path: "/orders/{order_id}"}
look_up: {path: /find}
"""


def write(folder: Path, text: str, name: str = "lager") -> None:
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", oms.known(TARGETS))
def test_every_target_file_of_the_project_can_be_read(name):
    file = oms.find(name, TARGETS)
    assert (file.name, file.kind in oms.KINDS) == (name, True)


@pytest.mark.parametrize("number", range(2))
def test_the_targets_of_the_documentation_can_be_read(tmp_path, number):
    page = TARGETS.parents[1] / "docs" / "new-oms.md"
    write(tmp_path, re.findall(r"```yaml\n(title.+?)```", page.read_text(encoding="utf-8"), re.DOTALL)[number])
    assert oms.find("lager", tmp_path).title


def test_the_demo_target_is_among_them():
    assert "demo" in oms.known(TARGETS)


def test_a_file_becomes_a_target_of_its_kind(tmp_path):
    write(tmp_path, GOOD)
    file = oms.find("lager", tmp_path)
    assert (file.title, file.kind, file.connection) == ("Lager", "http", "lager")
    assert file.options.timeout.total_seconds() == 90


def test_all_problems_are_told_at_once_with_their_lines(tmp_path):
    write(tmp_path, GOOD.replace("auth:", "atuh:").replace("1m30s", "90").replace("connection: lager", "connection: L"))
    with pytest.raises(ConfigError) as caught:
        oms.find("lager", tmp_path)
    message = str(caught.value)
    assert "line 4  connection" in message
    assert "line 5  atuh  unknown key; did you mean 'auth'?" in message
    assert "line 6  timeout" in message
    assert "write it with its unit" in message
    assert [line.split()[1] for line in message.splitlines()[1:]] == ["4", "5", "6"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: http\n", "title  is missing"),
        (GOOD.replace("kind: http", "kind: fax"), "line 3  kind"),
        (GOOD.replace("single", "singel"), "unknown key; did you mean 'single'"),
        (GOOD.replace('single: {path: "/orders/{order_id}"}', ""), "nothing says how to send an order"),
        (GOOD.replace("path: /find", "path: find"), "line 8  look_up.path  write it with a slash in front"),
        (
            GOOD.replace("path: /find", "path: /find, orderid: id"),
            "look_up.orderid  unknown key; did you mean 'order_id'",
        ),
        (GOOD + "answer: {foo: x}\n", "answer.foo  unknown key; known are results, key, outcome"),
        (GOOD.replace("1m30s", "90"), "timeout  90 is not a duration"),
        (GOOD + "auth_header: X\n", "auth_header belong together"),
        ("- a\n- b\n", "holds no block of keys"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(tmp_path, text, words):
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        oms.find("lager", tmp_path)
    assert words in str(caught.value)


def test_an_unknown_target_is_answered_with_the_known_ones(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match="did you mean 'lager'"):
        oms.find("lagr", tmp_path)
