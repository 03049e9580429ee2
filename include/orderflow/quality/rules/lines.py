"""Rules on lines, articles and quantities, and on what shipments and refunds say of them."""

from orderflow.quality.rules.rule import refuse, warn

RULES = (
    refuse(
        "LINE_KIND_UNKNOWN",
        "platform developer",
        "a line is none of product, gift, bundle_parent, bundle_child, service, gift_card",
        "map the platform's kind to one of these, or list it in clean.lookups.line_kind",
    ),
    refuse(
        "LINE_NUMBER_WRONG",
        "platform developer",
        "a line number is smaller than 1 or occurs twice in the order",
        "number the lines from 1 in the channel's order",
    ),
    refuse(
        "LINE_ID_DUPLICATE",
        "platform developer",
        "two lines of the order have the same line id, so that one would replace the other",
        "map the id that the platform gives each line, not that of the article",
    ),
    refuse(
        "PARENT_LINE_UNKNOWN",
        "platform developer",
        "a line belongs to a parent line that is not in the order",
        "map parent_line_id to a line_id of the same order",
    ),
    refuse(
        "SKU_MISSING",
        "catalogue team",
        "a line that is to be shipped has no SKU",
        "give the article a SKU on the channel; the order is read again by itself",
    ),
    refuse(
        "SKU_UNMAPPED",
        "catalogue team",
        "the channel's SKU is not in the SKU map",
        "add it to the channel's SKU map (`orderflow sku import`); the orders that wait for it go on by themselves",
    ),
    warn(
        "CODE_INVISIBLE",
        "catalogue team",
        "a SKU holds an invisible character, so that it looks like another one",
        "type the SKU anew on the channel",
    ),
    warn(
        "GTIN_WRONG",
        "catalogue team",
        "a GTIN has not 8, 12, 13 or 14 digits, or its check digit is wrong",
        "correct it on the channel",
    ),
    warn("TITLE_MISSING", "catalogue team", "a line has no title", "give the article a title on the channel"),
    warn(
        "TITLE_TOO_LONG",
        "catalogue team",
        "a title has more than 1,000 characters",
        "look whether the mapping reads the description as the title",
    ),
    refuse(
        "QUANTITY_MISSING",
        "platform developer",
        "a line does not say how many units are ordered",
        "map the quantity that counts now",
    ),
    refuse(
        "QUANTITY_NEGATIVE",
        "platform developer",
        "a quantity is negative",
        "map returns and cancellations to refunds and to the quantities that are left",
    ),
    refuse(
        "QUANTITY_FRACTIONAL",
        "catalogue team",
        "a line orders a fraction of a unit and names no unit of measure",
        "map the unit of measure, or correct the quantity on the channel",
    ),
    refuse(
        "QUANTITY_HUGE",
        "channel team",
        "a line orders more than 100,000 units",
        "ask the buyer, or look whether the mapping reads the price as the quantity; waive the rule on a channel that "
        "sells such lots",
    ),
    warn(
        "NOTHING_ORDERED",
        "channel team",
        "an open order has lines, and the quantity of every one is zero",
        "look whether the order was cancelled on the channel without a status that says so",
    ),
    warn(
        "FULFILLED_TOO_MANY",
        "fulfilment",
        "more units of a line are fulfilled than were ever ordered",
        "look at the shipments on the channel; correct the mapping if it counts them twice",
    ),
    warn(
        "RETURNED_TOO_MANY",
        "fulfilment",
        "more units of a line are returned than were ever ordered",
        "look at the returns on the channel",
    ),
    warn(
        "SHIPMENT_LINE_UNKNOWN",
        "platform developer",
        "a shipment names a line that is not in the order",
        "map the ids in shipments to those of the lines",
    ),
    warn(
        "REFUND_LINE_UNKNOWN",
        "platform developer",
        "a refund names a line that is not in the order",
        "map the ids in refunds to those of the lines",
    ),
    warn(
        "SHIPPED_TOO_MANY",
        "fulfilment",
        "the shipments hold more units of a line than were ever ordered",
        "look at the parcels on the channel: a cancelled one may still be listed",
    ),
    warn(
        "REFUNDED_TOO_MANY",
        "finance",
        "the refunds hold more units of a line than were ever ordered",
        "look at the refunds on the channel",
    ),
    refuse(
        "SHIPMENT_ID_DUPLICATE",
        "platform developer",
        "two shipments of the order have the same id, so that one would replace the other",
        "map the id of the parcel, not that of the carrier or the order",
    ),
)
