"""Conflicts: changes that came after the OMS began its work, kept for a person beside what the OMS refused.

A conflict is a quarantine row of source `oms` whose reasons carry a code of `orderflow.domain.life`. Where the OMS took
the version all the same (`taken`), a later version does not settle it, a person does; what it refused is judged anew
with the next version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.life import judge
from orderflow.domain.target import Receipt, Submission
from orderflow.staging.copying import storable
from orderflow.staging.quarantine import OMS_REFUSED, refuse


class _Happened(NamedTuple):
    """What changed since the version that the OMS took last, the order's status now, and whether it took any."""

    changes: list[str]
    order_status: str
    delivered: bool


def concerned(receipt: Receipt) -> bool:
    """Whether this answer may end in quarantine."""
    return receipt.outcome == "refused" or receipt.stage not in (None, "new")


def record(cursor: Cursor, channel: str, answers: Sequence[tuple[Submission, Receipt]]) -> None:
    """Quarantine what the OMS refused, and what it took but cannot carry out by itself any more."""
    answers = [each for each in answers if concerned(each[1])]
    if not answers:
        return
    happened = _happened(cursor, channel, [sent for sent, _ in answers])
    found = [
        (sent.order_id, sent.version, reasons)
        for sent, receipt in answers
        if (reasons := _reasons(receipt, happened[sent.order_id]))
    ]
    if found:
        refuse(cursor, channel, found)


def _reasons(receipt: Receipt, happened: _Happened) -> list[dict[str, Any]]:
    """What a person has to know, as quarantine keeps it; nothing for an order that is well."""
    refused, said = receipt.outcome == "refused", receipt.reason or "the OMS gave no reason"
    if receipt.stage in (None, "new"):
        return [{"code": OMS_REFUSED, "field": None, "value": None, "message": said}]
    if not refused and not happened.delivered:
        return []
    answer = f" (the OMS: {said})" if refused else ""
    return [
        {
            "code": each.code,
            "field": None,
            "value": receipt.stage,
            "message": f"{each.meaning}{answer}; {each.action}",
            **({} if refused else {"taken": True}),
        }
        for each in judge(happened.changes, happened.order_status, receipt.stage, refused=refused)
    ]


def _happened(cursor: Cursor, channel: str, sent: Sequence[Submission]) -> dict[str, _Happened]:
    versions = storable(msgspec.json.encode([(each.order_id, each.version) for each in sent]))
    cursor.execute(_HAPPENED, {"channel": channel, "versions": versions})
    return {order_id: _Happened(*rest) for order_id, *rest in cursor.fetchall()}


_HAPPENED = """
SELECT a.order_id,
    ARRAY(
        SELECT DISTINCT unnest(v.changes) FROM orderflow.order_versions AS v
        WHERE v.channel = %(channel)s AND v.order_id = a.order_id AND v.version <= a.version
            AND v.version > coalesce(taken.version, 0)
    ),
    o.order_status, taken.version IS NOT NULL
FROM (SELECT r ->> 0 AS order_id, (r ->> 1)::integer AS version FROM json_array_elements(%(versions)s::json) AS r) AS a
CROSS JOIN LATERAL (
    SELECT max(r.version) AS version FROM orderflow.receipts AS r
    WHERE r.channel = %(channel)s AND r.order_id = a.order_id AND r.outcome = 'accepted' AND r.version < a.version
) AS taken
CROSS JOIN LATERAL (
    SELECT order_status FROM orderflow.orders
    WHERE channel = %(channel)s AND order_id BETWEEN a.order_id AND a.order_id ORDER BY order_id LIMIT 1
) AS o
"""
