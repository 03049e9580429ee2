"""The benchmark of a growing staging fills it with what its questions find. Nothing here is timed."""

import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import staging
from orderflow.staging.migrate import migrate
from orderflow.staging.store import connect


def test_staging_is_filled_with_whole_orders_and_every_question_finds_them(dsn):
    with closing(connect(dsn)) as connection:
        migrate(connection)
        staging.fill(connection, 2000)
        with connection, connection.cursor() as cursor:
            for table in ("orders", "order_lines", "order_versions", "order_contacts", "receipts"):
                cursor.execute(f"SELECT count(*), count(*) FILTER (WHERE channel = 'bench') FROM orderflow.{table}")
                assert cursor.fetchone() == (2000, 1000)
        nothing = {name for name, question in staging.questions(connection).items() if not question()}
    waits_for_nobody = {
        "channels: outbox",
        "metrics: outbox",
        "metrics: unfinished windows",
        "quarantine: decided lately",
    }
    assert nothing == waits_for_nobody
