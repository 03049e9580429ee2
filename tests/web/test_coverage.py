"""The heat map: which hours are proven, why others are not, and the backfill that pulls them."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from seed import fill
from web_site import NOW

from orderflow.domain.gap import Gap
from orderflow.domain.window import Window
from orderflow.staging import stretches
from orderflow.web.coverage import paint

START = datetime(2026, 3, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(first: float, past: float) -> Window:
    return Window(START + first * HOUR, START + past * HOUR)


def test_an_hour_is_what_its_worst_part_is():
    proven = [(hours(0, 3), "reconciled"), (hours(3, 4), "synced"), (hours(4, 4.75), "loaded")]
    gaps = [
        Gap(window=hours(2.25, 2.5), cause="failed"),
        Gap(window=hours(4.75, 5.25), cause="in progress"),
        Gap(window=hours(6, 7), cause="held"),
        Gap(window=hours(7, 8), cause="unreachable"),
    ]
    painted = paint(hours(0, 9), proven, gaps)
    assert painted == ["proven", "proven", "failed", "synced", "running", "running", "held", "unreachable", "due"]


def test_what_lies_outside_of_the_span_paints_nothing():
    painted = paint(
        hours(2, 4), [(hours(0, 3), "synced"), (hours(3, 9), "loaded")], [Gap(window=hours(0, 1), cause="failed")]
    )
    assert painted == ["synced", "loaded"]


def test_every_stretch_of_every_channel_is_told_once(staging):
    fill(staging, channels=30, orders=600, now=NOW)
    end = NOW.replace(minute=0)
    asked = {f"channel_{number:02d}": Window(end - timedelta(days=5), end) for number in (1, 7, 13, 21, 28)}
    with staging, staging.cursor() as cursor:
        proven, gaps = stretches.proven(cursor, asked), stretches.gaps(cursor, asked)
    for name, span in asked.items():
        parts = sorted([window for window, _ in proven[name]] + [gap.window for gap in gaps[name]])
        assert (parts[0].start, parts[-1].end) == (span.start, span.end)
        assert all(one.end == two.start for one, two in itertools.pairwise(parts)), name
    causes = {name: {gap.cause for gap in each} for name, each in gaps.items() if each}
    assert causes == {
        "channel_07": {"failed"}, "channel_13": {"never run"}, "channel_21": {"held"}, "channel_28": {"in progress"},
    }  # fmt: skip


def test_the_map_reads_what_is_kept_of_each_channel_and_none_of_its_proven_windows(client, staging):
    fill(staging, channels=3, orders=90, now=NOW)
    before = client().get("/coverage?days=31").text
    with staging, staging.cursor() as cursor:
        cursor.execute("ALTER TABLE orderflow.windows DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM orderflow.windows WHERE loaded_at IS NOT NULL")
    assert client().get("/coverage?days=31").text == before
    assert {"proven", "synced", "loaded"} <= set(re.findall(r'<rect class="(\w+)"', before))


def test_the_map_links_every_hole_and_tells_it_in_words(client, staging):
    fill(staging, channels=3, orders=90, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.windows SET state = 'failed', loaded_at = NULL, failed_at = window_end, error = %s"
            " WHERE channel = 'channel_02' AND window_start >= %s AND window_start < %s",
            ("DeniedError: 401 <key>", START + 4 * HOUR, START + 7 * HOUR),
        )
    page = client().get("/coverage").text
    assert 'href="/coverage/channel_02?span=2026-03-08T04%3A00%3A00Z%2F2026-03-08T07%3A00%3A00Z"' in page
    assert 'aria-label="03-08 04:00 – 03-08 07:00 UTC: failed"' in page
    assert "DeniedError: 401 &lt;key&gt;" in page
    assert page.count("2026-03-08 04:00 – 2026-03-08 07:00") == 1, "neighbours that say the same are one hole"
    assert "channel_01" not in page.partition("<tbody>")[2]
    assert page.count('<svg class="strip"') == 3


def test_what_is_not_due_yet_is_no_hole(client, staging):
    fill(staging, channels=3, orders=90, now=NOW)
    page = client().get("/coverage").text
    assert "There is no hole" in page
    assert page.count("100.0%") == 3


def test_what_is_out_of_reach_or_not_due_is_no_part_of_the_share(client, staging):
    with staging, staging.cursor() as cursor:
        for start, end, state, loaded in (
            ("2025-12-31T16:00Z", "2026-03-07T00:00Z", "unreachable", None),
            ("2026-03-07T00:00Z", "2026-03-08T05:00Z", "synced", NOW),
            ("2026-03-08T05:00Z", "2026-03-08T12:00Z", "planned", None),
        ):
            cursor.execute(
                "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)"
                " VALUES ('channel_01', %s, %s, %s, 'r', %s)",
                (start, end, state, loaded),
            )
    page = client().get("/coverage?channel=channel_01").text
    assert f'<span class="share warn">{29 / 35:.1%}</span>' in page, "due is what ended by 11:00"


def test_a_hole_says_why_what_it_costs_and_starts_its_backfill(client, staging, started):
    fill(staging, channels=3, orders=900, now=NOW)
    span = "2026-03-08T04:00:00Z/2026-03-08T06:00:00Z"
    with staging, staging.cursor() as cursor:
        cursor.execute("DELETE FROM orderflow.windows WHERE channel = 'channel_03' AND window_start >= %s"
                       " AND window_start < %s", (START + 4 * HOUR, START + 6 * HOUR))  # fmt: skip
    page = client().get("/coverage/channel_03", params={"span": span}).text
    assert "never run" in page
    assert "1 over 2.0 h" in page
    assert "by what the last windows held" in page
    assert not started, "a look starts nothing"
    answer = client().post("/coverage/channel_03/backfill", data={"span": span})
    assert answer.status_code == 303
    run_id = "fill__channel_03__20260308T040000Z--20260308T060000Z__20260308T1207"
    conf = {
        "channel": "channel_03", "window_start": "2026-03-08T04:00:00+00:00", "window_end": "2026-03-08T06:00:00+00:00",
        "again": False,
    }  # fmt: skip
    assert started == [("heal", run_id, conf, "editor")]


def test_what_is_said_after_a_decision_is_said_once(client, staging):
    editor = client()
    editor.post("/coverage/channel_03/backfill", data={"span": "2026-03-08T04:00Z/2026-03-08T06:00Z"})
    assert "has started: DAG heal, run fill__channel_03" in editor.get("/coverage?channel=channel_03").text
    assert "has started" not in editor.get("/coverage?channel=channel_03").text


def test_what_is_proven_is_pulled_again_only_when_asked_for(client, staging):
    fill(staging, channels=3, orders=90, now=NOW)
    span = "2026-03-08T04:00Z/2026-03-08T06:00Z"
    page = client().get("/coverage/channel_01", params={"span": span}).text
    assert "there is no hole" in page
    assert "Start the backfill" not in page
    again = client().get("/coverage/channel_01", params={"span": span, "again": "true"}).text
    assert "Start the backfill" in again
    assert 'name="again" value="true"' in again


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("yesterday", "is no span; write it like 2026-03-01T00:00Z/2026-03-01T01:00Z"),
        ("2026-03-08T06:00Z/2026-03-08T04:00Z", "its end must lie after its start"),
        ("2026-03-08T06:00/2026-03-08T07:00", None),
    ],
)
def test_a_span_is_read_as_people_write_it(client, span, said):
    answer = client().get("/coverage/channel_01", params={"span": span})
    assert answer.status_code == (400 if said else 200)
    assert said is None or said in answer.text


@pytest.mark.parametrize("span", ["2026-03-09T00:00Z/2026-03-09T01:00Z", "2020-01-01T00:00Z/2020-01-01T01:00Z"])
def test_a_span_that_cannot_be_pulled_says_so_and_starts_nothing(client, started, span):
    page = client().get("/coverage/channel_01", params={"span": span})
    assert page.status_code == 200
    assert 'class="fault"' in page.text
    assert client().post("/coverage/channel_01/backfill", data={"span": span}).status_code == 400
    assert not started


def test_holes_that_are_not_listed_are_counted(client, staging):
    fill(staging, channels=1, orders=50, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.windows SET state = 'failed', loaded_at = NULL, error = 'HTTP 500 at ' || window_start"
            " WHERE window_start >= %s AND state <> 'unreachable'", (NOW - timedelta(days=2),),
        )  # fmt: skip
    page = client().get("/coverage?channel=channel_01").text
    listed = page[page.index("<h2>Holes") :].count('class="chip bad"')
    (rest,) = re.findall(r"and (\d+) more", page)
    assert (listed, int(rest)) == (20, 27), "47 hours failed, and each says something else"


def test_an_address_without_a_span_leads_to_the_channels_strip(client):
    answer = client().get("/coverage/channel_01", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/coverage?channel=channel_01")
