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
