"""The file that every Airflow process reads: light, and right under any address."""

import json
import os
import subprocess
import sys

from web_site import PROJECT

_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
import orderflow_plugin
views = orderflow_plugin.OrderflowPlugin.external_views
link = orderflow_plugin.RunPage()
class Key: dag_id, run_id = "orders.shop", "scheduled__2026-03-01T00:00:00+00:00"
class Other: dag_id, run_id = "heal", "x"
links = [link.get_link(None, ti_key=Key), link.get_link(None, ti_key=Other)]
ours = [name for name in sys.modules if name.partition(".")[0] == "orderflow"]
print(json.dumps({"views": views, "links": links, "ours": ours}))
"""


def test_reading_the_plugin_imports_no_pages_and_knows_the_path_of_a_proxy(tmp_path):
    around = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT / "include"),
        "AIRFLOW__API__BASE_URL": "https://ops.example/airflow/",
    }
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(PROJECT / "plugins")], env=around, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    light = [
        "orderflow",
        "orderflow.orchestration",
        "orderflow.orchestration.deadline",
        "orderflow.orchestration.preload",
    ]
    assert told["ours"] == light
    assert {view["destination"]: view["href"] for view in told["views"]} == {
        "nav": "/airflow/orderflow/channels",
        "dag": "/airflow/orderflow/dag/{DAG_ID}",
        "dag_run": "/airflow/orderflow/dag/{DAG_ID}/run/{RUN_ID}",
    }
    run = "scheduled__2026-03-01T00%3A00%3A00%2B00%3A00"
    assert told["links"] == [f"https://ops.example/airflow/dags/orders.shop/runs/{run}/plugin/orderflow-run", ""]
    assert len({view["url_route"] for view in told["views"]}) == 3
