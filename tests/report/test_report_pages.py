"""The pages: hostile and foreign texts, empty states, tables, and a real browser."""

import csv
import io
import itertools
import os
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from good_orders import channel, land, order, with_line
from orderflow.domain.expectation import Result, Run
from orderflow.pipeline.clean import clean
from orderflow.pipeline.load import load
from orderflow.pipeline.trial import try_cures
from orderflow.pipeline.validate import validate
from orderflow.quality import pages as page_templates
from orderflow.quality.pages import words
from orderflow.quality.report import charts, pages, tables, writing
from orderflow.quality.report.clusters import Cluster, Trial
from orderflow.quality.report.figures import figures
from orderflow.staging import expectations

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
DAY = date(2026, 3, 1)
HOSTILE = """"><script>alert(1)</script><img src=http://evil.example/x onerror='alert(2)'>"""
FOREIGN = ["王小明 花火 🎆", "تجربة طلب", "ספר בישול", "ｆｕｌｌ", "a" * 600, "=HYPERLINK(1)", "{{ 7 * 7 }}"]


@pytest.fixture
def written(tmp_path, store):
    """A report over orders with every kind of text, and the channel's own title among it."""
    shop = channel().model_copy(update={"title": f"旗艦店 🏬 {HOSTILE}", "owner": "asia <asia@shop.example>"})
    texts = [HOSTILE, *FOREIGN]
    orders = [order(number) for number in range(1, 6)]
    orders += [
        with_line(order(20 + number), quantity="-1", sku=text[:150], title=text) for number, text in enumerate(texts)
    ]
    orders += [replace(order(40), currency=None), replace(order(41), currency=None), replace(order(42), currency="ZZZ")]
    (tmp_path / "landing").mkdir()
    load(shop, validate(shop, clean(shop, land(tmp_path / "landing", orders))), store)
    result = Result(
        name="currency one_of channel", kind="one_of", table="orders", column="currency", origin="channel",
        meaning=f"currency is one of {HOSTILE}", success=False, evaluated=5, unexpected=2, sample=["A1", HOSTILE],
    )  # fmt: skip
    expectations.keep(
        store.connection,
        Run(
            channel="shop_tw",
            day=DAY,
            run_id="x",
            asked_by="schedule",
            started_at=NOW,
            seconds=0.5,
            orders=5,
            lines=10,
            partial=False,
            engine="Great Expectations",
            results=[result, replace(result, name="b", success=True)],
        ),
    )
    found = figures(store.connection, shop, last=DAY, days=7, now=NOW)
    try_cures(found, shop, store.connection)
    folder = writing.write(tmp_path / "reports", "2026-03-01", [found], made_at=NOW)
    return folder, found


def test_nothing_of_a_channel_reaches_a_page_unescaped(written):
    folder, _ = written
    pages = {path.name: path.read_text() for path in folder.glob("*.html")}
    assert pages.keys() == {"index.html", "shop_tw.html", "shop_tw-expectations.html"}
    for name, page in pages.items():
        assert "&lt;script&gt;" in page, name
        assert "<script" not in page
        assert "<img" not in page
        assert "{{" not in page.replace("{{ 7 * 7 }}", "")
        assert not re.findall(r"""<[^>]*(?:src|href|action)=["']?(?:https?:)?//""", page)
        assert not re.search(r"@import|url\(", page)
    whole = pages["shop_tw.html"]
    assert "王小明 花火 🎆" in whole
    assert "<bdi><code>تجربة طلب</code></bdi>" in whole
    assert "a" * 200 not in whole, "a long title is cut"


def test_no_personal_data_reaches_pages_or_tables(written):
    folder, _ = written
    everything = "".join(path.read_text() for path in folder.rglob("*") if path.suffix in {".html", ".csv"})
    for text in ("buyer1@example.com", "Storgatan", "070-123", "Anna Öberg", "asia@shop.example"):
        assert text not in everything


def test_tables_hold_the_same_in_both_formats_and_start_no_formula(written):
    folder, found = written
    rows = list(csv.DictReader(io.StringIO((folder / "data" / "shop_tw-skus.csv").read_text(encoding="utf-8-sig"))))
    assert {row["sku"] for row in rows} >= {"'=HYPERLINK(1)", "تجربة طلب"}
    parquet = pq.read_table(folder / "data" / "shop_tw-skus.parquet").to_pylist()
    assert {row["sku"] for row in parquet} == {each.sku for each in found.skus}
    orders = pq.read_table(folder / "data" / "shop_tw-orders.parquet")
    assert sum(value or 0 for value in orders["orders"].to_pylist()) == found.orders
    assert str(orders.schema.field("value").type) == "decimal128(38, 6)"


def test_every_page_reads_well_without_colours_or_eyes(written):
    folder, _ = written
    for path in folder.glob("*.html"):
        page = path.read_text()
        assert page.count("<h1>") == 1
        assert '<html lang="en">' in page
        assert page.count("<svg") == page.count('role="img" aria-labelledby')
        assert page.count("<table>") == page.count("<thead>")
        assert '<th scope="row">' in page
        levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_table_that_may_scroll_takes_the_keyboards_focus_and_has_a_name():
    templates = sorted((Path(page_templates.__file__).parent / "templates").glob("*.html"))
    tables = {each.name: re.findall(r'<div class="table"[^>]*>', each.read_text()) for each in templates}
    assert tables["certificate.html"]
    named = 'class="table" tabindex="0" role="region" aria-label'
    assert [tag for tags in tables.values() for tag in tags if named not in tag] == []


def test_a_channel_without_a_single_order_has_a_page_that_says_so(tmp_path, store):
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    folder = writing.write(tmp_path, "2026-03-01-2d-shop_tw", [found], made_at=NOW)
    page = (folder / "shop_tw.html").read_text()
    assert "No orders were created on this channel in these days" in page
    assert "nothing pulled yet" in page
    assert page.count('class="empty"') >= 7
    assert "No expectations were checked" in (folder / "shop_tw-expectations.html").read_text()
    nobody = writing.write(tmp_path, "2026-03-02", [], made_at=NOW)
    assert "There is no channel yet" in (nobody / "index.html").read_text()
    names = re.findall(r'href="([^"]+)/index.html"', (tmp_path / "index.html").read_text())
    assert names == ["2026-03-02", "2026-03-01-2d-shop_tw"]


def test_what_the_oms_refused_waits_with_its_value_and_what_is_discarded_was_not_accepted(store):
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    found.verdicts[DAY]["discarded"].add(1, "EUR", Decimal(7))
    assert "Every order of these days was accepted or discarded." in pages.channel_page(found, [found], {})
    found.verdicts[DAY]["oms"].add(2, "EUR", Decimal(20))
    waits = "20.00\N{NO-BREAK SPACE}EUR"
    assert f'<b class="amounts">{waits}</b><span>value that waits' in pages.channel_page(found, [found], {})
    assert f'<td class="n">2</td><td class="n">{waits}</td>' in pages.overall_page([found], NOW, listed=False)


def test_a_run_without_an_order_is_called_neither_met_nor_bad(tmp_path, store):
    result = Result(
        name="currency filled", kind="filled", table="orders", column="currency", origin="channel",
        meaning="currency has a value", success=True, evaluated=0, unexpected=0, sample=[],
    )  # fmt: skip
    run = Run(
        channel="shop_tw", day=DAY, run_id="x", asked_by="schedule", started_at=NOW, seconds=0.5, orders=0, lines=0,
        partial=False, engine="Great Expectations", results=[result],
    )  # fmt: skip
    expectations.keep(store.connection, run)
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    assert ("", "no orders to check") in pages.states(found)
    assert ("warn", "nothing pulled yet") in pages.states(found)
    folder = writing.write(tmp_path, "2026-03-01", [found], made_at=NOW)
    for path in folder.glob("*.html"):
        page = path.read_text()
        assert "all 1 met" not in page, path.name
        assert "no orders to check" in page, path.name
        assert 'class="bad"' not in page, path.name
        assert 'class="good"' not in page, path.name
    assert "01 Mar not checked" in (folder / "shop_tw-expectations.html").read_text()


def test_writing_again_takes_the_place_of_the_report_before(tmp_path, store):
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    folder = writing.write(tmp_path, "2026-03-01", [found], made_at=NOW)
    (folder / "old.html").write_text("old")
    assert writing.write(tmp_path, "2026-03-01", [found], made_at=NOW) == folder
    assert not (folder / "old.html").exists()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_values_are_written_as_people_write_them():
    assert words.bare(Decimal("-1234.500000"), "EUR") == "−1,234.50"
    assert words.bare(Decimal(1000), "JPY") == "1,000"
    assert words.bare(Decimal("0.0055"), "EUR") == "0.0055"
    assert words.bare(Decimal("1E+3"), "KWD") == "1,000.000"
    assert words.percent(0.99996) == ">99.9%"
    assert words.percent(1) == "100.0%"
    assert words.ago(timedelta(minutes=135)) == "2 h 15 min"
    assert tables._cell(Decimal("1E+3")) == "1000"
    assert tables._cell("-1") == "-1"
    assert tables._cell("-1+1|cmd") == "'-1+1|cmd"


def test_a_text_that_is_cut_ends_with_a_whole_word_where_it_has_words():
    told = "lines, charges, tax, discounts and rounding do not add up to the grand total"
    assert words.cut(told, 36) == "lines, charges, tax, discounts and…"
    assert words.cut(told, 19) == "lines, charges…"
    assert words.cut(told, len(told)) == told
    assert words.cut("GRAND_TOTAL_MISMATCH", 8) == "GRAND_T…"
    assert words.cut("花火王小明花火王小明", 5) == "花火王小…"
    assert words.cut("a very-long-word-of-one-piece", 20) == "a very-long-word-of…"
    assert all(len(words.cut(told, length)) <= length for length in range(2, 80))


@pytest.mark.parametrize("most", [3, 280, 140_000, 10**9])
def test_the_axis_of_a_chart_has_room_for_its_largest_number(most):
    drawn = charts.stacked([DAY, DAY], {"accepted": [most, 0]}, title="x")
    labels = re.findall(r'text-anchor="end" x="(\d+)"[^>]*>([\d,]+)</text>', drawn)
    assert len(labels) > 2
    assert all(int(at) >= charts._DIGIT * len(label) for at, label in labels)


@pytest.mark.parametrize("values", [[], [0, 0], [1], [3, 10**9]])
def test_charts_can_be_drawn_of_any_numbers(values):
    days = [DAY + timedelta(days=number) for number in range(len(values))]
    drawn = charts.stacked(days, {"accepted": values, HOSTILE: [1] * len(values)}, title=HOSTILE, band=(0, 0))
    assert "<script" not in drawn
    assert "nan" not in drawn
    assert charts.sparkline(values, title="x").startswith("<svg")
    assert charts.shares({"accepted": sum(values)}, title="x").startswith("<svg")


OUT_OF_THE_KEYBOARDS_REACH = """[...document.querySelectorAll('.table')]
    .filter(each => each.scrollWidth > each.clientWidth && each.tabIndex < 0).map(each => each.textContent.trim())"""

CHROMIUM = os.environ.get("ORDERFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_pages_without_an_error_and_asks_nobody(written):
    from playwright.sync_api import sync_playwright

    folder, _ = written
    said, asked, wide, stuck = [], [], {}, []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme, width in (("light", 1200), ("dark", 390)):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            for path in sorted(folder.glob("*.html")):
                page.goto(path.as_uri())
                wide[width, path.name] = page.evaluate("document.documentElement.scrollWidth")
                stuck += page.evaluate(OUT_OF_THE_KEYBOARDS_REACH)
                assert page.locator("h1").is_visible()
            page.goto((folder / "shop_tw.html").as_uri())
            assert page.locator("svg.chart rect.waiting").count() == 1
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
        browser.close()
    assert said == []
    assert stuck == []
    assert {Path(url).parent for url in (each.removeprefix("file://") for each in asked)} == {folder}
    assert all(found <= width for (width, _), found in wide.items()), wide


def test_the_page_of_one_channel_among_thousands_does_not_name_them_all(store):
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    few, many = (pages.channel_page(found, [found] * number, {}) for number in (3, 2000))
    assert few.count('href="shop_tw.html"') == 3
    assert len(many) < len(few)
    assert 'href="index.html"' in many


def test_an_order_that_cures_release_from_two_clusters_is_one_that_would_be_released(store):
    found = figures(store.connection, channel(), last=DAY, days=2, now=NOW)
    for code, rows in (("GRAND_TOTAL_MISMATCH", {1, 2, 3, 4}), ("LINE_EQUATION", {4})):
        trial = Trial("tolerance", "validate:", tried=len(rows), released=len(rows), rows=rows)
        found.clusters.append(Cluster(code, "", None, orders=len(rows), trials=[trial]))
    assert "<b>4</b><span>would be released" in pages.overall_page([found], NOW, listed=False)
