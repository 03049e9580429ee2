"""A view or a push table of a database, read by its modified column. README.md shows how."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orderflow.adapters.sql.options import Options
from orderflow.domain.source import Adapter, Limits, Raw

if TYPE_CHECKING:
    from orderflow.domain.order import Order
    from orderflow.domain.source import Account, Runtime, Source

_LIMITS = Limits(
    settle=timedelta(minutes=1),
    lookback=timedelta(minutes=10),
    page_size=500,
    blind=frozenset({"deletion"}),
)


def _open(options: Options, account: Account, runtime: Runtime) -> Source:
    from orderflow.adapters.sql.source import Rows

    return Rows(options, account, runtime)


def _to_order(raw: Raw, options: Options) -> Order:
    return options.map.compiled(raw)


def _described(options: Options) -> Adapter:
    def order_id(raw: Raw) -> str | None:
        found = raw.get(options.id)
        return None if found is None else str(found)

    limits = replace(_LIMITS, timezone=options.modified.timezone, page_size=options.batch)
    return replace(ADAPTER, limits=limits, order_id=order_id)


ADAPTER = Adapter(options=Options, limits=_LIMITS, open=_open, to_order=_to_order, described=_described)
