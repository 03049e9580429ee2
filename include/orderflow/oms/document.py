"""The submitted document as the OMS targets read it, and the note they leave beside it in the OMS."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from orderflow.domain.errors import RecordError
from orderflow.domain.order import Contact, Order
from orderflow.domain.target import Submission

Wish: TypeAlias = Literal["held", "confirmed", "cancelled"]
"""What the channel wants the OMS to do with an order: keep it waiting, carry it out, or call it off."""

_HELD = frozenset({"draft", "pending", "on_hold"})
_SHORTEST_MASKED = 3
_LONGEST_REASON = 1000


class Document(Order, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """An order with its contacts, the channel it came from, and our version of it."""

    channel: str
    version: int


class _People(msgspec.Struct):
    contacts: list[Contact] = []


_decoder = msgspec.json.Decoder(Document)


def read(submission: Submission) -> Document:
    """Decode the document; raises `RecordError` when it is not the canonical order."""
    try:
        return _decoder.decode(submission.document)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecordError(
            "OMS_DOCUMENT_UNREADABLE",
            "document",
            submission.order_id,
            f"{error}; load the order again so that its document is written by this release",
        ) from error


def read_all(submissions: Iterable[Submission]) -> dict[str, Document | RecordError]:
    """Documents by key; for one that cannot be read, why."""
    documents: dict[str, Document | RecordError] = {}
    for submission in submissions:
        try:
            documents[submission.key] = read(submission)
        except RecordError as error:
            documents[submission.key] = error
    return documents


def skus(documents: Iterable[Document | RecordError]) -> set[str]:
    """Every SKU of these orders, as the OMS calls them."""
    lines = (line for document in documents if isinstance(document, Document) for line in document.lines)
    return {sku for line in lines if (sku := line.oms_sku or line.sku)}


def wish(document: Document) -> Wish:
    if document.order_status == "cancelled":
        return "cancelled"
    return "held" if document.order_status in _HELD else "confirmed"


def contact(document: Document, *roles: str) -> Contact | None:
    """The contact with the first of these roles that the order has."""
    by_role = {each.role: each for each in reversed(document.contacts)}
    return next((by_role[role] for role in roles if role in by_role), None)


def buyer_code(document: Document) -> str:
    """A stable code of the buyer on the channel; the order's own where the channel does not name buyers."""
    return f"{document.channel}/{document.buyer_id or f'order/{document.order_id}'}"


def people(submission: Submission) -> list[Contact]:
    """The contacts of the document, whatever else is in it."""
    return msgspec.json.decode(submission.document, type=_People).contacts


def masked(text: str, contacts: Sequence[Contact]) -> str:
    """`text` without the buyer's data: an OMS likes to repeat values in its messages, in capitals or without."""
    personal: set[str] = set()
    for each in contacts:
        for value in msgspec.structs.astuple(each)[1:]:
            personal.update(value if isinstance(value, list) else [value] if value else [])
    kept = {each.country for each in contacts}
    for value in sorted(personal - kept, key=len, reverse=True):
        if len(value) >= _SHORTEST_MASKED:
            text = re.sub(re.escape(value), "***", text, flags=re.IGNORECASE)
    return text


def reason(error: RecordError, document: Document | RecordError | None) -> str:
    """A receipt's reason: `CODE: what happened`, without the buyer's data."""
    text = f"{error.code}: {error.message}" + (f" (found {error.value})" if error.value else "")
    text = masked(text, document.contacts) if isinstance(document, Document) else text
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def fingerprint(*values: object) -> str:
    """Sixteen hex digits that change when any of the values changes."""
    return hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:16]


def address_fingerprint(document: Document) -> str | None:
    """Changes when the delivery address does; None while the platform hides it, so that a mask is never a change."""
    place = contact(document, "ship_to", "sold_to", "bill_to")
    if document.masking != "plain" or place is None:
        return None
    fields = (place.name, place.company, place.address, place.city, place.region, place.postal_code, place.country)
    return fingerprint(*fields)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a target notes beside its document in the OMS, in the same transaction as the content it speaks of.

    `content` and `address` are fingerprints of what the channel wanted when the note was written, `extra` is the
    number of lines that are no order lines (charges, taxes, rounding).
    """

    version: int
    key: str
    wish: Wish
    content: str
    address: str | None
    extra: int

    def __str__(self) -> str:
        return f"v{self.version} {self.key} {self.wish} {self.content} {self.address or '-'} {self.extra}"

    @classmethod
    def parse(cls, text: str | None) -> Marker | None:
        """Read a note back; None when there is none or somebody edited it."""
        parts = (text or "").split()[-6:]
        if len(parts) != 6 or parts[0][:1] != "v" or not (parts[0][1:] + parts[5]).isdecimal():
            return None
        version, key, wanted, content, address, extra = parts
        wishes: dict[str, Wish] = {"held": "held", "confirmed": "confirmed", "cancelled": "cancelled"}
        if wanted not in wishes:
            return None
        return cls(int(version[1:]), key, wishes[wanted], content, None if address == "-" else address, int(extra))
