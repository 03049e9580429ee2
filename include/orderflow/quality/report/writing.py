"""A report on disk: a folder with one page per channel, one for all, and the tables beside them.

reports/2026-03-01/index.html                    all channels
reports/2026-03-01/shop_tw.html                  one channel
reports/2026-03-01/shop_tw-expectations.html     its expectations
reports/2026-03-01/data/shop_tw-orders.csv       tables, and the same as .parquet
reports/index.html                               every report that is there
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from orderflow.quality.report import pages, tables
from orderflow.quality.report.values import Figures

USUAL_DAYS = 7
"""Days of a report unless somebody asks for others."""

_REPORT = re.compile(r"\d{4}-\d{2}-\d{2}[a-z0-9_-]*")


def name_of(last: date, days: int, channel: str | None) -> str:
    """The report's folder: `2026-03-01`, `2026-03-01-30d`, `2026-03-01-shop_tw`."""
    parts = [last.isoformat(), f"{days}d" if days != USUAL_DAYS else "", channel or ""]
    return "-".join(filter(None, parts))


def write(root: Path, name: str, everything: Sequence[Figures], *, made_at: datetime) -> Path:
    """Write the report into `root/name`, which takes the place of an earlier one at once; returns the folder."""
    folder, draft = root / name, root / f".{name}.draft"
    if draft.exists():
        shutil.rmtree(draft)
    (draft / "data").mkdir(parents=True)
    for figures in everything:
        found = tables.tables(figures)
        for table, rows in found.items():
            (draft / "data" / f"{figures.channel}-{table}.csv").write_text(tables.to_csv(rows), encoding="utf-8")
            (draft / "data" / f"{figures.channel}-{table}.parquet").write_bytes(tables.to_parquet(rows))
        sizes = {table: len(rows) for table, rows in found.items()}
        _page(draft / f"{figures.channel}.html", pages.channel_page(figures, everything, sizes))
        _page(draft / f"{figures.channel}-expectations.html", pages.expectations_page(figures))
    _page(draft / "index.html", pages.overall_page(everything, made_at, listed=True))
    if folder.exists():
        shutil.rmtree(folder)
    draft.rename(folder)
    names = sorted(
        (each.name for each in root.iterdir() if each.is_dir() and _REPORT.fullmatch(each.name)), reverse=True
    )
    _page(root / "index.html", pages.folders_page(names, made_at))
    return folder


def _page(path: Path, html: str) -> None:
    """Lone surrogates, which no encoding knows, become question marks."""
    path.write_bytes(html.encode("utf-8", errors="replace"))
