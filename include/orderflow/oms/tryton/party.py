"""The buyer in Tryton: one party per code (Tryton's database lets no code stand twice), one address per place."""

from __future__ import annotations

import contextlib
from typing import Any

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact
from orderflow.domain.source import JsonValue
from orderflow.oms.document import Document, buyer_code, contact
from orderflow.oms.tryton.client import Client, ConflictError

_PLACE = ("party_name", "street", "postal_code", "city", "country", "subdivision")
_ATTEMPTS = 5


class Parties:
    """Finds parties and addresses, and makes those that are missing."""

    def __init__(self, client: Client, code: str | None) -> None:
        self._client = client
        self._code = code
        self._countries: dict[str, int | None] = {}

    def resolve(self, document: Document) -> tuple[int, int, int]:
        """`(party, invoice address, shipment address)`.

        Raises `RecordError` when the one party of all orders is configured and missing, or Tryton refuses the data.
        """
        ship = contact(document, "ship_to", "sold_to", "bill_to") or Contact(country=document.ship_country)
        bill = contact(document, "bill_to", "sold_to", "ship_to") or ship
        places = [self._place(bill), self._place(ship)]
        code = self._code or buyer_code(document)
        for _ in range(_ATTEMPTS):
            party = self._find(code) or self._make(code, document, places)
            invoice, shipment = (self._address(party["id"], place) for place in places)
            if invoice is not None and shipment is not None:
                return int(party["id"]), invoice, shipment
            missing = [place for place, found in zip(places, (invoice, shipment), strict=True) if found is None]
            self._add(party, _unique(missing))
        raise ConflictError(f"party {code} changed {_ATTEMPTS} times while addresses were added to it")

    def _find(self, code: str) -> dict[str, Any] | None:
        """The party with this code, archived or not; where somebody merged it into another party, that one."""
        found = self._look("code", code)
        for _ in range(_ATTEMPTS):
            if found is None or not found["replaced_by"]:
                break
            found = self._look("id", found["replaced_by"])
        return found

    def _look(self, field: str, value: JsonValue) -> dict[str, Any] | None:
        anyone = [[field, "=", value], ["active", "in", [True, False]]]
        found = self._client.search("party.party", anyone, ["_timestamp", "replaced_by"])
        return found[0] if found else None

    def _address(self, party: int, place: dict[str, JsonValue]) -> int | None:
        """The party's address that says the same; the oldest where several do."""
        same = [[name, "=", value] for name, value in place.items()]
        found = self._client.search("party.address", [["party", "=", party], *same], ["id"], limit=1)
        return int(found[0]["id"]) if found else None

    def _make(self, code: str, document: Document, places: list[dict[str, JsonValue]]) -> dict[str, Any]:
        """Create the party with its addresses in one transaction; where another sender was faster, take theirs."""
        if self._code is not None:
            raise RecordError(
                "OMS_PARTY_UNKNOWN", "party", code, "make this party in Tryton, or correct the target file"
            )
        who = contact(document, "sold_to", "bill_to", "ship_to") or Contact()
        values = {
            "code": code,
            "name": who.company or who.name or code,
            "addresses": [["create", _unique(places)]],
            "contact_mechanisms": [["create", _mechanisms(who)]],
            "identifiers": [["create", [{"code": who.tax_id}] if who.tax_id else []]],
        }
        refusal: RecordError | None = None
        try:
            self._client.create("party.party", values)
        except RecordError as error:
            refusal = error
        if (party := self._find(code)) is not None:
            return party
        raise refusal or ConflictError(f"party {code} was removed as soon as it was made")

    def _add(self, party: dict[str, Any], places: list[dict[str, JsonValue]]) -> None:
        """Add addresses, unless the party has changed since it was read: then the caller looks again."""
        values = {"addresses": [["create", places]]}
        stamp = {f"party.party,{party['id']}": party["_timestamp"]}
        with contextlib.suppress(ConflictError):
            self._client.call("model.party.party.write", [party["id"]], values, timestamps=stamp)

    def _place(self, who: Contact) -> dict[str, JsonValue]:
        country, subdivision = self._country(who.country), None
        street = list(who.address)
        if who.region:
            subdivision = self._subdivision(who.country, who.region) if country else None
            street += [] if subdivision else [who.region]
        name = " / ".join(filter(None, (who.company, who.name))) or who.party_id or ""
        values = (name, "\n".join(street), who.postal_code, who.city, country, subdivision)
        return dict(zip(_PLACE, map(_stripped, values), strict=True))

    def _country(self, code: str | None) -> int | None:
        if code and code not in self._countries:
            found = self._client.search("country.country", [["code", "=", code]], ["id"])
            self._countries[code] = found[0]["id"] if found else None
        return self._countries.get(code or "")

    def _subdivision(self, country: str | None, region: str) -> int | None:
        code = region if region.startswith(f"{country}-") else f"{country}-{region}"
        found = self._client.search("country.subdivision", [["code", "=", code]], ["id"])
        return found[0]["id"] if found else None


def _stripped(value: JsonValue) -> JsonValue:
    """As Tryton stores it: without surrounding space, and nothing instead of an empty text."""
    return (value.strip() if isinstance(value, str) else value) or None


def _unique(places: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    return [place for number, place in enumerate(places) if place not in places[:number]]


def _mechanisms(who: Contact) -> list[dict[str, JsonValue]]:
    """E-mail and phone. Tryton checks phone numbers; one it might refuse (masked, local) goes in as text."""
    made: list[dict[str, JsonValue]] = []
    if who.email:
        made.append({"type": "email" if "@" in who.email else "other", "value": who.email})
    if who.phone:
        made.append({"type": "phone" if who.phone.lstrip("+").isdecimal() else "other", "value": who.phone})
    return made
