"""The DAG `upkeep`: what is old and not needed goes (an Airflow DAG)."""

from orderflow.orchestration.upkeep import build

upkeep = build()
