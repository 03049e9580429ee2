"""The DAG `quality`: what is expected of staged orders, and the data-quality report (an Airflow DAG)."""

from pathlib import Path

from orderflow.orchestration.quality import build

INCLUDE = Path(__file__).resolve().parents[1] / "include"

quality = build(INCLUDE)
