"""Rules on reading: records that give no order, and values that cannot be typed."""

from orderflow.quality.rules.rule import always_refuse, refuse, warn

RULES = (
    always_refuse(
        "RECORD_MALFORMED",
        "platform developer",
        "the raw record is no JSON object",
        "look at the raw record; if the platform sends something else now, adapt the adapter's source and replay",
    ),
    always_refuse(
        "MAPPING_FAILED",
        "platform developer",
        "the adapter's mapping failed on this record with an error that it does not foresee",
        "fix the mapping at the place that the message names, add the record as a case, and replay",
    ),
    always_refuse(
        "ORDER_ID_MISSING",
        "platform developer",
        "the mapping gave no order id, so that the order has no identity",
        "look at the raw record; map the platform's own id to `order_id` and replay",
    ),
    always_refuse(
        "TYPE_WRONG",
        "platform developer",
        "the mapping left a value of another type than the canonical order declares",
        "make the mapping hand on text (or what the field declares) and replay",
    ),
    always_refuse(
        "RAW_SHAPE",
        "platform developer",
        "the raw record lacks a part that the mapping cannot do without, or holds it in another shape",
        "look at the raw record; if the platform changed, adapt the mapping and replay",
    ),
    always_refuse(
        "DETAIL_MISSING",
        "platform developer",
        "the platform listed the order but did not send its details",
        "replay the window; if it happens again, look at the adapter's request for details",
    ),
    always_refuse(
        "STATUS_UNKNOWN",
        "platform developer",
        "the raw record has a status that the mapping does not know",
        "decide what the new status means, teach it to the mapping and replay",
    ),
    always_refuse(
        "CODE_UNKNOWN",
        "platform developer",
        "the raw record has a code that the mapping does not know",
        "decide what the new code means, teach it to the mapping and replay",
    ),
    always_refuse(
        "AMOUNT_MISSING",
        "platform developer",
        "the raw record lacks an amount that the mapping cannot do without",
        "look at the raw record; if the platform changed, adapt the mapping and replay",
    ),
    always_refuse(
        "CURRENCY_MIXED",
        "finance",
        "amounts of two currencies stand in one currency set",
        "keep the amounts of each currency in their own set in the mapping and replay",
    ),
    refuse(
        "AMOUNT_MALFORMED",
        "platform developer",
        "an amount or quantity is no decimal number",
        "make the mapping hand on digits with at most one decimal point and replay",
    ),
    refuse(
        "AMOUNT_TOO_FINE",
        "platform developer",
        "an amount or quantity has more than six decimals",
        "ask the platform which decimals count; round in the mapping only where its documentation says how",
    ),
    refuse(
        "AMOUNT_OUT_OF_RANGE",
        "platform developer",
        "an amount or quantity is larger than a trillion",
        "look whether the mapping reads minor units as whole ones, or the wrong field",
    ),
    refuse(
        "TIME_MALFORMED",
        "platform developer",
        "a time is not written in ISO 8601, or lies outside of the years 1 to 9999",
        "make the mapping hand on ISO 8601 text and replay; where the platform counts milliseconds since 1970, a "
        "described platform says epoch_ms",
    ),
    refuse(
        "EDIT_MISPLACED",
        "channel team",
        "a value that a person corrected leads nowhere in this version of the order",
        "look at the order; withdraw the edit, or write it anew for what the order holds now",
    ),
    warn(
        "TIME_AMBIGUOUS",
        "platform developer",
        "a time without an offset lies in an hour that the clocks skip or repeat",
        "ask the platform for times with an offset; the earlier reading was taken",
    ),
)
