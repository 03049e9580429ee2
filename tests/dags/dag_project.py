"""The project's DAG files beside channel files of a test's own, parsed as Airflow's DAG processor does it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CHANNEL = """\
title: 旗艦店 🏬 {name}
owner: asia <asia@shop.example>
source: {{adapter: shopify, connection: {name}}}
schedule: {{cron: "*/15 * * * *", timezone: Asia/Taipei, start: 2026-01-01, deadline: 25m}}
oms: {{target: demo}}
alerts: [ops-chat]
"""


class Project:
    def __init__(self, root):
        self.dags = root / "dags"
        self.include = root / "include"
        shutil.copytree(ROOT / "dags", self.dags, ignore=shutil.ignore_patterns("__pycache__"))
        (self.include / "channels").mkdir(parents=True)
        shutil.copytree(ROOT / "tests" / "config" / "targets", self.include / "targets")

    def add(self, name, text=CHANNEL):
        (self.include / "channels" / f"{name}.yml").write_text(text.format(name=name))

    def parse(self):
        """DAGs by id, and import errors by file name, of the two files that read channel files."""
        from airflow.dag_processing.dagbag import DagBag

        dags, errors = {}, {}
        for name in ("channels.py", "channels_broken.py"):
            bag = DagBag(dag_folder=str(self.dags / name), safe_mode=True)
            dags |= bag.dags
            errors |= {Path(path).name: text for path, text in bag.import_errors.items()}
        return dags, errors
