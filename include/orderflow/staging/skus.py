"""The SKU map: what the OMS calls a channel's articles, with the dates between which each pair holds."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.staging.session import transaction


def current(connection: Connection, channel: str) -> dict[str, str]:
    """The channel's pairs that hold now: channel SKU -> OMS SKU."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT sku, oms_sku FROM orderflow.sku_map"
            " WHERE channel = %s AND valid_from <= now() AND now() < valid_to",
            (channel,),
        )
        return dict(cursor.fetchall())
