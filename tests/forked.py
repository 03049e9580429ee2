"""Programs in processes of their own without the seconds of importing: one process imports, and is forked for each.

Airflow's scheduler forks its tasks in the same way. A run has its own memory, environment, folder and output, and may
be killed; what it imports or changes the next one does not see. `orderflow.command` is not imported before: it looks
at its environment when it is.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from tempfile import NamedTemporaryFile

IMPORTED = (
    "orderflow.adapters.shopify.source", "orderflow.adapters.woocommerce.source", "orderflow.config",
    "orderflow.oms.http.client", "orderflow.pipeline.extract", "orderflow.pipeline.flow", "orderflow.pipeline.replay",
    "orderflow.pipeline.sync", "orderflow.quality.schemas", "orderflow.staging.store", "httpcore",
    "pandera.backends.pandas.builtin_checks", "rich.console", "typer",
)  # fmt: skip
PATIENCE = 120
"""Seconds after which a run is killed."""


def run(program: str, *arguments: str, environ: dict[str, str], cwd: str = ".") -> subprocess.CompletedProcess[str]:
    """`program` is a file, or a module as `python -m` takes it; its environment is `environ`, without ours."""
    server = _server()
    with NamedTemporaryFile("r", encoding="utf-8") as out, NamedTemporaryFile("r", encoding="utf-8") as err:
        server.stdin.write(json.dumps([program, arguments, environ, cwd, out.name, err.name]) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess([program, *arguments], code, out.read(), err.read())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """It ends when its standard input does, with us."""
    command = [sys.executable, __file__, json.dumps(sys.path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    sys.path[:] = json.loads(sys.argv[1])
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return _become(*json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(program: str, arguments: list[str], environ: dict[str, str], cwd: str, *outputs: str) -> None:
    signal.alarm(PATIENCE)
    for number, path in enumerate((os.devnull, *outputs)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
