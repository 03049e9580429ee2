"""An order as Shopify shows it, out of the recorded page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orderflow import adapters

ADAPTER = adapters.find("shopify")
PAGE = json.loads((Path(__file__).parents[1] / "contract/cases/shopify/one_page/page.json").read_text())


def order() -> dict[str, Any]:
    return json.loads(json.dumps(PAGE["data"]["orders"]["edges"][0]["node"]))


def with_odd(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The record with another value at a place of it."""
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = raw
    for part in way:
        place = place[part]
    place[last] = value
    return raw
