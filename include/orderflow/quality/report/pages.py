"""The report's pages: one of each channel, one of its expectations, one of all channels, and the list of reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from orderflow.quality.pages import words
from orderflow.quality.pages.rendering import render
from orderflow.quality.report import charts
from orderflow.quality.report.clusters import Cluster
from orderflow.quality.report.values import VERDICTS, Figures

VERDICT_WORDS = {
    "accepted": "accepted",
    "waiting": "in quarantine",
    "oms": "refused by the OMS",
    "discarded": "discarded",
}
MOST_CURES = 20
MOST_SIBLINGS = 50
"""Channels that the page of each leads to directly; a page that named a thousand others would be nothing else."""
DRAWN = {
    "stacked": charts.stacked,
    "sparkline": charts.sparkline,
    "shares": charts.shares,
    "verdict_words": VERDICT_WORDS,
}
"""What the pages with charts draw with."""


def channel_page(figures: Figures, siblings: Sequence[Figures], tables: Mapping[str, int]) -> str:
    """The page of one channel; `tables` has the number of rows of each download."""
    best = max(
        (each for each in figures.clusters if each.best), key=lambda each: each.best.released if each.best else 0,
        default=None,
    )  # fmt: skip
    return render(
        "channel.html",
        **DRAWN,
        f=figures,
        siblings=siblings if len(siblings) <= MOST_SIBLINGS else [],
        best=best,
        cured=sorted((each for each in figures.clusters if each.trials), key=_usefulness),
        uncured=[each for each in figures.clusters if not each.trials],
        states=states(figures),
        layers=_layers([figures], figures.days),
        tables=tables,
        span=_span(figures.days),
        made_at=figures.made_at,
    )


def expectations_page(figures: Figures) -> str:
    return render(
        "expectations.html",
        f=figures,
        trends=_trends(figures.runs),
        span=_span(figures.days),
        made_at=figures.made_at,
    )


def overall_page(everything: Sequence[Figures], made_at: datetime, *, listed: bool) -> str:
    """The page of all channels, whose days may be of different zones; `listed`: earlier reports stand beside it."""
    days = everything[0].days if everything else []
    totals = {verdict: sum(each.total(verdict).orders for each in everything) for verdict in VERDICTS}
    cures = _cures(everything)
    return render(
        "overall.html",
        **DRAWN,
        all=everything,
        days=days,
        listed=listed,
        totals=totals,
        orders=sum(totals.values()),
        layers=_layers(everything, days),
        waits={
            each.channel: [each.verdicts[day]["waiting"].orders + each.verdicts[day]["oms"].orders for day in each.days]
            for each in everything
        },
        states={each.channel: states(each) for each in everything},
        cures=cures[:MOST_CURES],
        curable=len({(each.channel, row) for each, cluster in cures if cluster.best for row in cluster.best.rows}),
        reasons=_top_reasons(everything),
        span=_span(days),
        made_at=made_at,
    )


def folders_page(names: Sequence[str], made_at: datetime) -> str:
    return render("folders.html", names=names, made_at=made_at)


def states(figures: Figures) -> list[tuple[str, str]]:
    """What is well and what is not, each with its colour's name."""
    fresh, volume = figures.freshness, figures.volume
    broken = [proof for proof in figures.proofs if not proof.holds]
    found = [
        ("warn", "nothing pulled yet") if fresh.behind is None
        else ("bad", f"late: {words.ago(fresh.behind)} behind") if fresh.late
        else ("good", "fresh"),
        {
            "expected": ("good", "volume as expected"),
            "low": ("bad", "fewer orders than expected"),
            "high": ("warn", "more orders than expected"),
            "unknown": ("", "volume not judged"),
        }[volume.state],
        ("", "no money to prove") if not figures.proofs
        else ("bad", "money does not add up") if broken
        else ("good", "money adds up"),
    ]  # fmt: skip
    if figures.runs:
        failed = figures.runs[-1]["failed"]
        many = "expectation" if failed == 1 else "expectations"
        found.append(
            ("warn", f"{failed} {many} not met") if failed
            else ("good", "expectations met") if figures.runs[-1]["orders"]
            else ("", "no orders to check")
        )  # fmt: skip
    else:
        found.append(("", "expectations not checked"))
    return found


def _usefulness(cluster: Cluster) -> tuple[int, int]:
    return -(cluster.best.released if cluster.best else 0), -cluster.orders


def _span(days: Sequence[date]) -> str:
    if not days:
        return "no days"
    return words.day(days[0]) if len(days) == 1 else f"{words.day(days[0])} to {words.day(days[-1])}"


def _layers(everything: Sequence[Figures], days: Sequence[date]) -> dict[str, list[int]]:
    return {
        verdict: [
            sum(each.verdicts[day][verdict].orders for each in everything if day in each.verdicts) for day in days
        ]
        for verdict in VERDICTS
    }


def _cures(everything: Sequence[Figures]) -> list[tuple[Figures, Cluster]]:
    found = [(each, cluster) for each in everything for cluster in each.clusters if cluster.best]
    return sorted(found, key=lambda pair: -(pair[1].best.released if pair[1].best else 0))


def _top_reasons(everything: Sequence[Figures]) -> list[tuple[str, dict[str, Any]]]:
    found: dict[str, dict[str, Any]] = {}
    for each in everything:
        for reason in each.reasons:
            row = found.setdefault(
                reason.code,
                {"orders": 0, "trend": [0] * len(reason.trend), "channels": Counter(), "owner": reason.owner},
            )
            row["meaning"] = reason.meaning
            row["orders"] += reason.orders
            row["trend"] = [one + other for one, other in zip(row["trend"], reason.trend, strict=True)]
            row["channels"][each.channel] += reason.orders
    for row in found.values():
        row["channels"] = row["channels"].most_common()
    return sorted(found.items(), key=lambda item: (-item[1]["orders"], item[0]))[:15]


def _trends(runs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[bool | None], str]]:
    """Of every expectation: whether it was met, day by day, and the same in words."""
    met = [{each["name"]: _met(run, each) for each in run["results"]} for run in runs]
    names = dict.fromkeys(name for each in met for name in each)
    found: dict[str, tuple[list[bool | None], str]] = {}
    for name in names:
        strip = [each.get(name) for each in met]
        said = ", ".join(
            f"{run['day']:%d %b} {'not checked' if one is None else 'met' if one else 'not met'}"
            for run, one in zip(runs, strip, strict=True)
        )
        found[name] = strip, said
    return found


def _met(run: Mapping[str, Any], result: Mapping[str, Any]) -> bool | None:
    """Whether an expectation was met; None where no order of the run could have broken it."""
    return None if result["success"] and not run["orders"] else result["success"]
