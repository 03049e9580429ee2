"""The page of one order says each broken rule once, and leads to the page that decides before it names a command."""

import json
import re

from seed import fill
from web_site import NOW


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
