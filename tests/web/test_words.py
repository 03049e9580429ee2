"""Both languages: every text of the pages is translated, and each user gets the language he asked for."""

import ast
import re
from datetime import timedelta
from typing import get_args

import pytest
import yaml

from orderflow.domain.life import STAGES
from orderflow.domain.message import Message, said
from orderflow.domain.order import ORDER_STATUS
from orderflow.domain.reconciliation import CAUSES
from orderflow.domain.snapshot import KINDS as ALERTS
from orderflow.quality.pages.words import sentence
from orderflow.quality.rules import RULES
from orderflow.staging.backlog import State
from orderflow.staging.blocking import Standing
from orderflow.web import page, words
from orderflow.web.coverage import KINDS
from orderflow.web.meanings import MEANINGS

SAID = re.compile(r"""\bt\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
PAGES = [*(page.HERE / "templates").glob("*.html"), *page.HERE.glob("*.py")]
FILES = sorted([*PAGES, page.SHARED / "certificate.html"])
ROOMS = ("domain", "staging", "web", "quality/pages", "quality/ownership.py", "pipeline/reconcile.py")
CODE = [
    ast.parse(path.read_text())
    for room in (page.HERE.parent / each for each in ROOMS)
    for path in ([room] if room.is_file() else sorted(room.rglob("*.py")))
]
"""What says something to the pages, parsed."""
HAN = re.compile("[\u4e00-\u9fff]")


def test_every_text_has_a_translation():
    missing = {
        (path.name, text)
        for path in FILES
        for text in ((one or two).replace('\\"', '"') for one, two in SAID.findall(path.read_text()))
        if text not in words.chinese()
    }
    assert not missing


def test_what_code_names_is_translated_too():
    named = {title for _, title in page.TABS} | {*KINDS.values(), *MEANINGS.values(), *ALERTS}
    assert not named - set(words.chinese())


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_its_meaning_and_its_cure_in_chinese(rule):
    said = [words.chinese().get(each, "") for each in (rule.meaning, rule.cure)]
    assert all(HAN.search(each) for each in said)
    named = set(re.findall(r"`[^`]+`|clean\.\w+(?:\.\w+)?", f"{rule.meaning} {rule.cure}"))
    assert not {each for each in named if each not in " ".join(said)}, "names of fields and commands stay as they are"


def test_no_translation_of_a_rule_is_left_over():
    kept = yaml.safe_load((words.FOLDER / "rules.yml").read_text("utf-8"))
    assert not set(kept) - {text for rule in RULES.values() for text in (rule.meaning, rule.cure)}


def test_every_message_of_the_code_has_a_translation():
    calls = (node for tree in CODE for node in ast.walk(tree) if isinstance(node, ast.Call))
    made = [each.args[0] for each in calls if isinstance(each.func, ast.Name) and each.func.id == "Message"]
    found = {each.value for each in made if isinstance(each, ast.Constant)}
    assert len(found) > 50
    assert not found - set(words.chinese())


def test_words_that_stand_in_messages_are_translated():
    causes = {name.replace("_", " ") for name in CAUSES}
    assert not ({*get_args(State), *STAGES, *ORDER_STATUS, *causes, "accepted", "refused"}) - set(words.chinese())


def test_a_sentence_that_comes_as_text_is_one_that_the_code_says():
    """A sentence may be parted in the code: every run of its own words has to stand in one text."""
    strings = {node.value for tree in CODE for node in ast.walk(tree)
               if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    code = "\0".join(strings)
    kept = yaml.safe_load((words.FOLDER / "sentences.yml").read_text("utf-8"))
    apart = {"Not Found", "Method Not Allowed"}  # said by Starlette
    gone = {part for each in kept if each not in apart for part in re.split(r"{\w+}|\|", each) if part.strip(" ;:.,")
            if part.strip(" ;:.,") not in code}  # fmt: skip
    assert not gone


def test_a_message_is_english_and_each_language_says_it():
    inner = Message("{n} attempt|{n} attempts", n=2000)
    told = Message("{told}; repaired", told=inner)
    assert told == "2,000 attempts; repaired"
    assert words.Words("en")(told) == told
    assert words.Words("zh-Hant")(told) == "嘗試 2,000 次；已修復"


def test_a_count_stands_before_both_forms_of_its_noun():
    many = {text for text in words.chinese() if re.search(r"{n}( \w+)* \w+s\b", text) and "|" not in text}
    always_many = {"After the look-ups, in the newest {n} orders.", "Next {n} orders"}
    assert many - always_many == {"The {n} that most orders wait for are shown."}


@pytest.mark.parametrize(("n", "found"), [(0, "0 orders"), (1, "1 order"), ("1", "1 order"), (1391, "1,391 orders")])
def test_a_count_chooses_the_form_of_its_noun(n, found):
    assert said("{n} order|{n} orders", n=n) == found


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("the list of shopify by created time", "shopify 依建立時間的清單"),
        ("There is no channel '茶', or you may not read its DAG.", "沒有通路 '茶'，或您沒有讀取其 DAG 的權限。"),
        ("the order is parked; nothing was changed", "這筆訂單的狀態為「已擱置」；未做任何更改"),
        ("1 span is not loaded, from 2026-03-01T00:00Z on", "有 1 段尚未載入，自 2026-03-01T00:00Z 起"),
        ("1,391 orders are not yet due", "1,391 筆訂單尚未到期"),
        (
            "no order has come yet, though those up to 2026-03-01 08:00Z are due; no attempt left an error",
            "還沒有收到訂單，但應已收到至 2026-03-01 08:00Z；沒有任何嘗試留下錯誤",
        ),
        (
            "1 batch waits for a person's decision, for 2h: orderflow review list",
            "1 個批次等待人決定，已 2h：orderflow review list",
        ),
        ("we have lost all orders", "we have lost all orders"),
        ("what nobody has translated yet", "what nobody has translated yet"),
    ],
)
def test_a_sentence_that_comes_as_text_is_recognised(english, chinese):
    assert words.Words("zh-Hant")(english) == chinese
    assert words.Words("en")(english) == english


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
    spans = [timedelta(seconds=5), timedelta(minutes=61), timedelta(hours=30), timedelta(hours=71), timedelta(days=3)]
    told = [*spans, timedelta(days=12, hours=9), None]
    assert [english.length(each) for each in told] == [
        "5 s",
        "1 h 1 min",
        "30 h",
        "2 days 23 h",
        "3 days",
        "12 days",
        "–",
    ]
    assert [chinese.length(each) for each in told] == [
        "5 秒",
        "1 小時 1 分",
        "30 小時",
        "2 天 23 小時",
        "3 天",
        "12 天",
        "–",
    ]


def test_a_chosen_language_is_remembered(client):
    user = client()
    assert '<html lang="en">' in user.get("/order").text
    assert '<html lang="zh-Hant">' in user.get("/order?lang=zh-Hant").text
    assert "<h1>訂單</h1>" in user.get("/order").text


def test_a_long_text_of_a_channel_is_shown_as_it_is_without_a_search_for_our_sentences():
    text = " since , where about  are usual: about " * 2000
    assert words.Words("zh-Hant")(text) == text
