"""In Chinese a page says everything in Chinese: what the code says, and what the database keeps in English."""

import re
from html import unescape

from seed import fill
from test_reconciliation_pages import certify
from web_site import NOW

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
