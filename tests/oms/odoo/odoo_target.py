"""A simulated Odoo on a database, the target that talks to it, and what then stands in its tables."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import psycopg2
from odoo_server import DATABASE, KEY, LOGIN
from orders import NETWORK, runtime

from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import odoo


@dataclass(frozen=True)
class Server:
    url: str
    dsn: str
    api: str


def opened(server: Server, *, transport: Any = NETWORK, key: str = KEY, **options: Any) -> Target:
    settings = {"database": DATABASE, "api": server.api, "charges": {"shipping": "SHIP", "*": "MISC"}, **options}
    return odoo.open(
        odoo.OPTIONS(**settings),
        Account("erp", server.url, LOGIN, Secret(key)),
        runtime(transport, lambda seconds: time.sleep(min(seconds, 0.02))),
    )


def rows(server: Server, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def states(server: Server, first: int, last: int | None = None) -> list[str]:
    names = [f"#{number}" for number in range(first, (last or first) + 1)]
    query = "select state from sale_order where client_order_ref = any(%s) order by id"
    return [state for (state,) in rows(server, query, names)]


def pickings(server: Server, first: int, last: int | None = None) -> int:
    """Deliveries that are not cancelled."""
    names = [f"#{number}" for number in range(first, (last or first) + 1)]
    query = (
        "select count(*) from stock_picking p join sale_order s on s.id = p.sale_id "
        "where p.state != 'cancel' and client_order_ref = any(%s)"
    )
    return int(rows(server, query, names)[0][0])
