"""Results of expectations: written run by run, so that a trend can be read from them."""

from __future__ import annotations

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.expectation import Run
from orderflow.staging.copying import storable
from orderflow.staging.session import transaction


def keep(connection: Connection, run: Run) -> int:
    """Store a run with all its results; the same run again replaces them. Returns its id."""
    with transaction(connection) as cursor:
        cursor.execute(
            "DELETE FROM orderflow.expectation_runs WHERE (channel, day, run_id) = (%s, %s, %s)",
            (run.channel, run.day, run.run_id),
        )
        cursor.execute(
            """
            INSERT INTO orderflow.expectation_runs (
                channel, day, run_id, asked_by, started_at, seconds, orders, lines, partial, engine, expected, failed)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (
                run.channel, run.day, run.run_id, run.asked_by, run.started_at, run.seconds, run.orders, run.lines,
                run.partial, run.engine, len(run.results), run.failed,
            ),
        )  # fmt: skip
        found = cursor.fetchone()
        assert found is not None, "an insert returns what it inserted"
        cursor.execute(
            """
            INSERT INTO orderflow.expectation_results (
                expectation_run, position, name, kind, "table", "column", origin, meaning, success, evaluated,
                unexpected, observed, sample, error)
            SELECT %s, r.position, name, kind, "table", "column", origin, meaning, success, coalesce(evaluated, 0),
                coalesce(unexpected, 0), observed, coalesce(sample, '{}'), error
            FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (
                name text, kind text, "table" text, "column" text, origin text, meaning text, success boolean,
                evaluated bigint, unexpected bigint, observed text, sample text[], error text)
            ) WITH ORDINALITY AS r(name, kind, "table", "column", origin, meaning, success, evaluated, unexpected,
                                   observed, sample, error, position)
            """,
            (found[0], storable(msgspec.json.encode(run.results))),
        )
        return int(found[0])
