"""Shops that a channel file describes: their options, and what their mapping makes of a record."""

from orderflow import adapters


def described(orders, adapter="rest", **told):
    options = adapters.find(adapter).options
    orders = {"path": "orders", "page": {"kind": "none"}, **orders}
    told = {"auth": {"kind": "none"}, "id": "id", "map": {"order": {"order_id": "id"}}, **told}
    return options.model_validate({**told, "orders": orders})


def mapped(raw, adapter="rest", **order):
    found = adapters.find(adapter)
    return found.to_order(raw, described({}, map={"order": {"order_id": "id", **order}}))
