"""What each adapter can do, as a page for people: out of capability sheets, sources and certificates."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from orderflow import adapters
from orderflow.domain.channel import print_duration
from orderflow.domain.source import Adapter, Limits

CERTIFICATES = Path(__file__).with_name("certificates.json")
"""The newest certificate of each adapter, in short; `orderflow certify --all --keep` writes it."""

_HEAD = """# Channels

Adapters, from their capability sheets (`Limits` in each `__init__.py`; facts and their sources in each README) and from
their certificates (`orderflow certify --all --keep`). Nothing is called verified that was not. `orderflow channel
adapters` prints this page; `orderflow certify NAME` tries one of them, behaviour by behaviour.

## How orders are pulled

*Filter*: what a window selects by, with the longest span of one request; *settle*: how late the platform shows a
change; *lookback*: what every window reads again; *details*: requests that orders cost besides their list, as measured
on the simulated platform; *by id* lets repairs and sweeps ask for single orders; *second list* is what reconciliation
compares with; *counted*: the platform says how many orders a window holds, and paging is held against it; *blind*:
changes that do not move the modified time, so that only the daily sweep finds them.

"""

_MORE = """
## What else they do, and what that was tried on

*Webhook*: the inbox knows its signature; *write-back*: what the OMS's news becomes on the channel. *Certificate*:
behaviours that passed, of those that the platform offers; what was not tried is named. *Tried on*: `recorded` answers
from documentation, the simulated platform of the `sandbox`, or `files`. None of it is a live account.

"""

_PULLED = (
    "adapter", "filter, longest span", "settle, lookback", "paging, page size", "most per query", "reach", "rate",
    "details", "by id", "second list", "counted", "blind",
)  # fmt: skip
_ELSE = ("adapter", "personal data", "webhook", "write-back", "certificate", "tried on", "verified against")

_ABILITIES = ("fetch_ids", "identify", "count")


def to_markdown() -> str:
    """Two tables with one line per adapter each."""
    kept: dict[str, dict[str, Any]] = json.loads(CERTIFICATES.read_text(encoding="utf-8"))
    found = [(name, adapters.find(name), kept.get(name, {})) for name in adapters.known()]
    pulled = "".join(_row(name, _pulled(name, adapter, certificate)) for name, adapter, certificate in found)
    more = "".join(_row(name, _else(name, adapter, certificate)) for name, adapter, certificate in found)
    return _HEAD + _titles(_PULLED) + pulled + _MORE + _titles(_ELSE) + more


def _titles(names: tuple[str, ...]) -> str:
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"


def _row(name: str, cells: list[str]) -> str:
    about = f"[{name}](../include/orderflow/adapters/{name}/README.md)"
    return f"| {' | '.join([about, *cells])} |\n"


def _pulled(name: str, adapter: Adapter, certificate: dict[str, Any]) -> list[str]:
    limits, facts = adapter.limits, certificate.get("facts", {})
    if _told_by_file(adapter):
        return ["as the file says"] * (len(_PULLED) - 1)
    if limits.acknowledges:
        return ["arrival, any", "-", f"file by file, {limits.page_size}", *["-"] * (len(_PULLED) - 4)]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(_folder(name).rglob("*.py")))
    return [
        f"modified time, {_long(limits.longest_window, 'any')}",
        f"{_long(limits.settle, '0s')}, {_long(limits.lookback, '0s')}",
        f"by {facts['paging']}, {limits.page_size}" if "paging" in facts else str(limits.page_size),
        f"{limits.ceiling:,}" if limits.ceiling else "any",
        _long(limits.reach, "all"),
        f"{limits.rate:g}/s" if limits.rate else "not documented",
        facts.get("details", "not measured"),
        *("yes" if re.search(rf"def _?{ability}\(", code) else "no" for ability in _ABILITIES),
        ", ".join(sorted(limits.blind)) or "nothing known",
    ]


def _else(name: str, adapter: Adapter, certificate: dict[str, Any]) -> list[str]:
    webhook = "as the file says" if _told_by_file(adapter) else "yes" if adapter.webhook else "no"
    return [
        adapter.limits.personal_data,
        webhook,
        ", ".join(sorted(adapter.limits.writes_back)) or "no",
        _certified(certificate.get("results", {})),
        ", ".join(certificate.get("tried_on", [])) or "nothing",
        _verified(_folder(name)),
    ]


def _certified(results: dict[str, str]) -> str:
    """How many behaviours passed; the others are named."""
    if not results:
        return "none"
    counts = Counter(results.values())
    offered = len(results) - counts["not offered"]
    left = [f"{word}: {', '.join(each for each, result in results.items() if result == word)}"
            for word in ("failed", "not tried") if counts[word]]  # fmt: skip
    return "; ".join([f"{counts['passed']} of {offered}", *left])


def _told_by_file(adapter: Adapter) -> bool:
    return adapter.described is not None and adapter.limits == Limits()


def _folder(name: str) -> Path:
    return Path(adapters.__file__).parent / name


def _long(span: timedelta | None, none: str) -> str:
    return print_duration(span) if span else none


def _verified(folder: Path) -> str:
    """The line of the README that says what the adapter was tried on."""
    text = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    found = re.search(r"Verified against: (.+?\.(?: Never[^.]*\.)?) ", text)
    return found[1].rstrip(".") if found else "nothing"
