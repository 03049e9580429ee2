"""One run of the flow in a process of its own, which kills itself where told: `flow_child.py CHANNELS WINDOW POINT`.

POINT is `stage:n`, the n-th time that the stage tells its progress, or `-` for a run to the end.
"""

import os
import signal
import sys
from pathlib import Path

from orderflow.command import ports
from orderflow.command.flow import run_window
from orderflow.domain.window import Window
from orderflow.pipeline import validate
from orderflow.pipeline.cleaning import mapped


def main() -> None:
    folder, window, point = sys.argv[1:]
    mapped.CHUNK_ORDERS = 40
    validate.CHUNKS_AT_ONCE = 1
    told: dict[str, int] = {}

    def kill_at(stage: str, done: int, total: int | None) -> None:
        told[stage] = told.get(stage, 0) + 1
        if f"{stage}:{told[stage]}" == point:
            os.kill(os.getpid(), signal.SIGKILL)

    (path,) = Path(folder).glob("*.yml")
    run_window(ports.channel(path.stem, Path(folder)), Window.parse(window), progress=kill_at)
    print(" ".join(f"{stage}={count}" for stage, count in told.items()))


if __name__ == "__main__":
    main()
