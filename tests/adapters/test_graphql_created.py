"""A GraphQL shop is asked for the orders of a day by the variables that its channel file names."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from orderflow.adapters.graphql import ADAPTER
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window

VENDURE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "vendure.yml"
DAY = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def test_the_filter_on_creation_stands_among_the_variables_like_the_one_on_change():
    told = {**yaml.safe_load(VENDURE.read_text(encoding="utf-8"))["source"], "auth": {"kind": "none"}}
    options = ADAPTER.options(**{key: value for key, value in told.items() if key not in {"adapter", "connection"}})
    asked = []

    def shop(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={"data": {"orders": {"totalItems": 0, "items": []}}})

    runtime = Runtime(clock=lambda: DAY.end, sleep=lambda _: None, transport=httpx.MockTransport(shop))
    source = ADAPTER.open(options, Account("vendure", "https://shop.example"), runtime)
    assert list(source.identify(DAY)) == []
    assert {tuple(body) for body in asked} == {("query", "variables")}
    assert asked[0]["variables"]["options"]["filter"]["createdAt"]["between"]["start"] == "2026-03-01T00:00:00.000Z"
