"""Prometheus itself: it takes the rules and the settings, scrapes a real server, answers, and raises what it should."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from metrics_site import TOKEN

MONITORING = Path(__file__).resolve().parents[2] / "monitoring"


def test_promtool_takes_settings_and_rules_as_they_are(promtool, tmp_path):
    folder = shutil.copytree(MONITORING, tmp_path / "monitoring")
    settings = (folder / "prometheus.yml").read_text()
    token = folder / "orderflow.token"
    token.write_text("x")
    (folder / "prometheus.yml").write_text(settings.replace("/etc/prometheus/orderflow.token", str(token)))
    checked = subprocess.run([promtool, "check", "config", folder / "prometheus.yml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"SUCCESS: \d+ rules found", checked.stdout)


def test_every_alert_is_raised_when_it_should_and_only_then(promtool):
    """The unit tests beside this file: each alert with a series that raises it, and one that does not."""
    scenarios = Path(__file__).with_name("alerts.test.yml")
    tested = subprocess.run([promtool, "test", "rules", scenarios], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    raised = {
        case["alertname"]
        for group in yaml.safe_load(scenarios.read_text())["tests"]
        for case in group["alert_rule_test"]
        if case["exp_alerts"]
    }
    rules = yaml.safe_load((MONITORING / "alerts.rules.yml").read_text())["groups"]
    assert raised == {rule["alert"] for group in rules for rule in group["rules"]}


@pytest.fixture
def watching(prometheus: str, served: str, story: None, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes the app with our own settings, every second."""
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    (tmp_path / "token").write_text(TOKEN)
    shutil.copy(MONITORING / "alerts.rules.yml", tmp_path)
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = settings["scrape_configs"]
    job["metrics_path"] = "/metrics"
    job["authorization"]["credentials_file"] = str(tmp_path / "token")
    job["static_configs"] = [{"targets": [served.removeprefix("http://")]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def asked(prometheus: str, path: str, **query: str) -> list[dict]:
    """What it answers, once it answers anything."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        try:
            answer = httpx.get(f"{prometheus}/api/v1/{path}", params=query, trust_env=False).json()["data"]
            found = answer.get("result", answer.get("activeTargets", answer.get("groups")))
            if found and found[0].get("health") != "unknown":
                return found
        except (httpx.TransportError, json.JSONDecodeError):
            pass
        time.sleep(0.1)
    pytest.fail(f"Prometheus says nothing to {path} {query}")


def test_a_real_prometheus_scrapes_loads_the_rules_and_answers(watching):
    (target,) = asked(watching, "targets")
    assert (target["health"], target["lastError"]) == ("up", "")
    (sample,) = asked(watching, "query", query='orderflow_orders_total{channel="shop_tw",outcome="inserted"}')
    assert sample["value"][1] == "7"
    assert sample["metric"]["job"] == "orderflow"
    (late,) = asked(watching, "query", query='orderflow_overdue_seconds{channel="shop_tw"} > 0')
    assert late["value"][1] == str(7 * 3600)
    groups = asked(watching, "rules")
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    dashboard = json.loads((MONITORING / "grafana" / "orderflow.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$channel", ".*")
            answer = httpx.get(f"{watching}/api/v1/query", params={"query": expression}, trust_env=False).json()
            assert answer["status"] == "success", (panel["title"], answer)
