"""Waivers: rules that a person let pass for single orders only warn there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.decision import Waiver
from orderflow.quality.rules import RULES


def waived(verdicts: pa.Table, waivers: Mapping[str, Waiver], content_hashes: pa.ChunkedArray) -> pa.Table:
    """The verdicts with the waived rules of each order lowered to `warn`.

    `content_hashes` has one value per `order_row`; a waiver given for another content does not hold. Rules that no
    channel can waive stay refusals.
    """
    concerned = pc.is_in(verdicts["order_id"], pa.array(list(waivers), pa.string()))
    rows = np.flatnonzero(concerned.to_numpy())
    if not len(rows):
        return verdicts
    some = verdicts.take(pa.array(rows)).select(["order_row", "order_id", "code"]).to_pylist()
    lowered = np.zeros(len(verdicts), bool)
    for row, verdict in zip(rows.tolist(), some, strict=True):
        waiver = waivers[verdict["order_id"]]
        content = waiver.content_hash
        lowered[row] = (
            verdict["code"] in waiver.codes
            and RULES[verdict["code"]].waivable
            and (content is None or content == content_hashes[verdict["order_row"]].as_py())
        )
    severities = pc.if_else(pa.array(lowered), "warn", verdicts["severity"])
    return verdicts.set_column(verdicts.column_names.index("severity"), "severity", severities)
