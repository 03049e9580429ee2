"""The Airflow DAG `hints`: orders that webhooks named are looked at within a minute."""

from pathlib import Path

from orderflow.orchestration.hints import build

hints = build(Path(__file__).resolve().parents[1] / "include")
