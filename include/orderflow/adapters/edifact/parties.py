"""The parties of an order: NAD groups with their contacts. Personal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from orderflow.adapters.edifact.syntax import Segment, get
from orderflow.domain.order import Contact

Role = Literal["ship_to", "bill_to", "sold_to"]

ROLES: tuple[tuple[str, Role], ...] = (
    ("DP", "ship_to"),
    ("ST", "ship_to"),
    ("UC", "ship_to"),
    ("IV", "bill_to"),
    ("BY", "sold_to"),
)
"""Party qualifiers (element 3035) that are contacts of an order; the first of a role that is there has it."""

_PART = 70
"""Characters of each part of a free text (4440) in D.96A."""

TAGS = {"NAD", "CTA", "COM", "FTX"}
"""Segments that may hold personal data; none of them goes to `ext`."""


def groups(header: Sequence[Segment]) -> list[list[Segment]]:
    """The NAD groups of a header, each with the segments that belong to it."""
    found: list[list[Segment]] = []
    inside = False
    for segment in header:
        tag = segment[0][0]
        if tag == "NAD":
            found.append([segment])
            inside = True
        elif inside and tag in ("LOC", "FII", "RFF", "DOC", "CTA", "COM", "DTM"):
            found[-1].append(segment)
        else:
            inside = False
    return found


def contacts(header: Sequence[Segment]) -> list[Contact]:
    """Ship-to, bill-to and buyer, with what the buyer wrote on the first of them."""
    parties = {get(group[0], 1): group for group in reversed(groups(header))}
    found: dict[Role, Contact] = {}
    others: list[Contact] = []
    for code, role in ROLES:
        if code in parties and role not in found:
            found[role] = _contact(parties[code], role)
            if role == "ship_to":
                # Another address stays for validation to refuse: which of them counts cannot be known.
                rivals = (each for each in groups(header) if get(each[0], 1) == code and each[0] != parties[code][0])
                others = [_contact(each, role) for each in rivals]
    note = "\n".join(text for segment in header if segment[0][0] == "FTX" and (text := _words(segment)))
    if note and not found:
        found["sold_to"] = Contact(role="sold_to")
    first = next(iter(found), None)
    people = [replace(each, note=note) if note and role == first else each for role, each in found.items()]
    return [*people, *others]


def _contact(group: Sequence[Segment], role: Role) -> Contact:
    """With a person named in CTA the party is the company, otherwise the party is the name."""
    nad = group[0]
    told = {get(com, 1, 2): get(com, 1, 1) for com in reversed(group) if com[0][0] == "COM"}
    person = next((get(cta, 2, 2) for cta in group if cta[0][0] == "CTA" and get(cta, 2, 2)), None)
    # C058 holds name and address without structure, where a sender has no more.
    loose = [part.strip() for part in nad[3] if part.strip()] if len(nad) > 3 else []
    party = _joined(nad, 4) or (loose[0] if loose else None)
    return Contact(
        role=role,
        name=person or party,
        company=party if person else None,
        email=told.get("EM") or None,
        phone=told.get("TE") or told.get("AL") or None,
        address=[part.strip() for part in (nad[5] if len(nad) > 5 else []) if part.strip()] or loose[1:],
        city=get(nad, 6) or None,
        region=get(nad, 7) or None,
        postal_code=get(nad, 8) or None,
        country=get(nad, 9) or None,
        party_id=get(nad, 2) or None,
        tax_id=next((get(rff, 1, 2) for rff in group if rff[0][0] == "RFF" and get(rff, 1) == "VA"), None),
    )


def _joined(nad: Segment, element: int) -> str | None:
    """A name that was cut into pieces of 35 characters."""
    return " ".join(part.strip() for part in nad[element] if part.strip()) or None if element < len(nad) else None


def _words(ftx: Segment) -> str:
    """A text in parts; only one that fills its part up may have been cut in the middle of a word."""
    parts = ftx[4] if len(ftx) > 4 else []
    return "".join(part if len(part) >= _PART else f"{part.rstrip()} " for part in parts).strip()


def buyer_id(header: Sequence[Segment]) -> str | None:
    return next((get(nad, 2) for nad in header if nad[0][0] == "NAD" and get(nad, 1) == "BY" and get(nad, 2)), None)


def party_ids(header: Sequence[Segment]) -> dict[str, str]:
    """The parties' own numbers (mostly GLN), which are no personal data."""
    return {f"NAD.{get(nad, 1)}": get(nad, 2) for nad in header if nad[0][0] == "NAD" and get(nad, 2)}
