"""A person with a keyboard: from the overview to an order, a decision, and its undo; no script error on any page."""

import os
import shutil
import socket
import threading
from datetime import date

import pytest
import uvicorn
from test_reconciliation_pages import certify
from waiting import line, load, order, refused_by, wait

from orderflow.staging.store import Store

CHROMIUM = os.environ.get("ORDERFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


REACHABLE = """() =>
  [...document.querySelectorAll(".table")].every((box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)
"""
"""Whether the keyboard reaches every table that scrolls."""


@pytest.fixture
def address(site):
    """The app on loopback, for a browser."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(site, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(address):
    """A page of an editor; whatever goes wrong in it fails the test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--enable-features=BackForwardCache,CacheControlNoStoreEnterBackForwardCache"],
            ignore_default_args=["--disable-back-forward-cache"],  # people's browsers keep the page they come back to
        )
        context = browser.new_context(
            base_url=address, extra_http_headers={"x-user": "editor"}, viewport={"width": 1440, "height": 900}
        )
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        yield page
        browser.close()
    assert wrong == []


def test_an_operator_releases_and_undoes_with_the_keyboard_and_maps_what_is_suggested(page, site, staging):
    store = Store(staging, site.state.site.vault())
    load(store, order("S-1", lines=[line(1, sku="RT-250", oms_sku="T-0042", title="紅茶 250 g")]), channel="channel_02")
    wait(store, "訂單-😀", "A-2", "A-3")
    refused_by(store, "RED-TEA", "ط-9", title="紅茶 250 g")

    page.goto("/quarantine")
    page.get_by_role("link", name="PAYMENT_STATUS_UNKNOWN").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="訂單-😀").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="訂單-😀").wait_for()
    page.locator("summary", has_text="Release").first.focus()
    page.keyboard.press("Enter")
    page.locator("details[open] input[name=why]").fill("the shop confirmed it")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert "Released: 1." in page.get_by_role("status").inner_text()
    assert "in 53 min" in page.locator(".next").inner_text()
    page.locator("summary", has_text="Undo").focus()
    page.keyboard.press("Enter")
    page.locator("details[open] input[name=why]").fill("too early")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Open again: 1.").wait_for()

    page.goto("/quarantine?reason=PAYMENT_STATUS_UNKNOWN")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/quarantine?channel=*")
    page.go_back(wait_until="commit")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/quarantine?channel=*")
    page.get_by_label("Tick all on this page").check()
    assert page.locator("input[name=row]:checked").count() == 3
    page.get_by_role("button", name="Park…").click()
    page.get_by_role("heading", name="Park 3 orders?").wait_for()
    page.keyboard.type("until Monday")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Parked: 3").wait_for()

    page.goto("/mapping")
    page.get_by_role("button", name="Confirm T-0042 for RED-TEA").click()
    page.get_by_role("status").get_by_text("Pairs added: 1").wait_for()

    certify(staging, date(2026, 2, 27))
    month = "/reconciliation?month=2026-02&channel=channel_01"
    for path in ("/quarantine", "/mapping/pairs", "/mapping/import", "/mapping/lookups", month, "/quality"):
        page.goto(path)
        page.get_by_role("heading", level=1).wait_for()
        for width in (1440, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.wait_for_function(REACHABLE)
