"""Schemas: pandera decides which values break which rule, for many orders at once.

Every check brings a column of evidence (a field as it stands, or the residue of an equation), and becomes a column of a
`DataFrameSchema` for its table. Validation is lazy: all that is broken is collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.errors import SchemaErrors

from orderflow.domain.errors import BalanceError
from orderflow.domain.money import SCALE
from orderflow.quality.checks import MEANING, STRUCTURE
from orderflow.quality.checks.check import Check
from orderflow.quality.personal import PERSONAL, masked
from orderflow.quality.view import View

LONGEST_VALUE = 200

BROKEN = pa.schema(
    [
        ("order_row", pa.int64()),
        ("code", pa.string()),
        ("table", pa.string()),
        ("position", pa.int64()),
        ("field", pa.string()),
        ("value", pa.string()),
    ]
)
"""One row per value that breaks a rule; `position` counts from 1 within the order, null for the order's own fields."""

PASSES: tuple[tuple[Check, ...], ...] = (STRUCTURE, MEANING)


def broken(view: View) -> pa.Table:
    """Every broken rule of every order (`BROKEN`): of structure first, of meaning second, neither hiding the other."""
    found = [BROKEN.empty_table()]
    for checks in PASSES:
        for table in view.tables:
            found += _judged(view, table, [check for check in checks if check.table == table])
    return pa.concat_tables(found)


def _judged(view: View, table: str, checks: Sequence[Check]) -> list[pa.Table]:
    if not len(view.tables[table]):
        return []
    columns: dict[str, pandera.Column] = {}
    evidence: dict[str, pd.Series] = {}
    for check in checks:
        if (column := _series(check.evidence(view))) is not None:
            evidence[check.name] = column
            columns[check.name] = _column(check)
    try:
        pandera.DataFrameSchema(columns).validate(pd.DataFrame(evidence, copy=False), lazy=True, inplace=True)
    except SchemaErrors as errors:
        by_name = {check.name: check for check in checks}
        return [_rows(view, by_name, name, cases) for name, cases in errors.failure_cases.groupby("check", sort=False)]
    return []


def _column(check: Check) -> pandera.Column:
    question = pandera.Check(check.holds, name=check.name, ignore_na=False)
    return pandera.Column(None, checks=[question], nullable=True)


def _series(evidence: Any) -> pd.Series | None:
    """The evidence as a Series; None where there is nothing to ask, because all of it is null."""
    if evidence is None or (isinstance(evidence, pa.Array) and evidence.null_count == len(evidence)):
        return None
    return pd.Series(
        pd.arrays.ArrowExtensionArray(evidence) if isinstance(evidence, pa.Array) else evidence, copy=False
    )


def _rows(view: View, checks: dict[str, Check], name: str, cases: pd.DataFrame) -> pa.Table:
    if name not in checks or cases["index"].isna().any():
        raise BalanceError(
            f"pandera could not decide {name}: {cases['failure_case'].iloc[0]!r}; no order was judged; "
            "report this as a fault of Orderflow's checks"
        )
    check = checks[name]
    rows = cases["index"].to_numpy().astype(np.int64)
    own = check.table == "orders"
    return pa.table(
        {
            "order_row": pa.array(rows if own else view.rows(check.table)[rows]),
            "code": pa.repeat(check.code, len(rows)),
            "table": pa.repeat(check.table, len(rows)),
            "position": pa.nulls(len(rows), pa.int64())
            if own
            else view.column(check.table, "position").take(pa.array(rows)),
            "field": pa.repeat(check.field, len(rows)),
            "value": pa.array([shown(check, value) for value in cases["failure_case"]], pa.string()),
        },
        schema=BROKEN,
    )


def shown(check: Check, value: Any) -> str | None:
    """A broken value as it stands in a verdict: exact, short, and masked where it is personal."""
    if check.shown == "nothing" or value is None or value is pd.NA:
        return None
    if check.shown == "amount":
        return amount(int(value))
    if check.shown == "seconds":
        return f"{int(value) // 1_000_000} s"
    text = str(value)[:LONGEST_VALUE]
    return masked(text) if (check.table, check.field) in PERSONAL else text


def amount(millionths: int) -> str:
    """Decimal text without trailing zeros."""
    whole, part = divmod(abs(millionths), 10**SCALE)
    text = f"{whole}.{part:0{SCALE}d}".rstrip("0").rstrip(".")
    return f"-{text}" if millionths < 0 else text
