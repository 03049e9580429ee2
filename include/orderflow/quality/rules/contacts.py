"""Rules on contacts: an address that can be shipped to, and personal data that says what it is."""

from orderflow.quality.rules.rule import refuse, warn

RULES = (
    refuse(
        "CONTACT_ROLE_UNKNOWN",
        "platform developer",
        "a contact is none of ship_to, bill_to, sold_to",
        "map the platform's role to one of these",
    ),
    refuse(
        "CONTACT_ROLE_DUPLICATE",
        "platform developer",
        "the order has two contacts of one role, so that nobody knows which counts",
        "map one contact for each role",
    ),
    refuse(
        "MASK_UNDECLARED",
        "platform developer",
        "a contact is masked with asterisks, but the order says that it is plain: it would replace what is known",
        "make the mapping say `masked`",
    ),
    refuse(
        "SHIP_TO_MISSING",
        "channel team",
        "the order is open and its goods are to be shipped, and it does not say where to",
        "complete the address on the channel; map `masked` where the platform withholds it, and fulfilled_by `pickup` "
        "where the buyer collects the goods",
    ),
    refuse(
        "COUNTRY_UNKNOWN",
        "channel team",
        "a country is not in ISO 3166",
        "correct it on the channel, or list the spelling in clean.lookups.country",
    ),
    warn(
        "COUNTRY_MISSING",
        "channel team",
        "the delivery address has no country",
        "complete it on the channel, or set clean.country in the channel file",
    ),
    warn(
        "RECIPIENT_MISSING",
        "channel team",
        "the delivery address names neither a person nor a company",
        "complete it on the channel",
    ),
    warn(
        "ADDRESS_INCOMPLETE",
        "channel team",
        "the delivery address has no street line",
        "complete it on the channel",
    ),
    warn(
        "POSTAL_CODE_WRONG",
        "channel team",
        "the postal code does not have the form that the country's post uses",
        "correct it on the channel",
    ),
    warn(
        "PHONE_WRONG",
        "channel team",
        "a phone could not be read as a number of its country",
        "correct it on the channel, or set clean.country in the channel file",
    ),
    warn(
        "EMAIL_WRONG", "channel team", "an e-mail address has no name, no @ or no domain", "correct it on the channel"
    ),
)
