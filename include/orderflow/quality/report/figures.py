"""The figures of one channel, worked out from what the staging database answers."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.quality import punctual
from orderflow.quality.report import queries
from orderflow.quality.report.clusters import clusters
from orderflow.quality.report.values import (
    VERDICTS,
    Count,
    Drift,
    Figures,
    Freshness,
    Proof,
    Reason,
    Residue,
    Sku,
    Verdict,
    Volume,
)
from orderflow.quality.rules import RULES

BAND_DAYS = 28
"""Days before the report from which the expected number of orders is taken."""
FEWEST_DAYS = 5
"""Days of history that it takes to expect anything."""
LEFT_OVER = (
    "GRAND_TOTAL_MISMATCH", "LINE_EQUATION", "CHARGE_EQUATION", "ITEMS_TOTAL_MISMATCH", "CHARGES_TOTAL_MISMATCH",
    "DISCOUNT_TOTAL_MISMATCH", "TAX_TOTAL_MISMATCH", "DISCOUNT_OVERALLOCATED", "SETS_DIFFER", "REFUNDED_TOO_MUCH",
)  # fmt: skip
"""Money rules whose value is what is left over."""


def figures(connection: Connection, channel: Channel, *, last: date, days: int, now: datetime) -> Figures:
    """Everything the report says of one channel over the `days` up to and including `last` (in the channel's zone).

    Reads only. Raises `TransientError` when the database goes away or a question takes too long.
    """
    zone = ZoneInfo(channel.schedule.timezone)
    shown = [last - timedelta(days=days - 1 - number) for number in range(days)]
    values = {
        "channel": channel.name,
        "zone": channel.schedule.timezone,
        "start": _midnight(shown[0], zone),
        "end": _midnight(last + timedelta(days=1), zone),
        "before": _midnight(shown[0] - timedelta(days=BAND_DAYS), zone),
        "tolerance": channel.validate_.tolerance,
        "codes": list(LEFT_OVER),
    }
    with queries.reading(connection) as cursor:

        def rows(question: str, **more: Any) -> list[dict[str, Any]]:
            return queries.ask(cursor, question, {**values, **more})

        verdicts = _verdicts(shown, rows(queries.ACCEPTED), rows(queries.REFUSED))
        counted = rows(queries.COUNTED)
        proofs = [proof for name in ("order", "shop") for proof in _proofs(name, rows(queries.PROOF[name]))]
        runs = rows(queries.RUNS)
        results = rows(queries.RESULTS, runs=[run["id"] for run in runs])
        return Figures(
            channel=channel.name,
            title=channel.title,
            owner=channel.owner.partition("<")[0].strip(),
            adapter=channel.adapter_name,
            zone=channel.schedule.timezone,
            made_at=now,
            days=shown,
            verdicts=verdicts,
            flow=rows(queries.FLOW)[0],
            reasons=_reasons(shown, rows(queries.REASONS)),
            warnings=_counts(shown, counted, "warning"),
            repairs=_counts(shown, counted, "repair"),
            drift=_drift(rows(queries.NOTES)),
            skus=[Sku(row["sku"], row["title"] or "", row["orders"], row["codes"]) for row in rows(queries.SKUS)],
            clusters=clusters(rows(queries.CLUSTERED)),
            volume=_volume(channel, shown, rows(queries.VOLUME), rows(queries.FIRST)[0]["first"], now),
            freshness=_freshness(channel, rows(queries.NEWEST)[0]["newest"], rows(queries.FLOW)[0], now),
            proofs=proofs,
            proven=sum(each.orders for each in proofs if each.money == "order") < queries.MOST_PROVEN,
            residues=[
                Residue(row["code"], row["currency"] or "?", row["orders"], row["residue"], row["largest"])
                for row in rows(queries.RESIDUES)
            ],
            delivery=rows(queries.DELIVERY)[0],
            runs=[{**run, "results": [each for each in results if each["run"] == run["id"]]} for run in runs],
        )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone)


def _verdicts(
    days: Sequence[date], accepted: Iterable[Mapping[str, Any]], refused: Iterable[Mapping[str, Any]]
) -> dict[date, dict[str, Verdict]]:
    found = {day: {verdict: Verdict() for verdict in VERDICTS} for day in days}
    for row in accepted:
        found[row["day"]]["accepted"].add(row["orders"], row["currency"], row["value"])
    for row in refused:
        verdict = "discarded" if not row["waits"] else "oms" if row["source"] == "oms" else "waiting"
        found[row["day"]][verdict].add(row["orders"], row["currency"], row["value"])
    return found


def _reasons(days: Sequence[date], rows: Iterable[Mapping[str, Any]]) -> list[Reason]:
    orders: Counter[str] = Counter()
    trends: dict[str, Counter[date]] = defaultdict(Counter)
    waiting: dict[str, Verdict] = defaultdict(Verdict)
    for row in rows:
        code = row["code"] or "?"
        orders[code] += row["orders"]
        trends[code][row["day"]] += row["orders"]
        if row["waits"]:
            waiting[code].add(row["orders"], row["currency"], row["value"])
    found = []
    for code, count in sorted(orders.items(), key=lambda item: (-item[1], item[0])):
        rule = RULES.get(code)
        found.append(
            Reason(
                code=code,
                orders=count,
                waiting=waiting[code].orders,
                at_risk=waiting[code].value,
                trend=[trends[code][day] for day in days],
                meaning=rule.meaning if rule else _OTHER.get(code, ("", ""))[0],
                cure=rule.cure if rule else _OTHER.get(code, ("", ""))[1],
                owner=rule.owner if rule else "orders team",
            )
        )
    return found


_OTHER = {
    "OMS_REFUSED": ("the OMS did not take the order", "read the OMS's reason in quarantine, cure it, then release"),
    "UNSTORABLE": ("the staging database cannot hold the order", "read the reason in quarantine; report it"),
}

_REPAIRS = {
    "unicode_text": "text in composed Unicode (NFC), invisible characters removed",
    "trimmed": "blanks at both ends removed, runs of blanks made one",
    "lookups": "values that the channel file lists, in our spelling",
    "countries": "countries as ISO 3166 codes",
    "regions": "regions as ISO 3166-2 codes",
    "postal_codes": "postal codes as their country writes them",
    "phones": "phone numbers as E.164",
    "currencies": "currency codes in capitals, or the channel's where there was none",
    "discounts": "discounts spread over lines to the minor unit",
    "times_to_utc": "times moved to UTC, the channel's spelling kept",
    "edits": "values that a person corrected",
}


def _counts(days: Sequence[date], rows: Iterable[Mapping[str, Any]], what: str) -> list[Count]:
    trends: dict[str, Counter[date]] = defaultdict(Counter)
    for row in rows:
        if row["what"] == what:
            trends[row["name"]][row["day"]] += row["count"]
    found = [
        Count(name, trend.total(), [trend[day] for day in days], _explained(what, name))
        for name, trend in trends.items()
    ]
    return sorted(found, key=lambda each: (-each.total, each.name))


def _explained(what: str, name: str) -> str:
    if what == "repair":
        return _REPAIRS.get(name, "")
    return RULES[name].meaning if name in RULES else ""


_FIELD = re.compile(r"^field (\S+) ")


def _drift(rows: Iterable[Mapping[str, Any]]) -> list[Drift]:
    """Notes of one kind on one field are one finding; its newest words are shown."""
    found: dict[tuple[str, str], Drift] = {}
    for row in rows:
        code, _, message = row["note"].partition(": ")
        if not message or not re.fullmatch("[A-Z][A-Z_]+", code):
            code, message = "NOTE", row["note"]
        about = _FIELD.match(message)
        key = code, about[1] if about else message if code == "NOTE" else ""
        before = found.get(key)
        windows, first = (before.windows + 1, before.first) if before else (1, row["at"])
        found[key] = Drift(code, message, windows, first, row["at"])
    return sorted(found.values(), key=lambda each: (each.code in _LOUD, each.last), reverse=True)


_LOUD = {
    "TOO_MANY_REFUSED",
    "TOO_FEW_ORDERS",
    "TOO_MANY_ORDERS",
    "UNEXPECTEDLY_EMPTY",
    "FIELD_GONE",
    "TYPE_NEW",
    "AMOUNTS_IN_ANOTHER_UNIT",
}


def _volume(
    channel: Channel,
    days: Sequence[date],
    rows: Iterable[Mapping[str, Any]],
    first: datetime | None,
    now: datetime,
) -> Volume:
    """The band is the median of earlier whole days, give or take three deviations (by the median) or 30 percent.

    What the same weekday brought before is as expected, too: a shop that rests on Sundays is not judged by its Mondays.
    """
    zone = ZoneInfo(channel.schedule.timezone)
    brought = {row["day"]: row["orders"] for row in rows}
    counts = [brought.get(day, 0) for day in days]
    asked = channel.validate_.expectations.orders_per_day
    today = now.astimezone(zone).date()
    begun = first.astimezone(zone).date() if first else None
    earliest = days[0] - timedelta(days=BAND_DAYS)
    before = (earliest + timedelta(days=number) for number in range(BAND_DAYS + len(days)))
    by_day = {day: brought.get(day, 0) for day in before if begun and begun < day < min(today, days[-1])}
    known = list(by_day.values())
    like = [orders for day, orders in by_day.items() if asked is None and day.weekday() == days[-1].weekday()]
    band, basis = asked, "orders_per_day of the channel file"
    if band is None and len(known) >= FEWEST_DAYS:
        middle = statistics.median(known)
        spread = max(3 * 1.4826 * statistics.median(abs(each - middle) for each in known), 0.3 * middle)
        band = max(0, int(middle - spread)), int(middle + spread + 1)
        basis = f"median of {len(known)} earlier days, give or take three deviations (at least 30%)"
    if band is None:
        return Volume(counts, None, f"fewer than {FEWEST_DAYS} whole days of history", "unknown")
    if days[-1] >= today:
        return Volume(counts, band, f"{basis}; the last day is not over", "unknown")
    least, most = min([band[0], *like]), max([band[1], *like])
    return Volume(counts, band, basis, "low" if counts[-1] < least else "high" if counts[-1] > most else "expected")


def _freshness(channel: Channel, newest: datetime | None, flow: Mapping[str, int], now: datetime) -> Freshness:
    behind, allowed = now - newest if newest else None, now - punctual.due(channel, now)
    return Freshness(newest, behind, allowed, flow["windows"], flow["unproven"])


def _proofs(name: Literal["order", "shop"], rows: Iterable[Mapping[str, Any]]) -> list[Proof]:
    by_currency: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_currency[row["currency"] or "?"].append(row)
    found = []
    for currency, parts in by_currency.items():
        sums = {
            part: sum((row[part] or Decimal(0) for row in parts if row["cause"] != "incomplete"), Decimal(0))
            for part in ("lines", "charges", "tax", "discounts", "rounding", "grand", "residue")
        }
        causes = {row["cause"]: (row["orders"], row["residue"] or Decimal(0)) for row in parts}
        found.append(
            Proof(money=name, currency=currency, orders=sum(row["orders"] for row in parts), causes=causes, **sums)
        )
    return sorted(found, key=lambda proof: -proof.orders)
