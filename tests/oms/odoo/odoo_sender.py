"""A sender of its own: pushes orders first..last into an Odoo and prints a line per receipt."""

import sys

from odoo_server import DATABASE, KEY, LOGIN
from orders import runtime, submission

from orderflow.domain.source import Account, Secret
from orderflow.oms import odoo

url, api, first, last = sys.argv[1:]
options = odoo.OPTIONS(database=DATABASE, api=api, charges={"shipping": "SHIP"})
target = odoo.open(options, Account("erp", url, LOGIN, Secret(KEY)), runtime())
for receipt in target.submit([submission(number) for number in range(int(first), int(last) + 1)]):
    print(receipt.key, receipt.outcome, receipt.oms_id, receipt.reason, flush=True)
