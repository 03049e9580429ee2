"""The pages of Orderflow in Airflow: an entry of the menu, a tab on every DAG and DAG run, a link on every task.

Every Airflow process reads this file, tasks included, so that no page is imported before the first one is asked for.
The listener imports what tasks need into the scheduler, from which they are forked. Whoever creates a run of a channel
asks for its deadline here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from orderflow.orchestration import deadline, preload

INCLUDE = Path(__file__).resolve().parents[1] / "include"
PREFIX = "/orderflow"


@cache
def _app() -> Any:
    from orderflow.orchestration.pages import build

    return build(INCLUDE)


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The app (ASGI), made when it is first asked."""
    await _app()(scope, receive, send)


def _address(path: str) -> str:
    """Where a page lies; Airflow itself may lie under a path."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX + path


class RunPage(BaseOperatorLink):
    """From a task of a channel's DAG to the page of its run; no link on other tasks."""

    name = "Orderflow"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """`operator` is not asked: the run's id says enough."""
        del operator
        if not ti_key.dag_id.startswith("orders."):
            return ""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}/dags/{quote(ti_key.dag_id)}/runs/{quote(ti_key.run_id)}/plugin/orderflow-run"


class OrderflowPlugin(AirflowPlugin):
    """What Airflow registers."""

    name = "orderflow"
    fastapi_apps = [{"app": pages, "url_prefix": PREFIX, "name": "orderflow"}]  # noqa: RUF012 - Airflow's own form
    external_views = [  # noqa: RUF012 - Airflow's own form
        {
            "name": "Orderflow",
            "href": _address("/channels"),
            "destination": "nav",
            "url_route": "orderflow",
            "nav_top_level": True,
            "icon": _address("/static/icon.svg"),
            "icon_dark_mode": _address("/static/icon_dark.svg"),
        },
        {
            "name": "Orderflow",
            "href": _address("/dag/{DAG_ID}"),
            "destination": "dag",
            "url_route": "orderflow-dag",
        },
        {
            "name": "Orderflow",
            "href": _address("/dag/{DAG_ID}/run/{RUN_ID}"),
            "destination": "dag_run",
            "url_route": "orderflow-run",
        },
    ]
    global_operator_extra_links = [RunPage()]  # noqa: RUF012 - Airflow's own form
    deadline_references = [deadline.QueuedAt]  # noqa: RUF012 - Airflow's own form
    listeners = [preload]  # noqa: RUF012 - Airflow's own form
