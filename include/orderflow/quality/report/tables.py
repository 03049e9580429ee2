"""The report's figures as tables for analysts: CSV for spreadsheets, Parquet for notebooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from orderflow.quality.pages.words import harmless
from orderflow.quality.report.values import VERDICTS, Figures

Row: TypeAlias = Mapping[str, Any]

_MONEY, _INT, _TEXT, _DAY = pa.decimal128(38, 6), pa.int64(), pa.string(), pa.date32()
_SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(columns)
    for name, columns in {
        "orders": [("day", _DAY), ("verdict", _TEXT), ("currency", _TEXT), ("orders", _INT), ("value", _MONEY)],
        "reasons": [("code", _TEXT), ("day", _DAY), ("orders", _INT), ("owner", _TEXT), ("cure", _TEXT)],
        "clusters": [
            ("code", _TEXT), ("field", _TEXT), ("value", _TEXT), ("orders", _INT), ("examples", _TEXT),
            ("cure", _TEXT), ("setting", _TEXT), ("tried", _INT), ("released", _INT), ("control", _INT),
            ("broken", _INT), ("changed", _INT),
        ],
        "skus": [("sku", _TEXT), ("title", _TEXT), ("orders", _INT), ("codes", _TEXT)],
        "counted": [("what", _TEXT), ("name", _TEXT), ("day", _DAY), ("count", _INT)],
        "money": [
            ("currency", _TEXT), ("money", _TEXT), ("orders", _INT), ("lines", _MONEY), ("charges", _MONEY),
            ("tax", _MONEY), ("discounts", _MONEY), ("rounding", _MONEY), ("grand_total", _MONEY),
            ("residue", _MONEY), ("cause", _TEXT), ("orders_of_cause", _INT),
        ],
        "expectations": [
            ("day", _DAY), ("name", _TEXT), ("meaning", _TEXT), ("origin", _TEXT), ("success", pa.bool_()),
            ("evaluated", _INT), ("unexpected", _INT), ("observed", _TEXT), ("sample", _TEXT), ("error", _TEXT),
        ],
    }.items()
}  # fmt: skip


def tables(figures: Figures) -> dict[str, pa.Table]:
    """Every table by its name; an empty one keeps its columns."""
    rows = {
        "orders": _orders(figures),
        "reasons": _reasons(figures),
        "clusters": _clusters(figures),
        "skus": [
            {"sku": each.sku, "title": each.title, "orders": each.orders, "codes": " ".join(each.codes)}
            for each in figures.skus
        ],
        "counted": [
            {"what": what, "name": each.name, "day": day, "count": count}
            for what, found in (("repair", figures.repairs), ("warning", figures.warnings))
            for each in found
            for day, count in zip(figures.days, each.trend, strict=True)
            if count
        ],
        "money": _money(figures),
        "expectations": [
            {**each, "day": run["day"], "sample": " ".join(each["sample"])}
            for run in figures.runs
            for each in run["results"]
        ],
    }
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in _SCHEMAS.items()}


def to_csv(table: pa.Table) -> str:
    """UTF-8 with a mark, so that spreadsheets read every script; what it would take for a formula is text."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def to_parquet(table: pa.Table) -> bytes:
    packed = pa.BufferOutputStream()
    pq.write_table(table, packed, compression="zstd")
    data: bytes = packed.getvalue().to_pybytes()
    return data


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value.replace("\x00", ""))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _orders(figures: Figures) -> list[Row]:
    return [
        {"day": day, "verdict": verdict, "currency": currency, "orders": orders, "value": found.value.get(currency)}
        for day, by_verdict in figures.verdicts.items()
        for verdict in VERDICTS
        if (found := by_verdict[verdict]).orders
        for currency, orders in sorted(found.by_currency.items())
    ]


def _reasons(figures: Figures) -> list[Row]:
    return [
        {"code": each.code, "day": day, "orders": orders, "owner": each.owner, "cure": each.cure}
        for each in figures.reasons
        for day, orders in zip(figures.days, each.trend, strict=True)
        if orders
    ]


def _clusters(figures: Figures) -> list[Row]:
    found: list[Row] = []
    for each in figures.clusters:
        about = {
            "code": each.code, "field": each.where, "value": each.value, "orders": each.orders,
            "examples": " ".join(each.examples),
        }  # fmt: skip
        trials = [
            {
                "cure": trial.cure, "setting": trial.setting, "tried": trial.tried, "released": trial.released,
                "control": trial.control, "broken": trial.broken, "changed": trial.changed,
            }
            for trial in each.trials
        ]  # fmt: skip
        found += [{**about, **trial} for trial in trials or [{"cure": each.cure}]]
    return found


def _money(figures: Figures) -> list[Row]:
    return [
        {
            "currency": each.currency, "money": each.money, "orders": each.orders, "lines": each.lines,
            "charges": each.charges, "tax": each.tax, "discounts": each.discounts, "rounding": each.rounding,
            "grand_total": each.grand, "residue": residue, "cause": cause, "orders_of_cause": orders,
        }
        for each in figures.proofs
        for cause, (orders, residue) in each.causes.items()
    ]  # fmt: skip
