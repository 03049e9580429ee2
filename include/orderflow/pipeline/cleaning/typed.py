"""Typing: amounts to exact millionths and times to UTC, whole columns at once.

A value that cannot be typed becomes null and leaves a row in `problems`; nothing is dropped, and one malformed value
does not hide another. Arrow does the work where a column is regular; the few values that are not are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orderflow.domain.money import AMOUNT, SCALE
from orderflow.pipeline import frames as fr
from orderflow.pipeline.frames import Frames, Ints

LARGEST = 10**12
"""Units: an amount beyond this (a trillion) is a mistake, and sums of such amounts would leave 64 bits."""

LONGEST = 38
"""Characters of an amount that Arrow reads: as many digits as its decimals have."""

PROBLEMS = pa.schema(
    [
        ("order_row", pa.int64()),
        ("table", pa.string()),
        ("position", pa.int64()),
        ("field", pa.string()),
        ("code", pa.string()),
        ("value", pa.string()),
    ]
)
"""Faults found while typing: `position` counts from 1 within the order (null for the order's own fields)."""

_DECIMAL = pa.decimal128(38, SCALE)
_EXACT = Context(prec=1000)
_PLAIN_AMOUNT = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"
_DAY = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_ZONED_TIME = _DAY + "[T ]" + _CLOCK + r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$"
_NEVER = ("0000-00-00", "0001-01-01")
"""How MySQL, and how .NET and Go, begin a time that has not come."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USUAL = datetime(1000, 1, 2, tzinfo=UTC), datetime(2999, 12, 30, tzinfo=UTC)
"""Times that no zone takes out of the years of calendars and databases, 1 to 9999; others are read one by one."""


class Faults(NamedTuple):
    """Values of one column that could not be read as they stand: their rows, and the rule each one breaks."""

    rows: list[int]
    codes: list[str]


def amounts(texts: pa.Array) -> tuple[pa.Array, Faults]:
    """Decimal text to int64 millionths, exact. Empty text is no amount.

    Faults: AMOUNT_MALFORMED, AMOUNT_TOO_FINE (more than six decimals), AMOUNT_OUT_OF_RANGE (beyond a trillion).
    """
    if fr.empty(texts):
        return pa.nulls(len(texts), pa.int64()), Faults([], [])
    try:
        return _millionths(texts), Faults([], [])
    except pa.ArrowInvalid:
        return _mixed(texts, [(_PLAIN_AMOUNT, _millionths)], read_amount, pa.int64())


def _millionths(texts: pa.Array) -> pa.Array:
    """Raises ArrowInvalid where any value is no amount, too fine or out of range, or longer or otherwise than plain."""
    _demand_plain(texts)
    exact = pc.cast(texts, _DECIMAL)
    words = np.frombuffer(exact.buffers()[1], np.int64)[2 * exact.offset : 2 * (exact.offset + len(exact))]
    low, high = words[::2].copy(), words[1::2]
    missing = np.zeros(len(texts), bool) if not texts.null_count else texts.is_null().to_numpy(zero_copy_only=False)
    low[missing] = 0
    limit = LARGEST * 10**SCALE
    if ((((low >> 63) != high) & ~missing) | (low > limit) | (low < -limit)).any():
        raise pa.ArrowInvalid("an amount is out of range")
    return pa.array(low, mask=missing)


def _demand_plain(texts: pa.Array) -> None:
    """Raises ArrowInvalid where a text is long or has letters: Arrow 26 reads exponents, and places behind the point,
    beyond its table of powers of ten, so that `10e38` becomes another number and `1e-999999999` ends the process.
    """
    _, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    said = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    if (said > ord("9")).any() or (np.diff(offsets) > LONGEST).any():
        raise pa.ArrowInvalid("an amount is not plain")


def read_amount(text: str) -> tuple[int | None, str | None]:
    """One amount in millionths, or the rule that it breaks."""
    text = text.strip()
    if not text:
        return None, None
    if not AMOUNT.fullmatch(text):
        return None, "AMOUNT_MALFORMED"
    scaled = Decimal(text).scaleb(SCALE, _EXACT)
    if abs(scaled) > LARGEST * 10**SCALE:
        return None, "AMOUNT_OUT_OF_RANGE"
    if scaled != scaled.to_integral_value():
        return None, "AMOUNT_TOO_FINE"
    return int(scaled), None


def times(texts: pa.Array, zone: str) -> tuple[pa.Array, Faults]:
    """ISO 8601 text to UTC; text without an offset is in `zone` (an IANA name). Empty text is no time.

    A local time that the clocks skip is read with the offset before the change, one that happens twice is the first of
    the two; both keep their value and are reported as TIME_AMBIGUOUS. What is no time is TIME_MALFORMED.
    """
    if fr.empty(texts):
        return pa.nulls(len(texts), fr.TIMESTAMP), Faults([], [])
    try:
        return _usual(pc.cast(texts, fr.TIMESTAMP)), Faults([], [])
    except pa.ArrowInvalid:
        pass
    try:
        return _local(_usual(pc.cast(texts, pa.timestamp("us"))), zone)
    except pa.ArrowInvalid:
        return _mixed(
            texts,
            [(_ZONED_TIME, lambda part: pc.cast(part, fr.TIMESTAMP))],
            lambda text: read_time(text, zone),
            fr.TIMESTAMP,
        )


def _usual(moments: pa.Array) -> pa.Array:
    """The same times; raises ArrowInvalid where one is so far off that a zone may leave the calendar with it."""
    least, most = pc.min_max(moments.cast(pa.int64())).as_py().values()
    first, last = map(_microseconds, _USUAL)
    if least < first or most > last:
        raise pa.ArrowInvalid("a time is far off")
    return moments


def _local(naive: pa.Array, zone: str) -> tuple[pa.Array, Faults]:
    if zone == "UTC":
        return pc.assume_timezone(naive, "UTC"), Faults([], [])
    local = pd.DatetimeIndex(naive.to_pandas())
    aware = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC").as_unit("us")
    missing = np.asarray(local.isna())
    odd = np.flatnonzero(np.asarray(aware.isna()) & ~missing).tolist()
    values = aware.asi8.copy()
    for row in odd:
        values[row] = _microseconds(local[row].to_pydatetime().replace(tzinfo=ZoneInfo(zone)))
    array = pa.array(values, mask=missing).cast(fr.TIMESTAMP)
    return array, Faults(odd, ["TIME_AMBIGUOUS"] * len(odd))


def read_time(text: str, zone: str) -> tuple[int | None, str | None]:
    """One time in microseconds since 1970, and the rule that it breaks, if any."""
    text = text.strip().upper()
    if not text or text.startswith(_NEVER):
        return None, None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        odd = aware is not moment and aware.utcoffset() != aware.replace(fold=1).utcoffset()
        return _microseconds(aware.astimezone(UTC)), "TIME_AMBIGUOUS" if odd else None
    except (ValueError, OverflowError):
        return None, "TIME_MALFORMED"


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _mixed(
    texts: pa.Array,
    regular: list[tuple[str, Callable[[pa.Array], pa.Array]]],
    read: Callable[[str], tuple[int | None, str | None]],
    kind: pa.DataType,
) -> tuple[pa.Array, Faults]:
    """Read a column of which only a part is regular: that part at once, each other value by itself."""
    values = np.zeros(len(texts), np.int64)
    known = np.zeros(len(texts), bool)
    left = texts.is_valid().to_numpy(zero_copy_only=False)
    for pattern, convert in regular:
        fits = pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy(zero_copy_only=False)
        values[fits] = convert(texts.filter(pa.array(fits))).cast(pa.int64()).to_numpy(zero_copy_only=False)
        known |= fits
        left &= ~fits
    rows = np.flatnonzero(left)
    faults = Faults([], [])
    answers: dict[str, tuple[int | None, str | None]] = {}
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        if text not in answers:
            answers[text] = read(text)
        value, code = answers[text]
        if value is not None:
            values[row], known[row] = value, True
        if code:
            faults.rows.append(row)
            faults.codes.append(code)
    return pa.array(values, mask=~known).cast(kind), faults


def type_frames(frames: Frames, zone: str) -> tuple[Frames, pa.Table]:
    """Type every amount, time and pair of the frames; returns the typed frames and the problems found."""
    changes: dict[fr.Column, pa.Array] = {}
    problems: list[pa.Table] = []
    for table, fields in fr.FIELDS.items():
        for field in fields:
            if field.kind not in {"amount", "time", "pairs"}:
                continue
            texts = fr.get(frames, table, field.name)
            owners: Ints | None = None
            if field.kind == "pairs":
                typed, faults, owners, texts = _typed_pairs(texts)
            elif field.kind == "amount":
                typed, faults = amounts(texts)
            else:
                typed, faults = times(texts, zone)
            changes[table, field.name] = typed
            if faults.rows:
                problems.append(_problems(frames, table, field.name, texts, faults, owners))
    return fr.put(frames, changes), pa.concat_tables([PROBLEMS.empty_table(), *problems])


def _typed_pairs(pairs: pa.Array) -> tuple[pa.Array, Faults, Ints, pa.Array]:
    """The column with typed quantities, the faults by pair, the row of each pair, and the pairs' texts."""
    texts = pairs.flatten().field("quantity")
    quantities, faults = amounts(texts)
    owners = np.repeat(np.arange(len(pairs)), np.diff(pairs.offsets.to_numpy()))
    return fr.paired(pairs.offsets, pairs.flatten().field("line_id"), quantities), faults, owners, texts


def _problems(frames: Frames, table: str, field: str, texts: pa.Array, faults: Faults, owners: Ints | None) -> pa.Table:
    found = np.array(faults.rows, np.int64)
    rows = pa.array(found if owners is None else owners[found])
    own = table == "orders"
    return pa.table(
        {
            "order_row": rows if own else fr.get(frames, table, "order_row").take(rows),
            "table": pa.array([table] * len(rows)),
            "position": pa.nulls(len(rows), pa.int64()) if own else fr.get(frames, table, "position").take(rows),
            "field": pa.array([field] * len(rows)),
            "code": pa.array(faults.codes),
            "value": pc.utf8_slice_codeunits(texts.take(pa.array(found)), 0, 200),
        },
        schema=PROBLEMS,
    )
