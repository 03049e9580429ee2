"""SIGKILL of the process that tells a channel, wherever it is: every parcel is told once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from loop import looping

from orderflow.staging.notices import ChannelNotices
from orderflow.staging.store import connect

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not os.environ.get("ORDERFLOW_SOAK"), reason="processes: ORDERFLOW_SOAK=1 runs it"),
]
CHILD = Path(__file__).parent / "tell_child.py"


def test_a_process_that_is_killed_again_and_again_tells_every_parcel_once(postgres, tmp_path):
    with looping("shopify", postgres, tmp_path, name="killed") as loop:
        orders = loop.sendable(12)
        loop.ship(*orders)
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "include")}
        command = [sys.executable, str(CHILD), loop.dsn, loop.shop_url, loop.oms_url]

        def still_open() -> int:
            with closing(connect(loop.dsn)) as own:
                return ChannelNotices(own, loop.channel.name).count_untold()

        for told, delay in ((0, 0.0), (1, 0.004), (1, 0.013), (2, 0.021)):
            child = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)
            for _ in range(told + 1):
                child.stdout.readline()  # the first answer of all comes when one parcel was told
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
            child.communicate()
        for _ in range(20):
            finished = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            assert finished.returncode == 0, finished.stderr
            if not still_open():
                break
            time.sleep(0.3)
        loop.told_once(orders)
