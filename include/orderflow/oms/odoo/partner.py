"""The buyer in Odoo: one contact per buyer and one per address, each made at most once by its external id."""

from __future__ import annotations

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact
from orderflow.oms.document import Document, buyer_code, contact, fingerprint
from orderflow.oms.odoo.client import Client

_PLAIN = {"lang": ""}
"""No language: left to itself, Odoo 17 and 18 take that of the call, and refuse it where it is not installed."""


class Partners:
    def __init__(self, client: Client, reference: str | None) -> None:
        self._client = client
        self._reference = reference
        self._countries: dict[str, int | None] = {}

    def resolve(self, document: Document) -> tuple[int, int, int]:
        """`(customer, invoice address, delivery address)`. Raises `RecordError` when Odoo refuses one of them."""
        ship = contact(document, "ship_to", "sold_to", "bill_to") or Contact(country=document.ship_country)
        bill = contact(document, "bill_to", "sold_to", "ship_to") or ship
        code = self._reference or buyer_code(document)
        customer = self._fixed(code) if self._reference else self._buyer(code, document)
        delivery = self._address(code, "delivery", ship)
        invoice = delivery if _same(bill, ship) else self._address(code, "invoice", bill)
        self._attach(customer, {invoice, delivery})
        return customer, invoice, delivery

    def _fixed(self, reference: str) -> int:
        found = self._client.search("res.partner", [["ref", "=", reference]], ["id"], limit=1)
        if not found:
            raise RecordError(
                "OMS_PARTY_UNKNOWN", "partner", reference, "make this contact in Odoo, or correct the target file"
            )
        return int(found[0]["id"])

    def _buyer(self, code: str, document: Document) -> int:
        who = contact(document, "sold_to", "bill_to", "ship_to") or Contact()
        values = {"ref": code, **_PLAIN, **self._place(who), "name": who.company or who.name or code}
        return self._client.claim("res.partner", f"partner_{fingerprint(code)}", values)

    def _address(self, code: str, kind: str, who: Contact) -> int:
        place = self._place(who)
        values = {"type": kind, **_PLAIN, **place, "name": place["name"] or code}
        return self._client.claim("res.partner", f"address_{fingerprint(code, kind, place)}", values)

    def _attach(self, customer: int, addresses: set[int]) -> None:
        """Put addresses under their buyer.

        Not in `load`, which copies the buyer's credit limit to a new address and refuses who may not read that:
        everybody but accountants. A `write` copies it in Odoo's own name.
        """
        attached = self._client.call(
            "res.partner",
            "search",
            domain=[["id", "in", sorted(addresses)], ["parent_id", "!=", False]],
            context={"active_test": False},
        )
        if loose := sorted(addresses - set(attached)):
            self._client.call("res.partner", "write", loose, vals={"parent_id": customer})

    def _place(self, who: Contact) -> dict[str, str]:
        country = self._country(who.country)
        state = self._state(country, who.region)
        street = list(who.address)
        if who.region and state is None:
            street.append(who.region)
        return {
            "name": " / ".join(filter(None, (who.company, who.name))) or who.party_id or "",
            "street": street[0] if street else "",
            "street2": ", ".join(street[1:]),
            "city": who.city or "",
            "zip": who.postal_code or "",
            "country_id/.id": str(country or ""),
            "state_id/.id": str(state or ""),
            "email": who.email or "",
            "phone": who.phone or "",
        }

    def _country(self, code: str | None) -> int | None:
        if code and code not in self._countries:
            found = self._client.search("res.country", [["code", "=", code]], ["id"], limit=1)
            self._countries[code] = found[0]["id"] if found else None
        return self._countries.get(code or "")

    def _state(self, country: int | None, region: str | None) -> int | None:
        if country is None or not region:
            return None
        domain = [["country_id", "=", country], ["code", "=", region.split("-")[-1]]]
        found = self._client.search("res.country.state", domain, ["id"], limit=1)
        return int(found[0]["id"]) if found else None


def _same(one: Contact, other: Contact) -> bool:
    return all(
        getattr(one, field) == getattr(other, field) for field in one.__struct_fields__ if field not in ("role", "note")
    )
