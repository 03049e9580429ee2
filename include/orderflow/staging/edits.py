"""Edits: values that people corrected in single orders, kept and applied to every later version until withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from orderflow.domain.decision import Edit
from orderflow.domain.errors import ConfigError
from orderflow.domain.order import PARTS, Order
from orderflow.staging.actions import STATE_NOW, Outcome, Step, act, demand_why, only
from orderflow.staging.backlog import whole
from orderflow.staging.decisions import sealed_name
from orderflow.staging.quarantine import DELIVERED_ELSEWHERE
from orderflow.staging.session import lock_channel, transaction
from orderflow.staging.vault import Vault

LONGEST = 4000
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Held:
    """One edit. `value` is None where it empties the field, or where it is personal (`sealed`)."""

    id: int
    channel: str
    order_id: str
    path: str
    value: str | None
    sealed: bool
    who: str
    why: str
    made_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_why: str | None


def edit(
    connection: Connection,
    vault: Vault,
    quarantine_id: int,
    edits: Sequence[Edit],
    *,
    who: str,
    why: str,
    personal: Collection[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """Correct an order and release it; values at the paths in `personal` are sealed.

    The next replay applies the edits; so does every later run that sees the order, until they are withdrawn. A path
    that is edited again gets the new value. Raises `ConfigError` with everything that is wrong with the edits, or with
    what hinders the order.
    """
    found = whole(connection, quarantine_id)
    if problems := _problems(edits, found.document or {}):
        raise ConfigError("\n".join(problems))
    hindrance = f"""CASE
        WHEN q.state NOT IN ('open', 'parked') THEN {STATE_NOW}
        WHEN q.order_id IS NULL OR q.document IS NULL
            THEN 'could not be read, so that there are no fields to edit: fix the mapping and release it'
        WHEN q.source = 'oms' AND q.codes @> '{{{DELIVERED_ELSEWHERE}}}'
            THEN 'is delivered by another channel, which no edit changes: release or discard it' END"""

    def apply(cursor: Cursor, person: dict[str, Any]) -> None:
        for each in edits:
            _write(cursor, vault, found.row.channel, str(found.row.order_id), each, each.path in personal, person)
        cursor.execute(
            "UPDATE orderflow.quarantine AS q SET state = 'released', decided_by = %(who)s, decided_at = now(),"
            " replay_asked_at = now() FROM chosen AS c WHERE c.id = q.id",
            person,
        )

    step = Step("released", hindrance, {"edited": [each.path for each in edits]})
    return only(act(connection, [quarantine_id], step, apply, who=who, why=why, dry_run=dry_run))


def held(
    connection: Connection, *, channel: str | None = None, order_id: str | None = None, withdrawn: bool = False
) -> list[Held]:
    """The edits that hold, newest first; with `withdrawn` those that held once as well."""
    with transaction(connection) as cursor:
        cursor.execute(
            """
            SELECT id, channel, order_id, path, value, sealed IS NOT NULL, who, why, made_at, withdrawn_at,
                withdrawn_by, withdrawn_why
            FROM orderflow.order_edits
            WHERE (%(channel)s::text IS NULL OR channel = %(channel)s)
                AND (%(order_id)s::text IS NULL OR order_id = %(order_id)s) AND (%(all)s OR withdrawn_at IS NULL)
            ORDER BY id DESC
            """,
            {"channel": channel, "order_id": order_id, "all": withdrawn},
        )
        return [Held(*row) for row in cursor.fetchall()]


def withdraw(connection: Connection, edit_ids: Sequence[int], *, who: str, why: str) -> int:
    """Let these edits hold no longer; returns how many. The next replay judges the record of the order without them.

    Raises `ConfigError` for edits that do not exist or were withdrawn before; then nothing is changed.
    """
    demand_why(who, why)
    values = {"ids": list(edit_ids), "who": who, "why": why}
    with transaction(connection) as cursor:
        cursor.execute("SELECT DISTINCT channel FROM orderflow.order_edits WHERE id = ANY(%(ids)s) ORDER BY 1", values)
        for (channel,) in cursor.fetchall():
            lock_channel(cursor, channel)
        cursor.execute(_WITHDRAW, values)
        done = {number for (number,) in cursor.fetchall()}
        if missing := sorted(set(edit_ids) - done):
            cursor.execute(
                "SELECT id, withdrawn_by, withdrawn_at FROM orderflow.order_edits WHERE id = ANY(%s)", (missing,)
            )
            known = {row[0]: f"was withdrawn by {row[1]} at {row[2]:%Y-%m-%d %H:%M}Z" for row in cursor.fetchall()}
            told = "; ".join(f"edit {number} {known.get(number, 'does not exist')}" for number in missing)
            raise ConfigError(f"{told}; nothing was changed; read the list of edits again")
    return len(done)


def _write(
    cursor: Cursor, vault: Vault, channel: str, order_id: str, each: Edit, personal: bool, person: Mapping[str, Any]
) -> None:
    sealed = None
    if personal and each.value is not None:
        (sealed,) = vault.seal([each.value.encode()], [sealed_name(order_id, each.path)], channel)
    values = {
        **person,
        "channel": channel,
        "order_id": order_id,
        "path": each.path,
        "value": None if sealed is not None else each.value,
        "sealed": sealed,
        "key_id": None if sealed is None else vault.key_id,
    }
    cursor.execute(_REPLACE, values)


def _problems(edits: Sequence[Edit], document: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with these edits of this order."""
    problems = [] if edits else ["no edit is given; write it like lines.2.sku=TEA-01"]
    paths = [each.path for each in edits]
    problems += [f"{path} is edited twice; once is enough" for path in sorted(set(paths)) if paths.count(path) > 1]
    for each in edits:
        if problem := _path_problem(each.path, document):
            problems.append(f"{each.path}: {problem}")
        if each.value is not None and (len(each.value) > LONGEST or "\0" in each.value):
            problems.append(f"{each.path}: a value has at most {LONGEST} characters, and none of them is U+0000")
    return problems


def _path_problem(path: str, document: Mapping[str, Any]) -> str | None:
    name, *rest = path.split(".")
    if name == "order_id":
        return "this is the order's identity and cannot be edited"
    if name not in Order.__struct_fields__:
        return f"an order has no field {name!r}; it has {', '.join(Order.__struct_fields__)}"
    if name not in PARTS:
        return None
    if len(rest) < 2 or not (rest[0].isascii() and rest[0].isdigit() and int(rest[0]) > 0):
        return f"say which of the {name} and which field, such as {name}.1.{PARTS[name].__struct_fields__[1]}"
    if rest[1] not in PARTS[name].__struct_fields__:
        return f"{name} have no field {rest[1]!r}; they have {', '.join(PARTS[name].__struct_fields__)}"
    there = len(document.get(name, []))
    if name != "contacts" and int(rest[0]) > there:
        return f"the order has {there} {name}, counted from 1"
    return None


_REPLACE = """
UPDATE orderflow.order_edits SET withdrawn_at = now(), withdrawn_by = %(who)s, withdrawn_why = 'replaced: ' || %(why)s
WHERE channel = %(channel)s AND order_id = %(order_id)s AND path = %(path)s AND withdrawn_at IS NULL;
INSERT INTO orderflow.order_edits (channel, order_id, path, value, sealed, key_id, who, why)
VALUES (%(channel)s, %(order_id)s, %(path)s, %(value)s, %(sealed)s, %(key_id)s, %(who)s, %(why)s)
"""

_WITHDRAW = """
WITH gone AS (
    UPDATE orderflow.order_edits SET withdrawn_at = now(), withdrawn_by = %(who)s, withdrawn_why = %(why)s
    WHERE id = ANY(%(ids)s) AND withdrawn_at IS NULL RETURNING id, channel, order_id, path
), asked AS (
    UPDATE orderflow.quarantine AS q SET replay_asked_at = now()
    FROM (SELECT DISTINCT channel, order_id FROM gone) AS g
    WHERE q.channel = g.channel AND q.subject = g.order_id AND q.state <> 'discarded'
    RETURNING q.id, q.channel, q.subject
), told AS (
    INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why, detail)
    SELECT a.id, %(who)s, 'edit withdrawn', %(why)s, jsonb_build_object('path', g.path)
    FROM gone AS g JOIN asked AS a ON a.channel = g.channel AND a.subject = g.order_id
)
SELECT id FROM gone
"""
