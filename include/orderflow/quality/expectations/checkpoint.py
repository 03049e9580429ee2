"""One run of a channel's suite by Great Expectations, in the staging database.

The day's orders are cut out into a temporary table by an index, and every expectation is asked there: no row comes
here but the ids of a few that failed. Nothing is sent anywhere else: the context lives in memory, without telemetry.
Facts of Great Expectations 1.x (github.com/great-expectations/great_expectations).
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from orderflow.domain.channel import Channel
from orderflow.domain.errors import TransientError
from orderflow.domain.expectation import Result, Run
from orderflow.domain.window import Window
from orderflow.quality.expectations.suite import Expected, Table, suite
from orderflow.quality.personal import masked

log = logging.getLogger(__name__)

MOST_ORDERS = 200_000
"""Orders of one day that one run looks at."""
SAMPLE = 5
"""Order ids that are kept of each expectation that failed."""
LONGEST_QUERY = timedelta(seconds=60)

_IDENTIFIER = re.compile(r"[A-Za-z0-9#._:/-]{1,64}")


def check(
    channel: Channel,
    dsn: str,
    day: date,
    *,
    now: datetime,
    run_id: str,
    asked_by: Literal["schedule", "person", "load"] = "person",
    data_docs: Path | None = None,
) -> Run:
    """Ask the staging database whether the orders created on `day` (in the channel's zone) are as expected.

    `data_docs` is a folder for Great Expectations' own pages, which load their styles from the internet. Raises
    `TransientError` when the database does not answer, `ConfigError` for an expectation on an unknown column.
    """
    planned = suite(channel)
    began = time.perf_counter()
    with _quiet():
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        _no_progress_bars(context)
        found: list[Result] = []
        rows: dict[Table, int] = {}
        tables: tuple[Table, ...] = ("orders", "lines")
        try:
            source = _source(context, dsn)
            for table in tables:
                mine = [each for each in planned if each.table == table]
                outcome = _asked(context, source, table, _query(table, channel, day), mine)
                rows[table] = _row_count(outcome)
                found += _results(mine, outcome)
        except _unanswered() as error:
            said = " ".join(str(error.__cause__ or error).split())[:300]
            raise TransientError(f"the staging database does not answer: {said}; start it, then check again") from error
        finally:
            for each in context.data_sources.all().values():
                each.get_execution_engine().close()
        if data_docs is not None:
            _write_data_docs(context, data_docs)
    run = Run(
        channel=channel.name,
        day=day,
        run_id=run_id,
        asked_by=asked_by,
        started_at=now,
        seconds=time.perf_counter() - began,
        orders=rows["orders"],
        lines=rows["lines"],
        partial=rows["orders"] >= MOST_ORDERS,
        engine=f"Great Expectations {gx.__version__}",
        results=found,
    )
    log.info(
        "expectations checked channel=%s day=%s orders=%d failed=%d of=%d",
        channel.name, day, run.orders, run.failed, len(found),
    )  # fmt: skip
    return run


def day_of(channel: Channel, day: date) -> Window:
    """The channel's business day."""
    zone = ZoneInfo(channel.schedule.timezone)
    start, end = (datetime.combine(each, datetime.min.time(), zone) for each in (day, day + timedelta(days=1)))
    return Window(start, end)


def _query(table: Table, channel: Channel, day: date) -> str:
    span = day_of(channel, day)
    name = channel.name.replace("'", "''")
    chosen = (
        f"SELECT * FROM orderflow.orders WHERE channel = '{name}' "  # noqa: S608 - a channel's name is checked and quoted
        f"AND channel_created_at >= '{span.start.isoformat()}' AND channel_created_at < '{span.end.isoformat()}' "
        f"ORDER BY channel_created_at LIMIT {MOST_ORDERS}"
    )
    if table == "orders":
        return (
            f"SELECT o.*, (SELECT count(*) FROM orderflow.order_lines AS l WHERE l.channel = o.channel "  # noqa: S608
            f"AND l.order_id = o.order_id) AS lines_found FROM ({chosen}) AS o"
        )
    return f"SELECT l.* FROM ({chosen}) AS o JOIN orderflow.order_lines AS l USING (channel, order_id)"  # noqa: S608


def _source(context: Any, dsn: str) -> Any:
    from psycopg2.extensions import parse_dsn

    milliseconds = int(LONGEST_QUERY.total_seconds() * 1000)
    arguments = {
        "connect_timeout": "10",
        **parse_dsn(dsn),
        "application_name": "orderflow expectations",
        "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
    }
    return context.data_sources.add_sql(
        "staging",
        connection_string="postgresql+psycopg2://",
        kwargs={"connect_args": arguments},
        create_temp_table=True,
    )


def _asked(context: Any, source: Any, table: Table, query: str, planned: Sequence[Expected]) -> Sequence[Any]:
    """Great Expectations' results, in the order of `planned`, with the number of rows last."""
    import great_expectations as gx
    from great_expectations import expectations as kinds

    gxe: Any = kinds
    batch = source.add_query_asset(table, query=query).add_batch_definition("day")
    suite = context.suites.add(gx.ExpectationSuite(table))
    for number, each in enumerate(planned):
        suite.add_expectation(_expectation(gxe, each, number))
    suite.add_expectation(gxe.ExpectTableRowCountToBeBetween(min_value=0, meta={"place": len(planned)}))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=table, data=batch, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=table,
            validation_definitions=[definition],
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": ["order_id"],
                "partial_unexpected_count": SAMPLE,
            },
        )
    )
    (outcome,) = checkpoint.run().run_results.values()
    return sorted(outcome.results, key=lambda result: result.expectation_config.meta["place"])


def _expectation(gxe: Any, each: Expected, place: int) -> Any:
    given, meta = {name: _plain(value) for name, value in each.given.items()}, {"place": place, "name": each.name}
    span = {"min_value": given.get("least"), "max_value": given.get("most")}
    one = {"column": each.columns[0], "meta": meta} if each.columns else {"meta": meta}
    mostly = {**one, "mostly": each.share}
    match each.kind:
        case "filled":
            return gxe.ExpectColumnValuesToNotBeNull(**mostly)
        case "one_of":
            return gxe.ExpectColumnValuesToBeInSet(value_set=given["values"], **mostly)
        case "between":
            return gxe.ExpectColumnValuesToBeBetween(**span, **mostly)
        case "matches":
            return gxe.ExpectColumnValuesToMatchRegex(regex=given["pattern"], **mostly)
        case "mean":
            return gxe.ExpectColumnMeanToBeBetween(**span, **one)
        case "distinct":
            return gxe.ExpectColumnUniqueValueCountToBeBetween(**span, **one)
        case "unique" if len(each.columns) == 1:
            return gxe.ExpectColumnValuesToBeUnique(**mostly)
        case "unique":
            return gxe.ExpectCompoundColumnsToBeUnique(
                column_list=list(each.columns), ignore_row_if="any_value_is_missing", meta=meta
            )
        case "ordered":
            return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=each.columns[1],
                column_B=each.columns[0],
                or_equal=True,
                mostly=each.share,
                ignore_row_if="either_value_is_missing",
                meta=meta,
            )
        case "equal":
            return gxe.ExpectColumnPairValuesToBeEqual(column_A=each.columns[0], column_B=each.columns[1], meta=meta)
        case "rows":
            return gxe.ExpectTableRowCountToBeBetween(**span, meta=meta)


def _plain(value: Any) -> Any:
    """Great Expectations compares with floats; bounds are what a person wrote, not amounts to add up."""
    return float(value) if isinstance(value, Decimal) else value


def _row_count(outcome: Sequence[Any]) -> int:
    return int(outcome[-1].result.get("observed_value") or 0)


def _results(planned: Sequence[Expected], outcome: Sequence[Any]) -> Iterator[Result]:
    for each, result in zip(planned, outcome, strict=False):
        found: Mapping[str, Any] = result.result or {}
        observed = found.get("observed_value")
        evaluated = int(found.get("element_count") or 0) - int(found.get("missing_count") or 0)
        yield Result(
            name=each.name,
            kind=each.kind,
            table=each.table,
            column=" + ".join(each.columns) or None,
            origin=each.origin,
            meaning=each.meaning,
            success=bool(result.success),
            evaluated=evaluated,
            unexpected=int(found.get("unexpected_count") or 0),
            observed=None if observed is None else _number(observed),
            sample=list(dict.fromkeys(_order_ids(found))),
            error=_said(result.exception_info),
        )


def _number(value: Any) -> str:
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _order_ids(found: Mapping[str, Any]) -> Iterator[str]:
    """Ids as they are where they look like ids; by their shape where a channel writes something else into them."""
    for row in found.get("partial_unexpected_index_list") or ():
        order_id = str(row.get("order_id"))
        yield order_id if _IDENTIFIER.fullmatch(order_id) else masked(order_id)


def _said(info: Any) -> str | None:
    """The first exception's own words; Great Expectations nests them by metric."""
    info = info or {}
    causes = [info] if "raised_exception" in info else list(info.values())
    said = next((each["exception_message"] for each in causes if each and each.get("raised_exception")), None)
    return None if said is None else " ".join(str(said).split())[:300]


def _unanswered() -> tuple[type[Exception], ...]:
    from great_expectations.datasource.fluent.interfaces import TestConnectionError
    from sqlalchemy.exc import OperationalError

    return TestConnectionError, OperationalError


def _no_progress_bars(context: Any) -> None:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations warns of what its own dependencies deprecate, and of what it rounds for its own files."""
    loud = logging.getLogger("great_expectations")
    before = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        loud.setLevel(before)


def _write_data_docs(context: Any, folder: Path) -> None:
    """Great Expectations' own pages."""
    folder.mkdir(parents=True, exist_ok=True)
    context.add_data_docs_site(
        site_name="stock",
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    context.build_data_docs(site_names=["stock"])
