"""Reads a table's rows by their modified column; never translates, never writes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    func,
    inspect,
    literal,
    or_,
    select,
    type_coerce,
    types,
)

from orderflow.adapters.sql import database, moments
from orderflow.adapters.sql.options import Children, Clock, Options
from orderflow.adapters.sql.rows import comparable, inner, reading, record
from orderflow.domain.errors import DriftError, RecordError
from orderflow.domain.source import Account, JsonValue, OrderStub, Page, Runtime
from orderflow.domain.window import Window

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)
IDS_AT_ONCE = 500
"""Values in one list of a question; Oracle takes 1,000."""


_TYPED = (types.Integer, types.Numeric, types.DateTime, types.Uuid)
"""Columns whose values are no text to their driver."""


class Rows:
    """A `Source`, `ById` and `Counting`; also `Countable` where the channel file names a column of creation."""

    def __init__(self, options: Options, account: Account, runtime: Runtime) -> None:
        self._options, self._account, self._runtime = options, account, runtime
        if options.created:
            self.identify = self._identify

    def fetch(self, window: Window, after: JsonValue = None) -> Iterator[Page]:
        """Rows modified within `window`, oldest first; `after` is the cursor of a page."""
        with database.session(self._account) as connection:
            table = self._table(connection)
            table.demand_filled(self._options.modified)
            yield from table.pages(self._options.modified, window, after)

    def count(self, window: Window) -> int:
        with database.session(self._account) as connection:
            table = self._table(connection)
            within = table.within(self._options.modified, window)
            (row,) = table.ask(select(func.count()).select_from(table.table).where(within))
            return int(row[0])

    def _identify(self, window: Window) -> Iterator[OrderStub]:
        """Orders created within `window`."""
        created = self._options.created
        assert created is not None
        with database.session(self._account) as connection:
            for page in self._table(connection).pages(created, window, None):
                yield from map(self._stub, page.records)

    def fetch_ids(self, order_ids: Sequence[str]) -> Iterator[Page]:
        """The orders with these ids."""
        with database.session(self._account) as connection:
            table = self._table(connection)
            for start in range(0, len(order_ids), IDS_AT_ONCE):
                if rows := table.among(table.id, order_ids[start : start + IDS_AT_ONCE]):
                    yield Page(table.records(rows), f"{table.name}?{table.id.name}")

    def _table(self, connection: Connection) -> _Asked:
        return _Asked(self._options, connection, self._runtime)

    def _stub(self, data: bytes) -> OrderStub:
        raw = _JSON.decode(data)
        try:
            order = self._options.map.compiled(raw)
        except RecordError:
            return OrderStub(str(raw[self._options.id]))
        return OrderStub(order.order_id, order.order_status, order.grand_total, order.currency, len(order.lines))


class _Asked:
    """One table or view as it is now, over one connection: that of the orders, or one of their children."""

    def __init__(self, options: Options, connection: Connection, runtime: Runtime, of: Children | None = None) -> None:
        name = of.table if of else options.table
        self._options, self._connection, self._runtime = options, connection, runtime
        self.name = name
        found = inspect(connection).get_columns(name, schema=options.schema_name)
        columns = [Column(each["name"], each["type"], nullable=each.get("nullable", True)) for each in found]
        self.table = Table(name, MetaData(), *columns, schema=options.schema_name)
        self._json = {column.name for column in columns if isinstance(column.type, types.JSON)}
        self._where = {} if of else options.where
        self._kin: dict[str, tuple[_Asked, Children]] = {}
        if of is None:
            self.id = self.column(options.id)
            self._json |= {self.column(told).name for told in options.json_columns}
            self._kin = {
                label: (_Asked(options, connection, runtime, told), told) for label, told in options.children.items()
            }

    def column(self, name: str) -> Column[Any]:
        """A column by its name; no other text of the channel file ever becomes part of a question."""
        if name in self.table.columns:
            return self.table.columns[name]
        near = difflib.get_close_matches(name, self.table.columns.keys(), n=1)
        hint = f"did you mean {near[0]!r}" if near else f"it has {', '.join(self.table.columns.keys())}"
        raise DriftError(
            f"{self.name} has no column {name!r}; {hint}; correct the channel file, or give the view that column"
        )

    def ask(self, statement: Select[Any]) -> Sequence[Any]:
        """All rows of an answer, which the statement limits."""
        if self._runtime.throttle:
            self._runtime.throttle.take()
        cost, began = self._runtime.meter.endpoint(self.name), self._runtime.clock()
        try:
            rows = self._connection.execute(statement).all()
        except ValueError as error:  # psycopg2 says so of the year 20223, and of times before Christ
            raise DriftError(
                f"{self.name}: a value that its driver cannot read ({error}); correct it there, or give a view that "
                "casts its column to text"
            ) from None
        seconds = (self._runtime.clock() - began).total_seconds()
        cost.calls += 1
        cost.seconds += seconds
        cost.slowest = max(cost.slowest, seconds)
        return rows

    def demand_filled(self, clock: Clock) -> None:
        """Raise `DriftError` where a row has no such time, or 0 in its place: no window would ever hold it."""
        column = self.column(clock.column)
        _, first = moments.ends(clock, column.type, self._dialect, moments.BEFORE_ALL)
        empty = column < self._bound(column, first)
        for missing in (empty, column.is_(None)) if column.nullable else (empty,):
            if self.ask(select(self.id).where(self._ours(), missing).limit(1)):
                raise DriftError(
                    f"{self.name}: a row without {column.name}, or with a time before 1971 in its place (0, "
                    "0000-00-00), which no window would ever hold; name a column that is always filled, or give a view "
                    f"that fills it, such as COALESCE({column.name}, ...) of the creation"
                )

    def within(self, clock: Clock, window: Window) -> ColumnElement[bool]:
        """Rows of this channel whose time lies in the half-open window."""
        column = self.column(clock.column)
        start, end = moments.ends(clock, column.type, self._dialect, window)
        return and_(self._ours(), column >= self._bound(column, start), column < self._bound(column, end))

    def pages(self, clock: Clock, window: Window, after: JsonValue) -> Iterator[Page]:
        """By time and id, each page behind the last row of the one before: no row moves while one reads.

        Raises `DriftError` where time and id do not tell two rows apart.
        """
        column, batch = self.column(clock.column), self._options.batch
        within = self.within(clock, window)
        seen: set[Any] = set()
        while True:
            where = within if after is None else and_(within, self._behind(column, after))
            asked = self._select().where(where).order_by(column, self.id).limit(batch + 1)
            rows = self._rows(self.ask(asked))
            here, more = rows[:batch], len(rows) > batch
            self._demand_apart(column, rows, seen)
            if not here:
                return
            seen = {self._key(column, row) for row in here}
            after = list(self._key(column, here[-1]))
            yield Page(self.records(here), f"{self.name}?{clock.column}={window}&{after[0]}", after if more else None)
            if not more:
                return

    def among(self, column: Column[Any], wanted: Sequence[Any], order_by: str | None = None) -> list[dict[str, Any]]:
        """Rows whose column holds one of these."""
        values = [found for each in wanted if (found := comparable(column.type, each)) is not None]
        if not values:
            return []
        statement = self._select().where(self._ours(), column.in_([self._bound(column, each) for each in values]))
        if order_by:
            statement = statement.order_by(column, self.column(order_by))
        return self._rows(self.ask(statement))

    def records(self, rows: Sequence[dict[str, Any]]) -> list[bytes]:
        """These rows as JSON, each with the rows of other tables that belong to it."""
        ids = [row[self.id.name] for row in rows]
        found = {name: _grouped(table, told, ids) for name, (table, told) in self._kin.items()}
        return [record({**row, **{name: of[str(row[self.id.name])] for name, of in found.items()}}) for row in rows]

    def _select(self) -> Select[Any]:
        """All columns as the driver gives them: no conversion of ours stands in between."""
        return select(*(self._picked(column).label(column.name) for column in self.table.columns))

    def _picked(self, column: Column[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, types.JSON) and self._dialect != "sqlite":
            return cast(column, types.Text)
        return type_coerce(column, types.NullType())

    def _rows(self, found: Sequence[Any]) -> list[dict[str, Any]]:
        reads: list[tuple[str, Callable[[Any], Any]]] = [
            (column.name, inner if column.name in self._json else reading(column, self._dialect))
            for column in self.table.columns
        ]
        return [{name: read(each) for (name, read), each in zip(reads, row, strict=True)} for row in found]

    def _ours(self) -> ColumnElement[bool]:
        """The rows of this channel; of children all."""
        parts = []
        for name, wanted in self._where.items():
            column = self.column(name)
            told = [wanted] if isinstance(wanted, str) else wanted
            values = [comparable(column.type, each) for each in told]
            if None in values:
                raise DriftError(
                    f"{self.name}: column {name} is of type {column.type} and can never be "
                    f"{told[values.index(None)]!r}; correct `where` in the channel file"
                )
            parts.append(column.in_([self._bound(column, each) for each in values]))
        return and_(True, *parts)

    def _behind(self, column: Column[Any], after: JsonValue) -> ColumnElement[bool]:
        moment, order_id = (comparable(each.type, told) for each, told in zip((column, self.id), after, strict=True))
        at, name = self._bound(column, moment), self._bound(self.id, order_id)
        return and_(column >= at, or_(column > at, self.id > name))

    def _key(self, column: Column[Any], row: Mapping[str, Any]) -> tuple[Any, Any]:
        return row[column.name], row[self.id.name]

    def _demand_apart(self, column: Column[Any], rows: Sequence[Mapping[str, Any]], seen: set[Any]) -> None:
        """What paging stands on: every row has an id of its own, and a row never comes a second time as it was."""
        keys = [self._key(column, row) for row in rows]
        if any(order_id is None for _, order_id in keys):
            raise DriftError(f"{self.name}: a row without {self.id.name}; give a view of the rows that have one")
        if len({order_id for _, order_id in keys}) < len(keys):
            raise DriftError(
                f"{self.name}: several rows with the same {self.id.name}; give a view with one row for each order, and "
                "name further rows as children"
            )
        if keys and keys[0] in seen:
            raise DriftError(
                f"{self.name}: {column.name} is finer than the microseconds that its driver gives; give a view that "
                "casts it to microseconds"
            )

    def _bound(self, column: Column[Any], told: Any) -> ColumnElement[Any]:
        """A value of a question, always sent beside it. SQLite keeps times as whatever text was written."""
        typed = isinstance(column.type, _TYPED) and self._dialect != "sqlite"
        return literal(told, column.type if typed else types.NullType())

    @property
    def _dialect(self) -> str:
        return self._connection.dialect.name


def _grouped(table: _Asked, told: Children, ids: Sequence[Any]) -> Mapping[str, list[dict[str, Any]]]:
    """The children of these orders, by the order's id as text, whatever case and blanks the database does not mind."""
    key, grouped = table.column(told.key), {str(order_id): list[dict[str, Any]]() for order_id in ids}
    alike = {_folded(order_id): order_id for order_id in grouped}
    for start in range(0, len(ids), IDS_AT_ONCE):
        for row in table.among(key, ids[start : start + IDS_AT_ONCE], told.order_by):
            spelled = str(row[told.key])
            order_id = spelled if spelled in grouped else alike.get(_folded(spelled))
            if order_id is None:
                raise DriftError(
                    f"{table.name}: {told.key} {spelled!r} is spelled otherwise than the id of its order; give a view "
                    "that spells both alike"
                )
            grouped[order_id].append(row)
    return grouped


def _folded(spelled: str) -> str:
    return spelled.rstrip(" ").casefold()
