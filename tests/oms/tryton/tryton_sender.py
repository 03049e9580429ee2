"""A sender of its own: pushes orders first..last into a Tryton and prints a line per receipt."""

import sys

from orders import runtime, submission

from orderflow.domain.source import Account, Secret
from orderflow.oms import tryton

url, database, login, password, first, last = sys.argv[1:]
target = tryton.open(
    tryton.OPTIONS(database=database, charges={"shipping": "SHIP"}),
    Account("erp", url, login, Secret(password)),
    runtime(),
)
for receipt in target.submit([submission(number) for number in range(int(first), int(last) + 1)]):
    print(receipt.key, receipt.outcome, receipt.oms_id, receipt.reason, flush=True)
