"""The rule catalogue: every rule an order can break, with its severity, its owner, what it means and how to cure it.

Codes are stable: channel files waive them, reports count them, and quarantine rows keep them for years.
"""

from __future__ import annotations

from orderflow.quality.rules import contacts, delivery, files, history, lines, money, order, records
from orderflow.quality.rules.rule import Rule

TOPICS: dict[str, tuple[Rule, ...]] = {
    "Records that cannot be read": records.RULES,
    "Files and interchanges": files.RULES,
    "Orders": order.RULES,
    "Lines and what they refer to": lines.RULES,
    "Money": money.RULES,
    "Times and statuses": history.RULES,
    "Contacts and addresses": contacts.RULES,
    "Storing and delivery": delivery.RULES,
}
"""The rules by topic, in the order in which the catalogue shows them."""

RULES: dict[str, Rule] = {rule.code: rule for rules in TOPICS.values() for rule in rules}
"""Every rule by its code."""

SETTLED = frozenset(code for code, rule in RULES.items() if rule.settled)
"""Rules of whose orders nobody has to decide."""
