"""The DAG `watch`: what is wrong with any channel, told to its owners (an Airflow DAG)."""

from pathlib import Path

from orderflow.orchestration.watch import build

watch = build(Path(__file__).resolve().parents[1] / "include")
