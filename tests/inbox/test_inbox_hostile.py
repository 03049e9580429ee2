"""Signed webhooks whose bodies no parser goes to the end of."""

import hashlib

import pytest

from orderflow import adapters
from orderflow.adapters import webhook
from orderflow.domain.source import Account, Posted, Secret

DEEP = [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 50_000 + b"]" * 50_000]


@pytest.mark.parametrize("body", DEEP, ids=["lists", "objects", "closed"])
def test_a_body_that_is_nested_without_an_end_names_no_order(body: bytes):
    assert webhook.body(Posted("", {}, body)) == {}
    sign = hashlib.md5(b"1" + body + b"s").hexdigest()
    douyin = adapters.find("douyin")
    account = Account("shop", "https://shop.example", login="1", password=Secret("s"))
    hint = douyin.webhook(Posted("", {"event-sign": sign}, body), account, None, None)
    assert hint.order_ids == []
