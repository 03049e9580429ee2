"""The Airflow DAG `reconcile`: daily and on demand, what channel, staging and OMS hold of a day, with a certificate."""

from pathlib import Path

from orderflow.orchestration import reconcile

INCLUDE = Path(__file__).resolve().parents[1] / "include"

reconcile_days = reconcile.build(INCLUDE)
