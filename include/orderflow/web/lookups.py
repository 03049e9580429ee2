"""Look-ups of a channel file: what it lists, and the values that the channel sends and the file does not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml
from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.channel import Channel
from orderflow.quality.lookups import LOOKUP_FIELDS
from orderflow.quality.rules import RULES
from orderflow.staging.session import transaction
from orderflow.web.page import Reading

router = APIRouter()

NEWEST = 1000
"""Orders of the channel that are looked at for the values in use."""
MOST = 40
"""Values in use that are shown of one field."""

_NAMED = re.compile(r"clean\.lookups\.(\w+)")
FIELD_OF = {code: found[1] for code, rule in RULES.items() if (found := _NAMED.search(rule.cure))}
"""The look-up that cures a rule, by the rule's code."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that orders wait for, because nobody has said what it means."""

    field: str
    code: str
    value: str
    orders: int


@dataclass(frozen=True, slots=True)
class Field:
    """One look-up: what the file lists, and the values that the newest orders have after it, most orders first."""

    name: str
    listed: Mapping[str, str]
    in_use: list[tuple[str, int]]


@router.get("/mapping/lookups")
def lookups(page: Reading, channel: str = "") -> HTMLResponse:
    names = [each.name for each in page.channels()]
    chosen = page.channel(channel) if channel else next(iter(page.channels()), None)
    unknown: list[Unknown] = []
    fields: list[Field] = []
    if chosen is not None:
        with page.reading() as connection:
            unknown = _unknown(connection, chosen.name)
            fields = _fields(connection, chosen)
    return page.html(
        "lookups.html",
        here="mapping",
        part="lookups",
        channel=chosen.name if chosen else "",
        unknown=unknown,
        lines=_lines(unknown),
        fields=fields,
        rules=RULES,
        names=names,
        newest=NEWEST,
    )


def _unknown(connection: Connection, channel: str) -> list[Unknown]:
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT r ->> 'code', coalesce(r ->> 'value', ''), count(DISTINCT q.id)
            FROM orderflow.quarantine AS q CROSS JOIN LATERAL jsonb_array_elements(q.reasons) AS r
            WHERE q.channel = %(channel)s AND q.state IN ('open', 'parked') AND q.codes && %(codes)s::text[]
                AND r ->> 'code' = ANY(%(codes)s)
            GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 200
            """,
            {"channel": channel, "codes": sorted(FIELD_OF)},
        )
        return [Unknown(FIELD_OF[code], code, value, orders) for code, value, orders in cursor.fetchall()]


def _fields(connection: Connection, channel: Channel) -> list[Field]:
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT document::text FROM orderflow.orders WHERE channel = %s AND channel_created_at IS NOT NULL"
            " ORDER BY channel_created_at DESC LIMIT %s",
            (channel.name, NEWEST),
        )
        documents = [msgspec.json.decode(text) for (text,) in cursor.fetchall()]
    counted: dict[str, Counter[str]] = {name: Counter() for name in LOOKUP_FIELDS}
    for document in documents:
        for name, places in LOOKUP_FIELDS.items():
            counted[name].update({value for place in places for value in _values(document, *place)})
    return [
        Field(name, channel.clean.lookups.get(name, {}), counted[name].most_common(MOST))
        for name in sorted(LOOKUP_FIELDS, key=lambda name: (name not in channel.clean.lookups, name))
        if counted[name] or name in channel.clean.lookups
    ]


def _values(document: Mapping[str, Any], table: str, field: str) -> list[str]:
    parts = [document] if table == "orders" else document.get(table, [])
    return [str(part[field]) for part in parts if part.get(field) is not None]


def _lines(unknown: list[Unknown]) -> str:
    """What to write into the channel file, its right-hand sides left open."""
    wanted: dict[str, dict[str, str]] = {}
    for each in unknown:
        if each.value:
            wanted.setdefault(each.field, {})[each.value] = "…"
    if not wanted:
        return ""
    return yaml.safe_dump({"clean": {"lookups": wanted}}, allow_unicode=True, sort_keys=False)
