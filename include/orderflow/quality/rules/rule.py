"""What a rule is, and who has to act when an order breaks it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["refuse", "warn"]
Owner: TypeAlias = Literal["channel team", "catalogue team", "platform developer", "finance", "fulfilment"]


class Rule(msgspec.Struct, frozen=True):
    """One rule of the catalogue.

    `refuse`: the order would make the OMS ship wrong goods or book wrong money, so it waits in quarantine. `warn`: it
    goes on, and somebody should look. `waivable` rules may be lowered to `warn` by a channel file; what is within
    `validate.tolerance` of it does not break those with `tolerance`. Of what breaks a `settled` rule nobody has to
    decide anything: it comes into quarantine discarded, and counts in no refused share.
    """

    code: str
    severity: Severity
    owner: Owner
    meaning: str
    cure: str
    waivable: bool = True
    tolerance: bool = False
    settled: bool = False

    @property
    def message(self) -> str:
        return f"{self.meaning}; {self.cure}"


def refuse(code: str, owner: Owner, meaning: str, cure: str, *, tolerance: bool = False) -> Rule:
    return Rule(code, "refuse", owner, meaning, cure, tolerance=tolerance)


def warn(code: str, owner: Owner, meaning: str, cure: str, *, tolerance: bool = False) -> Rule:
    return Rule(code, "warn", owner, meaning, cure, tolerance=tolerance)


def always_refuse(code: str, owner: Owner, meaning: str, cure: str) -> Rule:
    """No channel can waive it: without what is missing there is no order to hand on."""
    return Rule(code, "refuse", owner, meaning, cure, waivable=False)


def settled(code: str, owner: Owner, meaning: str, cure: str) -> Rule:
    """An order that never goes on from here, and that no person has to look at (`orderflow.waiting_state`)."""
    return Rule(code, "refuse", owner, meaning, cure, waivable=False, settled=True)
