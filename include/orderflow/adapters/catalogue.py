"""What each adapter can do, as a page for people: out of the capability sheets and the sources themselves."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from orderflow import adapters
from orderflow.domain.channel import print_duration
from orderflow.domain.source import Adapter, Limits

_HEAD = """# Channels

Adapters, from their capability sheets (`Limits` in each `__init__.py`; facts and their sources in each README).
*Settle*: how late the platform shows a change; *lookback*: what every window reads again; *blind*: changes that do not
move the modified time, so that only the daily sweep finds them; *by id* lets repairs and sweeps ask for single orders;
*second list* is what reconciliation compares with; *counted*: the platform says how many orders a window holds, and
paging is held against it. Nothing is called verified that was not. `orderflow channel adapters` prints this page.

"""

_COLUMNS = (
    "adapter", "longest window", "settle, lookback", "most per query", "reach", "rate", "page", "by id", "second list",
    "counted", "blind", "personal data", "verified against",
)  # fmt: skip

_ABILITIES = ("fetch_ids", "identify", "count")


def to_markdown() -> str:
    """One line per adapter."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    return _HEAD + head + "".join(_line(name, adapters.find(name)) for name in adapters.known())


def _line(name: str, adapter: Adapter) -> str:
    limits = adapter.limits
    folder = Path(adapters.__file__).parent / name
    about = f"[{name}](../include/orderflow/adapters/{name}/README.md)"
    if adapter.described and limits == Limits():
        told = ["as the file says"] * 10
    elif limits.acknowledges:
        told = ["any: files follow arrival", "-", "-", "-", "-", str(limits.page_size), "-", "-", "-", "-"]
    else:
        code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
        told = [
            _long(limits.longest_window, "any"),
            f"{_long(limits.settle, '0s')}, {_long(limits.lookback, '0s')}",
            f"{limits.ceiling:,}" if limits.ceiling else "any",
            _long(limits.reach, "all"),
            f"{limits.rate:g}/s" if limits.rate else "not documented",
            str(limits.page_size),
            *("yes" if re.search(rf"def {ability}\(", code) else "no" for ability in _ABILITIES),
            ", ".join(sorted(limits.blind)) or "nothing known",
        ]
    return f"| {' | '.join([about, *told, limits.personal_data, _verified(folder)])} |\n"


def _long(span: timedelta | None, none: str) -> str:
    return print_duration(span) if span else none


def _verified(folder: Path) -> str:
    """The line of the README that says what the adapter was tried on."""
    text = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    found = re.search(r"Verified against: (.+?\.(?: Never[^.]*\.)?) ", text)
    return found[1].rstrip(".") if found else "nothing"
