"""`review` asks a person, in Airflow's Required Actions, about every batch that a guard held.

A DAG of its own, so that the channel's runs go on meanwhile.
"""

from pathlib import Path

from orderflow.orchestration.review import build

INCLUDE = Path(__file__).resolve().parents[1] / "include"

review = build(INCLUDE)
