"""Rules on the order as a whole: what it must say, and in which words."""

from orderflow.quality.rules.rule import refuse, settled, warn

RULES = (
    refuse(
        "IDENTIFIER_TOO_LONG",
        "platform developer",
        "an id, number or SKU has more than 200 characters",
        "look whether the mapping reads prose as an identifier",
    ),
    refuse(
        "TEST_ORDER",
        "channel team",
        "the channel marks the order as a test, and a test must not ship",
        "cancel it on the channel, or waive the rule on a channel that exists for tests",
    ),
    settled(
        "SOLD_ELSEWHERE",
        "channel team",
        "the order was sold in another shop, and this platform only ships it",
        "nothing has to be decided: the shop that sold it brings it to the OMS; give that shop a channel file if it "
        "has none",
    ),
    refuse(
        "ORDER_STATUS_UNKNOWN",
        "platform developer",
        "order_status is none of draft, pending, open, on_hold, completed, cancelled",
        "map the platform's status to one of these, or list it in clean.lookups.order_status",
    ),
    refuse(
        "PAYMENT_STATUS_UNKNOWN",
        "platform developer",
        "payment_status is none of unpaid, authorized, partially_paid, paid, partially_refunded, refunded, voided, "
        "cod_due",
        "map the platform's status to one of these, or list it in clean.lookups.payment_status",
    ),
    refuse(
        "FULFILMENT_STATUS_UNKNOWN",
        "platform developer",
        "fulfilment_status is none of unfulfilled, partial, shipped, delivered, returned_to_sender",
        "map the platform's status to one of these, or list it in clean.lookups.fulfilment_status",
    ),
    warn(
        "RETURN_STATUS_UNKNOWN",
        "platform developer",
        "return_status is none of none, requested, in_transit, received, refunded, exchanged, rejected",
        "map the platform's status to one of these, or list it in clean.lookups.return_status",
    ),
    refuse(
        "MASKING_UNKNOWN",
        "platform developer",
        "masking is none of plain, masked, erased, so that nobody knows whether the contacts are readable",
        "make the mapping say which of the three it is",
    ),
    refuse(
        "LINES_MISSING",
        "platform developer",
        "an order that is to be shipped, or that costs something, has no lines",
        "look at the raw record; fetch the lines in the adapter's source if the platform keeps them apart",
    ),
    refuse(
        "CURRENCY_MISSING",
        "channel team",
        "the order does not say its currency",
        "map it, or set clean.currency in the channel file",
    ),
    refuse(
        "CURRENCY_UNKNOWN",
        "platform developer",
        "a currency is not in ISO 4217",
        "map the platform's spelling to the three letters of ISO 4217, or list it in clean.lookups.currency",
    ),
    refuse(
        "SHOP_CURRENCY_MISSING",
        "channel team",
        "the order has amounts in the shop's currency but does not say which currency that is",
        "map it, or set clean.currency in the channel file",
    ),
    refuse(
        "GRAND_TOTAL_MISSING",
        "platform developer",
        "the order has no grand total, so that nothing can be checked against it",
        "map the total that the platform states; compute it only where the platform is documented to state none yet, "
        "and say so in the order's ext",
    ),
    refuse(
        "PLACED_AT_MISSING",
        "platform developer",
        "the order does not say when it was placed",
        "map the platform's time of purchase",
    ),
    refuse(
        "UPDATED_AT_MISSING",
        "platform developer",
        "the order does not say when it changed last, so that nobody can tell its newest version",
        "map the platform's modified time; where it has none, the time of the document or file",
    ),
    warn(
        "ORDER_NUMBER_DUPLICATE",
        "channel team",
        "several orders of this batch share one order number",
        "look whether the channel split one order, or whether the number is that of the cart",
    ),
    warn(
        "CHARGE_KIND_UNKNOWN",
        "platform developer",
        "a charge is none of shipping, cod, gift_wrap, tip, duty, service, surcharge, packaging",
        "map the platform's kind to one of these, or list it in clean.lookups.charge_kind",
    ),
    warn(
        "DISCOUNT_KIND_UNKNOWN",
        "platform developer",
        "a discount is none of code, automatic, manual, platform",
        "map the platform's kind to one of these, or list it in clean.lookups.discount_kind",
    ),
    warn(
        "FUNDER_UNKNOWN",
        "finance",
        "a discount's funder is none of seller, platform, brand, shared, unknown",
        "map it to one of these, or list it in clean.lookups.funded_by",
    ),
    warn(
        "TAX_LIABLE_UNKNOWN",
        "finance",
        "a tax's liable party is none of seller, marketplace, unknown",
        "map it to one of these",
    ),
    warn(
        "PAYMENT_KIND_UNKNOWN",
        "finance",
        "a payment is none of authorization, capture, sale, void, gift_card, cod",
        "map the platform's kind to one of these",
    ),
    warn(
        "PAYMENT_RESULT_UNKNOWN",
        "finance",
        "a payment's status is none of success, pending, failure",
        "map the platform's status to one of these",
    ),
)
