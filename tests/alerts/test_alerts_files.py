"""`include/alerts.yml` and `include/calendar.yml`: read strictly, and every mistake told with its line and its cure."""

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from orderflow.config import alerts
from orderflow.domain.errors import ConfigError
from orderflow.domain.routing import Routing

INCLUDE = Path(__file__).resolve().parents[2] / "include"


def test_without_files_the_channel_files_own_tags_are_told(tmp_path):
    assert alerts.read(tmp_path) == Routing()


def test_the_projects_own_files_are_right():
    assert alerts.read(INCLUDE).heartbeat.at == time(9)


def test_the_examples_in_the_projects_own_files_are_right(tmp_path):
    for name in (alerts.ALERTS, alerts.CALENDAR):
        lines = (INCLUDE / name).read_text().splitlines()
        shown = [
            line.removeprefix("# ") for line in lines if line.startswith(("# quiet", "# routes", "#   -", "# - {"))
        ]
        kept = [line for line in lines if not line.startswith(("routes", "[]", "#"))]
        (tmp_path / name).write_text("\n".join([*kept, *shown]))
    read = alerts.read(tmp_path)
    assert [route.to for route in read.routes] == [["asia-chat"], ["pager"]]
    assert (read.quiet.start, read.quiet.timezone) == (time(22), "Asia/Taipei")
    assert [day.name for day in read.calendar] == ["Christmas", "Singles' Day"]


def test_days_hold_for_the_channels_that_they_name(tmp_path):
    (tmp_path / "calendar.yml").write_text(
        "- {day: 2026-02-17, kind: holiday, name: 農曆新年 🧧}\n"
        "- {day: 2026-11-11, kind: sale, name: 光棍節, channels: [shopee_tw]}\n"
    )
    read = alerts.read(tmp_path)
    assert read.special("shopee_tw", kinds=["holiday", "sale"]) == {date(2026, 2, 17), date(2026, 11, 11)}
    assert read.special("other", kinds=["sale"]) == frozenset()


def test_durations_and_routes_are_read(tmp_path):
    (tmp_path / "alerts.yml").write_text("repeat: 1h30m\nroutes:\n  - {severity: critical, to: [pager]}\n")
    read = alerts.read(tmp_path)
    assert read.repeat == timedelta(minutes=90)
    assert read.routes[0].severity == "critical"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("repet: 4h\n", "alerts.yml:1  repet  unknown key 'repet'; did you mean 'repeat'?"),
        (
            "group: 2\n",
            "alerts.yml:1  group  2 is not a duration; write it with its unit, such as 30m, 1h30m, 2d or 45s",
        ),
        ("routes:\n  - {to: []}\n", "alerts.yml:2  routes[0].to"),
        (
            "repeat: 0s\n",
            "alerts.yml:1  repeat  it would be told again and again without a pause; write how long to wait",
        ),
        ('quiet: {start: "22:00", until: "7", timezone: Asia/Taipei}\n', "'7' is no time of day; write it in quotes"),
        ('quiet: {start: "22:00", until: "07:00", timezone: Taipei}\n', "'Taipei' is no IANA time zone"),
        ("calendar: []\n", "alerts.yml:1  calendar  unknown key 'calendar'; days stand in calendar.yml"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_cure(tmp_path, text, said):
    (tmp_path / "alerts.yml").write_text(text)
    with pytest.raises(ConfigError) as error:
        alerts.read(tmp_path)
    assert said in str(error.value)


def test_a_mistake_in_the_calendar_is_told_with_its_line(tmp_path):
    (tmp_path / "calendar.yml").write_text(
        "- {day: 2026-02-17, kind: holiday, name: a}\n- {day: 17.2., kind: x, name: b}\n"
    )
    with pytest.raises(ConfigError) as error:
        alerts.read(tmp_path)
    lines = str(error.value).splitlines()
    assert [line.partition("calendar.yml")[2].split("  ")[0] for line in lines] == [":2", ":2"]


def told(include):
    return [str(each).replace(f"{include}/", "") for each in alerts.problems(include)]


def test_all_mistakes_of_both_files_are_told_at_once(tmp_path):
    (tmp_path / "alerts.yml").write_text(
        "repet: 4h\ntimezone: Asia/Taipei\nroutes:\n  - {to: [客服, 'slack://u:hush@host'], severity: loud}\n"
    )
    (tmp_path / "calendar.yml").write_text(
        "- {dya: 2026-12-25, kind: holiday, name: 聖誕節 🎄}\n"
        "- {day: 2026-02-30, kind: sale, name: a, channels: shop_de}\n"
    )
    move = (
        "no secret ever stands in this file; put it into the Airflow connection 'orderflow_alerts' and replace it: "
        "it was readable here"
    )
    known = "known are calendar, group, heartbeat, quiet, repeat, routes, runbook"
    assert told(tmp_path) == [
        "alerts.yml:1  repet  unknown key 'repet'; did you mean 'repeat'?",
        f"alerts.yml:2  timezone  unknown key 'timezone'; {known}",
        "alerts.yml:4  routes[0].severity  'loud' is not allowed here; write 'warning' or 'critical'",
        "calendar.yml:1  [0].day  missing key 'day'; add it under '[0]'",
        "calendar.yml:1  [0].dya  unknown key 'dya'; did you mean 'day'?",
        "calendar.yml:2  [1].day  '2026-02-30' is not a date; write it like 2026-01-31",
        "calendar.yml:2  [1].channels  'shop_de' is not a list; write it like [a, b]",
        f"alerts.yml:4  routes[0].to[1]  the value holds a password, key or token; {move}",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: caf\xe9\n", "alerts.yml:1  is not UTF-8 (byte 0xe9); save it as UTF-8"),
        (b"group: 2m\n\trepeat: 4h\n", "alerts.yml:2  is indented with a tab; indent with two spaces"),
        (b"2m\n", "alerts.yml:1  '2m' is not a block of keys; write its keys below it, indented, or like {key: value}"),
        (b"\xef\xbb\xbf# nothing yet\n", None),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, said):
    (tmp_path / "alerts.yml").write_bytes(content)
    assert told(tmp_path) == ([said] if said else [])


def test_a_file_with_another_ending_is_not_passed_over(tmp_path):
    (tmp_path / "calendar.yaml").write_text("[]")
    assert told(tmp_path) == [
        "calendar.yml:1  there is only calendar.yaml, which nobody reads; rename it to calendar.yml"
    ]
    (tmp_path / "calendar.yml").write_text("[]")
    assert told(tmp_path) == []


def test_what_can_be_read_is_read_with_a_secret_in_it_which_checking_finds(tmp_path):
    (tmp_path / "alerts.yml").write_text("runbook: https://ops:hush@wiki.example/runbook\n")
    assert alerts.read(tmp_path).runbook == "https://ops:hush@wiki.example/runbook"
    [problem] = told(tmp_path)
    assert problem.startswith("alerts.yml:1  runbook  the value holds a password")
    assert "hush" not in problem
