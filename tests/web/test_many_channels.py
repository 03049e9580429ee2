"""Pages with a row per channel: a hundred at a time, those that need somebody first, none left out."""

import html
import re
from datetime import date

import pytest
import seed
from test_reconciliation_pages import certify
from web_site import NOW, channel_files

NAMES = seed.names(205)
SMALL = 400_000
"""Bytes of a page; with a row of each of 2,000 channels there were millions."""


@pytest.fixture
def many(client, site, staging):
    """Every page behind an address, by its links to the next."""
    channel_files(site.state.site.include, NAMES)
    seed.fill(staging, channels=len(NAMES), orders=410, now=NOW, days=2)

    def walk(address):
        found = []
        while address:
            found.append(client().get(address).text)
            link = re.search(r'rel="next" href="([^"]*first=[^"]*)"', found[-1])
            address = link and html.unescape(link[1])
        return found

    return walk


@pytest.mark.parametrize(
    ("address", "row", "first"),
    [
        ("/coverage?days=31", r'class="lane"><a href="/channels/([^"]+)"', ["channel_42", "channel_07", "channel_21"]),
        ("/reconciliation?month=2026-02", r'<th scope="row"><a href="/reconciliation/([^"/]+)"', ["channel_150"]),
    ],
    ids=["coverage", "reconciliation"],
)
def test_every_channel_stands_on_one_small_page_and_those_in_trouble_on_the_first(many, staging, address, row, first):
    certify(staging, date(2026, 2, 3), {"oms_missing": 1}, channel="channel_150")
    found = many(address)
    rows = [re.findall(row, page) for page in found]
    assert [len(each) for each in rows] == [100, 100, 5]
    assert rows[0][: len(first)] == first
    assert sorted(name for each in rows for name in each) == sorted(NAMES)
    assert max(len(page.encode()) for page in found) < SMALL


def test_the_tiles_and_the_days_that_need_a_person_speak_of_all_channels_on_every_page(many, staging):
    certify(staging, date(2026, 3, 3), {"oms_missing": 1}, channel="channel_150")
    certify(staging, date(2026, 3, 3), channel="channel_205")
    for page in many("/reconciliation?month=2026-03"):
        assert re.findall(r'<li class="tile"><b[^>]*>(\d+)</b>', page) == ["1", "0", "1"]
        assert 'href="/reconciliation/channel_150/2026-03-03"' in page


@pytest.mark.parametrize("path", ["coverage", "reconciliation"])
def test_an_address_that_was_kept_while_channels_went_shows_those_that_are_left(client, site, path):
    channel_files(site.state.site.include, NAMES[:3])
    page = client().get(f"/{path}", params={"first": 100}).text
    assert "There is no channel" not in page
    assert NAMES[2] in page


@pytest.mark.parametrize("path", ["coverage", "reconciliation", "channels"])
def test_a_search_finds_channels_by_a_part_of_what_they_are_called(client, site, path):
    channel_files(site.state.site.include, NAMES)
    page = client().get(f"/{path}", params={"q": "_20"}).text
    assert set(re.findall(r'href="/(?:channels|reconciliation)/(channel_\d+)"', page)) == {
        "channel_20", "channel_200", "channel_201", "channel_202", "channel_203", "channel_204", "channel_205",
    }  # fmt: skip
    assert "No channel matches “lost”." in client().get(f"/{path}", params={"q": "lost"}).text


def test_a_whole_name_means_that_channel_alone(client, site):
    channel_files(site.state.site.include, NAMES)
    page = client().get("/coverage", params={"q": " channel_20 "}).text
    assert page.count('class="lane"') == 1
    assert 'action="/coverage/channel_20"' in page, "whose spans can be pulled"
