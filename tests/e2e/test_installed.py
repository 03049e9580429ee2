"""What `make install` puts in place: the command `orderflow`, from any folder, as the container has it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def made(checkout: Path) -> Path:
    """The command as `make` writes it for this checkout, with the Python and the sources of this test."""
    tools = checkout / ".venv" / "bin"
    tools.mkdir(parents=True)
    shutil.copy(PROJECT / "Makefile", checkout)
    (checkout / "include").symlink_to(PROJECT / "include")
    (tools / "uv").touch()
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python").chmod(0o755)
    subprocess.run(["make", ".venv/bin/orderflow"], cwd=checkout, check=True, capture_output=True)
    return tools / "orderflow"


def test_the_command_runs_from_another_folder_and_keeps_its_arguments_apart(tmp_path):
    command, elsewhere = made(tmp_path / "checkout"), tmp_path / "elsewhere"
    elsewhere.mkdir()

    def said(code: str) -> subprocess.CompletedProcess[str]:
        asked = [command, "rules", code]
        return subprocess.run(asked, cwd=elsewhere, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)

    assert "STATUS_UNKNOWN" in said("STATUS_UNKNOWN").stdout
    assert "'NO SUCH'" in said("NO SUCH").stderr


def test_the_container_has_the_same_command(tmp_path):
    folder = tmp_path / "checkout"
    command = made(folder).read_text()
    (written,) = re.findall(
        r"RUN (printf .*?) > /usr/local/bin/orderflow", (PROJECT / "Dockerfile").read_text(), re.DOTALL
    )
    there = subprocess.run(["/bin/sh", "-c", written], capture_output=True, text=True, check=True).stdout
    here = command.replace(f"{folder}/.venv/bin/python", "/usr/local/bin/python").replace(str(folder), "/opt/orderflow")
    assert there == here
