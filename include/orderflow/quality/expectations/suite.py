"""A channel's suite: what the canonical contract promises of every staged order, and what its file adds.

Nothing of a channel file is evaluated: each list of `validate.expectations` is one kind, and each kind is one
expectation of Great Expectations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from orderflow.domain.channel import Channel, Expectations
from orderflow.domain.errors import ConfigError
from orderflow.domain.expectation import COLUMNS
from orderflow.domain.order import (
    FULFILMENT_STATUS,
    LINE_KINDS,
    MASKING,
    ORDER_STATUS,
    PAYMENT_STATUS,
    RETURN_STATUS,
)

Table: TypeAlias = Literal["orders", "lines"]
Kind: TypeAlias = Literal[
    "filled", "one_of", "between", "matches", "mean", "distinct", "unique", "ordered", "equal", "rows"
]

_CURRENCY, _COUNTRY, _GTIN = "^[A-Z]{3}$", "^[A-Z]{2}$", "^[0-9]{8,14}$"
_ALWAYS_FILLED = (
    "order_id", "order_status", "payment_status", "fulfilment_status", "return_status", "channel_updated_at",
    "currency", "grand_total",
)  # fmt: skip
_VOCABULARIES: Mapping[str, tuple[str, ...]] = {
    "order_status": ORDER_STATUS,
    "payment_status": PAYMENT_STATUS,
    "fulfilment_status": FULFILMENT_STATUS,
    "return_status": RETURN_STATUS,
    "masking": MASKING,
    "lines.kind": LINE_KINDS,
}
_FORMS = {
    "currency": _CURRENCY, "shop_currency": _CURRENCY, "ship_country": _COUNTRY, "lines.gtin": _GTIN,
}  # fmt: skip
_JUDGED_BY: Mapping[str, str] = {
    "COUNTRY_UNKNOWN": "ship_country matches contract",
    "CURRENCY_MISSING": "currency filled contract",
    "CURRENCY_UNKNOWN": "currency matches contract",
    "GRAND_TOTAL_MISSING": "grand_total filled contract",
    "GRAND_TOTAL_NEGATIVE": "grand_total between contract",
    "LINES_MISSING": "line_count between contract",
    "LINE_KIND_UNKNOWN": "lines.kind one_of contract",
    "LINE_TOTAL_MISSING": "lines.total filled contract",
    "QUANTITY_HUGE": "lines.quantity between contract",
    "QUANTITY_MISSING": "lines.quantity filled contract",
    "QUANTITY_NEGATIVE": "lines.quantity between contract",
    "SKU_MISSING": "lines.sku filled contract",
    "UNIT_PRICE_NEGATIVE": "lines.unit_price between contract",
    "UPDATED_AT_MISSING": "channel_updated_at filled contract",
}
"""Rules that refuse orders, and the expectation that says the same of a day."""
_SHOWN_VALUES = 6


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation. `columns` are those of `table`, without its prefix; `given` what its kind asks for."""

    kind: Kind
    table: Table
    columns: tuple[str, ...]
    origin: Literal["contract", "channel"]
    share: float = 1.0
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in results, so that its trend can be followed."""
        prefix = "lines." if self.table == "lines" else ""
        about = [f"{prefix}{column}" for column in self.columns] or [self.table]
        return " ".join([*about, self.kind, self.origin])

    @property
    def meaning(self) -> str:
        """The expectation in words."""
        first = f"{'line ' if self.table == 'lines' else ''}{self.columns[0]}" if self.columns else self.table
        both = " and ".join(self.columns)
        words = {
            "filled": f"{first} has a value",
            "one_of": f"{first} is one of {_listed(self.given.get('values', ()))}",
            "between": f"{first} lies {self._span()}",
            "matches": f"{first} matches {self.given.get('pattern')}",
            "mean": f"the mean of {first} lies {self._span()}",
            "distinct": f"the number of different values of {first} lies {self._span()}",
            "unique": f"{both} {'occur together' if len(self.columns) > 1 else 'occurs'} once among {self.table}",
            "ordered": f"{both} follow each other in time",
            "equal": f"{both} are the same",
            "rows": f"the number of {self.table} lies {self._span()}",
        }
        return words[self.kind] + (f", in {self.share:.1%} of the rows" if self.share < 1 else "")

    def _span(self) -> str:
        least, most = self.given.get("least"), self.given.get("most")
        if least is None:
            return f"at or below {most}"
        return f"at or above {least}" if most is None else f"between {least} and {most}"


def suite(channel: Channel) -> list[Expected]:
    """The contract's expectations, but for rules that the channel waives, then its own.

    Raises `ConfigError` for a column that does not exist.
    """
    waived = {_JUDGED_BY.get(code) for code in channel.validate_.waive}
    promised = (each for each in contract() if each.name not in waived)
    found = {each.name: each for each in [*promised, *_own(channel.validate_.expectations)]}
    for each in found.values():
        for column in each.columns:
            name = f"lines.{column}" if each.table == "lines" else column
            if each.origin == "channel" and name not in COLUMNS:
                raise ConfigError(
                    f"{channel.name}: validate.expectations: staged orders have no column {name!r}; the columns are "
                    f"{', '.join(COLUMNS)}"
                )
    return list(found.values())


def contract() -> Iterator[Expected]:
    """What holds for every channel, from the canonical order's own vocabulary."""
    for column in _ALWAYS_FILLED:
        yield Expected("filled", "orders", (column,), "contract")
    yield Expected("unique", "orders", ("order_id",), "contract")
    for name, values in _VOCABULARIES.items():
        table, column = _split(name)
        yield Expected("one_of", table, (column,), "contract", given={"values": list(values)})
    for name, pattern in _FORMS.items():
        table, column = _split(name)
        share = 0.95 if column == "gtin" else 1.0
        yield Expected("matches", table, (column,), "contract", share, {"pattern": pattern})
    for column in ("grand_total", "paid", "refunded"):
        yield Expected("between", "orders", (column,), "contract", given={"least": 0})
    yield Expected("between", "orders", ("line_count",), "contract", 0.95, {"least": 1})
    yield Expected("equal", "orders", ("line_count", "lines_found"), "contract")
    yield Expected("ordered", "orders", ("channel_created_at", "channel_updated_at"), "contract", 0.99)
    for column in ("quantity", "total"):
        yield Expected("filled", "lines", (column,), "contract")
    yield Expected("filled", "lines", ("sku",), "contract", 0.95)
    yield Expected("filled", "lines", ("title",), "contract", 0.95)
    yield Expected("between", "lines", ("quantity",), "contract", given={"least": 0, "most": 100_000})
    yield Expected("between", "lines", ("unit_price",), "contract", given={"least": 0})
    yield Expected("unique", "lines", ("order_id", "number"), "contract")


def _own(rules: Expectations) -> Iterator[Expected]:
    if rules.orders_per_day is not None:
        least, most = rules.orders_per_day
        yield Expected("rows", "orders", (), "channel", given={"least": least, "most": most})
    for filled in rules.filled:
        yield _of("filled", filled.column, filled.share)
    for one_of in rules.one_of:
        yield _of("one_of", one_of.column, one_of.share, values=one_of.values)
    for between in rules.between:
        yield _of("between", between.column, between.share, least=between.least, most=between.most)
    for matches in rules.matches:
        yield _of("matches", matches.column, matches.share, pattern=matches.pattern)
    for mean in rules.mean:
        yield _of("mean", mean.column, least=mean.least, most=mean.most)
    for distinct in rules.distinct:
        yield _of("distinct", distinct.column, least=distinct.least, most=distinct.most)
    for unique in rules.unique:
        table, first = _split(unique.columns[0])
        rest = tuple(_split(name)[1] for name in unique.columns[1:])
        yield Expected("unique", table, (first, *rest), "channel")
    for ordered in rules.ordered:
        table, earlier = _split(ordered.earlier)
        columns = (earlier, _split(ordered.later)[1])
        yield Expected("ordered", table, columns, "channel", float(ordered.share))


def _of(kind: Kind, name: str, share: Decimal = Decimal(1), **given: Any) -> Expected:
    table, column = _split(name)
    return Expected(kind, table, (column,), "channel", float(share), given)


def _split(name: str) -> tuple[Table, str]:
    return ("lines", name.removeprefix("lines.")) if name.startswith("lines.") else ("orders", name)


def _listed(values: Any) -> str:
    shown = ", ".join(map(str, values[:_SHOWN_VALUES]))
    return f"{shown}, … ({len(values)})" if len(values) > _SHOWN_VALUES else shown
