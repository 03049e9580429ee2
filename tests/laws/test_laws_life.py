"""Laws of an order's life: whatever order its versions come in, staging and the OMS end the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staged import at, batch, chunk, line, order, person

from orderflow.domain.order import Order, Payment, Refund, Shipment
from orderflow.domain.target import Receipt
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.oms_store import Delivery
from orderflow.sandbox.oms_store import Store as Oms
from orderflow.staging import contacts, erasure
from orderflow.staging.store import Store

State = dict[str, Any]
channels = itertools.count(1)
NEVER = Rules(picking_after=1e12, shipping_after=1e12)


def edited(state: State, **lines: str) -> State:
    """The order with these quantities by line id; a line that it does not have is added, `0` takes one away."""
    now = {each.line_id: each.quantity for each in state["lines"]} | lines
    left = [line_id for line_id, quantity in now.items() if quantity != "0"] or ["L1"]
    kept = [
        line(number, line_id=line_id, sku=f"品-{line_id}", quantity=now[line_id])
        for number, line_id in enumerate(left, 1)
    ]
    return state | {"lines": kept, "grand_total": str(len(kept))}


def parcel(state: State, number: int) -> State:
    sent = [*state.get("shipments", []), Shipment(shipment_id=f"包裹{number}", lines=[("L1", "1")])]
    return state | {"shipments": sent, "fulfilment_status": "partial"}


def refund(state: State, number: int, status: str = "none") -> State:
    given_back = [*state.get("refunds", []), Refund(refund_id=f"R{number}", amount="1", lines=[("L1", "1")])]
    return state | {"refunds": given_back, "refunded": str(len(given_back)), "return_status": status}


def people(state: State, masking: str, *those: Any) -> State:
    return state | {"masking": masking, "contacts": list(those)}


EVENTS = {
    "quantity": lambda s, n: edited(s, L1=str(n + 2)),
    "line added": lambda s, n: edited(s, **{f"L{n + 5}": "1"}),
    "line removed": lambda s, n: edited(s, L1="0"),
    "cancelled": lambda s, n: s | {"order_status": "cancelled", "cancelled_at": at(n)},
    "reinstated": lambda s, n: s | {"order_status": "open", "cancelled_at": None},
    "held": lambda s, n: s | {"order_status": "on_hold"},
    "paid": lambda s, n: s | {"payments": [Payment(payment_id="支付", amount="24.5")], "paid": "24.5"},
    "parcel": parcel,
    "refunded": refund,
    "returned": lambda s, n: refund(s, n, "received"),
    "touched": lambda s, n: s,
    "masked": lambda s, n: people(s, "masked", person("王**", phone=None, email=None, postal_code=None)),
    "erased": lambda s, n: people(s, "erased", person("-", phone=None, email=None, address=[], city=None)),
    "nobody": lambda s, n: people(s, s.get("masking", "plain")),
    "renamed": lambda s, n: people(s, "plain", person(f"محمد {n}")),
    "moved": lambda s, n: people(s, "plain", person(phone=None, address=[f"中山路{n}號"], city="台中市", region="TXG")),
    "phone": lambda s, n: people(s, "plain", person("王小明", phone=f"+88691234567{n}", address=[], city=None,
                                                     postal_code=None, email=None)),
    "billed": lambda s, n: people(s, "plain", person(), person("公司", role="bill_to", email=f"{n}@example.tw")),
}  # fmt: skip

histories = st.lists(st.sampled_from(sorted(EVENTS)), min_size=2, max_size=7)


def versions(events: list[str]) -> Iterator[tuple[Order, int]]:
    """What the channel showed after each event, and when it was fetched; each is seen twice."""
    state: State = edited({"lines": [], "contacts": [person()]}, L1="2", L2="1")
    for number, event in enumerate(["touched", *events]):
        state = EVENTS[event](state, number)
        shown = {key: value for key, value in state.items() if value is not None}
        hidden = {"ship_country": None, "ship_postal_prefix": None}
        seen = order("訂單-😀", minute=number, **(hidden | prefix(state) | shown))
        yield seen, 2 * number
        yield seen, 2 * number + 1


def prefix(state: State) -> State:
    """The readable parts as cleaning derives them."""
    found = contacts.coarse(msgspec.json.encode(state["contacts"]), "plain")
    return {name: value for name, value in found.items() if name != "masking"}


class World:
    """One channel in staging, and an OMS of its own."""

    def __init__(self, store: Store, sent: dict[str, bytes]) -> None:
        self.store, self.sent = store, sent
        self.channel = f"life_{next(channels)}"
        self.oms = Oms(":memory:", NEVER)

    def load(self, sightings: list[tuple[Order, int]]) -> None:
        with self.store.connection, self.store.connection.cursor() as cursor:
            cursor.execute("TRUNCATE orderflow.coverage")  # other worlds, which hold the same orders, are out of sight
        chunks = [chunk(seen, fetched=fetched, first=n) for n, (seen, fetched) in enumerate(sightings)]
        self.store.load(batch(len(chunks), channel=self.channel), chunks, [], deliver=True)

    def deliver(self, *, answered: bool = True) -> None:
        """Send what is pending; every key is only ever sent with one document."""
        for claim in self.store.claims(self.channel, 10):
            for each in claim:
                assert self.sent.setdefault(each.key, each.document) == each.document
                (answer,) = self.oms.accept([Delivery(each.key, msgspec.Raw(each.document))], 0.0)
                assert answer.outcome in ("accepted", "stale"), answer
                if answered:
                    self.store.settle([(each, Receipt(each.key, "accepted", oms_id=answer.oms_id))])

    def end(self, ask: Any) -> dict[str, Any]:
        """All that must not depend on the order of arrival; versions are counted by us and may differ."""
        self.deliver()
        (row,) = ask(
            """
            SELECT to_jsonb(o) - '{channel,version,content_hash,contacts_hash,landing,ordinal,raw_sha256,fetched_at,
                    window_start,window_end,first_seen_at,loaded_at,document}'::text[],
                o.document::jsonb - 'channel_updated_at',
                (SELECT jsonb_agg(to_jsonb(l) - 'channel' ORDER BY number) FROM orderflow.order_lines AS l
                 WHERE (l.channel, l.order_id) = (o.channel, o.order_id)),
                c.sealed, c.key_id, c.masking
            FROM orderflow.orders AS o LEFT JOIN orderflow.order_contacts AS c USING (channel, order_id)
            WHERE channel = %s
            """,
            self.channel,
        )
        order_id = row[0]["order_id"]
        known = self.store.vault.open(bytes(row[3]), row[4], self.channel, order_id)
        held = msgspec.json.decode(self.oms.document(self.channel, order_id) or b"{}")
        assert held["contacts"] == msgspec.json.decode(known)
        told = {key: value for key, value in held.items() if key not in ("channel", "version", "channel_updated_at")}
        return {"staged": row[:3], "people": msgspec.json.decode(known), "masking": row[5], "oms": told}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=histories, seed=st.integers(0, 2**32))
def test_any_permutation_of_an_orders_versions_ends_the_same_in_staging_and_in_the_oms(store, ask, events, seed):
    """Split over any batches, delivered in between or not, with answers that are lost."""
    dice, sent, history = random.Random(seed), {}, list(versions(events))
    plain, mixed = World(store, sent), World(store, {})
    for sighting in history:
        plain.load([sighting])
    arrival = dice.sample(history, len(history)) + dice.choices(history, k=2)
    while arrival:
        size = dice.randint(1, 4)
        now, arrival = arrival[:size], arrival[size:]
        mixed.load(now)
        if dice.random() < 0.6:
            mixed.deliver(answered=dice.random() < 0.6)
    assert mixed.end(ask) == plain.end(ask)


def test_the_law_sees_a_difference(store, ask):
    """Two different histories end differently: the comparison is not blind."""
    one, other = World(store, {}), World(store, {})
    one.load(list(versions(["parcel"])))
    other.load(list(versions(["parcel", "refunded"])))
    assert one.end(ask) != other.end(ask)


def test_an_answer_that_is_lost_before_the_order_is_touched_and_erased_never_reuses_a_key(store, ask):
    """The order is sent, its answer is lost; then its modified time moves, then its buyer is erased: three claims."""
    world = World(store, {})
    (first, _), *_ = versions([])
    world.load([(first, 0)])
    world.deliver(answered=False)
    world.load([(msgspec.structs.replace(first, channel_updated_at=at(9)), 9)])
    world.deliver(answered=False)
    erasure.erase(store.connection, world.channel, [first.order_id], who="mei", why="asked to be forgotten")
    world.deliver()
    assert len(world.sent) == 2
    assert [msgspec.json.decode(document)["contacts"] == [] for document in world.sent.values()] == [False, True]
    assert ask("SELECT version, outcome FROM orderflow.receipts WHERE channel = %s", world.channel) == [(2, "accepted")]
    assert datetime.now(UTC) > ask("SELECT max(loaded_at) FROM orderflow.order_versions")[0][0]
