"""The Airflow DAG `fulfilments`: channels are told of parcels, and whether their orders are taken."""

from pathlib import Path

from orderflow.orchestration import fulfil

INCLUDE = Path(__file__).resolve().parents[1] / "include"

fulfilments = fulfil.build(INCLUDE)
