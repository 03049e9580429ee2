"""CPU seconds for 1, 50, 200 and 1,000 channel files: reading, building, and the whole parse of a fresh process.

    PYTHONPATH=include python benchmarks/parse_dags.py

`read` is files to channels, `build` channels to DAGs, both in a warm process. `parse` is a fresh process that imports
Airflow, reads and builds, as the DAG processor does; `worker` is the same for one of the channels, as every task does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = (1, 50, 200, 1000)

CHANNEL = """\
title: Shop {number}, 旗艦店
owner: team-{team} <team-{team}@shop.example>
source:
  adapter: shopify
  connection: shop_{number}
schedule:
  cron: "{minute}/15 * * * *"
  timezone: Asia/Taipei
  start: 2026-01-01
  lookback: 30m
  deadline: 25m
clean:
  currency: TWD
  lookups:
    payment_method: {{COD: cash_on_delivery, 信用卡: card}}
validate:
  quarantine_at_most: 2%
  orders_per_window: [0, 5000]
oms:
  target: demo
alerts: [ops-chat, mail]
"""


def write(include, size):
    shutil.rmtree(include, ignore_errors=True)
    (include / "channels").mkdir(parents=True)
    shutil.copytree(ROOT / "include" / "targets", include / "targets")
    for number in range(size):
        text = CHANNEL.format(number=number, team=number % 7, minute=number % 15)
        (include / "channels" / f"shop_{number}.yml").write_text(text)


def seconds(work):
    """CPU seconds of this process and its children: unlike the clock on the wall they do not depend on neighbours."""
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def process(dag_file, **environment):
    """Seconds of a fresh process that runs the DAG file."""
    command = [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])", str(dag_file)]
    return seconds(lambda: subprocess.run(command, check=True, env={**os.environ, **environment}))


def main():
    with tempfile.TemporaryDirectory(prefix="orderflow-parse-") as place:
        root = Path(place)
        os.environ["AIRFLOW_HOME"] = place
        os.environ["PYTHONPATH"] = str(ROOT / "include")
        sys.path.insert(0, os.environ["PYTHONPATH"])
        shutil.copytree(ROOT / "dags", root / "dags")
        dag_file = root / "dags" / "channels.py"
        write(root / "include", 1)
        process(dag_file)

        from orderflow import config
        from orderflow.orchestration.dag import build

        print("files   read s  build s  parse s  worker s")
        for size in SIZES:
            write(root / "include", size)
            reading = config.read(root / "include" / "channels")
            assert len(reading.channels) == size, reading.problems
            read = min(seconds(lambda: config.read(root / "include" / "channels")) for _ in range(3))
            built = seconds(lambda found=reading: [build(each, root / "include") for each in found.channels])
            parse = process(dag_file)
            worker = process(dag_file, _AIRFLOW_PARSING_CONTEXT_DAG_ID="orders.shop_0")
            print(f"{size:5d} {read:8.3f} {built:8.3f} {parse:8.2f} {worker:9.2f}", flush=True)


if __name__ == "__main__":
    main()
