"""Odoo (17 and newer) as OMS: one sales order per order, over its external API.

    title: Odoo of the warehouse
    kind: odoo
    connection: erp                  # https URL of Odoo, login, and an API key as password
    database: shop
    api: jsonrpc                     # 17 to 19; json2 (19 and newer) needs no login
    charges: {shipping: SHIP, "*": MISC}   # products by kind; Odoo confirms no line without a product

**Verified against** a real Odoo 19.0 by both APIs (Debian's package, which the tests fetch with ORDERFLOW_REAL=1),
killed with all its processes while it worked, and behind a replica that lags; 17 and 18 by their public source and a
simulated server only (the tests' `odoo_server.py`). Try it on a staging copy of yours first.

**The user** needs "Sales: User: All Documents" and "Contact: Creation", and "Purchase: User" where the app Purchase is
installed (Odoo reads purchases when it cancels). A user of several companies needs `company`: without it Odoo finds
products and pricelists of all of them.

**One sales order per order.** `client_order_ref` and `origin` are not unique in Odoo, and two senders that search and
then create make two. What is unique, by the database's constraint on module and name, is the external id in
`ir.model.data`. `load`, the method behind Odoo's import, makes a record *and* its external id in one transaction, and
with the context `mode: update, noupdate: true` it hands back an existing record untouched. So `load` of an empty draft
with the external id `orderflow.order_<hash of channel and order id>` is our claim: of any number of senders one makes
the draft; the others, whose transactions cannot be serialised with it, make nothing, ask again and get the same draft.
A time-out, a lost answer or a crash of ours leaves no order or the one order; the next attempt gets it by the same call
and goes on from its state. Lines, addresses and the marker (version, key) are replaced in one `write`, which is one
transaction and touches the order's own row, so writes follow each other and the marker always tells whose lines stand
there. Confirmation creates deliveries in the same transaction as the state change, and Odoo refuses to confirm twice.
After every step the order is read again, and what a call returned counts for nothing. Comparing ids and letting the
lowest win would not do: ids are drawn before they are committed, so two senders may both think they won.

Two *versions* of one order on their way at once stay one sales order as well, and the sender that finds a newer
version noted leaves. But Odoo has no conditional write, so an older sender that hung between reading and writing can
have the last word: two senders that edit at once may leave the order cancelled (`OMS_CANCELLED_THERE`). The pipeline
sends one version at a time (its sender lock), and reconciliation sees the difference by the key.

Odoo 18 and newer may read from a replica of its database (`db_replica_host`, by JSON-2), so an order that does not yet
show what was just done to it is looked at again for some seconds.

**Nobody is mailed.** An order follows no quotation template (the company's own may mail the buyer when it is confirmed)
and sends no coupons or gift cards of the company's loyalty programs; who sells these sends them from Odoo by hand.

Contacts are made by external id as well: one per buyer, one per address, without a language. Products are found by
internal reference and never made. Where the platform masks a buyer later, known data stays.

**What it cannot express.** Taxes: every line has its taxes cleared and the channel's own amounts, taxes that come on
top are a line, taxes inside prices stay inside; the VAT split of the books has to come from elsewhere. Units: a
quantity counts in the product's own unit of sale, whatever unit the channel names. Discounts: the unit price is what
was paid; only a discount that no line carries is a line. Unit prices beyond `price_places` (Odoo's decimal accuracy
"Product Price", which 19 does not apply): the difference goes to a line "Rounding". Quantities beyond Odoo's accuracy
of units of measure (two places unless somebody changed it): refused, for more or less would leave the warehouse.
Currencies without a pricelist in them. The order's time (Odoo puts the time of confirmation), tax ids and notes of the
buyer, bundles, payments, refunds, returns, parcels and tracking numbers, the shop's own currency, tags: not written;
only their version is noted. An order that arrives paid or shipped is confirmed like any other: its order status
decides, and its delivery waits in Odoo. Orders copied by hand inside Odoo are Odoo's own. Statuses map to ours as
draft, sent: pending; sale: open; sale and fully delivered: completed. An edit of a confirmed order cancels its open
deliveries and makes new ones. What Odoo bought or makes for that order alone (dropshipped, made to order) it would buy
or make again, so such an order is not edited, where the user is shown that: "Purchase: User", "Manufacturing: User".

**Refusals** (receipt `refused`, the reason begins with its code): `OMS_SKU_UNKNOWN`, `OMS_SKU_MISSING`,
`OMS_CHARGE_UNMAPPED`, `OMS_AMOUNT_MISSING`, `OMS_TOTAL_DIFFERS`, `OMS_QUANTITY_DIFFERS`, `OMS_CURRENCY_DIFFERS`,
`OMS_PARTY_UNKNOWN`, `OMS_PROCESSING_STARTED` (an edit, a hold or a cancellation came after something was delivered or
invoiced, or an edit after something was bought or made for it), `OMS_LOCKED`, `OMS_CANCELLED_THERE`,
`OMS_STATE_UNCHANGED`, `OMS_DOCUMENT_UNREADABLE`, and `OMS_REFUSED` with Odoo's own words. A refusal after the claim
leaves a draft without effects; the next attempt continues with it, and writes it anew where it holds something else
than the channel wants.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from orderflow.domain.source import Account, Runtime
from orderflow.domain.target import Target
from orderflow.oms.odoo.client import Client
from orderflow.oms.odoo.target import OdooTarget


class Options(BaseModel):
    """Odoo's part of the target file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str
    api: Literal["jsonrpc", "json2"] = "jsonrpc"
    company: Annotated[int, Field(ge=1)] | None = None
    """Id of the company; the user's default company unless given."""
    until: Literal["draft", "sale"] = "sale"
    """How far an order is taken."""
    partner: str | None = None
    """Reference (`ref`) of the one contact that all orders are booked on; one contact per buyer unless given."""
    charges: dict[str, str] = {}
    """Internal references of products by kind of charge (`shipping`, `cod`, ...), `tax`, `discount`, `rounding`, or `*`
    for every other kind."""
    price_places: Annotated[int, Field(ge=0, le=6)] = 2
    """Odoo's decimal accuracy "Product Price"."""
    timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Seconds to wait for one answer."""


OPTIONS = Options


def open(options: Options, account: Account, runtime: Runtime) -> Target:  # noqa: A001  (the name every kind exports)
    """A target that logs in when first used. Raises `ConfigError` for a connection without login or key."""
    client = Client(account, options.database, options.api, options.company, options.timeout, runtime)
    return OdooTarget(options, client, runtime.sleep)
