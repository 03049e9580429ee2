"""One Airflow DAG per file in `include/channels`, named `orders.<channel>`.

A broken file gives no DAG here and stops no other; `channels_broken.py` shows what is wrong with it.
"""

from pathlib import Path

from orderflow.orchestration.dag import build, reading

INCLUDE = Path(__file__).resolve().parents[1] / "include"

for channel in reading(INCLUDE).channels:
    globals()[f"orders_{channel.name}"] = build(channel, INCLUDE)
