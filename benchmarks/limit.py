"""The limit: a straight script, tuned by hand, that only pulls orders and lands them, without anything else we do.

    python -m benchmarks.limit URL DSN FOLDER since/until

Pages are fetched by threads, decoded into msgspec structs of the fields that are kept, written to COPY as text,
and merged by one statement per table; the lines of an order that changed are replaced. No raw record is kept, nothing
is cleaned or judged, there are no versions and no outbox.
"""

from __future__ import annotations

import gc
import http.client
import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
import psycopg2

AT_ONCE = 4
TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY, number text, status text, currency text, created_via text, customer_id bigint, note text,
    total numeric, total_tax numeric, discount_total numeric, shipping_total numeric, shipping_tax numeric,
    payment_method text, transaction_id text, created text, modified text, paid text, completed text,
    bill_name text, bill_address text, bill_city text, bill_postcode text, bill_country text, email text, phone text,
    ship_name text, ship_address text, ship_city text, ship_postcode text, ship_country text
);
CREATE TABLE IF NOT EXISTS lines (
    order_id bigint, id bigint, product_id bigint, variation_id bigint, sku text, title text, quantity integer,
    subtotal numeric, total numeric, tax numeric, price numeric, PRIMARY KEY (order_id, id)
);
CREATE TEMP TABLE new_orders (LIKE orders);
CREATE TEMP TABLE new_lines (LIKE lines)
"""
MERGE = """
CREATE TEMP TABLE newer AS SELECT DISTINCT ON (id) n.* FROM new_orders AS n LEFT JOIN orders AS o USING (id)
WHERE o.id IS NULL OR n.modified > o.modified ORDER BY id, n.modified DESC;
DELETE FROM lines WHERE order_id IN (SELECT id FROM newer);
INSERT INTO orders SELECT * FROM newer ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, total = excluded.total, total_tax = excluded.total_tax, modified = excluded.modified;
INSERT INTO lines SELECT * FROM new_lines WHERE order_id IN (SELECT id FROM newer) ON CONFLICT DO NOTHING
"""


class Line(msgspec.Struct, gc=False):
    id: int
    product_id: int
    variation_id: int
    sku: str
    name: str
    quantity: int
    subtotal: str
    total: str
    total_tax: str
    price: str


class Address(msgspec.Struct, gc=False):
    first_name: str
    last_name: str
    address_1: str
    city: str
    postcode: str
    country: str
    phone: str
    email: str = ""


class Order(msgspec.Struct, gc=False):
    id: int
    number: str
    status: str
    currency: str
    created_via: str
    customer_id: int
    customer_note: str
    total: str
    total_tax: str
    discount_total: str
    shipping_total: str
    shipping_tax: str
    payment_method: str
    transaction_id: str
    date_created_gmt: str
    date_modified_gmt: str
    date_paid_gmt: str | None
    date_completed_gmt: str | None
    billing: Address
    shipping: Address
    line_items: list[Line]


def main() -> None:
    url, dsn, _, window = sys.argv[1:5]
    since = window.partition("/")[0][:19]
    gc.disable()
    place, mine = urlsplit(url), threading.local()
    decode = msgspec.json.Decoder(list[Order]).decode

    def page(number: int) -> tuple[int, str, str]:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection(place.hostname or "", place.port)
        mine.connection.request("GET", f"/wp-json/wc/v3/orders?modified_after={since}&per_page=100&page={number}")
        answer = mine.connection.getresponse()
        orders = decode(answer.read())
        return int(answer.headers["X-WP-TotalPages"]), *texts(orders)

    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor, ThreadPoolExecutor(AT_ONCE) as pool:
        cursor.execute(TABLES)
        pages, orders, lines = page(1)
        copy(cursor, "new_orders", [orders])
        copy(cursor, "new_lines", [lines])
        for first in range(2, pages + 1, 50):
            some = list(pool.map(page, range(first, min(first + 50, pages + 1))))
            copy(cursor, "new_orders", [each[1] for each in some])
            copy(cursor, "new_lines", [each[2] for each in some])
        cursor.execute(MERGE)


def texts(orders: list[Order]) -> tuple[str, str]:
    """Orders and lines as COPY reads them."""
    rows, lines = [], []
    for o in orders:
        b, d = o.billing, o.shipping
        rows.append(
            f"{o.id}\t{o.number}\t{o.status}\t{o.currency}\t{o.created_via}\t{o.customer_id}\t{o.customer_note}\t"
            f"{o.total}\t{o.total_tax}\t{o.discount_total}\t{o.shipping_total}\t{o.shipping_tax}\t{o.payment_method}\t"
            f"{o.transaction_id}\t{o.date_created_gmt}\t{o.date_modified_gmt}\t{o.date_paid_gmt or ''}\t"
            f"{o.date_completed_gmt or ''}\t{b.first_name} {b.last_name}\t{b.address_1}\t{b.city}\t{b.postcode}\t"
            f"{b.country}\t{b.email}\t{b.phone}\t{d.first_name} {d.last_name}\t{d.address_1}\t{d.city}\t{d.postcode}\t"
            f"{d.country}\n"
        )
        lines += [
            f"{o.id}\t{i.id}\t{i.product_id}\t{i.variation_id}\t{i.sku}\t{i.name}\t{i.quantity}\t{i.subtotal}\t"
            f"{i.total}\t{i.total_tax}\t{i.price}\n"
            for i in o.line_items
        ]
    return "".join(rows), "".join(lines)


def copy(cursor, table: str, parts: list[str]) -> None:
    cursor.copy_expert(f"COPY {table} FROM STDIN", io.BytesIO("".join(parts).replace("\\", "\\\\").encode()), 1 << 18)


if __name__ == "__main__":
    main()
