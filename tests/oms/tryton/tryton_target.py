"""The target that talks to a real Tryton 7.0, and what then stands in its PostgreSQL."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import psycopg2
import pytest
import tryton_server
from orders import CHANNEL, NETWORK, runtime
from tryton_server import LOGIN, PASSWORD, Server

from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import tryton

REAL = [
    pytest.mark.real,
    pytest.mark.skipif(not tryton_server.wanted(), reason="ORDERFLOW_REAL=1 installs Tryton and runs these"),
]


def opened(server: Server, *, transport: Any = NETWORK, password: str = PASSWORD, **options: Any) -> Target:
    settings = tryton.OPTIONS(**{"database": server.database, "charges": {"shipping": "SHIP"}, **options})
    return tryton.open(
        settings,
        Account("erp", server.url, LOGIN, Secret(password)),
        runtime(transport, lambda seconds: time.sleep(min(seconds, 0.3))),
    )


def rows(server: Server, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(psycopg2.connect(server.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def sales(server: Server, first: int, last: int | None = None) -> list[tuple[Any, ...]]:
    """`(web_id, state)` of orders first..last."""
    names = [f"{CHANNEL}/24-{number:05d}" for number in range(first, (last or first) + 1)]
    return rows(server, "select web_id, state from sale_sale where web_id = any(%s) order by 1", names)


def shipments(server: Server, first: int, last: int | None = None) -> int:
    names = [f"{CHANNEL}/24-{number:05d}" for number in range(first, (last or first) + 1)]
    ((count,),) = rows(
        server,
        "select count(distinct m.shipment) from sale_sale s join sale_line l on l.sale = s.id "
        "join stock_move m on m.origin = 'sale.line,' || l.id where s.web_id = any(%s)",
        names,
    )
    return int(count)
