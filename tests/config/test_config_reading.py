"""Good files become channels; broken ones stop nobody else."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from channel_files import GOOD, NOW

from orderflow import config, oms
from orderflow.domain.errors import ConfigError
from orderflow.domain.window import Window


def write(folder, name="shopee_tw", text=GOOD):
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")


def test_a_file_becomes_a_channel_named_after_it(channels):
    write(channels)
    reading = config.read(channels, now=NOW)
    assert reading.problems == reading.warnings == []
    (channel,) = reading.channels
    assert channel.name == "shopee_tw"
    assert channel.title == "Shopee Taiwan, 旗艦店 🏬"
    assert channel.adapter_name == "market"
    assert channel.options.shop_id == 123456
    assert channel.schedule.start == date(2026, 1, 1)
    assert channel.start == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert channel.lookback == timedelta(minutes=5)
    assert channel.text == GOOD


def test_every_key_of_the_form_arrives_in_the_channel(channels):
    write(
        channels,
        text=GOOD.replace("oms: {target: demo}", "oms: {target: demo, batch: 7, concurrency: 2}")
        + """\
clean:
  currency: TWD
  country: TW
  timezone: Asia/Tokyo
  sku: mapped
validate:
  quarantine_at_most: 2.5%
  orders_per_window: [0, 5000]
  guards: warn
  tolerance: 0.01
alerts: [ops-chat, "דואר"]
shadow: true
""",
    )
    (channel,) = config.read(channels, now=NOW).channels
    assert channel.clean.model_dump() == {
        "currency": "TWD",
        "country": "TW",
        "timezone": "Asia/Tokyo",
        "sku": "mapped",
        "lookups": {},
    }
    assert channel.validate_.quarantine_at_most == Decimal("0.025")
    assert channel.validate_.orders_per_window == (0, 5000)
    assert channel.validate_.tolerance == Decimal("0.01")
    assert (channel.oms.target, channel.oms.batch, channel.oms.concurrency) == ("demo", 7, 2)
    assert channel.alerts == ["ops-chat", "דואר"]
    assert channel.shadow


def test_lookback_and_settle_widen_what_is_asked(channels):
    write(channels, text=GOOD.replace("schedule:\n", "schedule:\n  lookback: 1h30m\n  settle: 10m\n"))
    (channel,) = config.read(channels, now=NOW).channels
    window = Window(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC))
    assert str(channel.asks(window)) == "2026-03-01T10:20:00Z/2026-03-01T12:50:00Z"


def test_one_broken_file_stops_no_other(channels):
    for name in ("a", "b", "c"):
        write(channels, name, GOOD.replace("123456", str(ord(name))))
    write(channels, "b", GOOD.replace("lookback", "lookbak").replace("cron", "corn"))
    reading = config.read(channels, now=NOW)
    assert [channel.name for channel in reading.channels] == ["a", "c"]
    assert {problem.file.name for problem in reading.problems} == {"b.yml"}


def test_channels_come_sorted_by_name(channels):
    for number, name in enumerate(["z9", "a", "m_1", "0"], 1):
        write(channels, name, GOOD.replace("123456", str(number)))
    assert [channel.name for channel in config.read(channels).channels] == ["0", "a", "m_1", "z9"]


def test_only_one_file_is_read_when_one_is_asked_for(channels):
    write(channels, "a")
    write(channels, "b", "nonsense")
    reading = config.read(channels, only="a")
    assert [channel.name for channel in reading.channels] == ["a"]
    assert reading.problems == []
    assert config.read(channels, only="gone") == config.Reading([], [], [])


def test_the_same_shop_twice_is_a_warning_and_both_run(channels):
    write(channels, "a")
    write(channels, "b")
    write(channels, "c", GOOD.replace("123456", "7"))
    reading = config.read(channels, now=NOW)
    assert [channel.name for channel in reading.channels] == ["a", "b", "c"]
    (warning,) = reading.warnings
    assert str(warning) == (
        f"{channels}/b.yml:5  source  asks for the same orders as a.yml (same adapter, connection, options and OMS "
        "target); remove one of the two files"
    )


@pytest.mark.parametrize(
    "since", ["2026-03-01", "2026-03-01T00:00", "2026-02-28T16:00:00Z", "2026-03-01 01:00:00+09:00"]
)
def test_a_hand_over_is_a_day_or_a_moment_in_the_channels_own_zone(channels, since):
    write(channels, text=GOOD.replace("{target: demo}", f"{{target: demo, since: {since}}}"))
    (channel,) = config.read(channels, now=NOW).channels
    assert channel.delivers_since == datetime(2026, 2, 28, 16, tzinfo=UTC)


def test_the_future_is_judged_in_the_channels_own_zone(channels):
    write(channels, text=GOOD.replace("start: 2026-01-01", "start: 2026-11-23"))
    late = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # half past midnight of the 23rd in Taipei
    assert config.read(channels, now=late).problems == []
    assert len(config.read(channels, now=late - timedelta(hours=1)).problems) == 1
    assert config.read(channels).problems == []


def test_a_broken_target_is_told_once_and_its_channels_run(channels):
    write(channels, "a", GOOD.replace("target: demo", "target: erp"))
    write(channels, "b", GOOD.replace("target: demo", "target: erp").replace("123456", "7"))
    target = channels.parent / "targets" / "erp.yml"
    target.write_text(target.read_text().replace("kind: http", "kind: http\nconection: erp"))
    reading = config.read(channels, now=NOW)
    assert [channel.name for channel in reading.channels] == ["a", "b"]
    assert [str(problem) for problem in reading.problems] == [
        f"{target}:3  conection  unknown key; did you mean 'connection'?"
    ]
    assert config.read(channels, only="a").problems == []


@pytest.mark.parametrize(
    ("found", "there", "said"),
    [
        ("kind: http", "kind: http  # für alle", ":2  is not UTF-8 (byte 0xfc); save it as UTF-8"),
        (
            "kind: http",
            "kind: http\nkind: odoo",
            ":3  kind  the key 'kind' stands twice, first in line 2; keep one of the two",
        ),
        (
            "kind: http",
            "kind: on",
            ':2  kind  on is read as true or false; quote it if it is text: "on", or write true or false',
        ),
    ],
)
def test_a_target_is_read_as_strictly_as_a_channel_and_stops_none(channels, found, there, said):
    write(channels, "a", GOOD.replace("target: demo", "target: erp"))
    target = channels.parent / "targets" / "erp.yml"
    target.write_text(target.read_text().replace(found, there), encoding="latin-1")
    reading = config.read(channels)
    assert [channel.name for channel in reading.channels] == ["a"]
    assert [str(problem) for problem in reading.problems] == [f"{target}{said}"]
    if "für" in there:
        with pytest.raises(ConfigError, match=r"cannot be read .* save it as UTF-8"):
            oms.find("erp", target.parent)


def test_a_target_that_is_not_there_is_told_with_its_place_and_the_page_that_says_how(channels):
    write(channels, "a", GOOD.replace("target: demo", "target: warehouse"))
    (problem,) = config.read(channels).problems
    place = channels.parent / "targets" / "warehouse.yml"
    assert f"unknown OMS target 'warehouse'; known are demo, erp; add {place} as docs/new-oms.md says" in str(problem)


def test_a_target_that_nobody_names_is_not_read(channels):
    write(channels)
    (channels.parent / "targets" / "other.yml").write_text("nonsense")
    assert config.read(channels).problems == []


def test_other_files_and_editors_leftovers_are_not_channel_files(channels):
    write(channels)
    (channels / "README.md").write_text("# Channels")
    (channels / ".shopee_tw.yml").write_text("half typed")
    (channels / ".#shopee_tw.yml").symlink_to("nobody@nowhere.1")
    (channels / "notes").mkdir()
    reading = config.read(channels)
    assert len(reading.channels) == 1
    assert reading.problems == []


def test_a_file_that_cannot_be_opened_is_a_problem(channels):
    (channels / "gone.yml").symlink_to(channels / "nowhere.yml")
    (problem,) = config.read(channels).problems
    expected = "gone.yml:1  cannot be opened: No such file or directory; check the file and its permissions"
    assert str(problem).removeprefix(f"{channels}/") == expected


def test_a_folder_that_is_not_there_is_a_problem(tmp_path):
    reading = config.read(tmp_path / "chanels")
    assert reading.channels == []
    assert [str(problem) for problem in reading.problems] == [
        f"{tmp_path}/chanels:1  there is no such folder; channel files lie in include/channels"
    ]


def test_a_file_with_a_byte_order_mark_is_read(channels):
    (channels / "shopee_tw.yml").write_bytes(GOOD.encode("utf-8-sig"))
    assert len(config.read(channels).channels) == 1


def test_windows_line_ends_are_read(channels):
    (channels / "shopee_tw.yml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert len(config.read(channels).channels) == 1


def test_words_of_a_platform_may_hold_spaces_that_nobody_types(channels):
    """French shops write a no-break space before a colon; the cure of an unknown country is to list its spelling."""
    write(channels, text=GOOD + 'clean: {lookups: {country: {"Etats\u00a0Unis": US}}}\n')
    reading = config.read(channels)
    assert reading.problems == []
    assert reading.channels[0].clean.lookups["country"] == {"Etats\u00a0Unis": "US"}


def test_a_start_that_means_everything_is_a_start(channels):
    write(channels, text=GOOD.replace("2026-01-01", "1970-01-01"))
    assert config.read(channels).problems == []


@pytest.mark.parametrize(
    ("owner", "good"),
    [
        ("asia", True),
        ("Équipe Asie 亞洲", True),
        ("asia <asia@shop.example>", True),
        ("asia <https://chat.example/asia>", True),
        ("cs-customercare <https://discord.com/channels/9/8>", True),
        ("asia <https://discord.com/api/webhooks/9/shhh>", False),
        ("asia xoxb-9999999999-shhh", False),
        ("asia <asia>", False),
        ("<asia@shop.example>", False),
        ("a, b", False),
    ],
)
def test_an_owner_is_a_name_with_at_most_one_place_to_reach_it(channels, owner, good):
    write(channels, text=GOOD.replace("marketplace-asia <asia@shop.example>", owner))
    assert bool(config.read(channels).channels) == good
