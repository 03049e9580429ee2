"""A held batch: its numbers for whoever decides, and its orders for the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from upath import UPath

from orderflow.domain.batch import Batch
from orderflow.pipeline.cleaning import files


def orders(batch: Batch) -> Iterator[tuple[int, str | None]]:
    """Ordinal and id of every order of the batch, and of every record that gave none. No personal data."""
    folder = cast(Path, UPath(batch.landing))
    for chunk in files.chunks(folder):
        for name in ("orders", "unreadable"):
            found = files.read(folder, name, chunk, columns=["ordinal", "order_id"])
            yield from zip(found["ordinal"].to_pylist(), found["order_id"].to_pylist(), strict=True)


def summary(batch: Batch) -> str:
    """The batch's numbers in Markdown: what the guards saw, how many orders, why some are refused."""
    c = batch.counts
    facts = {
        "Channel": batch.channel,
        "Window": str(batch.window),
        "Run": f"`{batch.run_id}`",
        "Records fetched": f"{c.fetched:,}",
        "Orders accepted": f"{c.accepted:,}",
        "Orders refused": f"{c.quarantined:,}",
        "Records that give no order": f"{c.unreadable:,}",
        "Older versions in the same batch": f"{c.duplicates:,}",
    }
    parts = [
        f"**What the guards saw:** {batch.held}",
        "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in facts.items()),
    ]
    for title, counts in (("refused", batch.reasons), ("noted", batch.warnings)):
        if counts:
            rows = "\n".join(f"| {code} | {count:,} |" for code, count in list(counts.items())[:10])
            parts.append(f"| Rule ({title}) | Orders |\n|---|---|\n{rows}")
    others = [note for note in batch.notes if note not in (batch.held or "")]
    if others:
        parts.append("**Also noted:**\n\n" + "\n".join(f"- {note}" for note in others[:20]))
    parts.append(
        "**Release** loads the batch and hands it to the OMS. **Hold** leaves it as it is: decide later with "
        "`orderflow review`. **Discard** throws its orders away; the raw records stay."
    )
    return "\n\n".join(parts)
