"""The reference OMS: what a careful order management system answers, over HTTP.

Every request carries `Authorization: Bearer <token>`. A *document* is one order version as JSON with at least
`channel`, `order_id` and `version`; an order is known by channel and order id, and lives in versions that only count
upwards.

`PUT /orders/{channel}/{order_id}` with the header `Idempotency-Key`; the body is the document. (Order ids with slashes
are percent-encoded.) 200 accepted, 409 stale, 422 refused.

`POST /orders/batch`, body `{"orders": [{"key": ..., "document": {...}}, ...]}` (at most 1000): always 200 with
`{"results": [answer, ...]}`, one answer per order in the order sent; one bad order does not touch the others.

An *answer* is `{"key", "outcome", "oms_id", "version", "replayed", "status", "code", "reason"}` without what is empty;
`status` is where the order stood when the version came:

- `accepted`: created or updated. A key that was accepted before gets the same answer again, with `replayed: true`, and
  has no second effect.
- `stale`: a newer (or this) version is held already; nothing happened. `version` tells which.
- `refused`: `code` and `reason` say why (`SKU_UNKNOWN`, `COUNTRY_BLOCKED`, `TOTAL_TOO_LARGE`, `CANCELLED_TOO_LATE`,
  `CHANGED_TOO_LATE`, `DOCUMENT_INVALID`, and `KEY_REUSED` for a known key with another content). Refusals are judged
  anew each time.

`GET /orders/{channel}/{order_id}`: what is held, or 404. `GET /keys/{key}`: the answer this key was given, or 404.
`POST /orders/lookup`, body `{"channel": ..., "order_ids": [...]}` or `{"keys": [...]}` or both:
`{"orders": [held, ...], "keys": [answer, ...]}`; what is unknown is absent.
*Held* is `{"channel", "order_id", "oms_id", "version", "key", "status", "total", "currency", "lines"}`.

`GET /shipments` (`?channel=`, `?since=` ISO moment, `?after=`, `?limit=`, at most 1000): `{"shipments": [sent, ...],
"next": ...}`, oldest first; `next` is `after` for more, and absent at the end. *Sent* is `{"shipment_id", "order_id",
"carrier", "tracking_numbers", "shipped_at", "recorded_at", "lines": [{"line_id", "quantity"}, ...]}`.
An order that is put at `shipped` is sent in a parcel; one that only grew old is not, so that an OMS left alone for days
floods nobody. `POST /_sandbox/shipments`, body `{"channel", "order_id", "carrier", "tracking_numbers", "lines"}`,
sends one by hand.

An accepted order is worked on: `received`, then `picking`, then `shipped`, by its age; `PUT /_sandbox/stages`, body
`{"channel": ..., "order_ids": [...], "stage": ...}`, puts it there (or at `closed`) at once. After picking began a
cancellation is refused, and so are other goods, prices or another address; everything else is taken.
`GET /_effects` (`?channel=`, `?order_id=`) counts what really happened and names every key with two effects;
`GET /_effects/{channel}` counts by order. `GET` and `PUT /_sandbox/rules` read and change what is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderflow.sandbox.oms_parcels import ByHand
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.oms_store import Answer, Delivery, Held, Store

LARGEST_BATCH = 1000


class BatchBody(msgspec.Struct):
    orders: list[Delivery]


class LookupBody(msgspec.Struct):
    channel: str | None = None
    order_ids: list[str] = []
    keys: list[str] = []


class StagesBody(msgspec.Struct, forbid_unknown_fields=True):
    channel: str
    order_ids: list[str]
    stage: Literal["received", "picking", "shipped", "closed"]


class LookupAnswer(msgspec.Struct):
    orders: list[Held]
    keys: list[Answer]


_encode = msgspec.json.Encoder().encode
_BATCH = msgspec.json.Decoder(BatchBody)
_LOOKUP = msgspec.json.Decoder(LookupBody)
_STATUS = {"accepted": 200, "stale": 409, "refused": 422}


def reply(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(_encode(body), status, media_type="application/json")


def problem(status: int, code: str, message: str) -> Response:
    return reply({"error": {"code": code, "message": message}}, status)


def app(*, path: Path | str, token: str, rules: Rules, clock: Callable[[], datetime]) -> Starlette:
    """The OMS on the SQLite file at `path` (`:memory:` for one that forgets)."""
    store = Store(path, rules)

    def now() -> float:
        return clock().timestamp()

    def guarded(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return problem(401, "UNAUTHORIZED", "send the header Authorization: Bearer <token>")
            try:
                answer: Response = await handler(request)
            except msgspec.MsgspecError as error:
                return problem(400, "BODY_INVALID", str(error))
            return answer

        return checked

    async def put(request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not key:
            return problem(400, "KEY_MISSING", "send the header Idempotency-Key")
        body = await request.body()
        named = msgspec.json.decode(body, type=_Named)
        if (named.channel, named.order_id) != (request.path_params["channel"], request.path_params["order_id"]):
            return problem(400, "PATH_DIFFERS", "channel and order_id of the document differ from the path")
        (answer,) = store.accept([Delivery(key, msgspec.Raw(body))], now())
        return reply(answer, _STATUS[answer.outcome])

    async def batch(request: Request) -> Response:
        orders = _BATCH.decode(await request.body()).orders
        if len(orders) > LARGEST_BATCH:
            return problem(413, "BATCH_TOO_LARGE", f"{len(orders)} orders; at most {LARGEST_BATCH}")
        return reply({"results": store.accept(orders, now())})

    async def get(request: Request) -> Response:
        channel, order_id = request.path_params["channel"], request.path_params["order_id"]
        held = store.look_up(channel, [order_id], now())
        return reply(held[0]) if held else problem(404, "NOT_FOUND", f"{channel} {order_id} is not held")

    async def get_document(request: Request) -> Response:
        document = store.document(request.path_params["channel"], request.path_params["order_id"])
        if document is None:
            return problem(404, "NOT_FOUND", "no such order is held")
        return Response(document, media_type="application/json")

    async def get_key(request: Request) -> Response:
        known = store.look_up_keys([request.path_params["key"]])
        return reply(known[0]) if known else problem(404, "NOT_FOUND", "no accepted order has this key")

    async def look_up(request: Request) -> Response:
        asked = _LOOKUP.decode(await request.body())
        orders = store.look_up(asked.channel, asked.order_ids, now()) if asked.channel is not None else []
        return reply(LookupAnswer(orders, store.look_up_keys(asked.keys)))

    async def effects(request: Request) -> Response:
        return reply(store.effects(request.query_params.get("channel"), request.query_params.get("order_id")))

    async def effects_by_order(request: Request) -> Response:
        return reply(store.effects_per_order(request.path_params["channel"]))

    async def get_rules(_: Request) -> Response:
        return reply(store.rules)

    async def put_rules(request: Request) -> Response:
        try:
            changes = msgspec.json.decode(await request.body(), type=dict[str, Any])
            store.rules = msgspec.convert(msgspec.to_builtins(store.rules) | changes, Rules)
        except msgspec.MsgspecError as error:
            return problem(400, "RULES_INVALID", str(error))
        return reply(store.rules)

    async def put_stages(request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=StagesBody)
        except msgspec.MsgspecError as error:
            return problem(400, "BODY_INVALID", str(error))
        return reply({"advanced": store.advance(wanted.channel, wanted.order_ids, wanted.stage, now())})

    async def get_shipments(request: Request) -> Response:
        asked = request.query_params
        try:
            since = datetime.fromisoformat(asked["since"]).timestamp() if "since" in asked else 0.0
            after, size = int(asked.get("after", 0)), min(int(asked.get("limit", 500)), LARGEST_BATCH)
            found, following = store.parcels.listed(asked["channel"], since, after, size)
        except (KeyError, ValueError) as error:
            return problem(400, "QUERY_INVALID", f"channel, since (ISO 8601), after, limit: {error}")
        return reply({"shipments": found} | ({} if following is None else {"next": following}))

    async def post_shipment(request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=ByHand)
        except msgspec.MsgspecError as error:
            return problem(400, "BODY_INVALID", str(error))
        return reply({"shipment_id": store.parcels.send(wanted, now())}, 201)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    routes = [
        Route("/orders/batch", guarded(batch), methods=["POST"]),
        Route("/orders/lookup", guarded(look_up), methods=["POST"]),
        Route("/orders/{channel}/{order_id:path}", guarded(put), methods=["PUT"]),
        Route("/orders/{channel}/{order_id:path}", guarded(get), methods=["GET"]),
        Route("/documents/{channel}/{order_id:path}", guarded(get_document), methods=["GET"]),
        Route("/keys/{key}", guarded(get_key), methods=["GET"]),
        Route("/shipments", guarded(get_shipments), methods=["GET"]),
        Route("/_sandbox/shipments", post_shipment, methods=["POST"]),
        Route("/_effects", effects, methods=["GET"]),
        Route("/_effects/{channel}", effects_by_order, methods=["GET"]),
        Route("/_sandbox/rules", get_rules, methods=["GET"]),
        Route("/_sandbox/rules", put_rules, methods=["PUT"]),
        Route("/_sandbox/stages", put_stages, methods=["PUT"]),
    ]
    return Starlette(routes=routes, lifespan=life)


class _Named(msgspec.Struct):
    channel: str
    order_id: str
