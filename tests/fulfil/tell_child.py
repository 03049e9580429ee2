"""Tells a channel in a process of its own: `tell_child.py DSN SHOP_URL OMS_URL`, with the loop's Shopify channel."""

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_load"))

from loop import NOW, channel_of
from shop import target

from orderflow.domain.source import Runtime
from orderflow.pipeline.fulfil import fulfil
from orderflow.sandbox.accounts import account
from orderflow.staging.notices import ChannelNotices
from orderflow.staging.store import connect


def main() -> None:
    dsn, shop, oms = sys.argv[1:]
    channel = channel_of("shopify", "shopify_killed")
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None)
    source = channel.adapter.open(channel.options, account("shopify", channel.name, f"{shop}/{channel.name}"), runtime)
    with closing(connect(dsn)) as connection:
        notices = ChannelNotices(connection, channel.name, rest=timedelta(seconds=0.2))
        fulfil(channel, notices, target(oms), source, progress=lambda *_: print(".", flush=True))


if __name__ == "__main__":
    main()
