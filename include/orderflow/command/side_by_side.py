"""One quarantined order for the terminal: raw record, cleaned order and broken rules side by side, then its story."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow.domain.message import said
from orderflow.quality.pages.words import amount

if TYPE_CHECKING:
    from orderflow.staging.store import Store


def seen(store: Store, row_id: int, *, who: str, why: str, reveal: bool) -> dict[str, Any]:
    """The order as plain JSON types, masked unless it is to be revealed; revealing is written to its story first."""
    from orderflow.quality.ownership import owners
    from orderflow.quality.raw_view import in_order, masked_document, masked_raw
    from orderflow.quality.rules import RULES
    from orderflow.staging import actions, backlog, edits, quarantine

    if reveal:
        actions.reveal(store.connection, row_id, who=who, why=why)
    found = backlog.whole(store.connection, row_id)
    raw = quarantine.raw(store.connection, store.vault, row_id)
    document = found.document
    rules = [
        reason | {"cure": RULES[reason["code"]].cure if reason["code"] in RULES else None}
        for reason in found.row.reasons
    ]
    held = edits.held(store.connection, channel=found.row.channel, order_id=found.row.order_id)
    plain: dict[str, Any] = msgspec.to_builtins(found.row)
    return plain | {
        "owners": owners(found.row.codes),
        "reasons": rules,
        "raw": None if raw is None else _decoded(raw) if reveal else masked_raw(raw, document),
        "clean": None if document is None else in_order(document) if reveal else masked_document(document),
        "landing": found.landing,
        "ordinal": found.ordinal,
        "edits": msgspec.to_builtins(held) if found.row.order_id else [],
        "story": msgspec.to_builtins(found.story),
    }


def side_by_side(console: Console, found: dict[str, Any]) -> None:
    value = "" if found["value"] is None else f", {amount(Decimal(found['value']), found['currency'] or '?')} at risk"
    console.print(
        Text.assemble(
            (f"{found['channel']}  {found['order_id'] or found['subject']}", "bold"),
            f"  {found['state']}{value}; owner {', '.join(found['owners'])}",
            f", looked after by {found['assignee']}" if found["assignee"] else "",
        )
    )
    console.print(
        f"first seen {_minute(found['first_seen_at'])}, last {_minute(found['last_seen_at'])}, "
        f"{said('{n} time|{n} times', n=found['times_seen'])}; raw record {found['ordinal']} of {found['landing']}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(expand=True)
    for name, ratio in (("raw (masked unless revealed)", 4), ("clean", 4), ("rules it breaks", 3)):
        table.add_column(name, ratio=ratio, overflow="fold")
    table.add_row(_json(found["raw"]), _json(found["clean"]), _rules(found["reasons"]))
    console.print(table)
    for each in found["edits"]:
        value = "(personal)" if each["sealed"] else each["value"]
        console.print(Text(f"edit {each['id']}: {each['path']} = {value}, by {each['who']}: {each['why']}"))
    for event in found["story"]:
        detail = {name: value for name, value in event["detail"].items() if name != "from"}
        told = (_minute(event["at"]), event["who"], event["what"], event["why"] or "", str(detail or ""))
        console.print(Text("  ".join(told).rstrip()), soft_wrap=True)


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')}Z"


def _rules(reasons: list[dict[str, Any]]) -> Text:
    text = Text()
    for reason in reasons:
        text.append(f"{reason['code']}", "bold red")
        text.append(f" at {reason['field'] or 'the whole'}")
        text.append(f", found {reason['value']!r}" if reason.get("value") is not None else "")
        text.append(f"\n{reason['message']}\n\n")
    return text


def _json(value: Any) -> Text:
    return Text("(not kept)" if value is None else json.dumps(value, indent=1, ensure_ascii=False))


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return raw.decode(errors="replace")
