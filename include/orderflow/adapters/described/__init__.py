"""Kit for platforms that a channel file describes: what to ask, how to page, where which value stands.

Facts in YAML, nothing of it is evaluated. `rest` and `graphql` are the adapters that use it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orderflow.adapters.described.asking import Described
from orderflow.adapters.described.values import parse, plain
from orderflow.adapters.described.webhook import webhook
from orderflow.domain.errors import RecordError
from orderflow.domain.source import Adapter, Limits, Raw

if TYPE_CHECKING:
    from orderflow.domain.order import Order
    from orderflow.domain.source import Account, Runtime, Source

__all__ = ["Described", "adapter"]


def adapter(options: type[Described]) -> Adapter:
    """The adapter whose channel files hold these options."""
    general = Adapter(options=options, limits=Limits(), open=_open, to_order=_to_order)

    def described(told: Described) -> Adapter:
        path = parse(told.id)

        def order_id(raw: Raw) -> str | None:
            inner = raw.get("row", raw) if told.detail else raw
            return next(filter(None, map(plain, path.of((inner,)))), None)

        hook = webhook if told.webhook else None
        return replace(general, limits=told.sheet(), order_id=order_id, webhook=hook)

    return replace(general, described=described)


def _open(options: Described, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.described.source import Platform

    return Platform(options, account, runtime)


def _to_order(raw: Raw, options: Described) -> Order:
    if options.detail and raw.get("detail") is None:
        raise RecordError(
            "DETAIL_MISSING",
            "detail",
            None,
            "the platform listed this order but does not give its details; look there, and at `id` in the file",
        )
    return options.map.compiled(raw)
