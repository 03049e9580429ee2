"""In Chinese a page says everything in Chinese: what the code says, and what the database keeps in English."""

import json
import re
from html import unescape

from seed import fill
from test_reconciliation_pages import certify
from web_site import NOW, channel_files

OURS = re.compile(r"<(code|pre|bdi|script|style|select|datalist)\b.*?</\1>|<[^>]+>|`[^`]+`", re.DOTALL)
ENGLISH = re.compile(r"\b[a-z]+ (?:[a-z]+ )*[a-z]+\b")


def english(page: str) -> list[str]:
    """Two or more English words in a row that a reader sees, outside of what is quoted."""
    return ENGLISH.findall(unescape(OURS.sub(" | ", page.partition("<body")[2])))


PAGES = [
    "/order?number=A7",
    "/order?number=Q53",
    "/order?number=nobody",
    "/quarantine",
    "/quarantine/1",
    "/channels",
    "/channels/channel_02",
    "/coverage",
    "/reconciliation",
    "/reconciliation/channel_01/2026-03-06",
    "/mapping",
    "/quality",
]
WRONG = [
    "/order?number=A7&channel=nobody",
    "/quarantine/999999",
    "/quarantine?state=lost",
    "/reconciliation?month=lost",
    "/reconciliation/channel_01/2026-03-06/certificate.pdf",
    "/nowhere",
]


def test_pages_and_errors_in_chinese_hold_no_english_sentence(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orderflow.quarantine_events (quarantine_id, who, what, why)"
            " VALUES (1, 'load', 'superseded', 'a good version came in 2026-03-01T00:00Z/2026-03-01T01:00Z')"
        )
    certify(staging, causes={"not_yet_due": 1, "quarantined": 2})
    reader = client(language="zh-TW")
    found = {path: english(reader.get(path).text.replace("its list", "")) for path in [*PAGES, *WRONG]}
    assert not {path: said for path, said in found.items() if said}


def test_a_failed_window_says_what_its_class_means_before_the_words_of_others(client, site, staging):
    channel_files(site.state.site.include, ["channel_07"])
    fill(staging, channels=7, orders=70, now=NOW)
    reader = client(language="zh-TW")
    span = "2026-03-07T06:00Z/2026-03-07T10:00Z"
    told = '<b>對方拒絕存取：請檢查憑證、權限範圍與權杖，再清除該工作。</b> <bdi lang="en">DeniedError: shop'
    for path in ("/coverage?channel=channel_07", f"/coverage/channel_07?span={span}", "/channels/channel_07"):
        assert told in reader.get(path).text, path
    assert "<b>The other side does not let us in" in client().get(f"/coverage/channel_07?span={span}").text


def test_the_words_of_an_adapter_are_folded_behind_the_meaning_of_their_rule(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    said = "known are OPEN, PAID; a new value needs a decision"
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET source = 'unreadable', document = NULL, reasons = %s"
            " WHERE order_id = 'Q53' RETURNING id",
            (json.dumps([{"code": "STATUS_UNKNOWN", "field": "status", "value": "GONE", "message": said}]),),
        )
        ((row,),) = cursor.fetchall()
    for path in ("/order?number=Q53", f"/quarantine/{row}"):
        page = client(language="zh-TW").get(path).text
        assert "原始紀錄的狀態是欄位對應不認得的" in page
        assert f'<summary>原文（英文）</summary><p class="soft"><bdi lang="en">{said}</bdi>' in page
        assert f'<p class="soft"><bdi>{said}</bdi></p>' in client().get(path).text


def test_what_an_oms_said_is_nobodys_to_translate(client, staging):
    fill(staging, channels=3, orders=300, now=NOW)
    said = "COUNTRY_BLOCKED: nothing is sent to KP"
    with staging, staging.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET source = 'oms', reasons = %s WHERE order_id = 'Q53'",
            (json.dumps([{"code": "OMS_REFUSED", "field": None, "value": None, "message": said}]),),
        )
    assert f'<p class="soft"><bdi>{said}</bdi></p>' in client(language="zh-TW").get("/order?number=Q53").text
