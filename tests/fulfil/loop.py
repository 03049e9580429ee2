"""The whole loop on real servers: a simulated shop, staging, the reference OMS, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from shop import target

from orderflow import adapters
from orderflow.domain.channel import Channel, Delivery, Fulfilment, Schedule, Validation
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.fulfil import Fulfilled, fulfil
from orderflow.pipeline.sync import sync
from orderflow.sandbox.accounts import WAYS, account
from orderflow.sandbox.postgres import Postgres
from orderflow.sandbox.server import oms_app, platforms_app, serve
from orderflow.sandbox.shop import Shop
from orderflow.staging.migrate import migrate
from orderflow.staging.notices import ChannelNotices
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

START = datetime(2026, 11, 20, tzinfo=UTC)
NOW = START + timedelta(hours=12)
WINDOW = Window(START, START + timedelta(hours=6))
CARRIERS = {"PN": "PostNord", "DHL": "DHL Express", "UPS": "UPS"}


@dataclass
class Loop:
    """One shop and one OMS, from an order's arrival to its parcel's."""

    channel: Channel
    account: Account
    store: Store
    dsn: str
    shop_url: str
    oms_url: str
    folder: Path
    now: datetime = NOW
    transport: httpx.BaseTransport | None = None
    pulled: int = 0
    naps: list[float] = field(default_factory=list)

    def open(self) -> Any:
        runtime = Runtime(clock=lambda: self.now, sleep=self.naps.append, transport=self.transport)
        return self.channel.adapter.open(self.channel.options, self.account, runtime)

    def pull(self, window: Window = WINDOW) -> None:
        """One window from the channel into the OMS."""
        self.pulled += 1
        runtime = Runtime(clock=lambda: self.now, sleep=self.naps.append)
        folder = landing.folder(self.folder, self.channel.name, window, f"run_{self.pulled}")
        batch = extract(self.channel, window, self.open(), folder, run_id=f"run_{self.pulled}", runtime=runtime)
        staged(self.channel, batch, self.store)
        sync(self.channel, self.store, target(self.oms_url), pause=lambda _: None)

    def tell(self, **fields: Any) -> Fulfilled:
        """Tell the channel what the OMS shipped, on a connection of its own, without the rest after an attempt."""
        channel = self.channel.model_copy(update=fields)
        with closing(connect(self.dsn)) as own:
            notices = ChannelNotices(own, channel.name, rest=timedelta(0))
            return fulfil(channel, notices, target(self.oms_url), self.open())

    def ship(self, *order_ids: str, stage: str = "shipped") -> None:
        """The OMS sends these orders, each whole."""
        body = {"channel": self.channel.name, "order_ids": order_ids, "stage": stage}
        httpx.put(f"{self.oms_url}/_sandbox/stages", json=body).raise_for_status()

    def send(self, order_id: str, *lines: tuple[str, str], tracking: str = "RR0000000001", carrier: str = "PN") -> str:
        """The OMS sends one parcel by hand."""
        body = {
            "channel": self.channel.name,
            "order_id": order_id,
            "carrier": carrier,
            "tracking_numbers": [tracking] if tracking else [],
            "lines": [{"line_id": line_id, "quantity": quantity} for line_id, quantity in lines],
        }
        answer = httpx.post(f"{self.oms_url}/_sandbox/shipments", json=body).raise_for_status()
        return str(answer.json()["shipment_id"])

    def fail(self, kind: str, path: str, **more: Any) -> None:
        rule = {"kind": kind, "path": path, "method": "POST", **more}
        httpx.post(f"{self.shop_url}/_sandbox/faults", json=rule).raise_for_status()

    def recover(self) -> None:
        httpx.delete(f"{self.shop_url}/_sandbox/faults").raise_for_status()

    def parcels(self, order_id: str) -> list[dict[str, Any]]:
        """What the platform itself knows of this order's parcels."""
        found = httpx.get(f"{self.shop_url}/_sandbox/{self.channel.name}/parcels", params={"order_id": order_id})
        return list(found.raise_for_status().json()["parcels"])

    def sendable(self, count: int) -> dict[str, list[tuple[str, str]]]:
        """Staged orders of which nothing was sent, with their lines; those with most lines first."""
        with self.store.connection, self.store.connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT order_id, document FROM orderflow.orders AS o
                WHERE channel = %s AND fulfilment_status = 'unfulfilled' AND order_status = 'open'
                    AND coalesce(refunded, 0) = 0
                    AND NOT EXISTS (SELECT FROM orderflow.notices AS n WHERE n.order_id = o.order_id)
                ORDER BY line_count DESC, order_id LIMIT %s
                """,
                (self.channel.name, count),
            )
            rows = cursor.fetchall()
        assert len(rows) == count, "the shop has too few orders to send"
        return {
            order_id: [(line["line_id"], line["quantity"]) for line in document["lines"]] for order_id, document in rows
        }

    def standing(self, *order_ids: str) -> list[tuple[str | None, str | None]]:
        """Outcome, and reason or last error, of everything that is to be told of these orders."""
        with self.store.connection, self.store.connection.cursor() as cursor:
            cursor.execute(
                "SELECT outcome, coalesce(reason, last_error) FROM orderflow.notices WHERE order_id = ANY(%s)"
                " ORDER BY number",
                (list(order_ids),),
            )
            return cursor.fetchall()

    def told_once(self, order_ids: Iterable[str]) -> None:
        """Everything of these orders was accepted, and the platform has one parcel of each."""
        counts = {order_id: len(self.parcels(order_id)) for order_id in order_ids}
        assert counts == dict.fromkeys(counts, 1)
        assert {outcome for outcome, _ in self.standing(*counts)} == {"accepted"}


class Killed(BaseException):
    """The process dies here."""


class Deadly(httpx.BaseTransport):
    """Lets so many requests through and dies after the last one was carried out, before its answer is read."""

    def __init__(self, requests: int) -> None:
        self.left, self.network = requests, httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        response = self.network.handle_request(request)
        if self.left == 0:
            response.read()
            raise Killed
        return response


def channel_of(platform: str, name: str) -> Channel:
    """A channel that is told of parcels."""
    adapter = adapters.find(platform)
    return Channel(
        name=name,
        title="Shop",
        owner="ops",
        adapter_name=platform,
        adapter=adapter,
        connection=name,
        options=adapter.options.model_validate(WAYS[platform].options),
        schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
        validate=Validation(quarantine_at_most="100%", guards="warn"),
        oms=Delivery(target="demo"),
        fulfilment=Fulfilment(carriers=CARRIERS),
    )


@contextmanager
def looping(platform: str, postgres: Postgres, folder: Path, *, name: str = "back", **shop: Any) -> Iterator[Loop]:
    """A shop of this platform with some hours of orders, all of them in the OMS already. For a whole module: every test
    takes orders of its own.
    """
    made = Shop(
        name=f"{platform}_{name}", platform=platform, seed=7, start=START, ends=START + timedelta(hours=5), rate=12,
        late=0, bursts=0, fulfilments=0, cancellations=0, currency=WAYS[platform].currency or "EUR", **shop,
    )  # fmt: skip
    dsn = postgres.create(made.name)
    with (
        serve(platforms_app([made], clock=lambda: NOW)) as shop_url,
        serve(oms_app(path=folder / "oms.sqlite", clock=lambda: NOW)) as oms_url,
        closing(connect(dsn)) as connection,
    ):
        channel = channel_of(platform, made.name)
        reached = account(platform, made.name, f"{shop_url}/{made.name}")
        migrate(connection)
        store = Store(connection, Vault({"k1": bytes(32)}))
        loop = Loop(channel, reached, store, dsn, shop_url, oms_url, folder)
        loop.pull()
        yield loop
