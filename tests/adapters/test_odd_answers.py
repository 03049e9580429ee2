"""Answers that no platform means: whoever sends them learns why, and one odd name hides no order."""

import importlib

import httpx
import msgspec
import pytest

PLATFORMS = (
    "amazon_sp_api", "douyin", "ebay", "jd", "lazada", "magento", "pinduoduo", "shopee", "taobao_tmall", "tiktok_shop",
)  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_answer_that_is_nested_without_an_end_says_nothing(platform):
    answers = importlib.import_module(f"orderflow.adapters.{platform}.answers")
    read = answers.refused if platform == "taobao_tmall" else answers.said
    members = ("code", "error", "errors", "error_response", "message", "parameters", "data")
    for member in members:
        read(httpx.Response(400, content=b'{"%b":' % member.encode() + b"[" * 100_000))


@pytest.mark.parametrize(
    ("platform", "names"),
    [("douyin", "order_id"), ("lazada", "order_id"), ("shopee", "order_sn"), ("taobao_tmall", "tid")],
)
def test_a_byte_that_is_no_utf_8_hides_no_order_of_a_list(platform, names):
    source = importlib.import_module(f"orderflow.adapters.{platform}.source")
    row = source._row(
        b'{"%b": "2603", "status": "\xff", "order_status": "\xff", "statuses": ["\xff"]}' % names.encode()
    )
    assert "2603" in map(str, msgspec.structs.astuple(row))
