"""What is forked finds its imports in memory, and nothing open that two processes must not share."""

import ast
import json
import subprocess
import sys
import textwrap

import pytest
from dag_project import ROOT

from orderflow.orchestration import preload

PROBE = """
import json, os, sys, threading
from orderflow.orchestration import preload

def held():
    return [fd for fd in os.listdir("/proc/self/fd") if "socket" in os.path.realpath(f"/proc/self/fd/{fd}")]

before = held()
preload.import_for(sys.argv[1])
print(json.dumps({"modules": sorted(sys.modules), "sockets": len(held()) - len(before),
    "threads": threading.active_count()}))
"""


def preloaded(command, tmp_path):
    """What a component has in memory before it forks."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE), command],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "include"), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    return preloaded("scheduler", tmp_path_factory.mktemp("scheduler"))


def test_whatever_a_dag_file_imports_is_in_memory_before_it_is_parsed():
    imported = set()
    for path in (ROOT / "dags").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "orderflow.orchestration":
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("orderflow.orchestration."):
                imported.add(node.module.rpartition(".")[2])
    assert imported
    assert imported <= set(preload.DAGS)


def test_a_task_finds_frames_rules_drivers_and_adapters_in_memory(scheduler):
    modules = set(scheduler["modules"])
    assert {"pandas", "pandera.pandas", "pyarrow.parquet", "psycopg2", "httpx", "phonenumbers"} <= modules
    ours = ("adapters.shopify.source", "oms.http.client", "pipeline.sync", "quality.schemas", "staging.store")
    assert {f"orderflow.{name}" for name in ours} <= modules
    assert "great_expectations" not in modules


def test_nothing_is_open_and_nothing_runs_when_tasks_are_forked(scheduler):
    assert scheduler["sockets"] == 0
    assert scheduler["threads"] == 1


def test_the_dag_processor_has_adapters_in_memory_and_no_frames(tmp_path):
    modules = set(preloaded("dag-processor", tmp_path)["modules"])
    assert {"orderflow.adapters.shopify", *(f"orderflow.orchestration.{name}" for name in preload.DAGS)} <= modules
    assert not {"pandas", "pyarrow"} & modules
