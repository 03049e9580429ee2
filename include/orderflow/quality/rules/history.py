"""Rules on the order's life: times in a possible order, and statuses that agree with what happened."""

from orderflow.quality.rules.rule import refuse, warn

RULES = (
    refuse(
        "TIME_IN_FUTURE",
        "platform developer",
        "a time of the order lies more than five minutes after the moment at which it was fetched",
        "look at the time zone in the mapping, and at clean.timezone in the channel file",
    ),
    refuse(
        "TIME_IMPLAUSIBLE",
        "platform developer",
        "a time of the order lies before 1995",
        "look whether the mapping reads an empty time, or seconds as milliseconds",
    ),
    warn(
        "EVENT_IN_FUTURE",
        "platform developer",
        "a payment, refund or shipment lies more than five minutes after the moment at which it was fetched",
        "look at the time zone in the mapping, and at clean.timezone in the channel file",
    ),
    warn(
        "UPDATED_BEFORE_CREATED",
        "platform developer",
        "the order changed last before it was created",
        "look whether the mapping reads the two times in different time zones",
    ),
    warn(
        "PLACED_AFTER_UPDATED",
        "platform developer",
        "the order was placed after it changed last",
        "look whether the mapping reads the two times in different time zones",
    ),
    warn(
        "ENDED_BEFORE_PLACED",
        "platform developer",
        "the order was paid, cancelled or closed more than an hour before it was placed",
        "look whether the mapping reads these times in different time zones",
    ),
    warn(
        "SHIPPED_BEFORE_PLACED",
        "fulfilment",
        "a shipment left more than an hour before the order was placed",
        "look at the shipment on the channel",
    ),
    warn(
        "DELIVERED_BEFORE_SHIPPED",
        "fulfilment",
        "a shipment arrived before it left",
        "look at the shipment on the channel",
    ),
    warn(
        "SHIP_BY_BEFORE_PLACED",
        "fulfilment",
        "a line is to be shipped before the order was placed",
        "look at the time zone of the platform's promises",
    ),
    warn(
        "DELIVER_BY_BEFORE_SHIP_BY",
        "fulfilment",
        "a line is to arrive before it is to be shipped",
        "look whether the mapping exchanged the two times",
    ),
    refuse(
        "CANCELLED_BUT_OPEN",
        "channel team",
        "the order has a time of cancellation, but its status says that it is to be shipped",
        "map the platform's cancellation to order_status; on part of the order, to the lines' quantities",
    ),
    warn(
        "CANCELLED_WITHOUT_TIME",
        "platform developer",
        "the order is cancelled and does not say when",
        "map the time of cancellation",
    ),
    warn(
        "CANCELLED_BUT_SHIPPED",
        "fulfilment",
        "the order is cancelled, but it left",
        "stop the parcel, or expect it back",
    ),
    refuse(
        "UNFULFILLED_BUT_SHIPPED",
        "fulfilment",
        "a shipment left, but the order is said to be unfulfilled: it would be shipped a second time",
        "map the platform's shipments to fulfilment_status",
    ),
    warn(
        "RETURNED_BUT_UNFULFILLED",
        "fulfilment",
        "goods are on their way back, but the order is said to be unfulfilled",
        "map the platform's shipments to fulfilment_status",
    ),
    warn(
        "REFUNDED_WITHOUT_REFUND",
        "finance",
        "the order is said to be refunded, but no refund and no refunded amount tells how much",
        "map the refunds; fetch them in the adapter's source if the platform keeps them apart",
    ),
    warn(
        "REFUND_WITHOUT_STATUS",
        "finance",
        "money was given back, but payment_status does not say so",
        "map the platform's refunds to payment_status",
    ),
    warn(
        "FULLY_REFUNDED_IN_PART",
        "finance",
        "the order is said to be refunded, but less than what was paid was given back",
        "map it to partially_refunded, or look for the missing refund",
        tolerance=True,
    ),
    warn(
        "HOLD_WITHOUT_REASON",
        "channel team",
        "the order is on hold and does not say why",
        "map the platform's reason to hold_reasons",
    ),
)
