"""What a scrape says, over real HTTP, against what the database holds."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from metrics_site import TOKEN, serving

from orderflow.domain.source import Secret
from orderflow.web.metrics import FAMILIES

MONITORING = Path(__file__).resolve().parents[2] / "monitoring"
RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
OWN = re.compile(r"\borderflow_[a-z_]+\b")


def scrape(address: str, token: str | None = TOKEN) -> httpx.Response:
    headers = {"authorization": b"Bearer " + token.encode()} if token else {}
    return httpx.get(f"{address}/metrics", headers=headers, timeout=30, trust_env=False)


def numbers(text: str) -> dict[str, dict[str, float]]:
    """name -> labels as written -> value."""
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            found.setdefault(match["name"], {})[match["labels"] or ""] = float(match["value"])
    return found


@pytest.fixture(scope="module")
def told(story, served) -> dict[str, dict[str, float]]:
    return numbers(scrape(served).text)


def test_without_the_token_nobody_reads_anything(story, served):
    for token in (None, "guessed", "", TOKEN + "x", TOKEN[:-1]):
        answer = scrape(served, token)
        assert answer.status_code == 401
        assert "orderflow_metrics_token" in answer.text
        assert "shop_tw" not in answer.text


def test_where_no_token_is_set_the_answer_teaches_how_to_set_one(migrated, include):
    with serving(migrated, include, lambda: None) as address:
        answer = scrape(address, "")
    assert answer.status_code == 403
    assert "AIRFLOW_VAR_ORDERFLOW_METRICS_TOKEN" in answer.text


def test_a_database_that_is_away_is_told_as_such(include):
    with serving("postgresql://nobody@127.0.0.1:1/none", include, lambda: Secret(TOKEN)) as address:
        answer = scrape(address)
    assert answer.status_code == 503
    assert "staging database does not answer" in answer.text


def test_orders_are_counted_by_what_became_of_them(told):
    orders = told["orderflow_orders_total"]
    of = {
        outcome: orders[f'channel="shop_tw",outcome="{outcome}"']
        for outcome in ("inserted", "quarantined", "unreadable")
    }
    assert of == {"inserted": 7, "quarantined": 1, "unreadable": 1}
    assert orders['channel="shop_jp",outcome="inserted"'] == 0
    assert told["orderflow_refusals_total"]['channel="shop_tw",code="TOTAL_MISMATCH"'] == 1


def test_calls_are_counted_by_status_and_time(told):
    calls = told["orderflow_requests_total"]
    place = 'channel="shop_tw",endpoint="GET /orders/*"'
    assert {status: calls[f'{place},status="{status}"'] for status in ("200", "429", "error")} == {
        "200": 2, "429": 1, "error": 1,
    }  # fmt: skip
    buckets = told["orderflow_request_seconds_bucket"]
    assert [buckets[f'{place},le="{bound}"'] for bound in ("0.05", "0.1", "0.5", "+Inf")] == [1, 2, 3, 4]
    assert told["orderflow_request_seconds_sum"][place] == pytest.approx(61.38)
    assert told["orderflow_request_seconds_count"][place] == 4
    assert told["orderflow_request_retries_total"][place] == 2
    assert told["orderflow_throttled_seconds_total"][place] == 1.5


def test_freshness_is_the_age_of_the_watermark_and_late_is_what_is_due(told):
    assert told["orderflow_freshness_seconds"]['channel="shop_tw"'] == 10 * 3600 + 7 * 60
    assert told["orderflow_freshness_seconds"]['channel="shop_jp"'] == 11 * 3600 + 7 * 60
    assert told["orderflow_overdue_seconds"]['channel="shop_tw"'] == 7 * 3600
    assert told["orderflow_gaps"]['channel="shop_tw"'] == 1
    assert told["orderflow_gap_seconds"]['channel="shop_tw"'] == 3600
    assert told["orderflow_gaps"]['channel="shop_jp"'] == 0


def test_what_waits_is_told_with_its_age(told, ask):
    assert told["orderflow_outbox_orders"] == {
        'channel="shop_tw",lane="live"': 2, 'channel="shop_tw",lane="behind"': 1,
        'channel="shop_jp",lane="live"': 0, 'channel="shop_jp",lane="behind"': 0,
    }  # fmt: skip
    assert told["orderflow_quarantine_orders"]['channel="shop_tw",state="open"'] == 2
    assert told["orderflow_held_batches"] == {'channel="shop_tw"': 1, 'channel="shop_jp"': 0}
    assert told["orderflow_windows"]['channel="shop_tw",state="failed",error="DeniedError"'] == 1
    assert told["orderflow_alerts_open"]['channel="shop_tw",kind="access",severity="critical"'] == 1
    assert told["orderflow_certificate_unexplained_orders"] == {'channel="shop_tw"': 3}
    assert told["orderflow_certificate_differences"] == {'channel="shop_tw"': 1}


def test_accounts_show_their_budget_and_the_end_of_their_token(told):
    assert told["orderflow_budget_left"]['account="woocommerce.shop"'] == 10
    left = told["orderflow_token_expires_timestamp_seconds"]['account="shop"'] - 1772334420
    assert left / 86400 == 3
    assert told["orderflow_token_lifetime_seconds"]['account="shop"'] == 7 * 86400


def test_deliveries_and_their_lag_are_counted_once(told, store, ask):
    deliveries = told["orderflow_deliveries_total"]
    of = {name: deliveries[f'channel="shop_tw",outcome="{name}"'] for name in ("accepted", "refused", "postponed")}
    assert of == {"accepted": 3, "refused": 1, "postponed": 2}
    lags = told["orderflow_lag_seconds_count"]
    assert sum(lags.values()) == 3
    assert told["orderflow_delivery_seconds_sum"]['channel="shop_tw"'] == pytest.approx(1.0)


def test_a_channel_file_that_cannot_be_read_is_counted(told):
    assert told["orderflow_channel_file_problems"][""] >= 1


def test_every_metric_there_is_shows_up(told):
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in told}
    assert {family.name for family in FAMILIES} <= names


def test_promtool_finds_no_fault_in_a_real_scrape(story, served, promtool):
    checked = subprocess.run([promtool, "check", "metrics"], input=scrape(served).content, capture_output=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_no_order_and_no_person_appears_in_a_scrape(story, served):
    text = scrape(served).text
    assert not re.search("台北|王小明|A-1|B-1|example.tw|DeniedError:", text)


def test_every_metric_that_rules_and_dashboard_name_exists_in_a_real_scrape(told):
    rules = (MONITORING / "alerts.rules.yml").read_text()
    dashboard = json.loads((MONITORING / "grafana" / "orderflow.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    named = set(OWN.findall(rules)) | {name for each in expressions for name in OWN.findall(each)}
    assert len(named) > 25
    assert named <= told.keys(), sorted(named - told.keys())
    shown = {re.sub("_(bucket|sum|count)$", "", name) for each in expressions for name in OWN.findall(each)}
    assert {family.name for family in FAMILIES} - shown == {"orderflow_channel_info"}


def test_the_dashboard_needs_no_change_to_load(told):
    dashboard = json.loads((MONITORING / "grafana" / "orderflow.json").read_text())
    variables = {each["name"]: each["type"] for each in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "channel": "query"}
    panels = dashboard["panels"]
    assert {each["datasource"]["uid"] for each in panels if each["type"] != "row"} == {"${datasource}"}
    assert [each["title"] for each in panels if each["type"] == "row"] == [
        "Freshness and coverage", "Volume", "Refusals", "API health and budget", "OMS", "Backlog",
    ]  # fmt: skip
    assert len({each["id"] for each in panels}) == len(panels)
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_every_runbook_link_leads_to_a_heading():
    rules = (MONITORING / "alerts.rules.yml").read_text()
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("#")
    }
    linked = re.findall(r"runbook_url: docs/runbook\.md#(\S.*)", rules)
    assert len(linked) == rules.count("- alert:")
    for anchor in linked:
        if not anchor.startswith("{{"):
            assert anchor in headings
