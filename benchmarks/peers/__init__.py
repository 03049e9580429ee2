"""Other tools on the same work, each in a virtual environment of its own: none of it is a dependency of the project."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.measure import ROOT

INSTALLED = ROOT / ".orderflow" / "peers"
WANTED = {
    "dlt": ("dlt[postgres]==1.31.0",),
    "singer": ("singer-sdk", "meltanolabs-target-postgres"),
}


def install() -> Path:
    """Make the virtual environments that are missing (about a minute); returns their folder."""
    for name, packages in WANTED.items():
        folder = INSTALLED / name
        if not (folder / "complete").exists():
            print(f"installing {' '.join(packages)} into {folder}", file=sys.stderr, flush=True)
            venv.create(folder, clear=True, with_pip=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True)
            (folder / "complete").touch()
    return INSTALLED
