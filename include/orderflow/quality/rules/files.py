"""Rules on files and interchanges: what a partner's file must satisfy before orders can be read from it."""

from orderflow.quality.rules.rule import Rule, always_refuse

_ASK = "ask the sender to correct it and transmit it again"


def _partners(code: str, meaning: str, cure: str = _ASK) -> Rule:
    return always_refuse(code, "channel team", meaning, cure)


RULES = (
    _partners("FILE_FAULT", "a file could not be read and was left where it is"),
    _partners("MANIFEST_DIFFERS", "a file is not what its manifest says"),
    _partners(
        "SENDER_UNKNOWN", "a file comes from a sender that the channel does not expect", "name it in the channel file"
    ),
    _partners("CHARACTER_SET", "a file is not in the character set that it claims"),
    _partners("CHARACTER_NOT_ALLOWED", "a value holds a character that the format cannot carry"),
    _partners("XML_MALFORMED", "a document is no well-formed XML"),
    _partners("XML_FORBIDDEN", "a document uses XML that is refused for safety, or is far too large"),
    _partners("FLAG_MALFORMED", "a flag is none of the words for yes and no"),
    _partners("ROWS_DISAGREE", "the rows of one order do not agree on it"),
    _partners("CELLS_MERGED", "a cell belongs to several lines at once"),
    _partners("CELL_ERROR", "a cell shows an error in place of a value"),
    _partners(
        "FORMULA",
        "a cell holds a formula, whose value depends on who opens the file",
        "ask the sender for values, or allow stored values in the channel file",
    ),
    _partners("DIGITS_LOST", "a spreadsheet kept only the first digits of a long number"),
    _partners("INTERCHANGE_TORN", "an interchange ends early"),
    _partners("INTERCHANGE_UNREADABLE", "an interchange does not follow the syntax of its standard"),
    _partners("INTERCHANGE_STRUCTURE", "the envelopes of an interchange do not stand within each other"),
    _partners("INTERCHANGE_UNBALANCED", "an interchange does not hold as many groups or messages as it says"),
    _partners("CONTROL_NUMBER_REUSED", "two different interchanges have one number"),
    _partners("GROUP_UNBALANCED", "a group does not hold as many messages as it says"),
    _partners("MESSAGE_UNBALANCED", "a message does not hold as many segments as it says"),
    _partners("MESSAGE_TORN", "a message ends early"),
    _partners("MESSAGE_TYPE_UNKNOWN", "a message is of a type that the channel does not take"),
    _partners("SEGMENT_MISSING", "a message lacks a segment that its standard demands"),
    _partners("ELEMENT_MISSING", "a message lacks an element that its standard demands"),
    _partners("PURPOSE_UNKNOWN", "a message says a purpose that is no order"),
    _partners(
        "LINE_SHIP_TO",
        "a line has a delivery address of its own, and an order goes to one address",
        "ask the sender for one order per address",
    ),
    _partners("LINES_TOTAL", "the lines of a message do not sum to the total that it states"),
    _partners(
        "CHANGE_NEEDS_BASE",
        "a change came before the order that it changes",
        "wait: it is applied as soon as the order comes; ask the sender when it does not",
    ),
    _partners(
        "CHANGE_GAP",
        "a change came before an earlier one",
        "wait: it is applied as soon as the earlier one comes; ask the sender when it does not",
    ),
    _partners("CHANGE_NUMBER_REUSED", "two different changes have one number", "ask the sender which one is meant"),
    _partners("CHANGE_LINE_UNKNOWN", "a change names a line that the order does not have"),
    _partners("CHANGE_LINE_EXISTS", "a change adds a line that the order has already"),
    _partners("CHANGE_CONTRADICTS", "a change says one thing and states the opposite"),
)
