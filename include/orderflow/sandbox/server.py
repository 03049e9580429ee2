"""The sandbox's servers: in a thread for tests, or blocking for the command line.

with serve(oms_app(path=folder / "oms.sqlite")) as url:
    httpx.get(f"{url}/_effects")
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import uvicorn

from orderflow.domain.errors import ConfigError
from orderflow.sandbox import control, oms, platforms
from orderflow.sandbox.faults import App, Faults
from orderflow.sandbox.oms_rules import Rules
from orderflow.sandbox.shop import Shop

OMS_TOKEN = "demo-oms-token"


def wall_clock() -> datetime:
    """The real time, in UTC; the entry point's choice, an argument everywhere else."""
    return datetime.now(UTC)


def oms_app(
    *,
    path: Path | str = ":memory:",
    token: str = OMS_TOKEN,
    rules: Rules | None = None,
    clock: Callable[[], datetime] = wall_clock,
) -> App:
    """The reference OMS on the SQLite file `path`, with fault switches and request log in front."""
    faults = Faults(clock)
    inner = oms.app(path=path, token=token, rules=rules or Rules(), clock=clock)
    inner.router.routes.extend(faults.routes())
    return faults.wrap(inner)


def platforms_app(
    shops: Sequence[Shop],
    *,
    clock: Callable[[], datetime] = wall_clock,
    ticks: Callable[[], float] = monotonic,
    state: Path | None = None,
    drop: Path | None = None,
    drop_every: float = 10.0,
) -> App:
    """All `shops` on one server, each below `/{name}`, with truth, injections, faults and log under `/_sandbox`.

    `clock` is the worlds' time, `ticks` the real seconds of rate limits and token lives. `state` keeps what is put in
    by hand, so that a restart with the same shops gives the same worlds. Shops of the platform `csv_drop` write into
    the folder `drop` (each into its own below it, where there are several) every `drop_every` real seconds.
    """
    faults = Faults(clock)
    inner = control.app(
        shops, clock=clock, ticks=ticks, state=state, drop=drop, drop_every=drop_every, extra=faults.routes()
    )
    return faults.wrap(inner)


def welcome(shops: Sequence[Shop], url: str) -> str:
    """What a person needs to get in: every shop's address and demo credentials, and where the truth is."""
    lines = [f"{shop.name:<20} {platforms.find(shop.platform).welcome(shop, url)}" for shop in shops]
    return "\n".join([*lines, f"{'truth, faults, log':<20} {url}/_sandbox"])


@contextmanager
def serve(app: App, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Run `app` in a thread while the block lasts; gives its base URL. Port 0 takes a free one."""
    with socket.create_server((host, port)) as listener:
        server = uvicorn.Server(_settings(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="sandbox")
        thread.start()
        while not server.started and thread.is_alive():
            sleep(0.005)
        if not server.started:
            raise ConfigError(f"the sandbox did not start on {host}:{port}; see the log above")
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def run(app: App, host: str, port: int) -> None:
    """Run `app` until interrupted."""
    uvicorn.Server(_settings(app, host=host, port=port)).run()


def _settings(app: App, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        **more,
    )
