"""The parties of an order: N1 loops and PER. Personal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from orderflow.adapters.edi_x12.syntax import element
from orderflow.domain.order import Contact

ROLES: dict[str, Literal["ship_to", "bill_to", "sold_to"]] = {"ST": "ship_to", "BT": "bill_to", "BY": "sold_to"}
"""Entity identifiers (element 98) that are contacts of an order; the seller and the like are not."""

TAGS = {"N1", "N2", "N3", "N4", "PER", "MSG", "NTE"}


def contacts(header: Sequence[Sequence[str]]) -> list[Contact]:
    """Buyer, ship-to and bill-to, with what the buyer wrote on the first of them."""
    told: list[tuple[str, list[Sequence[str]]]] = [("", [])]
    for segment in header:
        if segment[0] == "N1":
            told.append((element(segment, 1), []))
        if segment[0] in TAGS:
            told[-1][1].append(segment)
    loops = dict(told)
    found = {code: contact(loops[code], role) for code, role in ROLES.items() if code in loops}
    # Another address stays for validation to refuse: which of them counts cannot be known.
    others = [contact(loop, "ship_to") for code, loop in told if code == "ST" and loop != loops["ST"]]
    people = _person([segment for segment in told[0][1] if segment[0] == "PER"])
    if any(people.values()):
        found["BY"] = _joined(found.get("BY"), people)
    note = "\n".join(_words(segment) for segment in header if segment[0] in ("MSG", "NTE"))
    first = next((code for code in ROLES if code in found), None)
    if note and first is None:
        found["BY"], first = Contact(role="sold_to"), "BY"
    return [*(_noted(each, note if code == first else "") for code, each in found.items()), *others]


def contact(loop: Sequence[Sequence[str]], role: Literal["ship_to", "bill_to", "sold_to"]) -> Contact:
    """One N1 loop. With a person named in PER the party is the company, otherwise the party is the name."""
    by_tag = {tag: [segment for segment in loop if segment[0] == tag] for tag in TAGS}
    party = element(by_tag["N1"][0], 2) or None
    more = [value for segment in by_tag["N2"] for value in (element(segment, 1), element(segment, 2)) if value]
    person = _person(by_tag["PER"])
    place = by_tag["N4"][0] if by_tag["N4"] else ["N4"]
    name = person["name"] or (more[0] if more else None)
    return Contact(
        role=role,
        name=name or party,
        company=party if name else None,
        email=person["email"],
        phone=person["phone"],
        address=[*more[1:], *(value for segment in by_tag["N3"] for value in segment[1:] if value.strip())],
        city=element(place, 1) or None,
        region=element(place, 2) or None,
        postal_code=element(place, 3) or None,
        country=element(place, 4) or None,
        party_id=element(by_tag["N1"][0], 4) or None,
    )


def buyer_id(header: Sequence[Sequence[str]]) -> str | None:
    return next((element(n1, 4) for n1 in header if n1[0] == "N1" and element(n1, 1) == "BY" and element(n1, 4)), None)


def party_ids(header: Sequence[Sequence[str]]) -> dict[str, str]:
    """The parties' own numbers (store, warehouse, account), which are no personal data."""
    return {f"N1.{element(n1, 1)}": element(n1, 4) for n1 in header if n1[0] == "N1" and element(n1, 4)}


def _person(segments: Sequence[Sequence[str]]) -> dict[str, str | None]:
    person: dict[str, str | None] = {"name": None, "email": None, "phone": None}
    for segment in segments:
        person["name"] = person["name"] or element(segment, 2) or None
        for number in (3, 5, 7):
            kind = {"EM": "email", "TE": "phone", "CP": "phone"}.get(element(segment, number))
            if kind and person[kind] is None:
                person[kind] = element(segment, number + 1) or None
    return person


def _joined(party: Contact | None, person: dict[str, str | None]) -> Contact:
    if party is None:
        return Contact(role="sold_to", name=person["name"], email=person["email"], phone=person["phone"])
    named = person["name"] and not party.company
    return replace(
        party,
        name=person["name"] if named else party.name,
        company=party.name if named else party.company,
        email=party.email or person["email"],
        phone=party.phone or person["phone"],
    )


def _words(segment: Sequence[str]) -> str:
    return element(segment, 1 if segment[0] == "MSG" else 2)


def _noted(party: Contact, note: str) -> Contact:
    return replace(party, note=note) if note else party
