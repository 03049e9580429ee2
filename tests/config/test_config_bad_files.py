"""Every file in `bad/` has what is wrong with it beside it, word for word: `<name>.txt`, one problem per line.

A line is what people see, without the folder in front: `file:line  path  message; cure`.
"""

import functools

import pytest
from channel_files import HERE, NOW

from orderflow import config

BAD = HERE / "bad"
FILES = sorted(path for path in BAD.iterdir() if path.suffix != ".txt")


@functools.cache
def reading():
    """All of them, read once."""
    return config.read(BAD, now=NOW)


def said(problems):
    return [str(problem).removeprefix(f"{BAD}/") for problem in problems]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_bad_file_tells_every_problem_with_line_and_cure(path):
    problems = [problem for problem in reading().problems if problem.file == path]
    assert said(problems) == path.with_suffix(".txt").read_text().splitlines()


def test_no_bad_file_becomes_a_channel_and_none_is_passed_over():
    assert reading().channels == []
    assert {problem.file for problem in reading().problems} == set(FILES)
    assert len(FILES) >= 25


def test_a_secret_is_never_repeated():
    assert "shhh" not in "\n".join(said(reading().problems))
    assert "shhh" in (BAD / "secrets_in_keys.yml").read_text()
