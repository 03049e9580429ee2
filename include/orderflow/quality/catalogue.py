"""The rule catalogue as a page for people."""

from __future__ import annotations

from orderflow.quality.rules import RULES, TOPICS
from orderflow.quality.rules.rule import Rule

_HEAD = """# Rules

Every rule that an order can break: {count} in all. An order that breaks a rule of severity **refuse** waits in
quarantine as a whole, with every reason; one that breaks only rules of severity **warn** goes on. A channel file may
lower a rule to `warn` with `validate.waive: [CODE]`, unless the table says that it cannot be waived; a residue of money
within its `validate.tolerance` breaks no rule that is marked *tolerance*. What breaks a rule that is marked *settled*
is put away as discarded when it comes: nobody has to decide, and it counts in no refused share. `orderflow rules CODE`
shows one rule.
"""


def to_markdown() -> str:
    """The catalogue by topic, a table for each."""
    parts = [_HEAD.format(count=len(RULES))]
    for topic, rules in TOPICS.items():
        parts.append(f"\n## {topic}\n\n| code | severity | owner | meaning | cure |\n|---|---|---|---|---|\n")
        parts += [
            f"| `{rule.code}` | {_severity(rule)} | {rule.owner} "
            f"| {_sentence(rule.meaning)} | {_sentence(rule.cure)} |\n"
            for rule in rules
        ]
    return "".join(parts)


def _severity(rule: Rule) -> str:
    marks = {"cannot be waived": not rule.waivable, "tolerance": rule.tolerance, "settled": rule.settled}
    return ", ".join([rule.severity, *(mark for mark, holds in marks.items() if holds)])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}.".replace("|", "\\|")
