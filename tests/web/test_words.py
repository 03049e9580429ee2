"""Both languages: every text of the pages is translated, and each user gets the language he asked for."""

import re
from datetime import timedelta

import pytest

from orderflow.domain.snapshot import KINDS as ALERTS
from orderflow.web import page, words
from orderflow.web.coverage import KINDS

SAID = re.compile(r"""\bt\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
FILES = sorted([*(page.HERE / "templates").glob("*.html"), *page.HERE.glob("*.py")])


def test_every_text_has_a_translation():
    missing = {
        (path.name, text)
        for path in FILES
        for text in ((one or two).replace('\\"', '"') for one, two in SAID.findall(path.read_text()))
        if text not in words.chinese()
    }
    assert not missing


def test_what_code_names_is_translated_too():
    named = {title for _, title in page.TABS} | set(KINDS.values()) | set(ALERTS)
    assert not named - set(words.chinese())


def test_a_translation_fills_in_the_same_names():
    for english, chinese in words.chinese().items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese)), english


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "found"),
    [
        (None, None, "zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        (None, None, "de-DE,de;q=0.9,en;q=0.5,zh;q=0.3", "en"),
        (None, None, "", "en"),
        (None, None, "en;q=x, zh", "zh-Hant"),
        (None, "zh-Hant", "en", "zh-Hant"),
        ("en", "zh-Hant", "zh", "en"),
    ],
)
def test_the_address_wins_over_the_cookie_over_the_browser(asked, kept, accepted, found):
    assert words.language(asked, kept, accepted) == found


def test_lengths_of_time_read_well_in_both_languages():
    english, chinese = words.Words("en"), words.Words("zh-Hant")
    told = [timedelta(seconds=5), timedelta(minutes=61), timedelta(hours=30), timedelta(days=3), None]
    assert [english.length(each) for each in told] == ["5 s", "1 h 1 min", "30 h", "3 days", "–"]
    assert [chinese.length(each) for each in told] == ["5 秒", "1 小時 1 分", "30 小時", "3 天", "–"]


def test_a_chosen_language_is_remembered(client):
    user = client()
    assert '<html lang="en">' in user.get("/order").text
    assert '<html lang="zh-Hant">' in user.get("/order?lang=zh-Hant").text
    assert "<h1>訂單</h1>" in user.get("/order").text
