"""The pages inside the real Airflow: its login, its permissions, its menu; and a browser that walks all of them."""

import os
import shutil
from pathlib import Path

import pytest
from test_access import OWN_TOKEN, addresses
from web_site import identify

from orderflow.web import app as web
from orderflow.web.database import Database
from orderflow.web.page import TABS

CHROMIUM = os.environ.get("ORDERFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
browsed = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PICTURES = os.environ.get("ORDERFLOW_PICTURES")
"""Folder into which the pictures of docs/ are taken."""


@pytest.fixture(scope="module")
def every_address(tmp_path_factory):
    """Method, address and route of every route of the app."""
    never = Database(lambda: "")
    app = web.create(identify, never, tmp_path_factory.mktemp("no"), trigger=never, vault=never)
    return list(addresses(app))


def test_airflow_lets_nobody_in_without_its_login(airflow, every_address):
    with airflow.client(None) as anonymous:
        for method, path, _ in every_address:
            answer = anonymous.request(method, f"/orderflow{path}")
            assert answer.status_code in (401, 403), (method, path, answer.status_code)
    assert len(every_address) > 20


def test_airflows_viewer_reads_everything_and_decides_nothing(airflow, every_address):
    span = "2026-03-08T08:00Z/2026-03-08T09:00Z"
    with airflow.client("viewer") as viewer:
        for path, _ in TABS:
            assert viewer.get(f"/orderflow/{path}").status_code == 200, path
        for method, path, route in every_address:
            if method == "GET" or route in OWN_TOKEN:
                continue
            answer = viewer.request(
                method, f"/orderflow{path}", data={"span": span, "why": "x", "channel": "channel_01"}
            )
            assert answer.status_code in (400, 403, 404, 422), (method, path, answer.status_code)
        assert viewer.post("/orderflow/coverage/channel_01/backfill", data={"span": span}).status_code == 403


def test_airflow_registers_the_menu_and_the_tabs(airflow):
    with airflow.client("viewer") as viewer:
        shown = viewer.get("/api/v2/plugins").json()["plugins"]
    (ours,) = [each for each in shown if each["name"] == "orderflow"]
    assert {view["destination"] for view in ours["external_views"]} == {"nav", "dag", "dag_run"}


def test_a_backfill_starts_in_airflow_under_the_users_name(airflow):
    with airflow.client("admin") as admin:
        form = {"span": "2026-03-01T08:00Z/2026-03-01T09:00Z"}
        assert admin.post("/orderflow/coverage/channel_03/backfill", data=form).status_code == 303
        (run,) = admin.get("/api/v2/dags/heal/dagRuns").json()["dag_runs"]
    assert run["dag_run_id"].startswith("fill__channel_03__20260301T080000Z--20260301T090000Z__")
    assert run["conf"]["channel"] == "channel_03"
    assert run["triggering_user_name"] == "admin"


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def _ours(place):
    """Whether a message of the console is about one of our addresses; a status of 400 or more is such a message."""
    return "/orderflow" in place.get("url", "")


def logged_in(chromium, airflow, user, **options):
    """A page of a browser in which this user has logged in by Airflow's form; and all that went wrong on our pages."""
    context = chromium.new_context(base_url=airflow.url, viewport={"width": 1440, "height": 900}, **options)
    context.set_default_timeout(20_000)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.extend([said.text] if said.type == "error" and _ours(said.location) else []))
    page.goto("/auth/login")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", user)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/login" not in url)
    return page, wrong


def ours(page):
    """The document of ours inside Airflow's page."""
    return page.frame_locator("iframe")


@browsed
def test_a_browser_walks_every_page_from_airflows_menu(airflow, chromium, tmp_path):
    page, wrong = logged_in(chromium, airflow, "admin", color_scheme="light")
    page.get_by_role("link", name="Orderflow").click()
    pictures = Path(PICTURES) if PICTURES else tmp_path
    for path, title in TABS:
        ours(page).get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
        ours(page).locator("h1").wait_for()
        ours(page).locator(f'.tabs a[aria-current=page][href$="/{path}"]').wait_for()
        if path == "order":
            ours(page).get_by_label("Order id or number").fill("100007")
            ours(page).get_by_role("button", name="Where is it?").click()
            ours(page).get_by_role("list", name="Timeline").wait_for()
        page.screenshot(path=pictures / f"ui-{path}.png")
    ours(page).get_by_role("navigation").get_by_role("link", name="Channels").click()
    ours(page).get_by_role("link", name="channel_07", exact=True).click()
    ours(page).get_by_role("link", name="its DAG in Airflow").click()
    page.wait_for_url("**/dags/orders.channel_07**")
    assert page.locator("iframe").count() == 0, "the link left the frame"
    page.goto("/dags/orders.channel_07/plugin/orderflow-dag")
    ours(page).get_by_role("heading", name="旗艦店 channel_07").wait_for()
    assert ours(page).locator("nav").count() == 0
    page.screenshot(path=pictures / "ui-dag.png")
    page.goto("/dags/heal/plugin/orderflow-dag")
    ours(page).get_by_text("This DAG pulls no channel of its own").wait_for()
    assert wrong == []
    page.context.close()


@browsed
def test_a_hole_is_pulled_with_the_keyboard_alone(airflow, chromium):
    page, wrong = logged_in(chromium, airflow, "admin")
    page.goto("/orderflow/coverage")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("svg.strip a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start the backfill").wait_for()
    page.get_by_role("button", name="Start the backfill").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert "has started: DAG heal" in page.get_by_role("status").inner_text()
    assert wrong == []
    page.context.close()


@browsed
def test_the_pages_follow_airflows_theme_and_language_and_show_a_viewer_no_buttons(airflow, chromium):
    page, wrong = logged_in(chromium, airflow, "viewer", color_scheme="light")
    page.evaluate("localStorage.setItem('theme', 'dark'); localStorage.setItem('i18nextLng', 'zh-TW')")
    page.goto("/plugin/orderflow")
    ours(page).get_by_role("heading", name="通路", exact=True).wait_for()
    assert page.frames[-1].evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 31)"
    ours(page).get_by_role("link", name="涵蓋範圍").click()
    ours(page).locator("svg.strip a").first.click()
    ours(page).get_by_text("您只能查看").wait_for()
    assert ours(page).get_by_role("button", name="開始補抓").count() == 0
    assert wrong == []
    page.context.close()
