"""A real Vendure shop for the tests: installed from npm into `.orderflow/vendure`, on a PostgreSQL of its own.

The first use installs packages (a minute or two, with network) and fills one database with goods; every later use
copies that database and starts the server (seconds). Orders are made through the shop's own API, as buyers make them.
`PYTHONPATH=include:tests python tests/real/vendure_shop.py` does the first use and prints the seconds.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from loopback import free_port
from orderflow.sandbox.postgres import Postgres
from real_server import administer, answers, copied, end, shared

FOLDER = Path(__file__).parents[2] / ".orderflow" / "vendure"
OWN = Path(__file__).with_name("vendure")
_READY = FOLDER / "ready"
_names = itertools.count(1)

STREETS = ["Götgatan 12 B", "Lange Straße 1", "中山路 7 號", "شارع 5"]


def wanted() -> bool:
    """Whether this run may use it: asked for with ORDERFLOW_REAL=1, and Node.js is there."""
    return os.environ.get("ORDERFLOW_REAL") == "1" and shutil.which("npm") is not None


@dataclass
class Shop:
    """A running Vendure: its address, and the DSN of its own database."""

    url: str
    dsn: str
    variants: dict[str, str] = field(default_factory=dict)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    _admin: str = ""

    def ask(
        self, api: str, query: str, token: str | None = None, **variables: Any
    ) -> tuple[dict[str, Any], str | None]:
        """The data of an answer, and the session's token; fails on errors."""
        response = self.client.post(
            f"{self.url}/{api}",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {token}"} if token else {},
        )
        body = response.json()
        assert "errors" not in body, body
        for name, value in body["data"].items():
            assert not (isinstance(value, dict) and "errorCode" in value), (name, value)
        return body["data"], response.headers.get("vendure-auth-token") or token

    def admin(self, query: str, **variables: Any) -> dict[str, Any]:
        if not self._admin:
            login = 'mutation { login(username: "superadmin", password: "superadmin") { ... on CurrentUser { id } } }'
            self._admin = self.ask("admin-api", login)[1] or ""
        return self.ask("admin-api", query, self._admin, **variables)[0]

    def buy(self, number: int) -> str:
        """An order, paid: one to three lines, a customer of its own; returns its id."""
        token: str | None = None
        skus = sorted(self.variants)
        for line in range(1 + number % 3):
            add = """mutation($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, quantity: $q)
                     { ... on Order { id } ... on ErrorResult { errorCode message } } }"""
            sku = skus[(number + line) % len(skus)]
            _, token = self.ask("shop-api", add, token, v=self.variants[sku], q=1 + number % 4)
        buyer = {"firstName": "Zoë", "lastName": f"王-{number}", "emailAddress": f"b{number}@example.test"}
        address = {
            "fullName": f"Zoë 王-{number}",
            "streetLine1": STREETS[number % len(STREETS)],
            "city": "Malmö",
            "postalCode": "211 20",
            "countryCode": "SE",
            "phoneNumber": "+46701234567",
        }
        method = self.ask("shop-api", "{ eligibleShippingMethods { id } }", token)[0]["eligibleShippingMethods"][0][
            "id"
        ]
        for mutation, argument, kind, value in (
            ("setCustomerForOrder", "input", "CreateCustomerInput!", buyer),
            ("setOrderShippingAddress", "input", "CreateAddressInput!", address),
            ("setOrderShippingMethod", "shippingMethodId", "[ID!]!", [method]),
            ("transitionOrderToState", "state", "String!", "ArrangingPayment"),
            ("addPaymentToOrder", "input", "PaymentInput!", {"method": "card", "metadata": {}}),
        ):
            query = (
                f"mutation($x: {kind}) {{ {mutation}({argument}: $x) "
                "{ ... on Order { id } ... on ErrorResult { errorCode message } } }"
            )
            done, _ = self.ask("shop-api", query, token, x=value)
        return str(done["addPaymentToOrder"]["id"])

    def cancel(self, order_id: str) -> None:
        self.admin(
            "mutation($x: CancelOrderInput!) { cancelOrder(input: $x) { ... on Order { id } "
            "... on ErrorResult { errorCode message } } }",
            x={"orderId": order_id},
        )

    def ship(self, order_id: str) -> None:
        """The whole order, handed to a carrier with a number of its own."""
        lines = self.admin("query($x: ID!) { order(id: $x) { lines { id quantity } } }", x=order_id)["order"]["lines"]
        handler = {
            "code": "manual-fulfillment",
            "arguments": [{"name": "method", "value": "Post"}, {"name": "trackingCode", "value": f"SE-{order_id}"}],
        }
        parcel = self.admin(
            "mutation($x: FulfillOrderInput!) { addFulfillmentToOrder(input: $x) { ... on Fulfillment { id } "
            "... on ErrorResult { errorCode message } } }",
            x={
                "lines": [{"orderLineId": line["id"], "quantity": line["quantity"]} for line in lines],
                "handler": handler,
            },
        )["addFulfillmentToOrder"]
        self.admin(
            'mutation($x: ID!) { transitionFulfillmentToState(id: $x, state: "Shipped") { ... on Fulfillment { id } '
            "... on ErrorResult { errorCode message } } }",
            x=parcel["id"],
        )

    def lower(self, order_id: str) -> None:
        """One unit less of the order's first line, and the money for it back."""
        order = self.admin("query($x: ID!) { order(id: $x) { lines { id quantity } payments { id } } }", x=order_id)[
            "order"
        ]
        self._move(order_id, "Modifying")
        line, (payment,) = order["lines"][0], order["payments"]
        change = {
            "dryRun": False,
            "orderId": order_id,
            "adjustOrderLines": [{"orderLineId": line["id"], "quantity": line["quantity"] - 1}],
            "refund": {"paymentId": payment["id"], "reason": "one less"},
        }
        self.admin(
            "mutation($x: ModifyOrderInput!) { modifyOrder(input: $x) { ... on Order { id } "
            "... on ErrorResult { errorCode message } } }",
            x=change,
        )
        self._move(order_id, "PaymentSettled")

    def _move(self, order_id: str, state: str) -> None:
        self.admin(
            "mutation($x: ID!, $s: String!) { transitionOrderToState(id: $x, state: $s) { ... on Order { id } "
            "... on ErrorResult { errorCode message } } }",
            x=order_id,
            s=state,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """From the shop's own database."""
        with contextlib.closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


def told(shop: Shop) -> dict[str, tuple[str, int, Decimal]]:
    """State, units and total of every order, from the shop's own database: what the lines cost now, with tax, and
    the freight."""
    rows = shop.rows(
        """
        SELECT o.id, o.state, (SELECT sum(quantity) FROM order_line l WHERE l."orderId" = o.id), o."subTotalWithTax",
            o."shippingWithTax" FROM "order" o WHERE o."orderPlacedAt" IS NOT NULL ORDER BY o.id
        """
    )
    return {
        str(order_id): (state, int(units), (Decimal(total + freight) / 100).normalize())
        for order_id, state, units, total, freight in rows
    }


@contextlib.contextmanager
def running() -> Iterator[Shop]:
    """Start the shop on a fresh copy of the filled database."""
    with shared(FOLDER, _prepare) as postgres, _serving(postgres, f"shop_{os.getpid()}_{next(_names)}") as shop:
        yield shop


def _prepare(postgres: Postgres) -> None:
    _install()
    if not _READY.exists():
        _fill(postgres)


def _install() -> None:
    for path in OWN.iterdir():
        shutil.copy(path, FOLDER / path.name)
    (FOLDER / "assets").mkdir(exist_ok=True)
    if not (FOLDER / "node_modules" / "@vendure" / "core").exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"npm install of @vendure/core failed (network?): {done.stderr[-2000:]}")


def _environment(postgres: Postgres, database: str, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "SHOP_PORT": str(port),
        "SHOP_PG_HOST": str(FOLDER / "pg"),
        "SHOP_DATABASE": database,
        "VENDURE_DISABLE_TELEMETRY": "true",
    }


def _fill(postgres: Postgres) -> None:
    administer(postgres, "drop database if exists base")
    administer(postgres, "create database base")
    command = ["node", "shop.js", "fill"]
    environment = _environment(postgres, "base", free_port())
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"the shop was not filled: {done.stdout[-2000:]} {done.stderr[-4000:]}")
    _READY.touch()


@contextlib.contextmanager
def _serving(postgres: Postgres, database: str) -> Iterator[Shop]:
    port, log = free_port(), FOLDER / f"{database}.log"
    with copied(postgres, database) as dsn:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                ["node", "shop.js"],
                cwd=FOLDER,
                env=_environment(postgres, database, port),
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        try:
            shop = Shop(f"http://127.0.0.1:{port}", dsn)
            answers(f"{shop.url}/health", process, log)
            goods = shop.admin("{ productVariants(options: {take: 100}) { items { id sku } } }")
            shop.variants = {each["sku"]: each["id"] for each in goods["productVariants"]["items"]}
            yield shop
        finally:
            end(process)
    log.unlink()


if __name__ == "__main__":
    begun = time.perf_counter()
    with running() as shop:
        print(f"answers at {shop.url} after {time.perf_counter() - begun:.1f} s; sells {shop.variants}")
        begun = time.perf_counter()
        made = [shop.buy(number) for number in range(5)]
        shop.cancel(made[0])
        shop.ship(made[1])
        print(f"{made} after {time.perf_counter() - begun:.1f} s")
        print(shop.rows('select id, code, state, "updatedAt" from "order"'))
