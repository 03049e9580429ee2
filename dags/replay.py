"""The Airflow DAG `replay`: raw records that were kept, read again by today's code."""

from pathlib import Path

from orderflow.orchestration.replay import build

replay = build(Path(__file__).resolve().parents[1] / "include")
