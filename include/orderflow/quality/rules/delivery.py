"""What staging and the OMS refuse after validation, and changes that come after the OMS began its work."""

from __future__ import annotations

from orderflow.domain.life import CONFLICTS
from orderflow.quality.rules.rule import Rule, always_refuse

RULES: tuple[Rule, ...] = (
    always_refuse(
        "UNSTORABLE",
        "platform developer",
        "the staging database cannot hold the order",
        "read the database's reason in quarantine; teach cleaning or a rule what it means, and replay",
    ),
    always_refuse(
        "DELIVERED_ELSEWHERE",
        "channel team",
        "another channel delivers an order of the same id, number, created time and total",
        "compare the two: discard this one if they are one order, and look for two files of one shop; else release",
    ),
    always_refuse(
        "OMS_REFUSED",
        "fulfilment",
        "the OMS did not take the order",
        "read the OMS's reason in quarantine, cure it there or on the channel, then release",
    ),
    always_refuse(
        "OMS_WARNED",
        "fulfilment",
        "the OMS asks a question that only a person may answer",
        "answer it in the OMS (Tryton lets a user ignore a warning), then release",
    ),
    always_refuse(
        "OMS_SKU_MISSING",
        "catalogue team",
        "a line has no SKU, and the OMS takes no line without one",
        "give the article a SKU on the channel; the order is read again by itself",
    ),
    always_refuse(
        "OMS_SKU_UNKNOWN",
        "catalogue team",
        "the OMS has no product with this SKU",
        "add the product to the OMS or correct the SKU map, then release",
    ),
    always_refuse(
        "OMS_AMOUNT_MISSING",
        "platform developer",
        "a line or charge has no amount, so that the OMS's positions cannot add up",
        "map the amount that the platform states, and replay",
    ),
    always_refuse(
        "OMS_TOTAL_DIFFERS",
        "finance",
        "the OMS comes to another total than the channel",
        "compare taxes and rounding of the OMS with the channel's; set them alike, then release",
    ),
    always_refuse(
        "OMS_QUANTITY_DIFFERS",
        "fulfilment",
        "the OMS rounds a quantity of the order",
        "raise the accuracy of units of measure in the OMS, or sell the article in a smaller unit, then release",
    ),
    always_refuse(
        "OMS_CURRENCY_DIFFERS",
        "finance",
        "the order is in the OMS already, in another currency",
        "look at the order in the OMS: cancel it there, then release",
    ),
    always_refuse(
        "OMS_CURRENCY_UNKNOWN",
        "finance",
        "the OMS does not have the order's currency",
        "activate the currency in the OMS, then release",
    ),
    always_refuse(
        "OMS_CHARGE_UNMAPPED",
        "finance",
        "the OMS's target file names no product for this kind of charge",
        "name one in include/targets, then release",
    ),
    always_refuse(
        "OMS_PARTY_UNKNOWN",
        "fulfilment",
        "the OMS does not have the customer or address that the order needs",
        "correct the target file's customer, or the address on the channel, then release",
    ),
    always_refuse(
        "OMS_DOCUMENT_UNREADABLE",
        "platform developer",
        "the order's document is not the canonical order",
        "replay the order; report it if it happens again",
    ),
    always_refuse(
        "OMS_PROCESSING_STARTED",
        "fulfilment",
        "the OMS works on the order already and does not let it change",
        "look at the order in the OMS: carry the change out there by hand, then discard the row",
    ),
    always_refuse(
        "OMS_LOCKED",
        "fulfilment",
        "the OMS locked the order against changes",
        "look at the order in the OMS: unlock it and release, or carry the change out by hand and discard the row",
    ),
    always_refuse(
        "OMS_CANCELLED_THERE",
        "fulfilment",
        "the order is cancelled in the OMS, and the channel wants it",
        "look at the order in the OMS: ask who cancelled it, then release or cancel it on the channel",
    ),
    always_refuse(
        "OMS_STATE_UNCHANGED",
        "fulfilment",
        "the OMS took the change and its order stayed in the state that it was in",
        "look at the order in the OMS: something there holds it back, such as a workflow of its own; then release",
    ),
    *(always_refuse(each.code, "fulfilment", each.meaning, each.action) for each in CONFLICTS.values()),
    always_refuse(
        "NOTICE_UNKNOWN",
        "platform developer",
        "the channel takes no notice of this kind",
        "take the kind out of `fulfilment.tell` of the channel file",
    ),
    always_refuse(
        "ORDER_UNKNOWN",
        "fulfilment",
        "the channel does not know the order that it is told of",
        "look for the order on the channel; what was deleted there can only be settled by hand",
    ),
    always_refuse(
        "ORDER_CLOSED",
        "fulfilment",
        "the channel has called the order off that a parcel was sent for",
        "bring the parcel back, or settle with the buyer by hand",
    ),
    always_refuse(
        "NOTHING_LEFT",
        "fulfilment",
        "the channel has fewer units left to send than the parcel holds",
        "compare the order on the channel with the parcel: somebody else sent, cancelled or removed units",
    ),
    always_refuse(
        "QUANTITY_MALFORMED",
        "fulfilment",
        "a parcel holds parts of a unit, or none",
        "correct the parcel in the OMS; channels count whole units",
    ),
    always_refuse(
        "TRACKING_MISSING",
        "fulfilment",
        "a parcel has no tracking number or carrier, and the channel takes none without",
        "give the parcel both in the OMS; it is told again by itself",
    ),
    always_refuse(
        "FULFILMENT_REFUSED",
        "fulfilment",
        "the channel refused a parcel, in its own words",
        "read them with orderflow explain, cure it, then orderflow fulfil CHANNEL --again ORDER",
    ),
    always_refuse(
        "FILE_GONE",
        "platform developer",
        "the file that brought the order is not kept any more, and it alone says how to answer its sender",
        "put the file back into done/, or answer by hand",
    ),
)
"""What the OMS says in words of its own stands in the reason's message."""
