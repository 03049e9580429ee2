"""The judge: staging, quarantine and OMS held against what the channel really holds, when the trouble is over.

Two witnesses: the simulated channel's own ledger (which orders there are, their lines and totals), and a clean room:
one undisturbed pull of everything through extract, clean and validate, which tells what every order must look like.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg2
from psycopg2.extras import RealDictCursor
from pyarrow import feather

from orderflow.domain.source import Runtime
from orderflow.domain.window import Window
from orderflow.pipeline.clean import clean as cleaned
from orderflow.pipeline.extract import extract
from orderflow.pipeline.validate import validate
from orderflow.sandbox import truth
from orderflow.sandbox.chaos import shops
from orderflow.sandbox.chaos.servers import CALLS
from orderflow.sandbox.chaos.worker import VAULT, Site
from orderflow.sandbox.platforms import find
from orderflow.sandbox.platforms.csv_drop import drops
from orderflow.sandbox.world import World
from orderflow.staging import ledger
from orderflow.staging.vault import Vault

REFUSES = frozenset({"SKU_UNKNOWN", "COUNTRY_BLOCKED", "TOTAL_TOO_LARGE", "CANCELLED_TOO_LATE", "CHANGED_TOO_LATE"})
"""Why the OMS may refuse an order; anything else that it says is a fault of ours."""


class Verdict(msgspec.Struct):
    """What the judge found. Each finding names its order."""

    orders: int = 0
    delivered: int = 0
    quarantined: int = 0
    effects: int = 0
    lost: list[str] = []
    twice: list[str] = []
    unexplained: list[str] = []


class _Books(msgspec.Struct):
    """Everything that is compared, by order id."""

    staged: dict[str, dict[str, Any]]
    waiting: dict[str, dict[str, Any]]
    versions: Counter[str]
    in_oms: dict[str, dict[str, Any]]
    effects: Counter[str]
    clean: dict[str, tuple[bytes, frozenset[str]]]
    """Content hash, and the rules for which it is refused."""
    unnamed: set[str]
    """Codes of records that the clean room could not read and that name no order."""


def judge(site: Site, end: datetime, world: World | None) -> Verdict:
    """Everything at `end`, when nothing is under way. `world` is the shop of a channel of files."""
    logging.disable(logging.CRITICAL)
    verdict = Verdict()
    rows = _truth(site, end, world)
    verdict.orders = len(rows)
    with closing(psycopg2.connect(site.dsn)) as connection:
        books = _open(site, end, world, connection, verdict)
        gaps = ledger.gaps(connection, site.schedule.channel, Window(site.schedule.shop.start, end))
        verdict.unexplained += [f"the ledger does not prove {gap}" for gap in gaps]
    known: set[str] = set()
    for row in rows:
        known |= {row.order_id, *row.aliases}
        _order(row, books, verdict)
    for name, found in (("staged", books.staged), ("in the OMS", books.in_oms)):
        strangers = sorted(set(found) - known)
        verdict.unexplained += [f"{order_id}: {name}, but not on the channel" for order_id in strangers]
    for order_id, count in books.effects.items():
        if count > books.versions[order_id]:
            verdict.twice.append(f"{order_id}: {count} effects of {books.versions[order_id]} versions")
    verdict.delivered, verdict.quarantined = len(books.in_oms), len(books.waiting)
    verdict.effects = sum(books.effects.values())
    return verdict


def _order(row: truth.Row, books: _Books, verdict: Verdict) -> None:
    """One order of the channel."""
    names = [row.order_id, *row.aliases]
    held = [name for name in names if name in books.in_oms]
    if len(held) > 1:
        verdict.twice.append(f"{row.order_id}: in the OMS as {', '.join(held)}")
    name = next((each for each in names if each in books.staged or each in books.waiting), None)
    clean = next((books.clean[each] for each in names if each in books.clean), None)
    if name is None:
        if row.listed and not (clean is None and books.unnamed):
            verdict.lost.append(f"{row.order_id}: neither staged nor in quarantine")
        return
    mine, waits = books.staged.get(name), books.waiting.get(name)
    if clean is None:
        if row.listed:
            verdict.unexplained.append(f"{name}: the clean room does not know it")
        return
    content, refused = clean
    if refused:
        if waits is None:
            verdict.unexplained.append(f"{name}: deserves {', '.join(sorted(refused))}, but nothing of it waits")
    elif waits is not None and waits["source"] != "oms":
        verdict.unexplained.append(f"{name}: waits for {_codes(waits)}, but nothing is wrong with it")
    elif mine is None or bytes(mine["content_hash"]) != content:
        verdict.lost.append(f"{name}: its last change is not staged (changed {row.changed_at})")
    elif row.outcome == "accept":
        _compare(row, mine, verdict)
    if mine is not None:
        _delivered(name, mine, waits, books, verdict)


def _delivered(name: str, mine: dict[str, Any], waits: dict[str, Any] | None, books: _Books, verdict: Verdict) -> None:
    """What is staged must be in the OMS with the same content, unless the OMS has a reason to refuse it."""
    if waits is not None and waits["source"] == "oms":
        if not _codes(waits) <= REFUSES:
            verdict.unexplained.append(f"{name}: refused by the OMS for {', '.join(sorted(_codes(waits)))}")
        return
    in_oms = books.in_oms.get(name)
    if in_oms is None:
        verdict.lost.append(f"{name}: staged, but not in the OMS")
    elif (in_oms["version"], in_oms["document"]) != (mine["version"], mine["document"]):
        theirs = in_oms["document"]
        fields = sorted(key for key in {*theirs, *mine["document"]} if theirs.get(key) != mine["document"].get(key))
        verdict.lost.append(
            f"{name}: the OMS holds version {in_oms['version']}, staging {mine['version']}; differing: {fields}"
        )


def _compare(row: truth.Row, mine: dict[str, Any], verdict: Verdict) -> None:
    total = row.totals.get(mine["currency"])
    if mine["line_count"] != row.lines:
        verdict.unexplained.append(f"{row.order_id}: {mine['line_count']} lines, truth {row.lines}")
    elif total is not None and mine["grand_total"] != Decimal(total):
        verdict.unexplained.append(f"{row.order_id}: total {mine['grand_total']}, truth {total}")


def _codes(waits: dict[str, Any]) -> set[str]:
    """Why it waits: the rules it broke, or the OMS's own code."""
    if waits["source"] == "oms":
        return {reason["message"].removeprefix("HTTP 422: ").partition(":")[0] for reason in waits["reasons"]}
    return {reason["code"] for reason in waits["reasons"]}


def _truth(site: Site, end: datetime, world: World | None) -> list[truth.Row]:
    if world is not None:
        return truth.ledger(world, find("csv_drop"), int(end.timestamp()))
    answer = CALLS.get(f"{site.platform}/_sandbox/{site.schedule.channel}/truth", params={"until": end.isoformat()})
    return msgspec.convert(answer.raise_for_status().json()["orders"], list[truth.Row])


def _open(site: Site, end: datetime, world: World | None, connection: Any, verdict: Verdict) -> _Books:
    channel, vault = site.schedule.channel, Vault.parse(VAULT)
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(
            "SELECT o.order_id, o.version, o.content_hash, o.line_count, o.grand_total, o.currency, o.document::text,"
            " o.masking, c.key_id, c.sealed, c.masking AS known FROM orderflow.orders AS o"
            " LEFT JOIN orderflow.order_contacts AS c USING (channel, order_id) WHERE channel = %s",
            (channel,),
        )
        staged = {row["order_id"]: row | {"document": _document(row, vault, channel)} for row in cursor.fetchall()}
        cursor.execute(
            "SELECT subject, order_id, source, reasons FROM orderflow.quarantine"
            " WHERE channel = %s AND state IN ('open', 'parked')",
            (channel,),
        )
        waiting = {row["order_id"] or row["subject"]: dict(row) for row in cursor.fetchall()}
        cursor.execute("SELECT order_id, count(*) AS n FROM orderflow.order_versions GROUP BY 1")
        versions = Counter({row["order_id"]: row["n"] for row in cursor.fetchall()})
        cursor.execute("SELECT order_id, last_error FROM orderflow.outbox WHERE channel = %s", (channel,))
        verdict.lost += [f"{row['order_id']}: still pending: {row['last_error']}" for row in cursor.fetchall()]
    with closing(sqlite3.connect(site.folder / "oms.sqlite")) as oms:
        in_oms = {
            order_id: {"version": version, "document": _content(document)}
            for order_id, version, document in oms.execute("select order_id, version, document from orders")
        }
        effects = Counter(dict(oms.execute("select order_id, count(*) from effects group by order_id")))
        repeated = oms.execute("select order_id, count(*) from effects group by key having count(*) > 1").fetchall()
        verdict.twice += [f"{order_id}: {count} effects of one key" for order_id, count in repeated]
    clean, unnamed = clean_room(site, end, world)
    return _Books(staged, waiting, versions, in_oms, effects, clean, unnamed)


def _document(row: dict[str, Any], vault: Vault, channel: str) -> dict[str, Any]:
    """What the OMS should have got."""
    document: dict[str, Any] = msgspec.json.decode(row["document"])
    people = b"[]"
    if row["sealed"] is not None:
        people = vault.open(bytes(row["sealed"]), row["key_id"], channel, row["order_id"])
    if row["known"] is not None:
        document["masking"] = row["known"]
    return _plain(document | {"contacts": msgspec.json.decode(people)})


def _content(document: bytes) -> dict[str, Any]:
    """A document of the OMS without what we added to it."""
    found: dict[str, Any] = msgspec.json.decode(document)
    return _plain({name: value for name, value in found.items() if name not in {"channel", "version"}})


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Without the moment of the last touch, which is no content, and without a default."""
    return {
        name: value
        for name, value in document.items()
        if name != "channel_updated_at" and (name, value) != ("masking", "plain")
    }


def clean_room(
    site: Site, end: datetime, world: World | None
) -> tuple[dict[str, tuple[bytes, frozenset[str]]], set[str]]:
    """Every order as one undisturbed pull has it: content hash, and the rules for which it is refused."""
    channel, schedule = shops.channel_of(site.schedule), site.schedule
    where = site.platform
    if world is not None:
        where = str(_one_drop(site.folder / "clean-inbox", world, end))
    runtime = Runtime(site.clock.now, site.clock.sleep, transport=httpx.HTTPTransport(verify=False))
    account = shops.account_of(schedule, where, site.folder / "tokens.json")
    source = channel.adapter.open(channel.options, account, runtime)
    window = Window(schedule.shop.start - timedelta(hours=1), end)
    batch = extract(channel, window, source, site.folder / "clean", run_id="clean", runtime=runtime)
    folder = Path(validate(channel, cleaned(channel, batch)).landing)
    found: dict[str, tuple[bytes, frozenset[str]]] = {}
    unnamed: set[str] = set()
    for path in sorted(folder.glob("orders-*.arrow")):
        refused: dict[int, set[str]] = {}
        for row in feather.read_table(path.with_name(path.name.replace("orders-", "verdicts-"))).to_pylist():
            if row["severity"] == "refuse":
                refused.setdefault(row["order_row"], set()).add(row["code"])
        columns = ["order_id", "content_hash"]
        for number, row in enumerate(feather.read_table(path, columns=columns).to_pylist()):
            found[row["order_id"]] = row["content_hash"], frozenset(refused.get(number, ()))
    for path in sorted(folder.glob("unreadable-*.arrow")):
        for row in feather.read_table(path).to_pylist():
            if row["order_id"]:
                found[row["order_id"]] = b"", frozenset({row["code"]})
            else:
                unnamed.add(row["code"])
    return found, unnamed


def _one_drop(folder: Path, world: World, end: datetime) -> Path:
    """Everything that a shop of files ever held, in one drop."""
    folder.mkdir()
    for drop in drops(world, int(world.shop.start.timestamp()) - 1, int(end.timestamp())):
        (folder / drop.name).write_bytes(drop.data)
        (folder / f"{drop.name}.manifest.json").write_bytes(drop.manifest)
    return folder
