"""`orderflow check` reads channel files, alerts.yml and calendar.yml, and shows everything that is wrong, at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orderflow.command import channels
from orderflow.command.app import app

assert channels.check  # importing the module registers the command
INCLUDE = Path(__file__).resolve().parents[2] / "include"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    for name in ("channels", "targets"):
        shutil.copytree(INCLUDE / name, tmp_path / name)
    return tmp_path


def check(include: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["check", str(include / "channels"), *more], catch_exceptions=False)


def lines(include: Path, done: Result) -> list[str]:
    return done.stdout.replace(f"{include}/", "").splitlines()


def test_the_projects_own_files_are_right(include):
    for name in ("alerts.yml", "calendar.yml"):
        shutil.copy(INCLUDE / name, include / name)
    done = check(include)
    assert (done.exit_code, lines(include, done)) == (0, ["3 channels right, 0 problems"])


def test_mistakes_of_alerts_and_calendar_are_shown_with_those_of_channels(include):
    shop = include / "channels" / "demo_shopify.yml"
    shop.write_text(shop.read_text().replace("deadline:", "deadlin:"))
    (include / "alerts.yml").write_text("repet: 4h\nroutes: [{owner: 亞洲, to: []}]\n")
    (include / "calendar.yml").write_text("- {day: 2026-12-25, kind: holday, name: 聖誕節 🎄, channels: [nobody]}\n")
    done = check(include)
    assert done.exit_code == 2
    assert lines(include, done) == [
        "error channels/demo_shopify.yml:11  schedule.deadlin  unknown key 'deadlin'; did you mean 'deadline'?",
        "error alerts.yml:1  repet  unknown key 'repet'; did you mean 'repeat'?",
        "error alerts.yml:2  routes[0].to  a list is not long enough; write at least one value",
        "error calendar.yml:1  [0].kind  'holday' is not allowed here; write 'holiday' or 'sale'",
        "2 channels right, 4 problems",
    ]


def test_a_channel_or_owner_that_nobody_is_is_noted(include):
    (include / "alerts.yml").write_text("routes:\n  - {owner: demo, to: [chat]}\n  - {owner: dmo, to: [chat]}\n")
    (include / "calendar.yml").write_text(
        "- {day: 2026-12-25, kind: holiday, name: 聖誕節, channels: [demo_csv, demo_shopfy]}\n"
    )
    done = check(include)
    assert done.exit_code == 0
    assert lines(include, done) == [
        "note alerts.yml:3  routes[1].owner  no channel's owner is 'dmo'; did you mean 'demo'?",
        "note calendar.yml:1  [0].channels[1]  there is no channel 'demo_shopfy'; did you mean 'demo_shopify'?",
        "3 channels right, 0 problems",
    ]


def test_scripts_are_told_of_them_too(include):
    (include / "calendar.yml").write_text("day: 2026-12-25\n")
    done = check(include, "--json")
    assert done.exit_code == 2
    [problem] = json.loads(done.stdout)["problems"]
    assert problem["file"] == str(include / "calendar.yml")
    assert (problem["line"], problem["message"]) == (1, "a block of keys is not a list")


def test_a_single_file_in_place_of_the_folder_says_what_to_name(include: Path):
    done = CliRunner().invoke(app, ["check", str(include / "channels" / "demo_csv.yml")], catch_exceptions=False)
    assert done.exit_code == 2
    assert f"is a file; name its folder, {include / 'channels'}: all are read at once" in done.output
