"""Parsing needs nothing but the files: no network, no database, no variable, no connection, no setting, no frames."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
from dag_project import ROOT

PARSE = """
import importlib.abc, json, os, runpy, socket, sys

HEAVY = {"pandas", "pyarrow", "numpy", "pandera", "great_expectations", "psycopg2", "apprise", "phonenumbers"}

class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HEAVY:
            raise AssertionError(f"{name} is imported while DAG files are parsed")

sys.meta_path.insert(0, Refusing())

import airflow.sdk
from airflow import settings
from airflow.sdk import Connection, Variable

def refuse(what):
    def refused(*args, **kwargs):
        raise AssertionError(f"{what} while DAG files are parsed")
    return refused

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse("the network is used")
Variable.get = Connection.get = refuse("a variable or connection is read")
settings.Session = settings.NonScopedSession = refuse("the database is opened")

asked = set()
environment = type(os.environ)

def recording(name):
    wrapped = getattr(environment, name)
    def method(self, key, *rest):
        asked.add(key)
        return wrapped(self, key, *rest)
    return method

import collections.abc
environment.__getitem__ = recording("__getitem__")

codes = []
for path in sys.argv[1:]:
    child = os.fork()
    if not child:
        told = os.path.join(os.environ["AIRFLOW_HOME"], os.path.basename(path))
        os.dup2(os.open(told + ".out", os.O_CREAT | os.O_WRONLY), 1)
        os.dup2(os.open(told + ".err", os.O_CREAT | os.O_WRONLY), 2)
        break
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
else:
    print(json.dumps(codes))
    sys.exit()

found = runpy.run_path(path)
dags = sorted(dag.dag_id for dag in found.values() if type(dag).__name__ == "DAG")
ours = sorted(key for key in asked if str(key).startswith(("ORDERFLOW", "AIRFLOW_CONN", "AIRFLOW_VAR")))
print(json.dumps({"dags": dags, "asked": ours, "heavy": sorted(HEAVY & set(sys.modules))}))
"""


def parse(home, *paths):
    """Run DAG files where everything that they must not need is missing: each in a process that has only Airflow."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PARSE), *map(str, paths)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "include"),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/no/such/folder/airflow.db",
        },
    )
    return [
        subprocess.CompletedProcess(
            path, code, *((home / f"{path.name}.{kind}").read_text() for kind in ("out", "err"))
        )
        for path, code in zip(paths, json.loads(done.stdout.splitlines()[-1]), strict=True)
    ]


def test_channel_files_become_dags_without_network_database_settings_or_frames(project, tmp_path):
    for name in ("a", "b"):
        project.add(name)
    (done,) = parse(tmp_path, project.dags / "channels.py")
    assert done.returncode == 0, done.stderr
    expected = '{"dags": ["orders.a", "orders.b"], "asked": [], "heavy": []}'
    assert done.stdout.splitlines()[-1] == expected


def test_look_ups_waived_rules_and_codes_are_checked_without_frames(project, tmp_path):
    from dag_project import CHANNEL

    project.add(
        "a",
        CHANNEL + "clean: {{currency: TWD, lookups: {{payment_method: {{COD: cash_on_delivery}}}}}}\n"
        "validate: {{waive: [NO_SUCH_RULE]}}\n",
    )
    (done,) = parse(tmp_path, project.dags / "channels_broken.py")
    assert done.returncode == 1
    assert done.stderr.count("a.yml:") == 1
    assert "validate.waive[0]  unknown rule 'NO_SUCH_RULE'" in done.stderr


OURS = sorted(path.name for path in (ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """What became of each of the project's own DAG files, by name."""
    paths = [ROOT / "dags" / name for name in OURS]
    return dict(zip(OURS, parse(tmp_path_factory.mktemp("parsed"), *paths), strict=True))


@pytest.mark.parametrize("name", OURS)
def test_the_projects_own_dag_files_parse_alone(name, parsed):
    done = parsed[name]
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["asked"], told["heavy"]) == ([], [])


@pytest.mark.parametrize("name", OURS)
def test_airflow_does_not_pass_a_dag_file_over(name):
    """Its safe mode reads only files that hold both words."""
    text = (ROOT / "dags" / name).read_text().lower()
    assert "dag" in text
    assert "airflow" in text


def test_the_blockade_holds(tmp_path):
    (tmp_path / "heavy.py").write_text("import pandas\n")
    (tmp_path / "network.py").write_text("import socket\nsocket.create_connection(('127.0.0.1', 9))\n")
    (tmp_path / "variable.py").write_text("from airflow.sdk import Variable\nVariable.get('x')\n")
    (tmp_path / "setting.py").write_text("import os\nos.environ.get('ORDERFLOW_LANDING')\n")
    *refused, setting = parse(
        tmp_path, *(tmp_path / f"{name}.py" for name in ("heavy", "network", "variable", "setting"))
    )
    for done, said in zip(refused, ("pandas", "the network", "a variable"), strict=True):
        assert done.returncode == 1
        assert f"AssertionError: {said}" in done.stderr
    assert '"asked": ["ORDERFLOW_LANDING"]' in setting.stdout
