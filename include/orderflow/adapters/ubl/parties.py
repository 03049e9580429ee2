"""The parties of an order. Personal data."""

from __future__ import annotations

from typing import Any, Literal
from xml.etree.ElementTree import Element

from msgspec.structs import replace

from orderflow.adapters.ubl.document import every, one, text
from orderflow.domain.order import Contact

TAGS = {
    "BuyerCustomerParty",
    "SellerSupplierParty",
    "OriginatorCustomerParty",
    "AccountingCustomerParty",
    "Delivery",
    "Note",
}
"""Parts of a document that may hold personal data; none of them goes to `ext`."""


def contacts(root: Element) -> list[Contact]:
    """Ship-to, bill-to and buyer, with what the buyer wrote on the first of them."""
    buyer = one(root, "cac:BuyerCustomerParty/cac:Party")
    account = one(root, "cac:AccountingCustomerParty/cac:Party")
    found: list[Contact] = []
    for delivery in every(root, "cac:Delivery"):
        # A second address stays for validation to refuse: which of them counts cannot be known.
        if (shipped := _delivered(delivery, buyer)) and shipped not in found:
            found.append(shipped)
    if account is not None:
        found.append(_contact(account, "bill_to"))
    if buyer is not None:
        found.append(_contact(buyer, "sold_to"))
    notes = [note.text.strip() for note in every(root, "cbc:Note") if note.text and note.text.strip()]
    if notes and found:
        found[0] = replace(found[0], note="\n".join(notes))
    return found


def _delivered(delivery: Element, buyer: Element | None) -> Contact | None:
    """Where the goods go: the delivery party at the delivery location; without a party of its own it is the buyer."""
    party, address = one(delivery, "cac:DeliveryParty"), one(delivery, "cac:DeliveryLocation/cac:Address")
    place = text(delivery, "cac:DeliveryLocation/cbc:ID")
    if party is None and address is None and place is None:
        return None
    who = _contact(party if party is not None else buyer, "ship_to")
    if address is None and place is None:
        return who
    known_by = place or (who.party_id if party is not None else None)
    return replace(who, **_address(address), party_id=known_by, tax_id=None)


def _contact(party: Element | None, role: Literal["ship_to", "bill_to", "sold_to"]) -> Contact:
    """With a person named the party is the company, otherwise the party is the name."""
    if party is None:
        return Contact(role=role)
    company = text(party, "cac:PartyName/cbc:Name") or text(party, "cac:PartyLegalEntity/cbc:RegistrationName")
    person = text(party, "cac:Contact/cbc:Name") or _person(one(party, "cac:Person"))
    address = one(party, "cac:PostalAddress")
    return replace(
        Contact(
            role=role,
            name=person or company,
            company=company if person else None,
            email=text(party, "cac:Contact/cbc:ElectronicMail"),
            phone=text(party, "cac:Contact/cbc:Telephone"),
            party_id=text(party, "cac:PartyIdentification/cbc:ID"),
            tax_id=text(party, "cac:PartyTaxScheme/cbc:CompanyID"),
        ),
        **_address(address),
    )


def _person(person: Element | None) -> str | None:
    if person is None:
        return None
    return (
        " ".join(filter(None, (text(person, f"cbc:{part}") for part in ("FirstName", "MiddleName", "FamilyName"))))
        or None
    )


def _address(address: Element | None) -> dict[str, Any]:
    """The fields of an address; none of them where there is none."""
    if address is None:
        return dict.fromkeys(("city", "region", "postal_code", "country")) | {"address": list[str]()}
    street = [
        text(address, f"cbc:{part}") for part in ("StreetName", "BuildingNumber", "AdditionalStreetName", "Postbox")
    ]
    lines = [
        line.text.strip() for line in every(address, "cac:AddressLine/cbc:Line") if line.text and line.text.strip()
    ]
    return {
        "address": [*(part for part in street if part), *lines],
        "city": text(address, "cbc:CityName"),
        "region": text(address, "cbc:CountrySubentityCode") or text(address, "cbc:CountrySubentity"),
        "postal_code": text(address, "cbc:PostalZone"),
        "country": text(address, "cac:Country/cbc:IdentificationCode"),
    }


def refuses_own_address(line: Element) -> str | None:
    """The address that a line has of its own, as a path; None when it has none."""
    for path in ("cac:Delivery/cac:DeliveryLocation/cac:Address", "cac:Delivery/cac:DeliveryParty"):
        if one(line, path) is not None:
            return path
    return None
