"""Airflow gets a home of its own before anything imports it; no test here needs its database."""

import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="orderflow-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from dag_project import Project


@pytest.fixture
def project(tmp_path):
    """The project's DAG files beside an `include` of the test's own; `project.add(name)` writes a channel file."""
    return Project(tmp_path)
