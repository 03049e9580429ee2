"""Certificates in the browser: by day, one with its named orders, its files, and the chain behind it."""

import csv
import hashlib
import io
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import unquote

from msgspec.structs import replace

from orderflow.domain.reconciliation import CAUSES, Certificate, Coverage, Difference, Side, Tally, business_day
from orderflow.quality.pages import certificate as pages
from orderflow.staging.certificates import digest
from orderflow.web import page, words

DAY = date(2026, 3, 6)


def certify(staging, day=DAY, causes=None, *, channel="channel_01", state="settled", orders=400):
    """A kept certificate, the next of the channel's chain; `causes` are orders by cause."""
    differences = [
        Difference(
            order_id=f"訂單-{cause}-{n}", cause=cause, field="grand_total", ours="24.5", theirs="=25",
            repaired=CAUSES[cause].kind == "repaired",
        )
        for cause, count in (causes or {}).items()
        for n in range(count)
    ]  # fmt: skip
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT number, day, sha256 FROM orderflow.certificates WHERE channel = %s", (channel,))
        before = sorted(cursor.fetchall())
        window = business_day(day, "Asia/Taipei")
        side = Side(compared=True, how="its list", orders=orders, sums={"TWD": "9800.5"})
        made = Certificate(
            channel=channel, title="旗艦店 🏬", platform="woocommerce", target="demo", day=day, timezone="Asia/Taipei",
            start=window.start, end=window.end, number=len(before) + 1,
            revision=1 + sum(each[1] == day for each in before), made_at=datetime(2026, 3, 7, tzinfo=UTC), run_id="r",
            state=state, open=[] if state == "settled" else ["3 orders wait for the OMS"],
            sides=dict.fromkeys(("channel", "staging", "oms"), side), agreed=orders - len(differences),
            differing=len(differences),
            unexplained=sum(CAUSES[each.cause].kind == "wrong" for each in differences),
            repaired=sum(each.repaired for each in differences),
            causes={
                name: Tally(orders=count, repaired=count * (CAUSES[name].kind == "repaired"))
                for name, count in (causes or {}).items()
            },
            coverage=Coverage(span="a/b", share=1.0, windows={"synced": 24}, gaps=[], unreachable=[]), notes=[],
            differences_sha256=digest(iter(differences)), previous_sha256=before[-1][2] if before else None,
        )  # fmt: skip
        body = made.body()
        cursor.execute(
            "INSERT INTO orderflow.certificates (channel, number, day, revision, state, unexplained, made_at, body,"
            " sha256) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (channel, made.number, day, made.revision, state, made.unexplained, made.made_at, body.decode(),
             hashlib.sha256(body).hexdigest()),
        )  # fmt: skip
        for position, each in enumerate(differences, start=1):
            cursor.execute(
                "INSERT INTO orderflow.certificate_differences (channel, number, position, order_id, cause, field,"
                " ours, theirs, note, repaired) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (channel, made.number, position, each.order_id, each.cause, each.field, each.ours, each.theirs,
                 each.note, each.repaired),
            )  # fmt: skip
    return made


def test_a_month_shows_how_each_day_of_each_channel_stands(client, staging):
    certify(staging, date(2026, 3, 1))
    certify(staging, date(2026, 3, 2), {"quarantined": 3})
    certify(staging, date(2026, 3, 3), {"waiting": 1}, state="provisional")
    certify(staging, date(2026, 3, 4), {"oms_missing": 7})
    certify(staging, date(2026, 3, 4), {"oms_missing": 2, "missed": 1})
    certify(staging, date(2026, 2, 28), {"oms_missing": 5})
    page = client("viewer").get("/reconciliation").text
    found = dict(
        re.findall(r'<a class="mark (\w+)" href="/reconciliation/channel_01/([^"]+)"', page)[i][::-1] for i in range(4)
    )
    assert found == {"2026-03-01": "good", "2026-03-02": "held", "2026-03-03": "warn", "2026-03-04": "bad"}
    assert ">2<span" in page, "the newest revision counts"
    assert "393 agree" not in page
    assert re.search(r'<b class="bad">1</b><span>day needs a person', page)
    assert 'href="/reconciliation/channel_01/2026-03-07"' in page, "a day that is over can be asked for"
    assert 'href="/reconciliation/channel_01/2026-03-09"' not in page, "one that is to come cannot"
    assert "2026-02-28" in client().get("/reconciliation?month=2026-02").text
    assert "channel_01" not in client("stranger").get("/reconciliation").text
    assert client("stranger").get("/reconciliation?channel=channel_01").status_code == 404
    assert client().get("/reconciliation?month=lately").status_code == 400


def test_one_certificate_names_its_orders_with_cause_and_next_step(client, staging):
    certify(staging, causes={"oms_missing": 1, "quarantined": 2})
    page = client("viewer").get(f"/reconciliation/channel_01/{DAY}").text
    assert "旗艦店 🏬" in page
    assert "9,800.50" in page
    assert "1 order needs a person" in page
    assert "訂單-oms_missing-0" in page
    assert 'href="/order?channel=channel_01&amp;order_id=%E8%A8%82%E5%96%AE-oms_missing-0"' in page
    assert "Find out in the OMS who removed or archived it" in page
    assert "<button" not in page
    assert client("stranger").get(f"/reconciliation/channel_01/{DAY}").status_code == 404


def test_an_earlier_revision_stays_and_says_that_it_is_one(client, staging):
    certify(staging, causes={"oms_missing": 1})
    certify(staging)
    assert "Every order of this day is accounted for" in client().get(f"/reconciliation/channel_01/{DAY}").text
    first = client().get(f"/reconciliation/channel_01/{DAY}?revision=1").text
    assert "This is an earlier revision; the newest is 2." in first
    assert "needs a person" in first
    assert client().get(f"/reconciliation/channel_01/{DAY}?revision=3").status_code == 404


def test_the_files_hold_every_difference_and_prove_the_certificate(client, staging):
    made = certify(staging, causes={"oms_missing": 1500})
    base = f"/reconciliation/channel_01/{DAY}/certificate"
    found = client("viewer").get(f"{base}.json")
    assert "attachment" in found.headers["content-disposition"]
    assert len(json.loads(found.text)["differences"]) == 1500
    assert json.loads(found.text)["sha256"] == made.sha256
    rows = list(csv.DictReader(io.StringIO(client("viewer").get(f"{base}.csv").text.removeprefix("\ufeff"))))
    assert len(rows) == 1500
    assert rows[0]["theirs"] == "'=25", "no spreadsheet takes it for a formula"
    assert made.sha256 in client("viewer").get(f"{base}.html").text
    assert client().get(f"{base}.exe").status_code == 404
    assert client("stranger").get(f"{base}.json").status_code == 404
    assert client().get("/reconciliation/channel_01/2026-03-05/certificate.csv").status_code == 404


def test_the_chain_is_checked_and_a_changed_certificate_shows(client, staging):
    assert "has no certificate yet" in client().get("/reconciliation/channel_01").text
    certify(staging, date(2026, 3, 1), {"quarantined": 1})
    last = certify(staging)
    page = client("viewer").get("/reconciliation/channel_01").text
    assert "The chain of 2 certificates is whole" in page
    assert last.sha256 in page
    with staging, staging.cursor() as cursor:
        cursor.execute("ALTER TABLE orderflow.certificate_differences DISABLE TRIGGER USER")
        cursor.execute("UPDATE orderflow.certificate_differences SET theirs = '24.5'")
    assert "its differences were changed" in client("viewer").get("/reconciliation/channel_01").text


def test_a_day_is_compared_again_only_by_an_editor(client, staging, started):
    page = client().get(f"/reconciliation/channel_01/{DAY}").text
    assert "This day has no certificate yet" in page
    assert "Compare this day now" in page
    form = {"day": str(DAY)}
    assert client("viewer").post("/reconciliation/channel_01/again", data=form).status_code == 403
    answer = client().post("/reconciliation/channel_01/again", data=form)
    assert "has been started" in unquote(answer.cookies["orderflow_said"])
    assert answer.headers["location"] == f"/reconciliation/channel_01/{DAY}"
    assert [(dag, conf, who) for dag, _, conf, who in started] == [
        ("reconcile", {"channel": "channel_01", "day": "2026-03-06"}, "editor")
    ]
    assert client().post("/reconciliation/channel_01/again", data={"day": "x"}).status_code == 400


def test_a_month_without_certificates_says_who_makes_them(client):
    page = client("viewer").get("/reconciliation?month=2026-01").text
    assert "No day of this month is certified yet" in page


def test_a_day_that_cannot_be_compared_is_refused_with_the_reason_and_offers_no_button(client, started):
    for day, why in {
        "2027-01-01": "is not over in Asia/Taipei: it ends 2027-01-01 16:00 UTC",
        "2026-03-08": "is not over in Asia/Taipei: it ends 2026-03-08 16:00 UTC",
        "2025-12-31": "lies before the start of channel_01, 2026-01-01",
    }.items():
        shown = client().get(f"/reconciliation/channel_01/{day}")
        refused = client().post("/reconciliation/channel_01/again", data={"day": day})
        assert (shown.status_code, refused.status_code) == (200, 400)
        assert all(f"{day} {why}" in each.text.replace("\N{NO-BREAK SPACE}", " ") for each in (shown, refused)), day
        assert "<button" not in shown.text
    assert not started


def test_no_link_leads_to_a_day_or_a_month_that_is_still_to_come(client, staging):
    certify(staging, date(2026, 3, 7))
    for path in ("2026-03-07", "2026-03-08", "2027-01-01"):
        page = client().get(f"/reconciliation/channel_01/{path}").text
        assert 'rel="next"' not in page, path
        assert 'href="/reconciliation?month=2026-03"' in page
        assert set(re.findall(r'href="/reconciliation/channel_01/([^"?/]+)"', page)) <= {"2026-03-06", "2026-03-07"}
    assert (
        'rel="next" href="/reconciliation/channel_01/2026-03-07"'
        in client().get(f"/reconciliation/channel_01/{DAY}").text
    )
    assert 'rel="next"' not in client().get("/reconciliation").text
    assert 'rel="next" href="/reconciliation?month=2026-03"' in client().get("/reconciliation?month=2026-02").text


def test_a_long_list_is_cut_leaves_out_columns_without_a_value_and_links_to_the_whole(client, staging):
    certify(staging, causes={"oms_missing": 1391})
    with staging, staging.cursor() as cursor:
        cursor.execute("ALTER TABLE orderflow.certificate_differences DISABLE TRIGGER USER")
        cursor.execute("UPDATE orderflow.certificate_differences SET field = NULL, ours = NULL, theirs = NULL")
    page = client("viewer").get(f"/reconciliation/channel_01/{DAY}").text
    table = page.partition('<h2 id="orders">')[2].partition("</section>")[0]
    assert re.findall(r'<th scope="col">([^<]+)</th>', table) == ["Order", "Cause"]
    assert table.count("<tr>") == 1 + pages.MOST_ROWS
    assert f'href="/reconciliation/channel_01/{DAY}/certificate.csv?revision=1"' in table
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.certificate_differences SET theirs = '25' WHERE position = 3")
    table = client("viewer").get(f"/reconciliation/channel_01/{DAY}/certificate.html").text.partition("Orders that")[2]
    assert re.findall(r'<th scope="col">([^<]+)</th>', table) == ["Order", "Cause", "Other side"]


def test_a_certificate_says_its_zone_as_people_write_it(staging):
    made = certify(staging)
    for zone, offset in {"UTC": "", "Asia/Kolkata": "+05:30", "America/St_Johns": "-03:30"}.items():
        window = business_day(DAY, zone)
        page = pages.page(replace(made, timezone=zone, start=window.start, end=window.end), [])
        assert f"2026-03-06 00:00:00 UTC{offset} to" in page


def test_a_certificate_speaks_the_users_language(client, staging):
    certify(staging, causes={"oms_missing": 1, "quarantined": 2})
    page = client("viewer", "zh-TW").get(f"/reconciliation/channel_01/{DAY}").text
    for told in ("有 1 筆訂單需要人處理。", "OMS 收下後不再顯示", "違反規則，在隔離區等待", "當日已結清", "本證明"):
        assert told in page
    for english in ("needs a person", "Differences by cause", "The day is settled", "Taken from"):
        assert english not in page


def test_every_text_of_a_certificate_has_a_translation():
    source = (page.SHARED / "certificate.html").read_text() + Path(pages.__file__).read_text()
    texts = {text for call in re.findall(r"\bt\(([^()]*)", source) for text in re.findall(r'"([^"]*)"', call)}
    texts |= {text for cause in CAUSES.values() for text in (cause.meaning, cause.cure)} | set(pages.KINDS.values())
    assert len(texts) > 80
    assert not texts - set(words.chinese())
