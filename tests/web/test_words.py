"""Both languages: every text of the pages is translated, and each user gets the language he asked for."""

import re
from datetime import timedelta
from typing import get_args

import pytest
import yaml

from orderflow.domain.snapshot import KINDS as ALERTS
from orderflow.quality.pages.words import sentence
from orderflow.quality.rules import RULES
from orderflow.staging.blocking import Standing
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


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_its_meaning_and_its_cure_in_chinese(rule):
    said = [words.chinese().get(each, "") for each in (rule.meaning, rule.cure)]
    assert all(re.search("[\u4e00-\u9fff]", each) for each in said)
    named = set(re.findall(r"`[^`]+`|clean\.\w+(?:\.\w+)?", f"{rule.meaning} {rule.cure}"))
    assert not {each for each in named if each not in " ".join(said)}, "names of fields and commands stay as they are"


def test_no_translation_of_a_rule_is_left_over():
    kept = yaml.safe_load((words.FOLDER / "rules.yml").read_text("utf-8"))
    assert not set(kept) - {text for rule in RULES.values() for text in (rule.meaning, rule.cure)}


def test_every_verdict_has_a_word_in_chinese():
    assert not set(get_args(Standing)) - set(words.chinese())


def test_a_sentence_ends_as_its_script_does():
    assert [sentence("the SKU is new"), sentence("SKU 是新的")] == ["The SKU is new.", "SKU 是新的。"]


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
