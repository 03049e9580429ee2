"""Changes: what loading a judged batch would change, field by field, before anything is written.

The batch is compared, chunk by chunk, with what staging and quarantine hold; memory does not grow with it. Values of
personal fields are shown by their shape alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from upath import UPath

from orderflow.domain.batch import Batch, tally
from orderflow.domain.message import said
from orderflow.domain.order import MASKING, PARTS
from orderflow.domain.replay import Known, Place, Records, Version
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.progress import Progress, silent
from orderflow.quality.personal import PERSONAL, masked

EXAMPLES = 20
"""Differences that are shown one by one; all of them are counted."""

LONGEST = 80
"""Characters of a value that an example shows."""

OMS_REFUSED = "OMS_REFUSED"
"""The rule that an order broke which the OMS did not take: only another content of it leaves quarantine."""

_NOBODY = Known()
_HIDEABLE = {"masking", "ship_country", "ship_region", "ship_postal_prefix", "contacts"}
"""Fields of which a platform that hides its buyers shows less later; what is known stays."""
_COLUMNS = [
    "order_id", "document", "contacts", "content_hash", "contacts_hash", "channel_updated_at", "fetched_at",
    "raw_sha256", "masking",
]  # fmt: skip

_AMOUNTS = ("items_total", "discount_total", "charge_total", "tax_total", "rounding", "grand_total", "paid", "refunded")
_GROUPS = {f"{shop}{name}": "totals" for shop in ("", "shop_") for name in _AMOUNTS}
_GROUPS |= dict.fromkeys(("lines.sku", "lines.oms_sku"), "SKUs")

Difference: TypeAlias = tuple[str, str, Any, Any]
"""Field (`lines.sku`), its place (`lines.2.sku`), and its value before and after."""

_object = msgspec.json.Decoder(dict[str, Any]).decode
_list = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One value that would change; None where there is none."""

    order_id: str
    place: str
    before: str | None
    after: str | None


class Changes(msgspec.Struct, kw_only=True):
    """What a replay would change. Everything but the examples counts orders."""

    channel: str
    orders: int = 0
    """Orders and unreadable records that were judged."""
    changed: int = 0
    """At least one field would differ from what is staged, or from what waits in quarantine."""
    unchanged: int = 0
    older: int = 0
    """Older than what is staged: nothing would come of them."""
    added: int = 0
    """Neither staged nor waiting now; they would be staged."""
    leave: int = 0
    """Would leave quarantine."""
    stay: int = 0
    """Would stay in quarantine."""
    enter: int = 0
    """Would enter quarantine; what is staged of them stays as it is."""
    missing: int = 0
    """Have no raw record any more."""
    fields: dict[str, int] = msgspec.field(default_factory=dict)
    """Changed orders by field: `grand_total`, `lines.oms_sku`; `lines` alone where their number changes."""
    groups: dict[str, int] = msgspec.field(default_factory=dict)
    """Changed orders by kind of field: totals, SKUs, contacts, ..."""
    cured: dict[str, int] = msgspec.field(default_factory=dict)
    """Waiting orders that would not break a rule any more, by its code."""
    broken: dict[str, int] = msgspec.field(default_factory=dict)
    """Orders that would break a rule that they did not break before, by its code."""
    examples: list[Example] = msgspec.field(default_factory=list)
    missing_orders: list[str] = msgspec.field(default_factory=list)
    """Some of the orders without a raw record."""

    def __str__(self) -> str:
        """One sentence: `214 of 9,120 orders would change: 3 totals, 211 SKUs; 212 would leave quarantine, ...`."""
        kinds = ", ".join(f"{count:,} {name}" for name, count in self.groups.items())
        of = said("{n} order|{n} orders", n=self.orders)
        told = f"{self.changed:,} of {of} would change{': ' if kinds else ''}{kinds}"
        told += f"; {self.leave:,} would leave quarantine, {self.enter:,} would enter it"
        rest = {"would stay in it": self.stay, "would be new": self.added, "are older than what is staged": self.older}
        told += "".join(f", {count:,} {what}" for what, count in rest.items() if count)
        gone = "; {n} has no raw record any more|; {n} have no raw record any more"
        return told + (said(gone, n=self.missing) if self.missing else "")


def compare(batch: Batch, records: Records, *, missing: Sequence[Place] = (), progress: Progress = silent) -> Changes:
    """Compare a judged batch with what is known of its orders; reads only."""
    found = _Found(Changes(channel=batch.channel, missing=len(missing)))
    found.changes.missing_orders = [each.order_id for each in missing if each.order_id][:EXAMPLES]
    folder = cast(Path, UPath(batch.landing))
    total = batch.counts.cleaned + batch.counts.unreadable
    for number in files.chunks(folder):
        orders = files.read(folder, "orders", number, columns=_COLUMNS).to_pylist()
        broken = _broken(folder, number)
        for row, (order, known, people) in enumerate(_with_known(orders, records)):
            found.add(order, known, people, broken.get(row, frozenset()))
        unreadable = files.read(folder, "unreadable", number).to_pylist()
        for record, known, _ in _with_known(unreadable, records):
            found.add_unreadable(record, known)
        progress("compare", found.changes.orders, total)
    return found.close()


def _broken(folder: Path, chunk: int) -> dict[int, frozenset[str]]:
    """The rules that refuse each refused order of a chunk, by its row."""
    codes: dict[int, set[str]] = {}
    for verdict in files.read(folder, "verdicts", chunk, columns=["order_row", "code", "severity"]).to_pylist():
        if verdict["severity"] == "refuse":
            codes.setdefault(verdict["order_row"], set()).add(verdict["code"])
    return {row: frozenset(each) for row, each in codes.items()}


def _with_known(
    rows: Sequence[dict[str, Any]], records: Records
) -> Iterator[tuple[dict[str, Any], Known, bytes | None]]:
    """Each order with what is known of it; with its known contacts where those differ."""
    known = records.known([row["order_id"] for row in rows if row["order_id"]])
    nameless = records.nameless([row["raw_sha256"] for row in rows])
    differ = [
        row["order_id"]
        for row in rows
        if (mine := known.get(row["order_id"])) and mine.document and mine.contacts_hash != row.get("contacts_hash")
    ]
    people: Mapping[str, bytes] = records.contacts(differ) if differ else {}
    for row in rows:
        mine = known.get(row["order_id"] or "", _NOBODY)
        if mine.waiting is None and row["raw_sha256"] in nameless:
            mine = replace(mine, waiting=())
        yield row, mine, people.get(row["order_id"] or "")


@dataclass(slots=True)
class _Found:
    """Adds up differences, order by order."""

    changes: Changes
    fields: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    cured: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def add(self, order: Mapping[str, Any], known: Known, people: bytes | None, broken: frozenset[str]) -> None:
        self.changes.orders += 1
        ours = Version(order["channel_updated_at"], order["fetched_at"], order["raw_sha256"])
        if known.waiting_version and ours.is_older(known.waiting_version):
            known = replace(known, waiting=None)
        if known.waiting is None and known.version and ours.is_older(known.version):
            self.changes.older += 1
            return
        differences = list(_differences(order, known, people))
        self._verdict(known, broken, differs=bool(differences))
        if known.document is None and known.waiting is None:
            return
        if differences:
            self.changes.changed += 1
            self.fields.update({name for name, _, _, _ in differences})
            self.groups.update({_group(name) for name, _, _, _ in differences})
            self._show(order["order_id"], differences)
        else:
            self.changes.unchanged += 1

    def add_unreadable(self, record: Mapping[str, Any], known: Known) -> None:
        self.changes.orders += 1
        differs = known.version is None or known.version.raw_sha256 == record["raw_sha256"]
        self._verdict(known, frozenset({record["code"]}), differs=differs)

    def _verdict(self, known: Known, broken: frozenset[str], *, differs: bool) -> None:
        """What becomes of it. What is staged with the same content is not held back by a rule that it breaks now."""
        before = frozenset(known.waiting or ())
        if known.waiting is not None:
            self.cured.update(before - broken)
            self.broken.update(broken - before)
            if broken or (OMS_REFUSED in before and not differs):
                self.changes.stay += 1
            else:
                self.changes.leave += 1
        elif broken and (known.document is None or differs):
            self.broken.update(broken)
            self.changes.enter += 1
        elif known.document is None:
            self.changes.added += 1

    def _show(self, order_id: str, differences: Sequence[Difference]) -> None:
        for name, place, before, after in differences[: EXAMPLES - len(self.changes.examples)]:
            self.changes.examples.append(
                Example(order_id=order_id, place=place, before=_shown(name, before), after=_shown(name, after))
            )

    def close(self) -> Changes:
        for name in ("fields", "groups", "cured", "broken"):
            setattr(self.changes, name, tally(getattr(self, name)))
        return self.changes


def _differences(order: Mapping[str, Any], known: Known, people: bytes | None) -> Iterator[Difference]:
    """The fields in which an order differs from what waits of it, else from what is staged of it."""
    before = known.waiting_document if known.waiting is not None else known.document
    if before is None:
        return
    staged = before is known.document
    hidden = staged and known.masking and MASKING.index(order["masking"]) > MASKING.index(known.masking)
    if not staged or known.content_hash != order["content_hash"]:
        found = _between(_object(before), _object(order["document"]))
        yield from (each for each in found if not (hidden and each[0] in _HIDEABLE))
    if staged and people is not None and not hidden:
        yield from _between({"contacts": _list(people)}, {"contacts": _list(order["contacts"])})


def _between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name in PARTS:
            yield from _between_parts(name, old or [], new or [])
        elif isinstance(old, dict) or isinstance(new, dict):
            yield from _between_fields(name, name, old or {}, new or {})
        else:
            yield name, name, old, new


def _between_parts(name: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Difference]:
    if len(before) != len(after):
        yield name, name, len(before), len(after)
    for place, (old, new) in enumerate(zip(before, after, strict=False), 1):
        yield from _between_fields(name, f"{name}.{place}", old, new)


def _between_fields(name: str, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield f"{name}.{key}", f"{place}.{key}", old.get(key), new.get(key)


def _group(name: str) -> str:
    return _GROUPS.get(name) or name.partition(".")[0].replace("_", " ")


def _shown(name: str, value: Any) -> str | None:
    """A value as an example shows it: personal ones by their shape."""
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    table, _, column = name.rpartition(".")
    personal = (table or "orders", column) in PERSONAL
    return masked(text) if personal else text[:LONGEST]
