"""What the tests of channel files share: a good file, and the moment at which they are read."""

from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

GOOD = """\
title: Shopee Taiwan, 旗艦店 🏬
owner: marketplace-asia <asia@shop.example>
source:
  adapter: market
  connection: shopee_tw
  shop_id: 123456
schedule:
  cron: "*/15 * * * *"
  timezone: Asia/Taipei
  start: 2026-01-01
oms: {target: demo}
"""
