"""The certificate: every behaviour of one adapter, with what came of trying it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import msgspec

from orderflow.sandbox.conformance import contract
from orderflow.sandbox.conformance.behaviours import BEHAVIOURS, OTHER, Behaviour
from orderflow.sandbox.conformance.cases import Case
from orderflow.sandbox.conformance.subject import Subject
from orderflow.sandbox.conformance.tried import Tried

Result: TypeAlias = Literal["passed", "failed", "not offered", "not tried"]
RESULTS: tuple[Result, ...] = ("passed", "failed", "not offered", "not tried")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One behaviour of one adapter."""

    behaviour: str
    promise: str
    result: Result
    how: list[str]
    """What it was tried on: `recorded`, `sandbox`, `files`."""
    note: str
    wrong: list[str] = []
    facts: dict[str, str] = {}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    adapter: str
    at: datetime
    findings: list[Finding]
    seconds: float = 0.0

    @property
    def totals(self) -> dict[Result, int]:
        counts = Counter(finding.result for finding in self.findings)
        return {result: counts[result] for result in RESULTS}

    @property
    def holds(self) -> bool:
        return not any(finding.result == "failed" for finding in self.findings)


def certify(subject: Subject, at: datetime, *, told: Callable[[int, int, str], None] = lambda *_: None) -> Certificate:
    """Try every behaviour of one adapter; `told` hears how many of them are done, and which is next.

    Nothing outside of this machine is asked: platforms are simulated, answers are recorded.
    """
    began = time.perf_counter()
    findings = []
    with TemporaryDirectory(prefix="orderflow-certify-", ignore_cleanup_errors=True) as name, _quiet():
        behaviours = [*BEHAVIOURS, *([OTHER] if any(_about(case) is OTHER for case in subject.cases) else [])]
        for number, behaviour in enumerate(behaviours):
            told(number, len(behaviours), behaviour.name)
            findings.append(find(subject, behaviour, Path(name) / str(number)))
    return Certificate(adapter=subject.name, at=at, findings=findings, seconds=round(time.perf_counter() - began, 1))


def find(subject: Subject, behaviour: Behaviour, folder: Path) -> Finding:
    """Try one behaviour on everything that there is for it. `folder` need not be there yet."""
    tried = list(_tried(subject, behaviour, folder))
    wrong = [each for _, one in tried for each in one.wrong]
    done = [(how, one) for how, one in tried if one.left is None]
    left = [one for _, one in tried if one.left]
    result: Result = "failed" if wrong else "passed" if done else left[0].left or "not tried" if left else "not tried"
    notes = [one.note for _, one in done] or [one.note for one in left]
    return Finding(
        behaviour=behaviour.name,
        promise=behaviour.promise,
        result=result,
        how=sorted({how for how, _ in done}),
        note="; ".join(filter(None, notes)) or "no recorded case, and no simulated platform",
        wrong=wrong,
        facts={name: fact for _, one in done for name, fact in one.facts.items()},
    )


def summary(certificate: Certificate) -> dict[str, Any]:
    """What `adapters/certificates.json` keeps of it: nothing that changes from one time to the next."""
    return {
        "results": {finding.behaviour: finding.result for finding in certificate.findings},
        "tried_on": sorted({how for finding in certificate.findings for how in finding.how}),
        "facts": {name: fact for finding in certificate.findings for name, fact in finding.facts.items()},
    }


def _tried(subject: Subject, behaviour: Behaviour, folder: Path) -> Iterator[tuple[str, Tried]]:
    mailbox = subject.adapter.limits.acknowledges
    if behaviour.only_files and not mailbox:
        yield "recorded", Tried([], behaviour.only_files, "not offered")
        return
    if recorded := _recorded(subject, behaviour, folder / "recorded"):
        yield "recorded", recorded
    if mailbox:
        if behaviour.files:
            yield "files", _safely(partial(behaviour.files, subject, folder / "files"))
        elif behaviour.absent and not recorded:
            yield "files", Tried([], behaviour.absent, "not offered")
    elif behaviour.play and subject.platform:
        yield "sandbox", _safely(partial(behaviour.play, subject, folder / "sandbox"))
    elif behaviour.play and not recorded:
        yield "sandbox", Tried([], "no recorded case, and no simulated platform", "not tried")


def _recorded(subject: Subject, behaviour: Behaviour, folder: Path) -> Tried | None:
    """The cases that are about this behaviour, the checks that all cases pass, and a platform that is broken."""
    about = [case for case in subject.cases if _about(case) is behaviour]
    every = subject.cases if contract.keeps_secrets in behaviour.each else list(filter(contract.paged, subject.cases))
    spoilt = [case for case in subject.cases if contract.first(case) and behaviour.answers]
    checks: list[tuple[Case, contract.Check]] = [
        *((case, contract.yields_its_orders if contract.good(case) else contract.raises_its_error) for case in about),
        *((case, check) for check in behaviour.each for case in every),
        *(
            (case, partial(contract.names_who_must_act, answer=answer))
            for case in spoilt
            for answer in behaviour.answers
        ),
    ]
    wrong = [
        f"case {case.name}: {each}"
        for number, (case, check) in enumerate(checks)
        for each in _safely(partial(_checked, check, case, folder / str(number))).wrong
    ]
    note = [f"{len(about)} recorded case{'' if len(about) == 1 else 's'}"] if about else []
    note += [f"checked on {len(every)} cases"] if behaviour.each else []
    note += [f"broken answers: {', '.join(behaviour.answers)}"] if spoilt else []
    return Tried(wrong, ", ".join(note)) if checks else None


def _checked(check: contract.Check, case: Case, folder: Path) -> Tried:
    return Tried(check(case, folder), "")


def _about(case: Case) -> Behaviour:
    """The behaviour whose case this is: the one with the longest beginning that fits."""
    fitting = [(len(begin), each) for each in BEHAVIOURS for begin in each.cases if case.name.startswith(begin)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else OTHER


def _safely(check: Callable[[], Tried]) -> Tried:
    """A check that breaks is a behaviour that failed; the others are tried nevertheless."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises is told in its certificate
        said = " ".join(str(error).split())
        return Tried([f"{type(error).__name__}: {said[:600]}"], "broke off")


@contextmanager
def _quiet() -> Iterator[None]:
    """What the stages log of trouble that is made on purpose would alarm people; checks of secrets still hear it."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = handlers
