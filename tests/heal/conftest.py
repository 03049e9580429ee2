"""Airflow gets a home of its own before anything imports it; the database fixtures are those of the staging tests."""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="orderflow-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]
