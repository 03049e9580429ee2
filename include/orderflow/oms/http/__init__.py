"""Any OMS with an HTTP interface of its own: the target file says what a request looks like and how to read the answer.

    kind: http
    connection: demo_oms             # base URL; the token (or login and password) of the OMS
    auth: bearer                     # bearer, basic, header (needs `auth_header`) or none
    idempotency_header: Idempotency-Key
    single: {method: PUT, path: "/orders/{channel}/{order_id}"}
    batch: {path: /orders/batch, orders: orders, key: key, document: document, largest: 1000}
    answer:
      results: results               # where the list of answers stands in the answer to a batch
      key: key                       # in each: the key sent, what became of it, the OMS's own id, and why not
      outcome: outcome
      accepted: [accepted]           # text as it comes; "true" where the OMS says true
      refused: [refused, stale]
      oms_id: oms_id
      reason: [code, reason]
      status: status                 # where the order stood in the OMS when the version came, if it says so
    stages: {picking: picking, shipped: shipped, closed: closed}   # the OMS's words for an order in work, in ours
    refused_statuses: [409, 422]     # answers to one order that mean: this order, never
    look_up: {path: /orders/lookup, channel: channel, order_ids: order_ids, orders: orders}
    shipments: {path: /shipments, shipments: shipments}            # what was shipped, for the channels that are told

Places in answers are dotted paths. `{channel}`, `{order_id}` and `{key}` in paths are percent-encoded. What an OMS says
of an order is kept without the buyer's data.

**At most once.** Every order carries its idempotency key. A request without an answer (time-out, lost connection, an
answer that does not end) and one answered 5xx or with a web page may have had its effect, so its orders are looked up
before they are sent again; so are orders whose earlier attempt left no answer. A request that never left (no
connection), one answered 429, and one answered 4xx with `Retry-After` are repeated here after a wait.

**One bad order never blocks the rest.** A batch that is refused as a whole (400, 409, 413, 422) is sent again in
halves, in the end order by order; what the OMS took of it all the same is looked up first. An order that is answered
4xx alone is refused, provided that the OMS took any other; if it takes none, the requests are wrong, not the orders,
and that is a `DriftError`. Where only the status refuses, and no outcome, the order is looked up before that is
believed: the OMS may hold it already, be at work on an earlier request (409), or be away behind a server that answers
404 for it. Two outcomes for one order that differ settle nothing.

**Too late.** An answer whose status is one of `stages` tells that the OMS had begun its work when the version came; a
change that it can no longer carry out becomes a conflict with a proposed action (`orderflow.domain.life`).

**What it cannot express.** The document is the canonical order as it is: names, units and statuses cannot be renamed or
computed (put a small service in front, or use an OMS's own database). One request per order or one per batch; no OMS
that wants several calls per order. An OMS that neither keeps keys nor can be asked by order id has no place here.
"""

from __future__ import annotations

from orderflow.domain.source import Account, Runtime
from orderflow.domain.target import Target
from orderflow.oms.http.client import Client
from orderflow.oms.http.options import HttpOptions
from orderflow.oms.http.target import HttpTarget

OPTIONS = HttpOptions


def open(options: HttpOptions, account: Account, runtime: Runtime) -> Target:  # noqa: A001 - the name every kind exports
    """A target that talks when first used. Raises `ConfigError` for an address or credentials that cannot work."""
    return HttpTarget(options, Client(account, options, runtime))
