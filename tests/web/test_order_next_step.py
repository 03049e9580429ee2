"""The page of one order says each broken rule once, and leads to the page that decides before it names a command."""

import html
import json
import re
from datetime import timedelta

from seed import fill
from web_site import NOW

from orderflow.domain.batch import Batch
from orderflow.staging import reviews


def test_a_waiting_order_leads_to_its_page_in_quarantine_first(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    reasons = [{"code": "TAX_NEGATIVE", "field": f"taxes.{n}", "value": "-1", "message": "a tax is -1"} for n in (1, 2)]
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET reasons = %s WHERE order_id = 'Q53' RETURNING id", (json.dumps(reasons),)
        )
        ((row,),) = cursor.fetchall()
    page = client().get("/order", params={"number": "Q53"}).text
    assert f"quarantine row #{row} is open: TAX_NEGATIVE ×2" in page
    verdict = re.search(r'<section class="verdict.*?</section>', page, re.DOTALL)[0]
    assert verdict.count("<code>TAX_NEGATIVE</code> ×2") == verdict.count("a tax is -1") == 1
    step = verdict.partition("Next step")[2]
    assert 0 < step.index(f'href="/quarantine/{row}"') < step.index("orderflow quarantine show")


def test_an_order_of_a_batch_that_was_thrown_away_says_who_did_it_and_leads_to_pulling_it_again(client, staging):
    end = NOW.replace(minute=0)
    held = Batch(
        channel="channel_01",
        window_start=end - timedelta(hours=1),
        window_end=end,
        run_id="r",
        landing="/l",
        held="guard",
    )
    review = reviews.hold(staging, held)
    reviews.discard(staging, review.id, "anna", "test orders", [(0, "T-1")])
    page = client().get("/order", params={"number": "T-1"}).text
    assert "anna threw away the batch" in page
    assert "test orders" in page
    link = html.unescape(re.search(r'class="button" href="(/coverage/channel_01[^"]+)"', page)[1])
    assert "Start the backfill" in client().get(link).text
    assert "anna" not in client("stranger").get("/order", params={"number": "T-1"}).text


def discard(staging, order_id, *, who, why):
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET state = 'discarded', decided_by = %s, decided_at = %s"
            " WHERE order_id = %s RETURNING id", (who, NOW if who else None, order_id),
        )  # fmt: skip
        ((row,),) = cursor.fetchall()
        cursor.execute(
            "INSERT INTO orderflow.quarantine_events (quarantine_id, at, who, what, why)"
            " VALUES (%s, %s, %s, 'discarded', %s)",
            (row, NOW, who or "load", why),
        )
    return row


def verdict_of(page):
    return html.unescape(re.search(r'<section class="verdict.*?</section>', page, re.DOTALL)[0])


def test_a_discarded_order_says_who_discarded_it_why_and_how_to_take_that_back(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    row = discard(staging, "Q53", who="anna", why="a test of the agency")
    told = verdict_of(client().get("/order", params={"number": "Q53"}).text)
    assert "<strong>discarded</strong>" in told
    assert "anna discarded it at 2026-03-08 12:07:00Z: a test of the agency" in told
    assert "GRAND_TOTAL_MISMATCH" in told
    assert f"orderflow quarantine reopen '#{row}' --why" in told
    assert "anna 於 2026-03-08 12:07:00Z 捨棄了它" in client(language="zh-TW").get("/order?number=Q53").text


def test_an_order_that_came_discarded_names_its_rule_and_asks_for_nothing(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    discard(staging, "Q53", who=None, why=None)
    told = verdict_of(client().get("/order", params={"number": "Q53"}).text)
    assert "its rule leaves nothing to decide: GRAND_TOTAL_MISMATCH, CURRENCY_MISSING" in told
    assert "reopen" not in told


def test_what_an_order_is_worth_and_how_many_lines_it_has_stands_beside_its_number(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    lead = re.search(r"<h2><bdi>A7</bdi>.*?</p>", client().get("/order?number=A7").text, re.DOTALL)[0]
    assert "107.00\N{NO-BREAK SPACE}TWD · 2 lines" in lead
    assert "153.00\N{NO-BREAK SPACE}TWD" in client().get("/order?number=Q53").text, "at risk"


def test_of_many_reasons_some_are_shown_and_the_others_counted(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    reasons = [{"code": "SKU_UNMAPPED", "field": f"lines.{n}.sku", "message": f"no SKU-{n}"} for n in range(200)]
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET reasons = %s WHERE order_id = 'Q53'", (json.dumps(reasons),))
    told = verdict_of(client().get("/order", params={"number": "Q53"}).text)
    assert told.count("no SKU-") == 5
    assert "and 195 more" in told


def test_blanks_around_a_number_are_left_out_unless_the_id_has_them(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.quarantine SET subject = ' lead ', order_id = ' lead ' WHERE subject = 'Q53'")
    assert "quarantined" in client().get("/order", params={"number": " lead "}).text
    assert "version 1 staged" in client().get("/order", params={"number": "  A7 "}).text


def test_more_orders_of_one_number_than_are_shown_ask_for_the_channel(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute("UPDATE orderflow.orders SET order_number = '7'")
    page = client().get("/order", params={"number": "7"}).text
    assert page.count('<li><a href="/order?order_id=') == 20
    assert "The first 20 are shown" in page
