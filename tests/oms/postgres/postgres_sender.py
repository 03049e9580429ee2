"""A sender of its own: pushes 200 orders into the OMS's tables, ten at a time, and prints a line per receipt."""

import sys

from orders import line, submission
from postgres_target import TABLE, opened

target = opened(sys.argv[1], table=TABLE)
for start in range(1, 201, 10):
    orders = [submission(number, lines=[line(1), line(2, "SKU-002")]) for number in range(start, start + 10)]
    for receipt in target.submit(orders):
        print(receipt.key, receipt.outcome, receipt.oms_id, flush=True)
