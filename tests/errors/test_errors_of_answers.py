"""What a user reads when a shop sends something else than orders: the whole message, and never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from command_line import ASKED, GRAPHQL, run


@contextmanager
def fault(shop: str, **rule: Any) -> Iterator[None]:
    httpx.post(f"{shop}/_sandbox/faults", json={"count": None, **rule}).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(f"{shop}/_sandbox/faults").raise_for_status()


def test_a_web_page_with_status_200_is_no_page_of_orders(right: dict[str, str], shop: str):
    with fault(shop, kind="html", path="/demo_woocommerce/*"):
        assert run(right) == (
            f"4 TransientError {ASKED}: status 200, 104 bytes declared as text/html; "
            "charset=utf-8: a web page instead of a count of orders: maintenance, a firewall, a login page, or "
            "a program's notice; when it stays, open the address in a browser"
        )


def test_a_web_page_in_place_of_graphql_says_the_same(right: dict[str, str], shop: str):
    with fault(shop, kind="html", path="/demo_shopify/*"):
        assert run(right, "demo_shopify") == (
            f"4 TransientError {GRAPHQL}: status 200, 104 bytes declared as text/html; charset=utf-8: a web "
            "page instead of a count of orders: maintenance, a firewall, a login page, or a program's "
            "notice; when it stays, open the address in a browser"
        )


def test_json_that_breaks_off_is_tried_again(right: dict[str, str], shop: str):
    with fault(shop, kind="garbage", path="/demo_woocommerce/*"):
        assert run(right) == (
            f"4 TransientError {ASKED}: status 200, 36 bytes declared as application/json: "
            "JSON that ends early instead of a count of orders; the platform is busy or down; the "
            "run tries again by itself"
        )
