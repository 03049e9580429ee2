"""Who may import whom: the table of docs/architecture.md, and the purity of the domain."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "include" / "orderflow"
KITS = {"http", "files", "graph", "described", "xml", "edi", "record", "amounts", "cells", "webhook"}
ANYTHING = {
    "domain",
    "adapters",
    "pipeline",
    "staging",
    "oms",
    "config",
    "quality",
    "orchestration",
    "web",
    "sandbox",
    "command",
    "wire",
}
MAY = {
    "domain": set(),
    "wire": {"domain"},
    "adapters": {"domain", "wire"},
    "staging": {"domain"},
    "oms": {"domain", "wire"},
    "quality": {"domain"},
    "pipeline": {"domain", "quality"},
    "config": {"domain", "adapters", "oms", "quality"},
    "web": {"domain", "staging", "config", "quality"},
    "sandbox": ANYTHING - {"orchestration", "web"},
    "orchestration": ANYTHING - {"sandbox", "command"},
    "command": ANYTHING - {"orchestration"},
    "__main__": {"command"},
    "__init__": set(),
}


def imported(path: Path) -> set[str]:
    """Every module that the file imports, wherever the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_there_are_files_to_look_at():
    assert len(FILES) > 20
    assert {room(path) for path in FILES} <= set(MAY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_the_table_allows(path: Path):
    here = room(path)
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("orderflow.") and "." in name}
    refused = {name for name in ours if name in MAY} - MAY[here] - {here}
    assert not refused, f"{path} imports {sorted(refused)}; allowed: {sorted(MAY[here])}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_orchestration_imports_airflow(path: Path):
    foreign = {name for name in imported(path) if name.split(".")[0] == "airflow"}
    assert not foreign or room(path) == "orchestration"


@pytest.mark.parametrize(
    "path", [path for path in FILES if room(path) == "adapters"], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_an_adapter_never_imports_another_adapter(path: Path):
    parts = path.relative_to(PACKAGE / "adapters").parts
    me = parts[0].removesuffix(".py")
    others = {name.split(".")[2] for name in imported(path) if name.startswith("orderflow.adapters.")}
    assert others <= KITS | {me}


@pytest.mark.parametrize("path", [path for path in FILES if room(path) == "domain"], ids=lambda path: path.name)
def test_the_domain_is_pure(path: Path):
    allowed = set(sys.stdlib_module_names) | {"pydantic", "msgspec", "orderflow"}
    forbidden = {"socket", "os", "subprocess", "urllib", "http", "io", "pathlib", "time", "random"}
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots <= allowed - forbidden
    source = path.read_text()
    assert ".now(" not in source
    assert "open(" not in source.replace("open: ", "").replace("`open(", "")
