"""SKU maps as CSV: everything wrong at once, with its place and cure; and every spelling of a right file."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orderflow.domain.sku import Pair
from orderflow.staging import sku_file

ZONES = {"shop_tw": ZoneInfo("Asia/Taipei"), "shop_se": ZoneInfo("Europe/Stockholm")}

WRONG = """channel,sku,oms_sku,valid_from,valid_to
shop_tw,A-1,O-1,,
shop_tw,,O-2,,
shop_tw,A-3,,,
shop_xx,A-4,O-4,,
,A-5,O-5,,
shop_tw,A-6,O-6,03/01/2026,
shop_tw,A-7,O-7,2026-03-02,2026-03-01
shop_tw,1.23457E+12,O-8,,
shop_tw,A-9,#N/A,,
shop_tw,A\u200b-10,O-10,,
shop_tw,A-11,O-11
shop_tw,A-1,O-12,,
shop_tw,{long},O-13,,
shop_tw,=B14,O-14,,
shop_tw,A-15,O-15,2026-02-30,
shop_tw,"A-16,O-16,,
""".format(long="x" * 201)


def problems(text, **fields):
    data = text if isinstance(text, bytes) else text.encode()
    return sku_file.read(data, ZONES, **fields).problems


def test_fifteen_kinds_of_mistakes_are_told_at_once_each_with_line_column_value_and_cure():
    found = [(each.line, each.column, str(each)) for each in problems(WRONG)]
    expected = [
        (3, "sku", "the value is missing"),
        (4, "oms_sku", "the value is missing"),
        (5, "channel", "no such channel (found 'shop_xx'); did you mean 'shop_"),
        (6, "channel", "no channel is named"),
        (7, "valid_from", "this is no day (found '03/01/2026'); write it like 2026-03-01"),
        (8, "valid_to", "the pair ends before it begins (2026-03-02) (found '2026-03-01')"),
        (9, "sku", "a spreadsheet made a number of it (found '1.23457E+12'); format the column as text"),
        (10, "oms_sku", "a spreadsheet's formula failed here (found '#N/A')"),
        (11, "sku", "U+200B, which nobody sees"),
        (12, None, "3 values for 5 columns"),
        (13, "sku", "the SKU stands in line 2 as well (O-1, always)"),
        (14, "sku", "at most 200 characters, this one 201"),
        (15, "sku", "this is a formula, not its value"),
        (16, "valid_from", "this is no day (found '2026-02-30')"),
        (17, None, "the line cannot be read: unexpected end of data; nothing below was read; close the quote"),
    ]
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    for (_, _, told), (line, _, part) in zip(found, expected, strict=True):
        assert told.startswith(f"line {line}")
        assert part in told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "line 1  the file is empty"),
        (b"channel,sku,oms_sku\n", "line 2  the file has no pair"),
        ("sku,oms_sku\nA,B\n", "line 1  channel  the column is missing; add it, or say --channel"),
        ("channel,sku,omssku\nshop_tw,A,B\n", "line 1  omssku  unknown column; did you mean 'oms_sku'?"),
        ("channel,sku,sku,oms_sku\nshop_tw,A,A,B\n", "line 1  sku  the column stands there twice"),
        ("channel,sku,oms_sku\nshop_tw,茶,B\n".encode("big5"), "line 2  byte 28 is no UTF-8; save it as CSV UTF-8"),
        (b"channel,sku,oms_sku\nshop_tw,A\0,B\n", "line 2  the file holds U+0000"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_says_so(data, told):
    assert told in "\n".join(map(str, problems(data)))


@pytest.mark.parametrize(
    "data",
    [
        "channel,sku,oms_sku\r\nshop_tw,00042,茶-001\r\nshop_tw,مرحبا,😀-2\r\n".encode(),
        "\ufeffchannel;sku;oms_sku\nshop_tw;00042;茶-001\n\nshop_tw;مرحبا;😀-2".encode(),
        "Channel\tSKU\tOMS SKU\nshop_tw\t 00042 \t茶-001\nshop_tw\tمرحبا\t😀-2\n".encode("utf-16"),
        'sku|oms_sku|title\n"00042"|茶-001|"Tee | grün"\nمرحبا|😀-2|\n'.encode(),
    ],
    ids=["comma", "semicolon with mark", "utf-16 with tabs", "bars and titles"],
)
def test_every_spelling_of_a_file_gives_the_same_pairs_as_text(data):
    reading = sku_file.read(data, ZONES, channel="shop_tw" if b"|" in data else None)
    assert reading.problems == []
    assert [(pair.channel, pair.sku, pair.oms_sku) for pair in reading.pairs] == [
        ("shop_tw", "00042", "茶-001"),
        ("shop_tw", "مرحبا", "😀-2"),
    ]


def test_days_begin_in_the_channels_own_zone():
    text = (
        "channel,sku,oms_sku,valid_from,valid_to\n"
        "shop_tw,A,B,2026-03-01,2026-04-01\n"
        "shop_se,A,B,2026-03-29,2026-03-30T12:00:00Z\n"
    )
    first, second = sku_file.read(text.encode(), ZONES).pairs
    assert first.valid_from == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert first.valid_to == datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert second.valid_from == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert second.valid_to == datetime(2026, 3, 30, 12, tzinfo=UTC)


def test_two_spans_of_one_sku_are_right_unless_they_overlap():
    text = "channel,sku,oms_sku,valid_from,valid_to\nshop_tw,A,B,,2026-03-01\nshop_tw,A,C,{},\n"
    assert problems(text.format("2026-03-01")) == []
    (told,) = problems(text.format("2026-02-28"))
    assert "the SKU stands in line 2 as well (B, until 2026-02-28 16:00Z)" in str(told)


def test_what_is_written_is_read_again_as_it_was():
    pairs = [
        Pair(channel="shop_tw", sku="00042", oms_sku='茶 "grün", 1;2'),
        Pair(channel="shop_se", sku="ط", oms_sku="x", valid_from=datetime(2026, 3, 1, tzinfo=UTC)),
        Pair(channel="shop_se", sku="ط", oms_sku="y", valid_to=datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    assert sku_file.read(sku_file.write(pairs).encode(), ZONES).pairs == pairs


def test_the_channel_of_a_file_must_agree_with_the_one_asked_for():
    (told,) = problems("channel,sku,oms_sku\nshop_se,A,B\n", channel="shop_tw")
    assert "another channel than the one asked for, shop_tw (found 'shop_se')" in str(told)
