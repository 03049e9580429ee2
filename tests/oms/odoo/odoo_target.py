"""An Odoo on a database, simulated or real, the target that talks to it, and what then stands in its tables."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import odoo_real
import psycopg2
import pytest
from odoo_tables import DATABASE, KEY, LOGIN
from orders import NETWORK, runtime

from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import odoo

REAL = [
    pytest.mark.real,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not odoo_real.wanted(), reason="ORDERFLOW_REAL=1 fetches Odoo and runs these"),
]


@dataclass(frozen=True)
class Server:
    url: str
    dsn: str
    api: str
    database: str = DATABASE
    key: str = KEY
    admin: str = ""
    """API key of a real Odoo's administrator; none of a simulated one."""

    @property
    def keeps_prices(self) -> bool:
        """Version 19 keeps every place of a unit price; the one before round it."""
        return bool(self.admin) or self.api == "json2"


def opened(server: Server, *, transport: Any = NETWORK, key: str | None = None, **options: Any) -> Target:
    settings = {"database": server.database, "api": server.api, "charges": {"shipping": "SHIP", "*": "MISC"}, **options}
    return odoo.open(
        odoo.OPTIONS(**settings),
        Account("erp", server.url, LOGIN, Secret(key or server.key)),
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


def deliver(server: Server, oms_id: str | None) -> None:
    """Hand everything of the order to the carrier, as the warehouse does."""
    if not server.admin:
        rows(server, "update stock_picking set state = 'done' where sale_id = %s", oms_id)
        return
    moves = administer(server, "stock.move", "search", domain=[["picking_id.sale_id", "=", int(oms_id or 0)]])
    for move in administer(server, "stock.move", "read", ids=moves, fields=["product_uom_qty", "picking_id"]):
        done = {"quantity": move["product_uom_qty"], "picked": True}
        administer(server, "stock.move", "write", ids=[move["id"]], vals=done)
    administer(server, "stock.picking", "button_validate", ids=[move["picking_id"][0]], context={"skip_sms": True})


def copy(server: Server, oms_id: str | None) -> None:
    """Duplicate the order by hand."""
    if server.admin:
        administer(server, "sale.order", "copy", ids=[int(oms_id or 0)])
        return
    columns = "origin, partner_id, client_order_ref"
    rows(server, f"insert into sale_order ({columns}) select {columns} from sale_order where id = %s", oms_id)


@contextlib.contextmanager
def forbidden_to_make_contacts(server: Server) -> Iterator[None]:
    """Meanwhile the connection's user may sell, and nothing else."""
    if not server.admin:
        rows(server, "update rights set contacts = false")
        yield
        rows(server, "update rights set contacts = true")
        return
    ((user,), (group,)) = (
        *rows(server, "select id from res_users where login = %s", LOGIN),
        *rows(server, "select res_id from ir_model_data where name = 'group_partner_manager' and module = 'base'"),
    )
    for command in (3, 4):
        administer(server, "res.users", "write", ids=[user], vals={"group_ids": [[command, group]]})
        if command == 3:
            yield


def administer(server: Server, model: str, method: str, **parameters: Any) -> Any:
    """A call of a real Odoo's administrator."""
    headers = {"Authorization": f"bearer {server.admin}", "X-Odoo-Database": server.database}
    answer = httpx.post(f"{server.url}/json/2/{model}/{method}", json=parameters, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.json()
