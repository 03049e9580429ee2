"""Long names in a browser: a line ends between the words of a name, and no page is wider than the screen."""

import os
import re
import shutil

import pytest
from seed import fill
from web_site import NOW, channel_files

from orderflow.quality.pages.words import breakable
from orderflow.web.page import style

CHROMIUM = os.environ.get("ORDERFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NAME = "marketplace_crossborderflagship_store_taiwan_hongkong_2026"
PARTED = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("svg, pre, option, .hidden")) continue;
    for (const word of node.data.matchAll(/[A-Za-z0-9]{3,}/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((each) => each.width > 1).map((each) => each.top));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  const wide = (box) => box.scrollWidth > box.clientWidth;
  if (wide(document.documentElement)) found.push("(wider than the screen)");
  if (innerWidth > 1000 && [...document.querySelectorAll(".groups .table")].some(wide)) found.push("(a group scrolls)");
  return found;
}"""


def test_a_name_may_be_parted_behind_what_joins_its_words_and_is_escaped():
    assert breakable("demo_shop/A.7:b") == "demo_<wbr>shop/<wbr>A.<wbr>7:<wbr>b"
    assert breakable("<b>a_x") == "&lt;b&gt;a_<wbr>x"
    assert breakable("訂單_") == "訂單_"


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [400, 1280])
def test_no_word_of_a_name_is_parted_on_any_page(client, site, staging, chromium, width):
    channel_files(site.state.site.include, [NAME, "demo_woocommerce"])
    fill(staging, channels=3, orders=300, now=NOW)
    with staging, staging.cursor() as cursor:
        for old, new in (("channel_01", NAME), ("channel_02", "demo_woocommerce")):
            cursor.execute("UPDATE orderflow.quarantine SET channel = %s WHERE channel = %s", (new, old))
            cursor.execute("UPDATE orderflow.windows SET channel = %s WHERE channel = %s", (new, old))
        cursor.execute(
            "UPDATE orderflow.quarantine SET value = 36293.945 * id, currency = CASE id % 2 WHEN 0 THEN 'EUR' END"
        )
    page = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
    parted = {}
    for address in ("quarantine", "coverage", "channels", "mapping", "reconciliation", "quality", f"channels/{NAME}"):
        shown = client().get(f"/{address}").text
        page.set_content(re.sub("<link rel=.stylesheet[^>]*>", lambda _: f"<style>{style()}</style>", shown))
        parted[address] = page.evaluate(PARTED)
    assert not {address: found for address, found in parted.items() if found}
    page.context.close()
