"""The backlog: what is in quarantine, read for lists, pages and bulk decisions. Nothing here changes anything.

The filters are the same for reading and for deciding (`staging.actions`): what a list shows is what a bulk decision
takes. Lists are paged by key, newest first, so that the last page costs as much as the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 spells its class like an instance

from orderflow.domain.errors import ConfigError
from orderflow.staging.session import transaction

State: TypeAlias = Literal["open", "parked", "released", "discarded", "superseded"]
NOBODY = ""
"""As an assignee: rows that nobody looks after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rows; what is not given does not narrow. `state` is `waiting` for open and parked, None for any.

    `codes` matches rows that break any of these rules: how a team finds its own. `channels` is what somebody may see.
    `begins` is the beginning of an order id. `at_least` is a value in `currency`.
    """

    channel: str | None = None
    channels: frozenset[str] | None = None
    state: State | Literal["waiting"] | None = "waiting"
    reason: str | None = None
    codes: frozenset[str] | None = None
    sku: str | None = None
    order_id: str | None = None
    begins: str | None = None
    assignee: str | None = None
    currency: str | None = None
    at_least: Decimal | None = None

    def __post_init__(self) -> None:
        allowed = ("waiting", *get_args(State))
        if self.state is not None and self.state not in allowed:
            raise ConfigError(f"quarantine has no state {self.state!r}; it has {', '.join(allowed)}")
        if self.at_least is not None and self.currency is None:
            raise ConfigError(f"a value of at least {self.at_least} needs its currency; amounts of two never mix")

    @property
    def narrow(self) -> bool:
        """Whether it says more than the state."""
        given = (
            self.channel, self.reason, self.codes, self.sku, self.order_id, self.begins, self.assignee, self.currency,
        )  # fmt: skip
        return any(each is not None for each in given)

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on `orderflow.quarantine AS q`, and its values."""
        parts = {
            "channel": "q.channel = %(channel)s",
            "channels": "q.channel = ANY(%(channels)s)",
            "reason": "q.codes @> ARRAY[%(reason)s]",
            "codes": "q.codes && %(codes)s::text[]",
            "sku": "q.skus @> ARRAY[%(sku)s]",
            "order_id": "q.subject = %(order_id)s",
            "begins": "starts_with(q.subject, %(begins)s)",
            "currency": "q.currency = %(currency)s",
            "at_least": "q.value >= %(at_least)s",
        }
        values = {name: getattr(self, name) for name in parts if getattr(self, name) is not None}
        conditions = [parts[name] for name in values]
        for name in ("channels", "codes"):
            if name in values:
                values[name] = sorted(values[name])
        if self.assignee is not None:
            conditions.append("q.assignee IS NULL" if self.assignee == NOBODY else "q.assignee = %(assignee)s")
            values["assignee"] = self.assignee
        if self.state == "waiting":
            conditions.append("q.state IN ('open', 'parked')")
        elif self.state is not None:
            conditions.append("q.state = %(state)s")
            values["state"] = self.state
            if self.state in ("open", "parked"):
                conditions.append("q.state IN ('open', 'parked')")
        return " AND ".join(conditions) or "true", values


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order in quarantine, or one record that names none (`order_id` None, `subject` its hash).

    `value` is what is at risk, in the shop's currency where the channel tells it. `reasons` are
    `{code, field, value, message}`; `decided_by` is None where the flow itself brought it into its state.
    """

    id: int
    channel: str
    subject: str
    order_id: str | None
    source: Literal["validate", "unreadable", "oms"]
    state: State
    codes: list[str]
    reasons: list[dict[str, Any]]
    unmapped: list[str]
    value: Decimal | None
    currency: str | None
    assignee: str | None
    decided_by: str | None
    decided_at: datetime | None
    replay_asked_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int


_ROW = ", ".join(f"q.{name}" for name in Row.__slots__)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first; `after` asks for the next ones, None: there are none."""

    rows: list[Row]
    after: str | None


def page(connection: Connection, which: Filter, *, after: str | None = None, size: int = 50) -> Page:
    """The rows from `after` on. Raises `ConfigError` for an `after` that no page gave out."""
    condition, values = which.where()
    if after is not None:
        condition += " AND (q.last_seen_at, q.id) < (%(seen)s::timestamptz, %(id)s)"
        values |= _key(after)
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT {_ROW} FROM orderflow.quarantine AS q WHERE {condition}"  # noqa: S608 - columns and fixed texts
            " ORDER BY q.last_seen_at DESC, q.id DESC LIMIT %(size)s",
            {**values, "size": size + 1},
        )
        rows = [Row(**dict(zip(Row.__slots__, each, strict=True))) for each in cursor.fetchall()]
    last = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], None if last is None else f"{last.last_seen_at.isoformat()}~{last.id}")


def _key(after: str) -> dict[str, Any]:
    seen, _, number = after.rpartition("~")
    try:
        return {"seen": datetime.fromisoformat(seen), "id": int(number)}
    except ValueError as error:
        raise ConfigError(f"{after!r} is not where a page ended; take it from the page before") from error


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a row's story."""

    at: datetime
    who: str
    what: str
    why: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """A row with its cleaned order (None: it could not be read) and its story, oldest first."""

    row: Row
    document: dict[str, Any] | None
    content_hash: bytes | None
    landing: str
    ordinal: int | None
    story: list[Event]


def whole(connection: Connection, quarantine_id: int) -> Whole:
    """Raises `ConfigError` when there is no such row."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT q.document, q.content_hash, q.landing, q.ordinal, {_ROW} "  # noqa: S608 - names of columns
            "FROM orderflow.quarantine AS q WHERE q.id = %s",
            (quarantine_id,),
        )
        found = cursor.fetchone()
        if found is None:
            raise ConfigError(f"quarantine has no row {quarantine_id}; read the list again")
        cursor.execute(
            "SELECT at, who, what, why, detail FROM orderflow.quarantine_events WHERE quarantine_id = %s ORDER BY id",
            (quarantine_id,),
        )
        story = [Event(*each) for each in cursor.fetchall()]
    document, content_hash, landing, ordinal, *rest = found
    row = Row(**dict(zip(Row.__slots__, rest, strict=True)))
    return Whole(row, document, None if content_hash is None else bytes(content_hash), landing, ordinal, story)


@dataclass(frozen=True, slots=True)
class Total:
    """What waits for one reason. An order with two reasons counts in both; `values` is by currency, "?" for none."""

    channel: str
    code: str
    open: int
    parked: int
    values: dict[str, Decimal] = field(default_factory=dict)

    @property
    def orders(self) -> int:
        return self.open + self.parked


def totals(connection: Connection, channel: str | None = None) -> list[Total]:
    """What waits, by channel and reason, most orders first."""
    with transaction(connection) as cursor:
        cursor.execute(_TOTALS, {"channel": channel})
        return [
            Total(name, code, opened, parked, {currency: Decimal(text) for currency, text in (values or {}).items()})
            for name, code, opened, parked, values in cursor.fetchall()
        ]


def waiting(connection: Connection, channel: str | None = None) -> dict[str, int]:
    """How many orders wait, by state; each counts once."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM orderflow.quarantine WHERE state IN ('open', 'parked')"
            " AND (%(channel)s::text IS NULL OR channel = %(channel)s) GROUP BY state",
            {"channel": channel},
        )
        return {"open": 0, "parked": 0, **dict(cursor.fetchall())}


def identify(connection: Connection, orders: Sequence[str], channel: str | None = None) -> list[int]:
    """The rows of these orders, by order id or by the row's own number: `#12`, or `12` where no order has that id.

    Raises `ConfigError` with every one that is unknown, or that several channels have.
    """
    found: list[int] = []
    problems: list[str] = []
    with transaction(connection) as cursor:
        for text in orders:
            cursor.execute(_IDENTIFY, {"text": text, "channel": channel, "row": _row_number(text)})
            rows = cursor.fetchall()
            ids = [row for row in rows if row[2]] or rows
            if len(ids) == 1:
                found.append(ids[0][0])
            elif ids:
                problems.append(f"{text} is in {', '.join(row[1] for row in ids)}; say which with --channel")
            else:
                where = f" of {channel}" if channel else ""
                problems.append(
                    f"{text} is not in quarantine{where}: neither an order id nor a row of its list; "
                    "`orderflow quarantine list` shows both; write a row as 12, or as '#12' in quotes (a shell reads # "
                    "as a comment)"
                )
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def _row_number(text: str) -> int | None:
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


_IDENTIFY = """
SELECT id, channel, subject = %(text)s AS by_id FROM orderflow.quarantine
WHERE (subject = %(text)s OR id = %(row)s) AND (%(channel)s::text IS NULL OR channel = %(channel)s)
ORDER BY id LIMIT 5
"""

# Grouping by the whole set of reasons first is an index-only scan; only its few groups are taken apart.
_TOTALS = """
WITH sets AS (
    SELECT channel, codes, state, currency, count(*) AS orders, sum(value) AS value
    FROM orderflow.quarantine
    WHERE state IN ('open', 'parked') AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    GROUP BY channel, codes, state, currency
), each AS (
    SELECT channel, code, currency, sum(value) AS value,
        coalesce(sum(orders) FILTER (WHERE state = 'open'), 0)::bigint AS open,
        coalesce(sum(orders) FILTER (WHERE state = 'parked'), 0)::bigint AS parked
    FROM sets CROSS JOIN LATERAL unnest(codes) AS code GROUP BY channel, code, currency
)
SELECT channel, code, sum(open)::bigint, sum(parked)::bigint,
    jsonb_object_agg(coalesce(currency, '?'), value::text) FILTER (WHERE value IS NOT NULL)
FROM each GROUP BY channel, code ORDER BY sum(open) + sum(parked) DESC, code, channel
"""
