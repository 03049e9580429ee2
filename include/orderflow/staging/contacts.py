"""What is known of an order's people: newer beats older, and readable beats hidden, whichever comes last."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.staging.session import lock_channel, transaction

NONE = b"[]"
"""The JSON of an order without contacts."""

_RANK = {"erased": 0, "masked": 1, "plain": 2}
_PLACE = ("address", "city", "postal_code")
_ADDRESS = (*_PLACE, "region", "country")
"""An address is replaced as a whole, when a place is given: the street of one in the town of another is nobody's."""

_Contact: TypeAlias = dict[str, Any]
_decode = msgspec.json.Decoder(list[_Contact]).decode


def merge(
    stored: bytes, stored_masking: str, incoming: bytes, incoming_masking: str, *, newer: bool
) -> tuple[bytes, str]:
    """What is known after `incoming` was seen beside `stored`, and its masking; `stored` itself when nothing is gained.

    Both are JSON lists of `Contact`. `newer` tells whether `incoming` belongs to the newer version of the order. The
    better masking (plain, masked, erased) wins alone; between equals, the newer one's values, and the older one's
    where the newer has none.
    """
    old, new = _decode(stored), _decode(incoming)
    gain = _RANK[incoming_masking] - _RANK[stored_masking]
    if not new or (gain < 0 and old):
        return stored, stored_masking
    if gain > 0 or not old:
        return incoming, incoming_masking
    merged = _merged(new, old) if newer else _merged(old, new)
    return (stored if merged == old else msgspec.json.encode(merged)), stored_masking


def _merged(newer: list[_Contact], older: list[_Contact]) -> list[_Contact]:
    known = {_role(contact): contact for contact in older}
    merged = [_filled(contact, known.pop(_role(contact), {})) for contact in newer]
    return merged + list(known.values())


def _filled(newer: _Contact, older: _Contact) -> _Contact:
    given = {field: value for field, value in newer.items() if value}
    if any(field in given for field in _PLACE):
        older = _without_address(older)
    elif any(older.get(field) for field in _PLACE):
        given = _without_address(given)
    return older | given


def _without_address(contact: _Contact) -> _Contact:
    return {field: value for field, value in contact.items() if field not in _ADDRESS}


def _role(contact: _Contact) -> str:
    return contact.get("role") or "ship_to"


def erase(connection: Connection, channel: str, order_ids: list[str]) -> int:
    """Remove the personal data of these orders for good, raw records in quarantine included; returns how many had any.

    The orders stay valid, and no later load fills them again. Raw records in the landing zone expire on their own.
    """
    with transaction(connection) as cursor:
        lock_channel(cursor, channel)
        cursor.execute(
            """
            UPDATE orderflow.order_contacts SET sealed = NULL, masking = 'erased', erased_at = now()
            WHERE channel = %s AND order_id = ANY(%s) AND erased_at IS NULL
            """,
            (channel, order_ids),
        )
        erased = int(cursor.rowcount)
        cursor.execute(
            """
            UPDATE orderflow.quarantine SET sealed_raw = NULL, key_id = NULL
            WHERE channel = %s AND order_id = ANY(%s)
            """,
            (channel, order_ids),
        )
    return erased
