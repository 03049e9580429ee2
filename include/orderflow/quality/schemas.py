"""Schemas: pandera decides which values break which rule, for many orders at once.

Every check brings a column of evidence (a field as it stands, or the residue of an equation) and is a `SeriesSchema` of
its own. A schema that holds one check cannot let it hide another, so that nothing is gained by lazy validation, which
takes ten times as long to tell what failed.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.errors import SchemaError

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
    judged = (_judged(view, check) for checks in PASSES for check in checks if len(view.tables[check.table]))
    return pa.concat_tables([BROKEN.empty_table(), *(table for table in judged if table is not None)])


@functools.cache
def schema(check: Check) -> pandera.SeriesSchema:
    """What pandera asks of a column of evidence."""
    return pandera.SeriesSchema(
        None, checks=[pandera.Check(check.holds, name=check.name, ignore_na=False)], nullable=True
    )


def _judged(view: View, check: Check) -> pa.Table | None:
    evidence = _series(check.evidence(view))
    if evidence is None:
        return None
    try:
        schema(check).validate(evidence, inplace=True)
    except SchemaError as error:
        return _rows(view, check, error.failure_cases)
    return None


def _series(evidence: Any) -> pd.Series | None:
    """The evidence as a Series; None where there is nothing to ask, because all of it is null."""
    if evidence is None or (isinstance(evidence, pa.Array) and evidence.null_count == len(evidence)):
        return None
    return pd.Series(
        pd.arrays.ArrowExtensionArray(evidence) if isinstance(evidence, pa.Array) else evidence, copy=False
    )


def _rows(view: View, check: Check, cases: Any) -> pa.Table:
    if not isinstance(cases, pd.DataFrame) or "index" not in cases or cases["index"].isna().any():
        raise BalanceError(
            f"pandera could not decide {check.name} on {check.table}; no order was judged; "
            "report this as a fault of Orderflow's checks"
        )
    rows = cases["index"].to_numpy().astype(np.int64)
    own = check.table == "orders"
    place = pa.nulls(len(rows), pa.int64()) if own else view.column(check.table, "position").take(pa.array(rows))
    return pa.table(
        {
            "order_row": pa.array(rows if own else view.rows(check.table)[rows]),
            "code": pa.repeat(check.code, len(rows)),
            "table": pa.repeat(check.table, len(rows)),
            "position": place,
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
