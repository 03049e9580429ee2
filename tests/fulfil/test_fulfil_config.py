"""What a channel file may say about telling its channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow import config

FILE = """\
title: Shop
owner: ops
source: {{adapter: {adapter}, connection: shop}}
schedule: {{cron: "0 * * * *", start: 2026-01-01}}
oms: {{target: demo}}
fulfilment: {fulfilment}
"""


@pytest.fixture
def read(tmp_path):
    folder = tmp_path / "channels"
    folder.mkdir()
    (tmp_path / "targets").symlink_to(Path(__file__).resolve().parents[2] / "include" / "targets")

    def reading(adapter, fulfilment):
        (folder / "shop.yml").write_text(FILE.format(adapter=adapter, fulfilment=fulfilment))
        return config.read(folder, only="shop")

    return reading


def test_a_channel_says_what_it_is_told_and_how_carriers_are_called(read):
    (channel,) = read("shopify", "{carriers: {PN: PostNord, 黑貓: 黑貓宅急便}}").channels
    assert channel.fulfilment.tell == ["shipments"]
    assert channel.fulfilment.carriers == {"PN": "PostNord", "黑貓": "黑貓宅急便"}
    (partner,) = read("edifact", "{tell: [responses]}").channels
    assert partner.fulfilment.tell == ["responses"]


@pytest.mark.parametrize(
    ("adapter", "fulfilment", "said"),
    [
        ("shopify", "{tell: [responses]}", "cannot be told of responses"),
        ("edi_x12", "{}", "cannot be told of shipments"),
        ("magento", "{}", "remove the block fulfilment"),
        ("shopify", "{tell: []}", "tell"),
        ("shopify", "{carrier: {PN: PostNord}}", "did you mean 'carriers'?"),
    ],
)
def test_what_a_platform_does_not_take_is_a_fault_of_the_file_with_its_cure(read, adapter, fulfilment, said):
    reading = read(adapter, fulfilment)
    assert reading.channels == []
    assert any(said in str(problem) and "shop.yml:6" in str(problem) for problem in reading.problems), reading.problems


def test_every_adapter_that_offers_it_can_be_told():
    from orderflow import adapters
    from orderflow.domain.source import Adapter

    offering = {name for name in adapters.known() if adapters.find(name).limits.writes_back}
    assert offering == {"amazon_sp_api", "edi_x12", "edifact", "shopify", "ubl", "woocommerce"}
    assert all(isinstance(adapters.find(name), Adapter) for name in offering)
