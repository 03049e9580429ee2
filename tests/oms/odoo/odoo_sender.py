"""A sender of its own: pushes orders first..last into an Odoo and prints a line per receipt.

`story` is what a channel says of an order over time: it arrives, every third is edited, every fifth is cancelled, and
every tenth of those comes back, paid in dollars.
"""

import os
import sys

from odoo_tables import LOGIN
from orders import line, runtime, submission

from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Submission
from orderflow.oms import odoo


def story(number: int) -> list[Submission]:
    bought = {"lines": [line(1), line(2, f"SKU-{number % 10 + 1:03d}", "2", "21.01")], "grand_total": "55.51"}
    told = [submission(number, **bought)]
    if number % 3 == 0:
        told.append(submission(number, 2, lines=[line(1, "SKU-003", "1", "12")], grand_total="16.5"))
    if number % 5 == 0:
        told.append(submission(number, 3, order_status="cancelled", **bought))
    if number % 10 == 0:
        told.append(submission(number, 4, payment_status="paid", currency="USD", **bought))
    return told


if __name__ == "__main__":
    url, database, api, first, last, *chapter = sys.argv[1:]
    numbers = range(int(first), int(last) + 1)
    options = odoo.OPTIONS(database=database, api=api, charges={"shipping": "SHIP", "*": "MISC"})
    target = odoo.open(options, Account("erp", url, LOGIN, Secret(os.environ["ODOO_KEY"])), runtime())
    told = [submission(number) for number in numbers]
    if chapter:
        told = [story(number)[int(chapter[0])] for number in numbers if len(story(number)) > int(chapter[0])]
    for receipt in target.submit(told):
        print(receipt.key, receipt.outcome, receipt.oms_id, receipt.reason, flush=True)
