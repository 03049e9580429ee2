"""Tryton 7.0 as OMS: one sale per order, over its JSON-RPC (docs.tryton.org, trytond 7.0, topics RPC and sale 7.0).

    title: Tryton of the warehouse
    kind: tryton
    connection: erp                  # http(s) URL of trytond, login and password of a user of its own
    database: shop
    until: processing                # how far a sale is taken: draft, quotation, confirmed or processing
    charges: {shipping: SHIP}        # products (services) that book charges, `tax`, `discount`, `rounding`

**One sale per order.** `sale.reference` and `sale.number` are not unique in Tryton, so neither can prove anything, and
two senders that search and then create make two sales. `sale.web_id`, of Tryton's own module `web_shop`, has an
exclusion constraint in PostgreSQL: at most one sale ever has a given value. We create a sale whole (header, lines, and
a note with version and key) in one call, which is one transaction, with `web_id = <channel>/<order_id>`. So of any
number of senders one succeeds and the others are told, look the sale up, and continue with *that* sale. A time-out, a
lost answer or a crash of ours at any point leaves either no sale or the one sale in some state; the next attempt finds
it by its web id and goes on from that state: draft, quotation, confirmed, processing. Every change after that, an edit
or the press of a button, carries the timestamp of the sale as it was read (`_timestamp`, the way Tryton's own client
protects its forms), so Tryton refuses it when anything changed in between, and we read again. The note with the version
is written in the same transaction as the content, so an older version never overwrites a newer one. Comparing ids and
letting the lowest win would not do: ids are drawn before they are committed, so two senders may both think they won.

The argument needs PostgreSQL under Tryton (its SQLite driver drops constraints) and the module `web_shop`; without that
field `submit` raises `ConfigError`. No web shop has to be set up.

Confirmed sales are processed by Tryton's queue, at once or by its worker. With `until: processing` a sale counts only
when that has happened; let the connection's user press Process (group Sales Administrator), so that a failure in the
queue comes back as a refusal with Tryton's words instead of staying pending.

Products are found by code and never made. Parties are found or made by code `<channel>/<buyer>` (unique in Tryton's
database), addresses are reused where they say the same. Where the platform masks a buyer later, known data stays.

**What it cannot express.** Taxes: every line has an empty tax list and the channel's own amounts, taxes that come on
top are a line, taxes inside prices stay inside; the VAT split of the books has to come from elsewhere. Units: a
quantity counts in the product's own unit of sale, whatever unit the channel names. Discounts: the unit price is what
was paid; only a discount that no line carries is a line. Unit prices beyond `price_places`: the difference goes to a
line "Rounding". Which bundle a line belongs to, payments, refunds, returns, parcels and tracking numbers, the shop's
own currency, tags: not written; only their version is noted. An order that arrives paid or shipped is processed like
any other: its order status decides, and its shipment waits in Tryton. Quantities are floating-point in Tryton; its
units decide which fractions it takes. Statuses map to ours as draft, quotation: pending; confirmed, processing: open;
done: completed.

**Refusals** (receipt `refused`, the reason begins with its code): `OMS_SKU_UNKNOWN`, `OMS_SKU_MISSING`,
`OMS_AMOUNT_MISSING`, `OMS_TOTAL_DIFFERS`, `OMS_CURRENCY_UNKNOWN`, `OMS_CURRENCY_DIFFERS`, `OMS_PARTY_UNKNOWN`,
`OMS_PROCESSING_STARTED` (an edit, a hold or a cancellation came after Tryton began to deliver), `OMS_CANCELLED_THERE`,
`OMS_STATE_UNCHANGED`, `OMS_DOCUMENT_UNREADABLE`, and `OMS_REFUSED` or `OMS_WARNED` with Tryton's own words. A refusal
after the claim leaves a sale that has no effects; the next attempt continues with it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from orderflow.domain.source import Account, Runtime
from orderflow.domain.target import Target
from orderflow.oms.tryton.client import Client
from orderflow.oms.tryton.target import TrytonTarget


class Options(BaseModel):
    """Tryton's part of the target file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    company: str | None = None
    """Name of the company's party; the user's current company unless given."""
    until: Literal["draft", "quotation", "confirmed", "processing"] = "processing"
    party: str | None = None
    """Code of the one party that all orders are booked on; one party per buyer unless given."""
    charges: dict[str, str] = {}
    """Product codes by kind of charge (`shipping`, `cod`, ...), `tax`, `discount`, `rounding`; lines without product
    otherwise, which need a default revenue account in Tryton's accounting configuration."""
    price_places: Annotated[int, Field(ge=0, le=6)] = 4
    """Decimal places of unit prices, as in Tryton's `[product] price_decimal`."""
    timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Seconds to wait for one answer."""


OPTIONS = Options


def open(options: Options, account: Account, runtime: Runtime) -> Target:  # noqa: A001  (the name every kind exports)
    """A target that logs in when first used. Raises `ConfigError` for a connection without login or password."""
    client = Client(account, options.database, options.company, options.timeout, runtime)
    return TrytonTarget(options, client, runtime.sleep)
