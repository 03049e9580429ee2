"""The project's DAG files; no test here needs Airflow's database."""

import pytest
from dag_project import Project


@pytest.fixture
def project(tmp_path):
    """The project's DAG files beside an `include` of the test's own; `project.add(name)` writes a channel file."""
    return Project(tmp_path)
