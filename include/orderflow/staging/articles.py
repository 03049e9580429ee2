"""What waits for the SKU map, what is known of the articles that it could name, and which of them people refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.sku import Article
from orderflow.staging.actions import demand_why
from orderflow.staging.session import transaction


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A SKU that the map lacks, with the orders that wait for it; title and GTIN as one of their lines has them."""

    channel: str
    sku: str
    orders: int
    values: dict[str, Decimal]
    since: datetime
    title: str | None
    gtin: str | None


def unmapped(connection: Connection, channel: str | None = None, *, limit: int = 10_000) -> list[Unmapped]:
    """The SKUs that orders wait for, most orders first. An order with two of them counts in both."""
    with transaction(connection) as cursor:
        cursor.execute(_UNMAPPED, {"channel": channel, "limit": limit})
        return [
            Unmapped(name, sku, orders, {unit: Decimal(text) for unit, text in (values or {}).items()}, *rest)
            for name, sku, orders, values, *rest in cursor.fetchall()
        ]


def articles(connection: Connection) -> list[Article]:
    """Every article that the map or a staged order names. Reads all staged lines: for suggestions, not for pages."""
    with transaction(connection) as cursor:
        cursor.execute(_ARTICLES)
        return [Article(row[0], *(frozenset(each or ()) for each in row[1:])) for row in cursor.fetchall()]


def refuse(connection: Connection, channel: str, sku: str, oms_sku: str, *, who: str, why: str) -> None:
    """Write down that this article is not what the SKU means, so that it is suggested no more."""
    demand_why(who, why)
    with transaction(connection) as cursor:
        cursor.execute(
            "INSERT INTO orderflow.sku_refusals (channel, sku, oms_sku, who, why) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (channel, sku, oms_sku, who, why),
        )


def refused(connection: Connection, channel: str | None = None) -> dict[tuple[str, str], set[str]]:
    """The OMS SKUs that were refused, by channel and SKU."""
    found: dict[tuple[str, str], set[str]] = {}
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT channel, sku, oms_sku FROM orderflow.sku_refusals WHERE %(channel)s::text IS NULL"
            " OR channel = %(channel)s",
            {"channel": channel},
        )
        for name, sku, oms_sku in cursor.fetchall():
            found.setdefault((name, sku), set()).add(oms_sku)
    return found


_UNMAPPED = """
WITH each AS MATERIALIZED (
    SELECT q.channel, sku, q.id, q.value, q.currency, q.first_seen_at
    FROM orderflow.quarantine AS q CROSS JOIN LATERAL unnest(q.unmapped) AS sku
    WHERE q.state IN ('open', 'parked') AND q.unmapped <> '{}'
        AND (%(channel)s::text IS NULL OR q.channel = %(channel)s)
), summed AS (
    SELECT channel, sku, currency, count(*) AS orders, sum(value) AS value, min(first_seen_at) AS since, max(id) AS id
    FROM each GROUP BY channel, sku, currency
), total AS (
    SELECT channel, sku, sum(orders)::bigint AS orders, min(since) AS since, max(id) AS id,
        jsonb_object_agg(currency, value::text) FILTER (WHERE currency IS NOT NULL AND value IS NOT NULL) AS value
    FROM summed GROUP BY channel, sku ORDER BY sum(orders) DESC, channel, sku COLLATE "C" LIMIT %(limit)s
)
SELECT t.channel, t.sku, t.orders, t.value, t.since, l.title, l.gtin FROM total AS t
LEFT JOIN LATERAL (
    SELECT each ->> 'title' AS title, each ->> 'gtin' AS gtin
    FROM orderflow.quarantine AS q CROSS JOIN LATERAL jsonb_array_elements(q.document -> 'lines') AS each
    WHERE q.id = t.id AND each ->> 'sku' = t.sku LIMIT 1
) AS l ON true
ORDER BY t.orders DESC, t.channel, t.sku COLLATE "C"
"""

_ARTICLES = """
WITH sold AS (
    SELECT oms_sku, array_agg(DISTINCT sku) AS skus, array_agg(DISTINCT title) AS titles,
        array_agg(DISTINCT gtin) AS gtins
    FROM orderflow.order_lines WHERE oms_sku IS NOT NULL GROUP BY oms_sku
), mapped AS (
    SELECT oms_sku, array_agg(DISTINCT sku) AS skus FROM orderflow.sku_map GROUP BY oms_sku
)
SELECT coalesce(m.oms_sku, s.oms_sku), array_remove(coalesce(m.skus, '{}') || coalesce(s.skus, '{}'), NULL),
    array_remove(s.titles, NULL), array_remove(s.gtins, NULL)
FROM mapped AS m FULL JOIN sold AS s ON s.oms_sku = m.oms_sku ORDER BY 1
"""
