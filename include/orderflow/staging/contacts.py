"""What is known of an order's people: the clearest beats the hidden, and part by part the newest beats the older.

Whose word stands is remembered by *rank* (`rank`): the version that a part came from. So the same versions end in the
same knowledge whatever order they come in. A part is one field of one role; a place (street, town, postal code, region,
country) is one part, because the street of one in the town of another is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from orderflow.domain.order import Contact, postal_prefix

NONE = b"[]"
"""The JSON of an order without contacts."""

_CLARITY = {"erased": 0, "masked": 1, "plain": 2}
_PLACE = ("address", "city", "postal_code", "party_id")
_ADDRESS = (*_PLACE, "region", "country")
_ROLES = ("ship_to", "bill_to", "sold_to")

_Contact: TypeAlias = dict[str, Any]
_People: TypeAlias = dict[str, _Contact]
"""One contact per role, without what is empty."""
_Parts: TypeAlias = dict[str, tuple[str, _Contact]]
"""By part: its rank, and its fields."""
Stamps: TypeAlias = Mapping[str, Mapping[str, str]]
"""Ranks by role and part."""

_decode = msgspec.json.Decoder(list[_Contact]).decode


class Known(NamedTuple):
    """Contacts as a JSON list, how readable they are, and the ranks of the parts that have another rank than usual."""

    contacts: bytes
    masking: str
    stamps: Stamps


def rank(updated_at: datetime | None, fetched_at: datetime, ordinal: int) -> str:
    """The place of a version among all versions of its order, as text that sorts."""
    updated = "" if updated_at is None else _spelled(updated_at)
    return f"{updated:26}|{_spelled(fetched_at)}|{ordinal:012d}"


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def merge(stored: Known, stored_rank: str, incoming: Known, incoming_rank: str) -> Known:
    """What is known after `incoming` was seen beside `stored`: contacts, masking, and the rank of *every* part.

    Parts without a stamp have the rank of their side. The clearer side wins alone, whenever it came; a side that says
    nothing changes nothing. The contacts are `stored.contacts` itself when nothing is gained.
    """
    old, new = _people(stored.contacts), _people(incoming.contacts)
    before, after = _ranked(old, stored.stamps, stored_rank), _ranked(new, incoming.stamps, incoming_rank)
    gain = _CLARITY[incoming.masking] - _CLARITY[stored.masking]
    if not new or (old and gain < 0):
        return Known(stored.contacts, stored.masking, _stamps(before))
    if not old or gain > 0:
        return Known(incoming.contacts, incoming.masking, _stamps(after))
    joined = {role: _joined(before.get(role, {}), after.get(role, {})) for role in {**before, **after}}
    merged = {role: _fields(parts) for role, parts in joined.items()}
    contacts = stored.contacts if merged == old else incoming.contacts if merged == new else _encoded(merged)
    return Known(contacts, stored.masking, _stamps(joined))


def coarse(contacts: bytes, masking: str) -> dict[str, str | None]:
    """The parts of an order's document that follow from its people; the address is left out where none is known."""
    people = _people(contacts)
    parts: dict[str, str | None] = {"masking": None if masking == "plain" else masking}
    if (ship_to := people.get("ship_to")) is not None:
        parts["ship_country"] = ship_to.get("country")
        parts["ship_region"] = ship_to.get("region")
        code = ship_to.get("postal_code")
        parts["ship_postal_prefix"] = code and postal_prefix(code)
    return parts


def moved(before: bytes, after: bytes) -> bool:
    """Whether the delivery goes to somebody or somewhere else; what is merely filled in is no move."""
    old, new = (_people(contacts).get("ship_to", {}) for contacts in (before, after))
    fields = ("name", "company", *_ADDRESS)
    return any(old.get(field) != new.get(field) for field in fields if old.get(field))


def _people(contacts: bytes) -> _People:
    """The first contact of each role that says anything."""
    people: _People = {}
    for contact in _decode(contacts):
        role = contact.get("role") or "ship_to"
        given = {field: value for field, value in contact.items() if value and field != "role"}
        if given:
            people.setdefault(role, given)
    return people


def _ranked(people: _People, stamps: Stamps, usual: str) -> dict[str, _Parts]:
    return {
        role: {part: (stamps.get(role, {}).get(part, usual), fields) for part, fields in _parts(contact).items()}
        for role, contact in people.items()
    }


def _parts(contact: _Contact) -> dict[str, _Contact]:
    parts = {field: {field: value} for field, value in contact.items()}
    if not any(field in contact for field in _PLACE):
        return parts
    place = {field: contact[field] for field in _ADDRESS if field in contact}
    return {field: value for field, value in parts.items() if field not in _ADDRESS} | {"address": place}


def _joined(old: _Parts, new: _Parts) -> _Parts:
    """The part with the higher rank, and the new one where they are equal: a record that is read again differently."""
    joined = {part: max(new.get(part, _NOTHING), old.get(part, _NOTHING), key=_rank_of) for part in {**new, **old}}
    if "address" in joined:
        joined.pop("region", None)
        joined.pop("country", None)
    return joined


_NOTHING: tuple[str, _Contact] = ("", {})


def _rank_of(part: tuple[str, _Contact]) -> str:
    return part[0]


def _fields(parts: _Parts) -> _Contact:
    return {field: value for _, fields in parts.values() for field, value in fields.items()}


def _stamps(parts: Mapping[str, _Parts]) -> dict[str, dict[str, str]]:
    return {role: {part: stamp for part, (stamp, _) in each.items()} for role, each in parts.items()}


def unusual(stamps: Stamps, usual: str) -> Stamps:
    """The stamps that differ from the usual one."""
    kept = {role: {part: stamp for part, stamp in each.items() if stamp != usual} for role, each in stamps.items()}
    return {role: each for role, each in kept.items() if each}


def _encoded(people: _People) -> bytes:
    contacts = [{"role": role, **people[role]} for role in _ROLES if role in people]
    return msgspec.json.encode(msgspec.convert(contacts, list[Contact]))
