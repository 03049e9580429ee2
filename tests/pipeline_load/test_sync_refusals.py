"""What the OMS refuses is quarantined with its reason, and the rest goes on."""

import httpx
import pytest
from delivery import deliver, stage
from shop import Oms, oms_running
from staged import line, load, order

from orderflow.domain.errors import DriftError
from orderflow.sandbox.server import oms_app, serve
from orderflow.staging import actions

HEADERS = {"authorization": "Bearer demo-oms-token"}


def test_a_refused_order_is_quarantined_with_the_oms_reason_and_the_rest_go_on(store, ask, oms, shop):
    bad = order("B-1", lines=[line(sku="UNKNOWN-1")], shop_grand_total="7.5", shop_currency="EUR")
    load(store, bad, *[order(f"A-{n}") for n in range(12)], channel=shop.name)
    delivered = deliver(store, shop, oms)
    assert (delivered.accepted, delivered.refused, delivered.pending) == (12, 1, 0)
    assert ask(
        "SELECT order_id, source, state, value::text, currency, reasons -> 0 ->> 'code' FROM orderflow.quarantine"
    ) == [("B-1", "oms", "open", "7.500000", "EUR", "OMS_REFUSED")]
    assert "SKU_UNKNOWN: no product" in ask("SELECT reasons -> 0 ->> 'message' FROM orderflow.quarantine")[0][0]
    assert ask("SELECT outcome, reason LIKE 'SKU%%' FROM orderflow.receipts WHERE order_id = 'B-1'") == [
        ("refused", True)
    ]
    load(store, bad, channel=shop.name)
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)], "seeing the same again does not help it"
    mended = order("B-1", minute=5, lines=[line(sku="KNOWN-1")])
    load(store, mended, channel=shop.name)
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert deliver(store, shop, oms).accepted == 1


def test_a_released_refusal_is_sent_again_with_a_key_of_its_own(store, ask, shop):
    with oms_running() as changing:
        load(store, order(lines=[line(sku="UNKNOWN-1")]), channel=shop.name)
        deliver(store, shop, changing)
        ((row_id,),) = ask("SELECT id FROM orderflow.quarantine")
        httpx.put(
            f"{changing.url}/_sandbox/rules", json={"unknown_sku_prefixes": []}, headers=HEADERS
        ).raise_for_status()
        actions.release(store.connection, [row_id], who="ann", why="product created")
        assert deliver(store, shop, changing).accepted == 1
        assert ask("SELECT outcome, count(DISTINCT key) FROM orderflow.receipts GROUP BY 1 ORDER BY 1") == [
            ("accepted", 1),
            ("refused", 1),
        ]


def test_one_order_that_spoils_its_batch_does_not_block_the_others(store, ask, shop):
    """An OMS that answers 400 to every request that holds a certain order."""
    inner = oms_app()

    async def picky(scope, receive, send):
        body = b""
        messages = []
        if scope["type"] == "http":
            while True:
                message = await receive()
                messages.append(message)
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        if b'"POISON"' in body and b"order_ids" not in body:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b'{"reason": "cannot read this"}'})
            return

        async def replay():
            return messages.pop(0) if messages else await receive()

        await inner(scope, replay if scope["type"] == "http" else receive, send)

    with serve(picky) as url:
        stage(store, shop, 20)
        load(store, order("N", order_number="POISON"), channel=shop.name)
        delivered = deliver(store, shop, Oms(url))
        assert (delivered.accepted, delivered.refused) == (20, 1)
        assert ask("SELECT order_id, reasons -> 0 ->> 'message' FROM orderflow.quarantine") == [
            ("N", "HTTP 400: cannot read this")
        ]


def test_an_oms_that_takes_nothing_is_no_reason_to_quarantine_everything(store, ask, shop):
    async def teapot(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    with serve(teapot) as url:
        stage(store, shop, 8)
        with pytest.raises(DriftError, match="the requests are wrong, not the orders"):
            deliver(store, shop, Oms(url))
    assert ask("SELECT count(*) FROM orderflow.quarantine") == [(0,)]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(8,)]
