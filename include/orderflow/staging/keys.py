"""Idempotency keys of many orders at once."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.staging import Table
from orderflow.staging.copying import one


def idempotency_keys(
    channel: str, orders: Table, versions: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_]
) -> pa.Array:
    """`orderflow.domain.target.idempotency_key` of the wanted orders, null of the others.

    Its content is all that the sent document holds: both hashes, and the modified time that the first leaves out.
    """
    order_ids = one(orders["order_id"])
    parts = [
        f"{channel}|",
        pa.array(versions).cast(pa.string()),
        "|",
        pc.utf8_length(order_ids).cast(pa.string()),
        "|",
        order_ids,
        "|",
        one(orders["content_hash"]),
        one(orders["contacts_hash"]),
        _spelled(one(orders["channel_updated_at"])),
    ]
    binary = [part.encode() if isinstance(part, str) else part.cast(pa.binary()) for part in parts]
    rows = pc.binary_join_element_wise(*binary, b"").to_pylist()
    keys = [hashlib.sha256(row).hexdigest() if each else None for row, each in zip(rows, wanted.tolist(), strict=True)]
    return pa.array(keys, pa.string())


def _spelled(moments: pa.Array) -> pa.Array:
    """Every moment as `str` spells it; keys that were sent once hold it so."""
    try:
        whole = moments.cast(pa.timestamp("s")).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([str(moment) for moment in moments.to_pylist()])
    return pc.binary_join_element_wise(whole, "+00:00", "").fill_null("None")
