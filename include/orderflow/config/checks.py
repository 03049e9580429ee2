"""What a channel file must satisfy beyond its form: ticks that come, zones, codes, targets and rules that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter

from orderflow.config.expected import expected
from orderflow.config.form import NAME
from orderflow.config.problem import Fault, Location, closest, nearest, shown
from orderflow.domain.channel import known_zone, parse_duration
from orderflow.domain.order import (
    CHARGE_KINDS,
    DISCOUNT_KINDS,
    FULFILMENT_STATUS,
    FUNDERS,
    LINE_KINDS,
    ORDER_STATUS,
    PAYMENT_STATUS,
    RETURN_STATUS,
)
from orderflow.quality import LOOKUP_FIELDS, RULES

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}")
_OFFSET = re.compile(r"(?i:UTC|GMT)?\s*[+-]\d[\d:]*|[A-Z]{1,5}")
_STEP = re.compile(r"/(\d+)")
_LARGEST_STEPS = (("minute", 60), ("hour", 24), ("day", 31), ("month", 12), ("weekday", 7))
_EARLIEST, _LATEST = date(1970, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file is checked against: the folder of OMS targets, and today (None: not asked)."""

    targets: Path
    now: datetime | None = None


def check(value: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Every fault of a file's values; whatever has the wrong type already is left to the form."""
    schedule, clean, judged, oms = (_block(value, name) for name in ("schedule", "clean", "validate", "oms"))
    yield from _placeholders(value)
    yield from _cron(schedule.get("cron"))
    yield from _start(schedule, around.now)
    yield from _zone(("schedule", "timezone"), schedule.get("timezone"))
    yield from _zone(("clean", "timezone"), clean.get("timezone"))
    yield from _deadline(schedule.get("deadline"))
    yield from _codes(clean)
    yield from _lookups(clean.get("lookups"))
    yield from _waived(judged.get("waive"))
    yield from _volume(judged.get("orders_per_window"))
    yield from expected(judged.get("expectations"))
    yield from _target(oms.get("target"), around.targets)
    yield from _since(oms.get("since"))


def _block(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    block = value.get(name)
    return block if isinstance(block, dict) else {}


def _placeholders(value: Mapping[str, Any]) -> Iterator[Fault]:
    """Texts that somebody expects to be replaced by what they name."""
    alerts = value.get("alerts")
    places: list[tuple[Location, object]] = [(("title",), value.get("title")), (("owner",), value.get("owner"))]
    places += [(("alerts", number), tag) for number, tag in enumerate(alerts if isinstance(alerts, list) else ())]
    for path, text in places:
        if isinstance(text, str) and (found := _PLACEHOLDER.search(text)):
            yield Fault(path, f"nothing is filled in for {found[0]}", "write the text itself")


def _cron(cron: object) -> Iterator[Fault]:
    if not isinstance(cron, str):
        return
    path = ("schedule", "cron")
    if len(cron.split()) != 5:
        cure = "write minute, hour, day, month and weekday, like */15 * * * *"
        yield Fault(path, f"{cron!r} has {len(cron.split())} of the five fields of a cron expression", cure)
        return
    try:
        croniter(cron, datetime(2026, 1, 1)).get_next()  # noqa: DTZ001 - any moment will do
    except CroniterBadDateError:
        yield Fault(path, f"{cron!r} names a day that never comes", "write a day that its month has")
    except CroniterError:
        yield Fault(path, f"{cron!r} is no cron expression", "write it like */15 * * * * or 0 6 * * 1-5")
    for field, (name, largest) in zip(cron.split(), _LARGEST_STEPS, strict=True):
        if any(int(step) > largest for step in _STEP.findall(field)):
            cure = f"write a step of at most {largest} there; longer ones belong into the next field, like 0 */2 * * *"
            yield Fault(path, f"{cron!r} steps over every {name} but the first", cure)
        if re.search(r"(^|,)[rR]", field):
            yield Fault(path, f"{cron!r} ticks at random", "write the minute and hour at which it ticks")


def _start(schedule: Mapping[str, Any], now: datetime | None) -> Iterator[Fault]:
    if (start := schedule.get("start")) is None:
        return
    path = ("schedule", "start")
    if not isinstance(start, str) or not _DAY.fullmatch(start):
        yield Fault(path, f"{shown(start)} is not a date", "write it like 2026-01-31")
        return
    try:
        day = date.fromisoformat(start)
        today = now and now.astimezone(ZoneInfo(schedule.get("timezone") or "UTC")).date()
    except (ValueError, KeyError, OSError, TypeError):
        return
    if day < _EARLIEST:
        yield Fault(path, f"{start} lies before the time that computers count", f"write {_EARLIEST} or a later day")
    if today and day > today:
        yield Fault(
            path, f"{start} lies in the future (today is {today})", "write the first day whose orders are wanted"
        )


def _since(since: object) -> Iterator[Fault]:
    """A day that is still to come is one of a planned hand-over."""
    if since is None:
        return
    path, cure = ("oms", "since"), "write a day like 2026-03-01, or a moment like 2026-03-01T10:00"
    try:
        day = datetime.fromisoformat(str(since)).date() if _DAY.match(str(since)) else None
    except ValueError:
        day = None
    if day is None:
        yield Fault(path, f"{shown(since)} is neither a day nor a moment", cure)
    elif not _EARLIEST <= day <= _LATEST:
        yield Fault(path, f"{since} is no day of a hand-over", f"write one from {_EARLIEST} to {_LATEST}")


def _zone(path: tuple[str, str], name: object) -> Iterator[Fault]:
    if not isinstance(name, str):
        return
    try:
        known_zone(name)
    except ValueError:
        yield Fault(path, f"{name!r} is no IANA time zone", _nearest_zone(name))


def _nearest_zone(name: str) -> str:
    """A zone whose name, or whose city, is written like this; another hour than the one that was meant is no help."""
    if _OFFSET.fullmatch(name):
        return "an offset or abbreviation is no place: write it like Asia/Taipei or Europe/Stockholm, or UTC"
    zones = {zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")} | {"UTC"}
    by_city = {zone.rpartition("/")[2]: zone for zone in sorted(zones)}
    close = closest(name.replace(" ", "_"), [*zones, *by_city], alike=0.8)
    return f"did you mean {by_city.get(close, close)!r}?" if close else "write it like Asia/Taipei or Europe/Stockholm"


def _deadline(text: object) -> Iterator[Fault]:
    try:
        length = parse_duration(text)
    except ValueError:
        return
    if not length:
        yield Fault(("schedule", "deadline"), f"{text!r} is over at once", "write how long a run may take, such as 30m")


def _codes(clean: Mapping[str, Any]) -> Iterator[Fault]:
    """ISO 4217 and ISO 3166 codes that nobody has: RMB for CNY, UK for GB."""
    for key in ("currency", "country"):
        code = clean.get(key)
        if isinstance(code, str) and re.fullmatch("[A-Z]{2,3}", code):
            yield from _code(("clean", key), key, code)


_SLIPS = {"RMB": "CNY", "NTD": "TWD", "STG": "GBP", "UK": "GB", "EN": "GB", "EL": "GR"}


def _code(path: Location, kind: str, code: str) -> Iterator[Fault]:
    """What no order can be in, or be sent to."""
    from orderflow.quality.codes import COUNTRIES, CURRENCIES

    if code not in (CURRENCIES if kind == "currency" else COUNTRIES):
        what = "currency of ISO 4217" if kind == "currency" else "country of ISO 3166"
        cure = f"did you mean {_SLIPS[code]!r}?" if code in _SLIPS else f"write a {what}"
        yield Fault(path, f"{code!r} is no {what}", cure)


_VOCABULARIES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "order_status": ORDER_STATUS,
        "payment_status": PAYMENT_STATUS,
        "fulfilment_status": FULFILMENT_STATUS,
        "return_status": RETURN_STATUS,
        "line_kind": LINE_KINDS,
        "charge_kind": CHARGE_KINDS,
        "discount_kind": DISCOUNT_KINDS,
        "funded_by": FUNDERS,
    }
)
"""Look-up fields whose values are a closed list."""


def _lookups(lookups: object) -> Iterator[Fault]:
    if not isinstance(lookups, dict):
        return
    for name, listed in lookups.items():
        path = ("clean", "lookups", name)
        if name not in LOOKUP_FIELDS:
            yield Fault(path, f"no field {name!r} can be looked up", nearest(name, LOOKUP_FIELDS))
        elif isinstance(listed, dict):
            for theirs, ours in listed.items():
                yield from _repair((*path, theirs), ours, listed, _VOCABULARIES.get(name))


def _repair(path: Location, ours: object, listed: Mapping[str, object], known: Sequence[str] | None) -> Iterator[Fault]:
    if not isinstance(ours, str):
        return
    if known is not None and ours not in known:
        yield Fault(path, f"{ours!r} is none of our words", nearest(ours, known))
    elif path[2] == "currency" and (wrong := list(_code(path, "currency", ours.upper()))):
        yield from wrong
    elif listed.get(ours, ours) != ours:
        yield Fault(
            path, f"{ours!r} is looked up again and becomes {listed[ours]!r}", f"write {listed[ours]!r} at once"
        )


def _waived(codes: object) -> Iterator[Fault]:
    for number, code in enumerate(codes if isinstance(codes, list) else ()):
        path = ("validate", "waive", number)
        if isinstance(code, str) and code not in RULES:
            yield Fault(path, f"unknown rule {code!r}", nearest(code, RULES))
        elif isinstance(code, str) and not RULES[code].waivable:
            yield Fault(path, f"the rule {code} cannot be waived: without it an order means nothing", "remove it")
        elif isinstance(code, str) and RULES[code].severity == "warn":
            yield Fault(path, f"the rule {code} only warns as it is", "remove it")


def _volume(band: object) -> Iterator[Fault]:
    path = ("validate", "orders_per_window")
    if not isinstance(band, list) or len(band) != 2 or not all(type(count) is int for count in band):
        return
    least, most = band
    if least < 0 or most < least:
        yield Fault(path, f"{least} to {most} holds no number of orders", "write [least, most], such as [0, 5000]")


def _target(name: object, folder: Path) -> Iterator[Fault]:
    known = [path.stem for path in folder.glob("*.yml")]
    if not isinstance(name, str) or name in known:
        return
    cures = [nearest(name, known)]
    if not closest(name, known) and re.fullmatch(NAME, name):
        cures.append(f"add {folder / name}.yml as docs/new-oms.md says")
    yield Fault(("oms", "target"), f"unknown OMS target {name!r}", "; ".join(filter(None, cures)))
