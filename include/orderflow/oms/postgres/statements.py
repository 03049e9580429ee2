"""The statements of the PostgreSQL target; every name comes quoted, every value bound."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.sql import SQL, Composed, Identifier, Placeholder

from orderflow.oms.postgres.mapping import LookUp, PartTable, Shipments, Table

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""One sender at a time near an order; given back by commit and rollback."""

KEEP = b"""
SAVEPOINT checks; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO SAVEPOINT checks; RELEASE SAVEPOINT checks;
RELEASE SAVEPOINT one_order
"""
"""Check what is deferred to the commit now, while the order can still go back alone; the deferral itself is kept."""


def upsert(table: Table) -> Composed:
    """Insert, or update when the row holds an older version; returns the id of a written row, no row otherwise.

    Versions are compared as numbers, whatever type their column has: as text, 10 would be older than 9.
    """
    version = _name(table.column("version") or "")
    return SQL(
        "INSERT INTO {table} AS held ({columns}) VALUES ({values}) ON CONFLICT ({unique}) DO UPDATE SET {updates} "
        "WHERE held.{version} IS NULL OR held.{version}::numeric < excluded.{version}::numeric RETURNING held.{id}"
    ).format(
        table=_name(table.name),
        columns=_names(list(table.columns)),
        values=SQL(", ").join([Placeholder()] * len(table.columns)),
        unique=_names(table.unique),
        updates=SQL(", ").join(SQL("{0} = excluded.{0}").format(_name(column)) for column in table.columns),
        version=version,
        id=_name(table.id),
    )


def find(table: Table) -> Composed:
    """The id of the row that `upsert` left alone, by the unique columns and the least version it has to have."""
    return SQL("SELECT {id} FROM {table} WHERE {same} AND {version}::numeric >= %s").format(
        id=_name(table.id),
        table=_name(table.name),
        same=SQL(" AND ").join(SQL("{} = %s").format(_name(column)) for column in table.unique),
        version=_name(table.column("version") or ""),
    )


def clear(part: PartTable) -> Composed:
    return SQL("DELETE FROM {} WHERE {} = %s; ").format(_name(part.name), _name(part.link))


def fill(part: PartTable) -> Composed:
    """The head of an insert; rows of the link and the columns follow."""
    return SQL("INSERT INTO {} ({}) VALUES ").format(_name(part.name), _names([part.link, *part.columns]))


def call(function: str) -> Composed:
    return SQL("SELECT {}(%s::jsonb)").format(_name(function))


def shipped(shipments: Shipments) -> Composed:
    """`(shipment_id, order_id, recorded_at, carrier, tracking_number, shipped_at, lines)`; bind channel and moment."""
    fields = ("shipment_id", "order_id", "recorded_at", "carrier", "tracking_number", "shipped_at", "lines")
    return SQL(
        "SELECT {fields} FROM {name} AS held WHERE {channel} = %s "
        "AND {recorded} >= coalesce(%s, '-infinity'::timestamptz) ORDER BY {recorded}, {number}"
    ).format(
        fields=SQL(", ").join(_column(getattr(shipments, field)) for field in fields),
        name=_name(shipments.name),
        channel=_name(shipments.channel),
        recorded=_name(shipments.recorded_at),
        number=_name(shipments.shipment_id),
    )


def held(table: Table | None, look_up: LookUp | None, count: int) -> Composed:
    """`(order_id, oms_id, version, key, status, total, currency, lines)` of some orders; bind channel and ids.

    Each as PostgreSQL writes it: without the blanks that fill up a `char`, and a floating-point total as it was meant.
    """
    lines: Composed | None = None
    if look_up is None:
        assert table is not None
        columns = {path: table.column(path) for path in ("channel", "order_id", "version", "key", "currency")}
        columns |= {
            "oms_id": table.id,
            "status": table.state or table.column("order_status"),
            "total": table.column("grand_total"),
        }
        name, part = table.name, table.parts.get("lines")
        if part is not None:
            lines = SQL("(SELECT count(*) FROM {} AS part WHERE part.{} = held.{})").format(
                _name(part.name), _name(part.link), _name(table.id)
            )
    else:
        columns = {field: getattr(look_up, field) for field in LookUp.model_fields if field != "name"}
        name = look_up.name
    fields = [
        _column(columns.get(field)) for field in ("order_id", "oms_id", "version", "key", "status", "total", "currency")
    ]
    fields.append(lines if lines is not None else _column(columns.get("lines")))
    return SQL("SELECT {fields} FROM {table} AS held WHERE held.{channel} = %s AND held.{order_id} IN ({ids})").format(
        fields=SQL(", ").join(SQL("{}::text").format(field) for field in fields),
        table=_name(name),
        channel=_name(columns["channel"] or ""),
        order_id=_name(columns["order_id"] or ""),
        ids=SQL(", ").join([Placeholder()] * count),
    )


def _column(name: str | None) -> Composed:
    return SQL("NULL").format() if name is None else SQL("held.{}").format(_name(name))


def _name(dotted: str) -> Identifier:
    return Identifier(*dotted.split("."))


def _names(names: Sequence[str]) -> Composed:
    return SQL(", ").join(map(_name, names))
