"""WooCommerce: signatures, exclusive bounds, nights on which clocks go forward, and lists that move while one reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client
from pydantic import ValidationError

from orderflow import adapters
from orderflow.adapters.woocommerce import Options, listing
from orderflow.adapters.woocommerce.auth import OAuth1, base_string, sign
from orderflow.adapters.woocommerce.bounds import between
from orderflow.adapters.woocommerce.listing import Listed, Place, read
from orderflow.domain.errors import ConfigError, TransientError
from orderflow.domain.source import ById, Countable, Counting, Runtime, Secret
from orderflow.domain.window import Window

KEY, SECRET = "ck_0123456789abcdef0123456789abcdef01234567", Secret("cs_89abcdef0123456789abcdef0123456789abcdef")
ADDRESS = "http://shop.example.test/wp-json/wc/v3/orders"
PARAMETERS = {
    "dates_are_gmt": "true", "modified_after": "2026-03-01T00:00:00", "order": "asc", "orderby": "modified",
    "page": "1", "per_page": "100",
}  # fmt: skip


def signed() -> httpx.URL:
    auth = OAuth1(KEY, SECRET, clock=lambda: datetime.fromtimestamp(1772409600, UTC), nonce=lambda: "a1b2c3d4e5f6g7h8")
    request = next(auth.auth_flow(httpx.Request("GET", ADDRESS, params=PARAMETERS)))
    return request.url


def test_the_base_string_is_the_one_of_rfc_5849():
    protocol = {"oauth_consumer_key": KEY, "oauth_nonce": "a1b2c3d4e5f6g7h8", "oauth_signature_method": "HMAC-SHA256",
                "oauth_timestamp": "1772409600"}  # fmt: skip
    assert base_string("GET", httpx.URL(ADDRESS, params={**PARAMETERS, **protocol})) == (
        "GET&http%3A%2F%2Fshop.example.test%2Fwp-json%2Fwc%2Fv3%2Forders&dates_are_gmt%3Dtrue%26modified_after%3D2026-03-01"
        "T00%253A00%253A00%26oauth_consumer_key%3Dck_0123456789abcdef0123456789abcdef01234567%26oauth_nonce%3Da1b2c3d4e5f6"
        "g7h8%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1772409600%26order%3Dasc%26orderby%3Dmodified%26"
        "page%3D1%26per_page%3D100"
    )


def test_the_signature_is_the_known_one():
    params = signed().params
    assert params["oauth_signature"] == "qxMQd4XtYM2elObRdeB+jHGmrOltUN3hM18/J5iVS80="
    assert {name: params[name] for name in PARAMETERS} == PARAMETERS
    assert SECRET.reveal() not in str(signed())


@pytest.mark.parametrize("value", ["", "a b+c", "菜刀 & söner", "~-._", "100%", "a=b&c=d", "שלום"])
def test_odd_characters_are_signed_as_another_implementation_signs_them(value: str):
    """oauthlib leaves parameters of the query where they are and signs them all."""
    url = httpx.URL("https://shop.example.test:8443/sub/wp-json/wc/v3/orders", params={"search": value, "page": "1"})
    theirs = Client(
        KEY, SECRET.reveal(), signature_method="HMAC-SHA256", signature_type="QUERY", nonce="n1", timestamp="1"
    )
    query = str(url).replace("+", "%20")
    expected = httpx.URL(theirs.sign(query)[0]).params["oauth_signature"]
    protocol = {"oauth_consumer_key": KEY, "oauth_nonce": "n1", "oauth_signature_method": "HMAC-SHA256",
                "oauth_timestamp": "1", "oauth_version": "1.0"}  # fmt: skip
    assert sign(base_string("GET", url.copy_merge_params(protocol)), SECRET) == expected


def window(start: str, hours: float = 1) -> Window:
    begins = datetime.fromisoformat(start)
    return Window(begins, begins + timedelta(hours=hours))


def test_bounds_are_exclusive_and_tick_in_seconds():
    asked = between("modified", window("2026-03-03T09:00:00+00:00"), "UTC")
    assert asked == {
        "modified_after": "2026-03-03T08:59:59",
        "modified_before": "2026-03-03T10:00:00",
        "dates_are_gmt": "true",
    }
    fine = Window(datetime(2026, 3, 3, 9, 0, 0, 1, UTC), datetime(2026, 3, 3, 9, 0, 0, 2, UTC))
    assert between("created", fine, "UTC") == {
        "after": "2026-03-03T08:59:59",
        "before": "2026-03-03T09:00:01",
        "dates_are_gmt": "true",
    }


def as_php_reads(wall: str, zone: str) -> datetime:
    """A wall time without offset, as PHP's date_create reads it in the site's zone and WordPress prints it again."""
    naive = datetime.fromisoformat(wall)
    there = naive.replace(tzinfo=ZoneInfo(zone))
    return there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def test_the_model_of_php_moves_a_wall_time_out_of_the_gap():
    assert as_php_reads("2026-03-29T02:30:00", "Europe/Stockholm").isoformat() == "2026-03-29T03:30:00"
    assert as_php_reads("2026-03-29T01:59:59", "Europe/Stockholm").isoformat() == "2026-03-29T01:59:59"


SITES = ["Europe/Stockholm", "America/New_York", "Asia/Beirut", "Africa/Cairo", "Asia/Jerusalem", "America/Nuuk",
         "America/Santiago", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Taipei", "Pacific/Auckland"]  # fmt: skip


@pytest.mark.parametrize("told", [True, False], ids=["zone told", "zone not told"])
@pytest.mark.parametrize("site", SITES)
def test_no_row_is_lost_on_any_weekend_of_a_year_whatever_the_sites_zone(site: str, told: bool):
    friday = datetime(2026, 1, 2, tzinfo=UTC)
    for minutes in range(0, 52 * 3 * 24 * 60, 30):
        days, rest = divmod(minutes, 3 * 24 * 60)
        begins = friday + timedelta(weeks=days, minutes=rest)
        asked = between("modified", Window(begins, begins + timedelta(minutes=30)), site if told else None)
        assert as_php_reads(asked["modified_after"], site) < begins.replace(tzinfo=None)
        assert as_php_reads(asked["modified_before"], site) >= (begins + timedelta(minutes=30)).replace(tzinfo=None)


def test_a_site_whose_zone_is_told_is_read_wider_only_in_its_own_gap():
    quiet = between("modified", window("2026-03-29T02:30:00+00:00"), "Asia/Taipei")
    assert quiet["modified_after"] == "2026-03-29T02:29:59"
    own = between("modified", window("2026-03-29T02:30:00+00:00"), "Europe/Stockholm")
    assert own["modified_after"] == "2026-03-29T00:29:59"


class Site:
    """A list of numbered rows, from which `leaving` takes one (by place) or adds one (-1) before each answer."""

    def __init__(self, rows: int, leaving: list[int], slow_above: int = 1000) -> None:
        self.rows = list(range(rows))
        self.leaving = list(leaving)
        self.slow_above = slow_above
        self.new = rows
        self.asked: list[tuple[int, int]] = []

    def page(self, page: int, size: int) -> Listed:
        self.asked.append((page, size))
        if self.leaving:
            place = self.leaving.pop()
            if place == -1:
                self.rows.insert(0, self.new)
                self.new += 1
            elif self.rows:
                self.rows.pop(place % len(self.rows))
        if size > self.slow_above:
            raise TransientError("no answer in time")
        rows = [str(row).encode() for row in self.rows[(page - 1) * size : page * size]]
        return Listed(rows, len(self.rows), -(-len(self.rows) // size), f"page {page}")


def seen(pages: Iterator[tuple[Listed, Place]]) -> list[int]:
    return [int(row) for listed, _ in pages for row in listed.rows]


@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 250, 1000])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_quiet_list_is_read_once_from_its_last_page_to_its_first(rows: int, at_once: int):
    site = Site(rows, [])
    pages = list(read(site.page, size=100, at_once=at_once))
    assert sorted(seen(iter(pages))) == list(range(rows))
    assert [place.page for _, place in pages] == list(range(max(1, -(-rows // 100)), 0, -1))
    assert len(site.asked) == max(1, -(-rows // 100)), "no page is asked for twice"


@given(st.integers(0, 400), st.lists(st.integers(0, 1000), max_size=12), st.integers(1, 4), st.integers(1, 1000))
def test_what_stays_in_the_list_is_never_missed_while_others_leave(rows, leaving, at_once, slow_above):
    site = Site(rows, leaving, slow_above)
    found = seen(read(site.page, size=100, at_once=at_once))
    assert set(site.rows) <= set(found)


@example(302, [201, -1, 0, 0, 0])
@given(st.integers(0, 400), st.lists(st.integers(-1, 300), max_size=6))
def test_a_list_that_grows_is_read_again_or_given_up_but_never_read_wrong(rows, leaving):
    site = Site(rows, leaving)
    try:
        found = seen(read(site.page, size=100, at_once=1))
    except TransientError:
        assert leaving.count(-1) >= listing.READINGS
    else:
        assert set(range(rows)) & set(site.rows) <= set(found)


@given(st.integers(0, 400), st.lists(st.integers(0, 1000), max_size=6), st.integers(0, 6))
def test_going_on_behind_any_page_misses_nothing_that_stays(rows, leaving, stop):
    site = Site(rows, leaving)
    begun = list(read(site.page, size=100, at_once=1))[: stop + 1]
    site.leaving = list(leaving)
    place = begun[-1][1]
    rest = seen(read(site.page, size=100, at_once=2, after=place)) if place.page > 1 else []
    assert set(site.rows) <= set(seen(iter(begun)) + rest)


def test_a_slow_site_is_asked_for_smaller_pages_that_begin_where_the_large_ones_did():
    site = Site(250, [], slow_above=25)
    assert sorted(seen(read(site.page, size=100, at_once=1))) == list(range(250))
    assert {size for _, size in site.asked} == {100, 50, 25}


def test_a_site_that_cannot_answer_a_single_row_is_given_up():
    with pytest.raises(TransientError, match="no answer in time"):
        seen(read(Site(250, [], slow_above=0).page, size=100, at_once=2))


def test_a_site_that_says_when_to_come_back_is_not_asked_for_smaller_pages():
    def ask(page: int, size: int) -> Listed:
        raise TransientError("maintenance", retry_after=600)

    with pytest.raises(TransientError, match="maintenance"):
        seen(read(ask, size=100, at_once=1))


def test_page_sizes_divide_one_another_so_that_no_row_falls_between():
    assert all(large % small == 0 for large, small in listing.SMALLER.items())


def source(**more):
    from orderflow.domain.source import Account

    runtime = Runtime(clock=lambda: datetime(2026, 3, 3, 12, tzinfo=UTC), sleep=lambda _: None)
    options = Options(**more.pop("options", {}))
    return adapters.find("woocommerce").open(
        options, Account(name="shop", url="https://shop.example.test", login=KEY, password=SECRET), runtime
    )


def test_the_source_can_count_list_and_fetch_by_id():
    opened = source()
    assert isinstance(opened, Countable)
    assert isinstance(opened, Counting)
    assert isinstance(opened, ById)


def test_a_cursor_of_another_window_is_refused():
    opened = source()
    other = {"asked": between("modified", window("2026-03-03T08:00:00+00:00"), None), "place": [1, 100, 5]}
    with pytest.raises(ConfigError, match="good for its window only"):
        list(opened.fetch(window("2026-03-03T09:00:00+00:00"), after=other))


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Mars/Olympus"}, {"auth": "digest"}, {"at_once": 0}, {"statuses": {"a": "paid"}}, {"page": 1}],
)
def test_a_wrong_option_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Options(**wrong)


@pytest.mark.parametrize("places", [0, 2, 3])
def test_what_rounding_leaves_is_explained_only_below_the_smallest_coin(places: int):
    """Three lines of a price that includes tax; the total is what the buyer pays, rounded to the currency's coin."""
    currency = {0: "JPY", 2: "EUR", 3: "KWD"}[places]
    coin = Decimal(1).scaleb(-places)
    for drift, explained in ((coin / 2, True), (coin, False), (-coin / 4, True), (5 * coin, False)):
        raw = {
            "id": 1, "parent_id": 0, "number": "1", "created_via": "checkout", "status": "processing",
            "currency": currency, "date_created_gmt": None, "date_modified_gmt": "2026-03-03T09:00:00",
            "date_paid_gmt": None, "date_completed_gmt": None, "discount_total": "0", "total": str(30 + drift),
            "total_tax": "0", "customer_id": 0, "customer_note": "", "payment_method": "", "transaction_id": "",
            "billing": {"email": ""}, "shipping": {}, "tax_lines": [], "shipping_lines": [], "fee_lines": [],
            "coupon_lines": [], "refunds": [],
            "line_items": [{"id": 1, "sku": "A", "name": "a", "product_id": 1, "variation_id": 0, "quantity": 3,
                            "subtotal": "30", "total": "30", "total_tax": "0"}],
        }  # fmt: skip
        order = adapters.find("woocommerce").to_order(raw, Options())
        assert Decimal(order.rounding or 0) == (drift if explained else 0)
