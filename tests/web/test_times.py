"""Times on pages: each says its zone, and it is the same one whatever zone the database server is set to."""

import re
from datetime import date

import pytest
import seed
from test_quality_pages import check
from test_reconciliation_pages import certify
from waiting import wait
from web_site import NOW, channel_files

from orderflow.staging import actions
from orderflow.staging.store import Store

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?")
ZONED = re.compile(rf"(?:{TIME.pattern} – )?{TIME.pattern}\s(?:UTC|CST)")
"""CST is the next run of a channel in Taipei."""
HOLE = "2026-03-07T06:00Z/2026-03-07T10:00Z"


@pytest.fixture
def filled(site, staging):
    """Something of every kind that has a time, on a server whose own zone is not UTC; returns the row in quarantine."""
    channel_files(site.state.site.include, seed.names(7))
    seed.fill(staging, channels=7, orders=70, now=NOW)
    store = Store(staging, site.state.site.vault())
    row, other = wait(store, "訂單-😀", "A-2")
    actions.release(staging, [row], who="ann", why="fixed", waivable=frozenset())
    actions.park(staging, [other], who="ann", why="later")
    certify(staging, date(2026, 3, 5), {"oms_missing": 1})
    check(staging, date(2026, 3, 7), met=False)
    staging.autocommit = True
    with staging.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {staging.info.dbname} SET timezone TO 'Asia/Taipei'")
    return row


def test_every_time_on_a_page_says_its_zone_which_is_utc_on_any_server(client, filled):
    paths = [
        "channels", "channels/channel_07", f"coverage/channel_07?span={HOLE}", "coverage", "quarantine",
        f"quarantine/{filled}", "reconciliation", "reconciliation/channel_01", "reconciliation/channel_01/2026-03-05",
        "reconciliation/channel_01/2027-01-01", "quality", "quality/expectations/channel_01",
    ]  # fmt: skip
    seen = 0
    for path in paths:
        text = re.sub(r"<[^>]+>", " ", client().get(f"/{path}").text)
        seen += len(TIME.findall(text))
        assert not TIME.findall(ZONED.sub("", text)), path
    assert seen > 30
    assert "2026-03-08 00:00\N{NO-BREAK SPACE}UTC" in client().get("/quality").text, "as it was checked"
