"""`orderflow adapter new` writes an adapter that keeps its contract from the first minute on."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orderflow.command.adapter
import orderflow.command.certify  # noqa: F401 - importing these registers their commands
from orderflow import adapters
from orderflow.command.app import app
from orderflow.sandbox.conformance import cases, contract
from orderflow.sandbox.conformance.behaviours import BEHAVIOURS
from orderflow.sandbox.conformance.certificate import certify, find
from orderflow.sandbox.conformance.subject import Subject

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN_SANDBOX = [each for each in BEHAVIOURS if each.name in ("many pages", "window edges", "expired or denied", "by id")]


def new(name: str, root: Path, *more: str):
    return CliRunner().invoke(app, ["adapter", "new", name, "--root", str(root), *more])


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes adapters in a package that is not this project's."""
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def make(name: str, *more: str) -> str:
        assert new(name, tmp_path, *more).exit_code == 0
        importlib.invalidate_caches()
        return name

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme"]:
        del sys.modules[name]


def test_a_platform_of_somebody_else_is_found_by_its_path_and_keeps_its_contract(stranger, tmp_path: Path):
    name = stranger("acme.shop", "--title", "Acme 商店 🏬")
    assert adapters.find(name).limits.page_size == 100
    assert contract.whole(name) == []
    for case in cases.of(name):
        check = contract.yields_its_orders if contract.good(case) else contract.raises_its_error
        assert check(case, tmp_path / case.name) == []
    subject = Subject.of(name)
    found = [find(subject, each, tmp_path / each.name) for each in IN_SANDBOX]
    assert [(each.result, each.wrong) for each in found] == [("passed", [])] * len(IN_SANDBOX)


def test_files_of_somebody_else_keep_their_contract(stranger):
    made = certify(Subject.of(stranger("acme.drop", "--kind", "file")), NOW)
    assert [(each.behaviour, each.wrong) for each in made.findings if each.result == "failed"] == []
    assert made.totals["not tried"] == 0


def test_a_channel_file_may_name_a_package(stranger):
    stranger("acme.shop")
    assert adapters.find("acme.shop").options.model_config["extra"] == "forbid"
    with pytest.raises(Exception, match=r"there is no adapter 'acme.shoe'"):
        adapters.find("acme.shoe")


@pytest.mark.parametrize(("name", "kind"), [("zalando", "rest"), ("a", "rest"), ("zzz_partner_9", "file")])
def test_in_this_project_every_part_goes_where_it_belongs_and_ruff_likes_it(name: str, kind: str, tmp_path: Path):
    (tmp_path / "include" / "orderflow").mkdir(parents=True)
    told = new(name, tmp_path, "--kind", kind)
    assert told.exit_code == 0
    assert f"orderflow certify {name}" in told.stdout
    package = tmp_path / "include/orderflow/adapters" / name
    assert {path.name for path in package.iterdir()} >= {"__init__.py", "source.py", "mapping.py", "README.md"}
    assert (tmp_path / "tests/contract/cases" / name / "one_page/expected.json").exists()
    assert (tmp_path / f"include/orderflow/sandbox/platforms/{name}.py").exists() == (kind == "rest")
    assert "@" not in "".join(path.read_text() for path in package.iterdir()).replace("@dataclass", "")
    for folder in (package.parent, tmp_path / "include/orderflow/sandbox/platforms"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    ours = "lint.isort.known-first-party = ['orderflow']"
    settings = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), "--config", ours]
    for order in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *order, *settings, "include"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten_and_a_bad_name_is_refused(tmp_path: Path):
    (tmp_path / "include" / "orderflow").mkdir(parents=True)
    assert new("zalando", tmp_path).exit_code == 0
    again = new("zalando", tmp_path)
    assert "is there already" in str(again.exception)
    assert "cannot name an adapter" in str(new("Zalando-DE", tmp_path).exception)
    assert "no checkout" in str(new("zalando", tmp_path / "elsewhere").exception)


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("ORDERFLOW_SOAK"), reason="a minute: ORDERFLOW_SOAK=1 runs it")
@pytest.mark.parametrize("kind", ["rest", "file"])
def test_what_is_written_is_typed(stranger, kind: str, tmp_path: Path):
    stranger("acme.shop", "--kind", kind)
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = true\nexplicit_package_bases = true\nmypy_path = " + f"{ROOT / 'include'}:.\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), "--follow-imports", "silent", "-p", "acme"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
