"""An OMS's own PostgreSQL, as tables or as a function, and the target that writes to it."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg2
from orders import runtime

from orderflow.domain.source import Account
from orderflow.domain.target import Target
from orderflow.oms import postgres as kind

TABLES = """
CREATE SCHEMA oms;
CREATE TABLE oms.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL, "external ID" text NOT NULL, version integer NOT NULL, push_key text,
    "Total €" numeric(12,2) NOT NULL CHECK ("Total €" < 1000000), currency char(3), state text, city varchar(40),
    placed_at timestamptz, tags jsonb, payload jsonb, touched integer NOT NULL DEFAULT 0,
    UNIQUE (channel, "external ID")
);
CREATE TABLE oms.order_lines (
    order_id bigint NOT NULL REFERENCES oms.orders, position integer NOT NULL, sku text NOT NULL, title text,
    quantity numeric, amount numeric, PRIMARY KEY (order_id, position)
);
CREATE TABLE oms.products (sku text PRIMARY KEY);
INSERT INTO oms.products SELECT 'SKU-00' || n FROM generate_series(1, 9) AS n;
ALTER TABLE oms.order_lines ADD FOREIGN KEY (sku) REFERENCES oms.products DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION oms.touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN new.touched = old.touched + 1; RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON oms.orders FOR EACH ROW EXECUTE FUNCTION oms.touch();
"""
TABLE = {
    "name": "oms.orders",
    "id": "id",
    "unique": ["channel", "external ID"],
    "columns": {
        "channel": "channel",
        "external ID": "order_id",
        "version": "version",
        "push_key": "key",
        "Total €": "grand_total",
        "currency": "currency",
        "state": "order_status",
        "city": "ship_to.city",
        "placed_at": "placed_at",
        "tags": "tags",
        "payload": "document",
    },
    "parts": {
        "lines": {
            "name": "oms.order_lines",
            "link": "order_id",
            "columns": {
                "position": "number",
                "sku": "sku",
                "title": "title",
                "quantity": "quantity",
                "amount": "total",
            },
        }
    },
}
FUNCTION = """
CREATE TABLE inbox (id serial PRIMARY KEY, channel text, code text, key text, version int, total numeric);
CREATE FUNCTION receive_order(o jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made text;
BEGIN
    IF o ->> 'currency' = 'XXX' THEN
        RAISE EXCEPTION 'we do not trade in %', o ->> 'currency';
    END IF;
    UPDATE inbox SET key = o ->> 'key', version = (o ->> 'version')::int, total = (o ->> 'grand_total')::numeric
        WHERE channel = o ->> 'channel' AND code = o ->> 'order_id' RETURNING 'IN-' || id INTO made;
    IF NOT FOUND THEN
        PERFORM pg_sleep(0.01);
        INSERT INTO inbox (channel, code, key, version, total) VALUES (o ->> 'channel', o ->> 'order_id', o ->> 'key',
            (o ->> 'version')::int, (o ->> 'grand_total')::numeric) RETURNING 'IN-' || id INTO made;
    END IF;
    RETURN made;
END $$;
CREATE VIEW overview AS SELECT channel, code, 'IN-' || id AS id, key, version, total FROM inbox;
"""
OVERVIEW = {
    "name": "overview",
    "channel": "channel",
    "order_id": "code",
    "oms_id": "id",
    "key": "key",
    "total": "total",
}


def opened(dsn: str, **options: Any) -> Target:
    return kind.open(kind.OPTIONS(**options), Account("oms_db", dsn), runtime())


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []
