"""The checks behind the rules: which column pandera looks at, and what it asks of it.

`STRUCTURE` is judged first, `MEANING` second, and both always: what is wrong with the form of an order does not hide
what is wrong with its sense.
"""

from __future__ import annotations

from orderflow.quality.checks import contacts, history, lines, money, order, payments
from orderflow.quality.checks.check import Check

STRUCTURE: tuple[Check, ...] = (*order.STRUCTURE, *lines.STRUCTURE, *money.STRUCTURE, *contacts.STRUCTURE)
MEANING: tuple[Check, ...] = (
    *order.MEANING,
    *lines.MEANING,
    *money.MEANING,
    *payments.MEANING,
    *history.MEANING,
    *contacts.MEANING,
)
