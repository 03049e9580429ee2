"""Pages that say what went wrong: what was written, how to write it, and the way back to where somebody came from."""

import pytest
from fastapi.testclient import TestClient
from web_site import NOW, VAULT, Started, channel_files, identify

from orderflow.web import app as web
from orderflow.web.database import Database

BACK = "Back to the page before"


@pytest.fixture
def site(tmp_path):
    """The app without a database: what these addresses say is known before one is asked."""
    include = channel_files(tmp_path / "include", ["channel_01"])
    never = Database(lambda: "")
    return web.create(identify, never, include, trigger=Started(), vault=lambda: VAULT, clock=lambda: NOW)


@pytest.mark.parametrize(
    "path",
    [
        "quarantine/abc", "quarantine/-1", "quarantine/１２", "quarantine/99999999999999999999", "coverage?days=many",
        "quality/expectations/channel_01?run=x", "reconciliation/channel_01/2026-03-01?revision=x",
        "reconciliation/channel_01/2026-03-01/certificate.csv?revision=-1",
    ],
)  # fmt: skip
def test_what_is_no_number_gets_a_page_that_names_it(client, path):
    answer = client().get(f"/{path}")
    assert answer.status_code == 400
    assert "write a whole number like 12" in answer.text
    assert "This cannot be done as asked" in answer.text
    assert client(None).get(f"/{path}").status_code == 401


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "訂單"])
def test_what_is_no_day_gets_a_page_that_says_how_to_write_one(client, day):
    for path in (day, f"{day}/certificate.json"):
        answer = client().get(f"/reconciliation/channel_01/{path}")
        assert answer.status_code == 400
        assert f"&#39;{day}&#39; is no day; write it like 2026-03-01" in answer.text
    assert client().get(f"/reconciliation?month={day}").status_code == 400


def test_a_span_that_begins_before_the_calendar_does_gets_a_page_that_says_so(client):
    answer = client().get("/coverage/channel_01", params={"span": "0001-01-01T00:00+14:00/2026-01-01T00:00Z"})
    assert answer.status_code == 400
    assert "lies outside of the calendar" in answer.text


def test_an_error_links_back_to_the_page_on_which_it_was_asked_for(client):
    came = "http://testserver/quarantine?state=open&reason=SKU_UNMAPPED"
    page = client().post("/coverage/channel_01/backfill", data={"span": "soon"}, headers={"referer": came}).text
    assert "is no span" in page
    assert f'href="{came.replace("&", "&amp;")}">{BACK}' in page


@pytest.mark.parametrize(
    "came",
    [
        "", "http://evil.example/quarantine", "javascript:alert(1)//testserver/", "http://[testserver/x",
        "http://testserver@evil.example/quarantine", "http://testserver/order/nothing",
    ],
)  # fmt: skip
def test_an_error_links_to_no_other_site_and_not_to_itself(client, came):
    page = client().get("/order/nothing", headers={"referer": came}).text
    assert BACK not in page
    assert 'href="/channels"' in page


def test_an_error_inside_airflow_links_only_to_pages_of_ours(site):
    inside = TestClient(site, root_path="/orderflow", headers={"x-user": "editor"})
    for came, linked in (("orderflow/quarantine", True), ("dags/orders.channel_01", False), ("orderflowers", False)):
        page = inside.get("/order/nothing", headers={"referer": f"http://testserver/{came}"}).text
        assert (BACK in page) is linked, came
