"""The page of channels and a channel's own view: what they say of a channel that is well, late, silent, or new."""

import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from seed import fill, names
from web_site import NOW, channel_files

from orderflow.domain.window import Window
from orderflow.staging import overview
from orderflow.web import channels

HOUR = timedelta(hours=1)


def window(staging, channel, end, *, state="synced", run_id="run", **counts):
    """One hour of the ledger that ends then."""
    loaded = end if state in ("loaded", "synced") else None
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, counts, loaded_at, error)"
            " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s)",
            (channel, end - HOUR, end, state, run_id, str(counts).replace("'", '"'), loaded,
             "TransientError: 503" if state == "failed" else None),
        )  # fmt: skip


def all_before(staging, channel, end):
    """Everything before is settled."""
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at)"
            " VALUES (%s, '2025-12-31T16:00Z', %s, 'synced', 'first', now())",
            (channel, end),
        )


def row(page, channel):
    """The part of the table that is about this channel."""
    start = page.index(f'/channels/{channel}">')
    return page[start : page.index("</tr>", start)]


def test_a_channel_of_which_nothing_ever_ran_says_so(client):
    page = client().get("/channels").text
    assert "nothing yet" in row(page, "channel_01")
    assert client().get("/channels/channel_01").status_code == 200


def test_freshness_is_measured_against_what_is_due(client, staging):
    at = datetime(2026, 3, 8, 12, tzinfo=UTC)
    all_before(staging, "channel_01", at)
    all_before(staging, "channel_02", at - HOUR)
    all_before(staging, "channel_03", at - 2 * HOUR)
    page = client().get("/channels").text
    assert '"chip good">7 min ago' in row(page, "channel_01")
    assert '"chip good">1 h 7 min ago' in row(page, "channel_02"), "its deadline is 25 minutes after the tick"
    assert '"chip bad">2 h 7 min ago' in row(page, "channel_03")
    assert page.index("channel_03") < page.index("channel_01"), "what is late comes first"


def test_the_last_batch_balances_before_everybodys_eyes(client, staging):
    all_before(staging, "channel_01", NOW.replace(hour=11, minute=0))
    window(staging, "channel_01", NOW.replace(minute=0), fetched=12, duplicates=1, unreadable=1, cleaned=10,
           accepted=8, quarantined=2, inserted=5, updated=2, unchanged=1)  # fmt: skip
    told = row(client().get("/channels").text, "channel_01")
    assert "12 came" in told
    assert "= 7 taken + 2 known" in told
    assert "3 refused" in told
    own = client().get("/channels/channel_01").text
    assert "The last batch balances" in own


def test_a_hole_is_shown_beside_the_freshness(client, staging):
    all_before(staging, "channel_01", NOW.replace(hour=9, minute=0))
    window(staging, "channel_01", NOW.replace(hour=12, minute=0))
    told = row(client().get("/channels").text, "channel_01")
    assert "2 h missing" in told
    assert "chip good" not in told, "what is proven ends before the hole"
    assert "3 h 7 min ago" in told, "what lies behind a hole is not proven"


def test_a_channel_with_a_hole_stands_before_those_that_are_well(client, staging):
    for name in names(3):
        all_before(staging, name, NOW.replace(hour=9 if name == "channel_03" else 11, minute=0))
        window(staging, name, NOW.replace(minute=0))
    page = client().get("/channels").text
    assert page.index('/channels/channel_03">') < page.index('/channels/channel_01">')


def test_alerts_stand_beside_the_name_and_every_figure_has_its_words(client):
    page = client().get("/channels").text
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page)
    assert heads[:2] == ["Channel", "Alerts"]
    assert row(page, "channel_01").index('class="alerts"') < row(page, "channel_01").index("nothing yet")
    tiles = re.findall(r'<li class="tile">.*?<span>([^<]*)', client().get("/channels/channel_01").text)
    assert "new orders in 7 days" in tiles
    assert all(tiles), "no figure stands alone"


def test_alerts_are_shown_and_taken_on_by_name(client, staging):
    all_before(staging, "channel_01", NOW.replace(minute=0))
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.alerts (channel, kind, severity, what, first_seen_at, last_seen_at)"
            " VALUES ('channel_01', 'silent', 'critical', '0 orders, 40 are <usual>', %s, %s) RETURNING id", (NOW, NOW)
        )  # fmt: skip
        (number,) = cursor.fetchone()
    assert "silent" in row(client().get("/channels").text, "channel_01")
    own = client().get("/channels/channel_01").text
    assert "0 orders, 40 are &lt;usual&gt;" in own
    assert "I look after it" not in client("viewer").get("/channels/channel_01").text
    address = f"/channels/channel_01/alerts/{number}"
    assert client("viewer").post(address, data={"why": "called"}).status_code == 403
    assert client().post(f"/channels/channel_02/alerts/{number}", data={"why": "called"}).status_code == 400
    assert client().post(address, data={"why": "called the shop"}).status_code == 303
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT state, acknowledged_by, acknowledged_why FROM orderflow.alerts")
        assert cursor.fetchall() == [("acknowledged", "editor", "called the shop")]
    assert "editor looks after it: called the shop" in client().get("/channels/channel_01").text


def test_what_is_unusual_is_measured_by_the_same_hours_of_earlier_weeks(client, staging):
    for week, orders in enumerate((4, 40, 52, 47)):
        end = NOW.replace(minute=0) - timedelta(weeks=week) - HOUR
        window(staging, "channel_01", end, inserted=orders)
    told = row(client().get("/channels").text, "channel_01")
    assert '<span class="warn">4</span>' in told
    assert "usual 40–52" in told


def test_how_long_orders_take_leaves_out_what_caught_up(staging):
    fill(staging, channels=2, orders=60, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.order_versions SET loaded_at = window_end + interval '9 days'"
                       " WHERE channel = 'channel_02'")  # fmt: skip
        found = overview.lags(cursor, names(2))
    assert timedelta(minutes=2) < found["channel_01"] < timedelta(minutes=64)
    assert "channel_02" not in found


def test_volumes_stand_where_their_windows_began(staging):
    fill(staging, channels=3, orders=600, now=NOW)
    span = Window(NOW.replace(minute=0) - timedelta(days=2), NOW.replace(minute=0))
    with staging, staging.cursor() as cursor:
        found = overview.volumes(cursor, names(3), span, timedelta(hours=6))
        cursor.execute(
            "SELECT channel, count(*) FROM orderflow.orders WHERE window_start >= %s GROUP BY 1", (span.start,)
        )
        assert dict(cursor.fetchall()) == {name: sum(steps) for name, steps in found.items()}
    assert {len(steps) for steps in found.values()} == {8}


def test_a_run_shows_what_it_pulled_and_a_healing_run_its_spans(client, staging):
    end = NOW.replace(minute=0)
    window(staging, "channel_01", end, run_id="manual__2026-03-08T12:00:00+00:00", fetched=3)
    window(staging, "channel_02", end, run_id="heal__x__1", fetched=9, state="failed")
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.healings VALUES (%s, %s, %s, 1, 'heal__x__1', 'failed', 'scheduled__7', 0)",
            ("channel_02", end - HOUR, end),
        )
    own = client().get("/dag/orders.channel_01/run/manual__2026-03-08T12:00:00+00:00").text
    assert "What this run pulled" in own
    healing = client().get("/dag/heal/run/scheduled__7").text
    assert "channel_02" in healing
    assert "TransientError: 503" in healing
    assert "What this run pulled" not in client("stranger").get("/dag/heal/run/manual__2026-03-08T12:00:00+00:00").text
    assert "knows nothing of this run" in client().get("/dag/orders.channel_03/run/x").text


def test_what_a_channel_s_own_run_of_the_same_name_pulled_is_not_what_healing_pulled(client, staging):
    end, run_id = NOW.replace(minute=0), "scheduled__2026-03-08T12:00:00+00:00"
    window(staging, "channel_01", end, run_id=run_id)
    window(staging, "channel_02", end, run_id="heal__x__1")
    window(staging, "channel_03", end, run_id=run_id, state="unreachable")
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.healings VALUES (%s, %s, %s, 1, 'heal__x__1', 'failed', %s, 0)",
            ("channel_02", end - HOUR, end, run_id),
        )
    assert re.findall(r'/channels/(channel_\d+)">', client().get(f"/dag/heal/run/{run_id}").text) == [
        "channel_02", "channel_03",
    ]  # fmt: skip
    assert "What this run pulled" not in client().get(f"/dag/quality/run/{run_id}").text
    assert "heal__x__1" not in client().get(f"/dag/orders.channel_02/run/{run_id}").text


@pytest.mark.parametrize("dag_id", ["heal", "quality", "somebody_elses"])
def test_a_dag_that_is_no_channel_has_a_tab_that_explains_itself(client, dag_id):
    page = client().get(f"/dag/{dag_id}").text
    assert "orders.&lt;channel&gt;" in page
    assert '<ul class="tabs">' not in page, "inside a tab there is no second bar"


def test_channels_are_found_by_their_words(client):
    assert "channel_02" not in client().get("/channels?q=channel_01").text.partition("<tbody>")[2]
    nothing = client().get("/channels", params={"q": "<b>nothing"}).text
    assert "No channel matches “&lt;b&gt;nothing”" in nothing


def test_no_channel_at_all_says_how_to_make_one(client, site):
    for path in (site.state.site.include / "channels").glob("*.yml"):
        path.unlink()
    assert "orderflow channel new" in client().get("/channels").text
    channel_files(site.state.site.include, ["channel_09"])
    assert "channel_09" in client().get("/channels").text, "a new file is seen without a restart"


def test_who_reads_every_channel_is_told_of_orders_whose_channel_has_no_file(client, site, staging):
    fill(staging, channels=3, orders=600, now=NOW)
    (site.state.site.include / "channels" / "channel_01.yml").unlink()
    page = client().get("/channels").text
    assert "channel_01 has no file any more, and unfinished orders: 3 in quarantine, 0 that the OMS has not got" in page
    assert "has no file any more" not in client("stranger").get("/channels").text


def test_a_broken_file_is_named_and_stops_no_other(client, site):
    (site.state.site.include / "channels" / "channel_03.yml").write_text("title: [")
    page = client().get("/channels").text
    assert "1 channel file cannot be read" in page
    assert "channel_01" in page
    assert client().get("/channels/channel_03").status_code == 404


def test_the_orders_of_a_day_are_those_of_a_channel_that_is_pulled_once_a_day_too(staging):
    with staging, staging.cursor() as cursor:
        for name, days, back, orders in (
            ("daily", 1, timedelta(hours=9), 40), ("daily", 1, timedelta(days=1, hours=9), 30),
            ("healed", 3, timedelta(hours=2), 90), ("opened", 70, timedelta(days=2), 700),
        ):  # fmt: skip
            end = NOW - back
            cursor.execute(
                "INSERT INTO orderflow.windows (channel, window_start, window_end, state, run_id, loaded_at, counts)"
                " VALUES (%s, %s, %s, 'synced', 'x', now(), jsonb_build_object('inserted', %s))",
                (name, end - timedelta(days=days), end, orders),
            )
        assert overview.day(cursor, ["daily", "healed", "opened"], NOW) == {"daily": 40, "healed": 30}
        assert overview.day(cursor, ["daily"], NOW - timedelta(days=1)) == {"daily": 30}
        assert overview.day(cursor, ["daily"], NOW - timedelta(days=3)) == {}
        week = Window(NOW - timedelta(days=7), NOW)
        volumes = overview.volumes(cursor, ["daily", "healed", "opened"], week, timedelta(hours=6))
        assert {name: sum(steps) for name, steps in volumes.items()} == {"daily": 70, "healed": 90, "opened": 50}


def test_volumes_and_lags_are_asked_of_the_channels_that_a_page_shows(client, site, staging, monkeypatch):
    channel_files(site.state.site.include, names(5))
    fill(staging, channels=5, orders=200, now=NOW)
    monkeypatch.setattr(channels, "SIZE", 2)
    asked = []
    for name in ("volumes", "lags"):
        real = getattr(overview, name)
        monkeypatch.setattr(overview, name, lambda *given, real=real: asked.append(given[1]) or real(*given))
    page = client().get("/channels?first=2").text
    shown = re.findall(r'<th scope="row"><a href="/channels/(channel_\d+)"', page)
    assert len(shown) == 2
    assert asked == [shown, shown]


def test_a_folder_that_is_gone_is_told(client, site):
    shutil.rmtree(site.state.site.include / "channels")
    assert "1 channel file cannot be read" in client().get("/channels").text


def test_many_channels_are_paged_while_the_figures_above_count_all_of_them(client, site, staging, monkeypatch):
    monkeypatch.setattr(channels, "SIZE", 2)
    page = client().get("/channels").text
    assert page.count('<th scope="row">') == 2
    assert "<b>3</b><span>channels</span>" in page
    (link,) = re.findall(r'rel="next" href="([^"]+)">Next page', page)
    rest = client().get(link).text
    assert rest.count('<th scope="row">') == 1
    assert 'rel="next"' not in rest
    assert sorted(re.findall(r'/channels/(channel_\d+)">channel', page + rest)) == names(3)


def test_every_open_alert_is_counted_and_what_is_wrong_with_orderflow_itself_is_told(client, staging):
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.alerts (channel, kind, severity, what, first_seen_at, last_seen_at)"
            " SELECT name, 'k' || n, 'warning', 'x', %s, %s FROM unnest(ARRAY['channel_01', 'gone']) AS name,"
            " generate_series(1, 1001) AS n", (NOW, NOW),
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO orderflow.alerts (channel, kind, severity, what, first_seen_at, last_seen_at)"
            " VALUES ('orderflow', 'gap', 'critical', 'the DAG heal is paused', %s, %s)", (NOW, NOW),
        )  # fmt: skip
    page = client().get("/channels").text
    assert '<b class="bad">1,002</b><span>open alerts</span>' in page
    assert "the DAG heal is paused" in page
    assert "the DAG heal is paused" not in client("stranger").get("/channels").text
