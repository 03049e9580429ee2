"""The report and the expectations in the browser: what was written and nothing else, for whom it is meant."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote

import pytest

from orderflow.domain.expectation import Result, Run
from orderflow.quality.report import writing
from orderflow.quality.report.figures import figures
from orderflow.staging import expectations

DAY = date(2026, 3, 7)


@pytest.fixture
def reports(site, staging):
    """A report of all channels and one of a single channel, and a secret beside the reports."""
    root = site.state.site.reports
    root.mkdir()
    (root.parent / "secret.html").write_text("secret")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "index.html").write_text("secret")
    now = site.state.site.clock()
    found = [figures(staging, each, last=DAY, days=2, now=now) for each in site.state.site.reading().channels]
    writing.write(root, "2026-03-07", found, made_at=now)
    writing.write(root, "2026-03-07-2d-channel_02", found[1:2], made_at=now)
    (root / "2026-03-07" / "leak.html").symlink_to(root.parent / "secret.html")
    return root


def check(staging, day, *, met, channel="channel_01", orders=400):
    result = Result(
        name="currency filled", kind="filled", table="orders", column="currency", origin="channel",
        meaning="currency has a value, 王 <b>", success=met, evaluated=orders, unexpected=0 if met else 3,
        sample=[] if met else ["訂單-😀"],
    )  # fmt: skip
    run = Run(
        channel=channel, day=day, run_id=f"r-{day}", asked_by="schedule", seconds=0.5, orders=orders, lines=2 * orders,
        started_at=datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1), partial=False, engine="GE",
        results=[result],
    )  # fmt: skip
    return expectations.keep(staging, run)


def test_the_report_is_served_with_its_tables(client, reports):
    page = client("viewer").get("/quality").text
    assert 'href="/quality/reports/2026-03-07/index.html"' in page or "2026-03-07-2d-channel_02" in page
    whole = client("viewer").get("/quality/reports/2026-03-07/index.html")
    assert whole.status_code == 200
    assert "default-src 'none'" in whole.headers["content-security-policy"]
    assert "script-src" not in whole.headers["content-security-policy"]
    assert client("viewer").get("/quality/reports/2026-03-07/channel_01.html").status_code == 200
    table = client("viewer").get("/quality/reports/2026-03-07/data/channel_01-orders.csv")
    assert table.status_code == 200
    assert "attachment" in table.headers["content-disposition"]
    assert client("viewer").get("/quality/reports/2026-03-07/data/channel_01-orders.parquet").status_code == 200
    assert client().get("/quality/reports/index.html").headers["location"] == "/quality"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html", "2026-03-07/../../secret.html", "%2e%2e/secret.html", "2026-03-07/%2e%2e/%2e%2e/secret.html",
        "2026-03-07%2f..%2f..%2fsecret.html", "/etc/passwd", "2026-03-07//etc/passwd", "2026-03-07/leak.html",
        ".hidden/index.html", "2026-03-07", "2026-03-07/", "2026-03-07/data", "2026-03-07/nothing.html",
        "..\\secret.html", "2026-03-07/%00.html", f"2026-03-07/{'a' * 5000}.html", f"{'a/' * 3000}index.html",
    ],
)  # fmt: skip
def test_nothing_but_files_of_reports_is_served(client, reports, path):
    answer = client().get(f"/quality/reports/{path}")
    assert answer.status_code in (307, 400, 404), path
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_a_report_names_no_channel_to_whom_it_is_not_shown(client, reports):
    stranger = client("stranger")
    assert stranger.get("/quality/reports/2026-03-07/index.html").status_code == 404
    assert stranger.get("/quality/reports/2026-03-07/channel_01.html").status_code == 404
    assert stranger.get("/quality/reports/2026-03-07/data/channel_01-skus.csv").status_code == 404
    assert stranger.get("/quality/reports/2026-03-07/channel_02.html").status_code == 200
    assert stranger.get("/quality/reports/2026-03-07/channel_02-expectations.html").status_code == 200
    assert stranger.get("/quality/reports/2026-03-07-2d-channel_02/index.html").status_code == 200
    page = stranger.get("/quality").text
    assert "Open the report of 2026-03-07-2d-channel_02" in page


def test_expectations_are_shown_with_their_trend(client, staging):
    for back in range(4, 0, -1):
        check(staging, DAY - timedelta(days=back), met=back > 1)
    check(staging, DAY, met=True, channel="channel_02")
    page = client("viewer").get("/quality").text
    assert "1 not met" in page
    assert 'aria-label="Not met in the last 4 runs: 0, 0, 0, 1"' in page
    assert page.index("channel_01") < page.index("channel_02"), "what is not met comes first"
    assert "Not checked yet: channel_03" in page
    one = client("viewer").get("/quality/expectations/channel_01").text
    assert "currency has a value, 王 &lt;b&gt;" in one
    assert one.count(">●</span>") == 3
    assert one.count(">○</span>") == 1
    assert "訂單-😀" in one
    earlier = client("viewer").get("/quality/expectations/channel_01?run=1").text
    assert "訂單-😀" not in earlier
    assert client("viewer").get("/quality/expectations/channel_01?run=99").status_code == 404
    assert client("stranger").get("/quality/expectations/channel_01").status_code == 404
    assert "channel_01" not in client("stranger").get("/quality").text


def test_a_run_that_had_no_order_to_check_has_met_nothing(client, staging):
    check(staging, DAY - timedelta(days=1), met=True)
    check(staging, DAY, met=True, orders=0)
    row = client("viewer").get("/quality").text.partition("<tbody>")[2]
    assert '<span class="chip ">no orders to check</span>' in row
    assert "all met" not in row
    assert "1 / 1" not in row
    assert 'aria-label="Not met in the last 2 runs: 0, –"' in row
    assert row.count('<i class="none"') == 1
    one = client("viewer").get("/quality/expectations/channel_01").text
    assert '<span class="chip ">no orders to check</span>' in one
    assert (one.count(">●</span>"), one.count(">·</span>")) == (1, 1)
    check(staging, DAY + timedelta(days=1), met=False, orders=0)
    assert '<span class="chip warn">1 not met</span>' in client("viewer").get("/quality").text


def test_an_editor_asks_for_a_fresh_report(client, started):
    form = {"channel": "channel_01", "days": 14}
    assert client("viewer").post("/quality/report", data=form).status_code == 403
    assert client("stranger").post("/quality/report", data={}).status_code == 403
    answer = client().post("/quality/report", data=form)
    assert "is being written" in unquote(answer.cookies["orderflow_said"])
    client().post("/quality/report", data={})
    assert [(dag, conf) for dag, _, conf, _ in started] == [
        ("quality", {"days": 14, "channel": "channel_01"}), ("quality", {"days": 7}),
    ]  # fmt: skip
    assert client().post("/quality/report", data={"days": 0}).status_code == 422


def test_nothing_there_yet_says_who_writes_it(client):
    page = client("viewer").get("/quality").text
    assert "No report that you may read is there yet" in page
    assert "No expectations were checked yet" in page
    assert "were not checked yet" in client("viewer").get("/quality/expectations/channel_01").text
    assert client().get("/quality/reports/2026-03-07/index.html").status_code == 404
