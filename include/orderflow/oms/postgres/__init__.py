"""An OMS's own PostgreSQL as target: its tables by a mapping, or a function of its own.

Tables:

    title: Our own OMS
    kind: postgres
    connection: oms_db               # postgresql://host:port/database, login and password
    table:
      name: oms.orders
      id: id
      unique: [channel, external_id]
      columns: {channel: channel, external_id: order_id, version: version, push_key: key, total: grand_total,
                currency: currency, city: ship_to.city, payload: document}
      parts:
        lines: {name: oms.order_lines, link: order_id, columns: {position: number, sku: oms_sku, amount: total}}

A function, called as `select oms.receive_order(document::jsonb)`; it returns the OMS's id, and raises to refuse:

    title: Our own OMS
    kind: postgres
    connection: oms_db
    function: oms.receive_order
    look_up: {name: oms.order_overview, order_id: external_id, channel: channel, oms_id: id, key: push_key}
    shipments: {name: oms.parcels, channel: channel, order_id: external_id, shipment_id: id, recorded_at: recorded_at,
                carrier: carrier, tracking_number: tracking, shipped_at: shipped_at, lines: lines}

Either may name a table or view that tells what was shipped (`shipments`), one row per parcel, for the channels that are
told of it.

**One row per order.** Tables: `INSERT ... ON CONFLICT (unique) DO UPDATE ... WHERE version < excluded.version`. The
database's own unique constraint decides, whoever else writes; without one PostgreSQL refuses the statement and the
target stops with `ConfigError`. The order's row stays locked until the parts are replaced, so two senders of an order
follow each other, an equal or older version changes nothing, and the parts always belong to the row they hang on.
Functions: a lock on channel and order id (advisory, to the end of the transaction) lets one sender at a time near an
order; under it `look_up` is read first, and what has arrived is not sent again. That holds among all senders of
Orderflow; what others do to the same order is the function's own care.

A batch is one transaction with a savepoint per order, deferred constraints included: a refused order (data, integrity,
`RAISE`) goes back alone. Receipts are given after the commit, never before; a connection lost before or during it
leaves all of the batch open, and the next attempt finds out what arrived. Orders are taken in order of their ids, so
that two senders cannot wait for each other.

**Too late.** With `stages` the OMS's own word for the order is read before each later version. A table is a copy of
what the channel says, so the row is written all the same, and a change that the OMS can no longer carry out becomes a
conflict with a proposed action (`orderflow.domain.life`); a function may raise to refuse it.

**What it cannot express.** Values are copied, not computed: no lookups in other tables, no conditions, no row per unit
(use a function). Columns that are not mapped keep what they have. An order that the channel cancelled stays, with
`order_status` cancelled; nothing is ever deleted but parts that are replaced. In reasons only PostgreSQL's main message
appears, never its detail, which repeats rows.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from orderflow.domain.life import Stage
from orderflow.domain.source import Account, Runtime
from orderflow.domain.target import Target
from orderflow.oms.postgres.mapping import Block, FunctionName, LookUp, Shipments, Table
from orderflow.oms.postgres.target import PostgresTarget


class Options(Block):
    """PostgreSQL's part of the target file: `table`, or `function` with `look_up`."""

    table: Table | None = None
    function: FunctionName | None = None
    look_up: LookUp | None = None
    stages: dict[str, Stage] = Field({})
    """What the OMS's words for an order in work (the table's `state`, the `status` of `look_up`) mean to us:
    `{picked: picking, sent: shipped, done: closed}`."""
    shipments: Shipments | None = None
    """Where the OMS tells what it shipped; without it channels are told of no parcel."""
    timeout: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds that one statement may take, and that connecting may take."""

    @model_validator(mode="after")
    def _one_way(self) -> Options:
        if (self.table is None) == (self.function is None):
            raise ValueError("name either `table` or `function`")
        if (self.function is None) != (self.look_up is None):
            raise ValueError("`function` needs `look_up`, and `table` does without")
        return self


OPTIONS = Options


def open(options: Options, account: Account, runtime: Runtime) -> Target:  # noqa: A001, ARG001  (what every kind exports)
    """A target that connects when first used."""
    how = (options.table, options.function, options.look_up, options.stages, options.timeout, options.shipments)
    return PostgresTarget(account, *how)
