"""What tests of the pages share: their clock, channel files, users, and a record of what was started."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request

from orderflow.staging.vault import Vault
from orderflow.web.access import User

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 8, 12, 7, tzinfo=UTC)
VAULT = Vault({"k1": bytes(range(32))})

FILE = """\
title: {title}
owner: ecommerce
source:
  adapter: woocommerce
  connection: shop
  timezone: Asia/Taipei
schedule:
  cron: "0 * * * *"
  timezone: Asia/Taipei
  start: 2026-01-01
  deadline: 25m
clean:
  currency: TWD
validate:
  orders_per_window: [0, 40]
oms:
  target: demo
"""


def channel_files(include: Path, names: list[str]) -> Path:
    """A folder like the project's `include`, with so many channels."""
    (include / "channels").mkdir(parents=True, exist_ok=True)
    (include / "targets").mkdir(exist_ok=True)
    shutil.copy(PROJECT / "include" / "targets" / "demo.yml", include / "targets")
    for name in names:
        (include / "channels" / f"{name}.yml").write_text(FILE.format(title=f"旗艦店 {name}"))
    return include


class Started(list[tuple[str, str, Mapping[str, Any], str]]):
    """The runs that were started: DAG, run, conf, user."""

    def __call__(self, dag_id: str, run_id: str, conf: Mapping[str, Any], user: str) -> None:
        self.append((dag_id, run_id, conf, user))


def identify(request: Request) -> User:
    """`X-User: editor`, `viewer` (decides nothing), or `stranger` (reads only channel_02); nobody else gets in."""
    name = request.headers.get("x-user")
    if name not in ("editor", "viewer", "stranger"):
        raise HTTPException(401, "Not authenticated")
    known = {path.stem for path in (request.app.state.site.include / "channels").glob("*.yml")}
    seen = known if name != "stranger" else known & {"channel_02"}
    return User(name, frozenset(seen), lambda _: name == "editor")
