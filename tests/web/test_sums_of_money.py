"""Sums of several currencies: the pages leave none out unsaid."""

import re

from waiting import wait

SUMS = {"TWD": "24.50", "JPY": "25", "KWD": "24.500", "IDR": "24.50"}


def test_what_is_at_risk_is_told_in_every_currency_wherever_it_is_told(client, store):
    for currency, amount in SUMS.items():
        wait(store, f"{currency}-1", currency=currency, grand_total=amount)
    amounts = {f"{amount}\N{NO-BREAK SPACE}{currency}" for currency, amount in SUMS.items()}
    quarantine = client().get("/quarantine").text
    by_reason = re.search(r'id="by-reason".*?</tbody>', quarantine, re.DOTALL)[0]
    channels, own = client().get("/channels").text, client().get("/channels/channel_01").text
    for shown in (by_reason, channels, own):
        assert all(each in shown for each in amounts)
        assert "<summary>+ 2</summary>" in shown
