"""Orders as cleaning leaves them."""

import msgspec

from orderflow.domain.order import Contact, Order
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import steps
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.steps import Settings
from orderflow.pipeline.cleaning.typed import type_frames


def cleaned(*orders, **rules):
    """The orders as cleaning leaves them, and its repairs."""
    typed, _ = type_frames(fr.from_orders(list(orders)), "UTC")
    frames, repairs = steps.apply(typed, Settings(**rules))
    made = documents(frames)
    return [
        msgspec.structs.replace(
            msgspec.json.decode(document, type=Order), contacts=msgspec.json.decode(contacts, type=list[Contact])
        )
        for document, contacts in zip(made.document.to_pylist(), made.contacts.to_pylist(), strict=True)
    ], repairs.to_pylist()


def contacted(**fields):
    country = fields.pop("channel_country", None)
    orders, _ = cleaned(Order(order_id="1", contacts=[Contact(**fields)]), country=country)
    return orders[0].contacts[0]
