"""COPY in binary brings every value as it is, and the keys of many orders are those of each."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import psycopg2
import pyarrow as pa
import pytest

from orderflow.domain.target import idempotency_key
from orderflow.staging.copying import constant, copy, decimals
from orderflow.staging.keys import idempotency_keys

TEXTS = ["", "王小明 \\N \t\n\r\\.", None, "😀" * 3000, 'مرحبا "\\u0000"', "\N{RIGHT-TO-LEFT OVERRIDE}\x7f"]
MILLIONTHS = [0, 1, -1, 9_999_999_999, 10**14, 2**63 - 1, -(2**63), None, 24_500_000, -100, 10**10, 12_345_678_901_234]
MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), None,
    datetime(2000, 1, 1, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
]  # fmt: skip


def copied(store, kind, *columns):
    """The columns as they come back, from a table whose columns are of this type."""
    names = [f"c{place}" for place in range(len(columns))]
    with store.connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE here (n serial, {', '.join(f'{name} {kind}' for name in names)})")
        cursor.execute("SET timezone = 'UTC'")
        copy(cursor, "here", pa.table(dict(zip(names, columns, strict=True))))
        cursor.execute(f"SELECT {', '.join(names)} FROM here ORDER BY n")
        rows = cursor.fetchall()
    store.connection.rollback()
    return [list(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        ("text", pa.array(TEXTS)),
        ("boolean", pa.array([True, None, False, True, True, False, False, True, None])),
        ("integer", pa.array([0, -(2**31), 2**31 - 1, None], pa.int32())),
        ("bigint", pa.array([0, -(2**63), 2**63 - 1, None], pa.int64())),
        ("timestamptz", pa.array(MOMENTS, pa.timestamp("us", "UTC"))),
        ("timestamptz", pa.array([datetime(2026, 3, 1, 12, tzinfo=UTC)], pa.timestamp("ms", "Asia/Taipei"))),
    ],
)
def test_values_come_back_as_they_went_whole_sliced_in_chunks_and_without_nulls(store, kind, array):
    several = pa.chunked_array([array.slice(0, 1), array.slice(1)])
    for sent in (
        array,
        array.slice(1, 2),
        several,
        array.drop_null(),
        pa.concat_arrays([array, array]).slice(len(array)),
    ):
        if len(sent):
            assert copied(store, kind, sent) == [sent.to_pylist()]


def test_amounts_are_exact_to_the_last_millionth(store):
    array = pa.array(MILLIONTHS, pa.int64())
    for sent in (array, array.slice(3), array.drop_null(), array.slice(0, 3)):
        expected = [None if each is None else Decimal(each).scaleb(-6) for each in sent.to_pylist()]
        assert copied(store, "numeric(20,6)", decimals(sent))[0] == expected


def test_bytes_json_and_what_all_rows_share(store):
    raw = pa.array([b"\0\xff\\", None, b""], pa.binary())
    hashes = pa.array([bytes(range(32)), None, bytes(32)], pa.binary(32))
    for sent in (raw, hashes, hashes.slice(1)):
        (found,) = copied(store, "bytea", sent)
        assert [each and bytes(each) for each in found] == sent.to_pylist()
    assert copied(store, "json", pa.array([b'{"a": [1.50]}', None]))[0] == [{"a": [1.5]}, None]
    assert copied(store, "timestamptz", constant(MOMENTS[-1], 2)) == [[MOMENTS[-1]] * 2]


def test_columns_that_are_null_throughout_take_the_default(store):
    assert copied(store, "text DEFAULT 'kept'", pa.nulls(2, pa.string()), pa.array(["a", "b"])) == [
        ["kept"] * 2,
        ["a", "b"],
    ]


def test_what_a_type_cannot_hold_is_an_error_of_the_data(store):
    for kind, array in (
        ("text", pa.array(["a\0b"])),
        ("json", pa.array([b"{"])),
        ("numeric(8,6)", decimals(pa.array([10**9]))),
    ):
        with pytest.raises(psycopg2.DataError):
            copied(store, kind, array)
        store.connection.rollback()


def test_the_keys_of_many_orders_are_those_of_each_order_alone():
    moments = [None, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 0, 0, 0, 5, UTC)]
    for some in (moments[:2], moments):
        ids = ["№-１２３-😀", "A|1", ""][: len(some)]
        content, people = [bytes([n]) * 32 for n in range(len(some))], [bytes([9 + n]) * 32 for n in range(len(some))]
        orders = pa.table(
            {
                "order_id": ids,
                "content_hash": pa.array(content, pa.binary(32)),
                "contacts_hash": pa.array(people, pa.binary(32)),
                "channel_updated_at": pa.array(some, pa.timestamp("us", "UTC")),
            }
        )
        versions, wanted = np.arange(1, len(some) + 1), np.arange(len(some)) != 1
        expected = [
            idempotency_key("shop|臺", order_id, version, first + second + str(moment).encode())
            for order_id, version, first, second, moment in zip(
                ids, versions.tolist(), content, people, some, strict=True
            )
        ]
        expected[1] = None
        assert idempotency_keys("shop|臺", orders, versions, wanted).to_pylist() == expected
