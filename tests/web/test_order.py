"""The page of one order: found by id or number, told from its first moment to the OMS, without its buyer."""

from datetime import timedelta

import pytest
from seed import fill
from web_site import NOW


@pytest.fixture
def orders(staging):
    fill(staging, channels=3, orders=300, now=NOW)
    return staging


def test_an_order_is_found_by_its_number_whatever_its_channel(client, orders):
    page = client().get("/order", params={"number": " #100007 "}).text
    assert "in the OMS" in page
    assert "as OMS-7" in page
    assert "version 1 staged" in page
    assert 'class="timeline"' in page
    assert "Windows that asked the channel" in page


def test_an_order_is_found_by_its_id(client, orders):
    assert "OMS accepted version 1" in client().get("/order", params={"number": "A7", "channel": "channel_02"}).text


def test_what_waits_in_quarantine_names_its_reason_and_the_next_step(client, orders):
    page = client().get("/order", params={"number": "Q53"}).text
    assert "quarantined" in page
    assert "GRAND_TOTAL_MISMATCH" in page
    assert "parts sum to 99" in page
    assert "quarantined" in client().get("/order", params={"number": "Q53"}).text
    assert "GRAND_TOTAL_MISMATCH" in client().get("/order", params={"number": "#Q53"}).text, "by its number, too"


def test_one_number_in_two_channels_asks_which(client, orders):
    with orders, orders.cursor() as cursor:
        cursor.execute("UPDATE orderflow.orders SET order_number = '#7' WHERE order_id IN ('A7', 'A8')")
    page = client().get("/order", params={"number": "7"}).text
    assert "Several orders have this number" in page
    assert "order_id=A7&amp;channel=channel_02" in page
    assert "order_id=A8&amp;channel=channel_03" in page


def test_an_order_whose_id_is_the_number_of_another_one_is_reached_by_its_link(client, orders):
    with orders, orders.cursor() as cursor:
        cursor.execute("UPDATE orderflow.orders SET order_number = 'A7' WHERE order_id = 'A10'")
    page = client().get("/order", params={"number": "A7", "channel": "channel_02"}).text
    for order_id in ("A7", "A10"):
        link = f"/order?order_id={order_id}&channel=channel_02"
        assert link.replace("&", "&amp;") in page
        assert f"<h2><bdi>{order_id}</bdi>" in client().get(link).text
    assert "Neither staging nor quarantine knows" in client().get("/order?order_id=%23100007&channel=channel_02").text


def test_an_order_is_found_while_the_file_of_its_channel_cannot_be_read(client, orders, site):
    (site.state.site.include / "channels" / "channel_02.yml").write_text("title: [")
    for asked in ({"number": "A7"}, {"number": "A7", "channel": "channel_02"}):
        assert "OMS accepted version 1" in client().get("/order", params=asked).text


def test_a_number_longer_than_any_rule_allows_is_found_where_it_waits(client, orders):
    with orders, orders.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.quarantine SET subject = %(id)s, order_id = %(id)s WHERE subject = 'Q53'",
            {"id": "X" * 400},
        )
    assert "quarantined" in client().get("/order", params={"number": "X" * 400}).text


def test_the_command_for_an_unknown_number_is_quoted_as_a_shell_needs_it(client, orders):
    page = client().get("/order", params={"number": "-1; rm *", "channel": "channel_01"}).text
    assert "orderflow explain channel_01 -- &#39;-1; rm *&#39;" in page


def test_an_order_of_a_channel_that_one_may_not_read_is_not_found(client, orders):
    assert "in the OMS" in client("stranger").get("/order", params={"number": "A7"}).text
    assert "Neither staging nor quarantine knows" in client("stranger").get("/order", params={"number": "A8"}).text


def test_an_unknown_number_tells_how_to_ask_the_channel_and_what_is_alike(client, orders):
    page = client().get("/order", params={"number": "A77x", "channel": "channel_01"}).text
    assert "orderflow explain channel_01 A77x" in page
    assert "Similar numbers" in page


@pytest.mark.parametrize("typed", ["ü-7/a", "U\u0308-7/A", " ü-7/A\u200b", "Ｕ\u0308-７/A", "\u00a0Ü-7/A "])
def test_a_number_is_found_as_people_type_and_paste_it(client, orders, typed):
    with orders, orders.cursor() as cursor:
        cursor.execute("UPDATE orderflow.orders SET order_number = 'Ü-7/A' WHERE order_id = 'A7'")
    assert "as OMS-7" in client().get("/order", params={"number": typed}).text
    assert "as OMS-7" not in client().get("/order", params={"order_id": typed, "channel": "channel_02"}).text


def test_an_unknown_number_names_the_channels_that_may_still_hold_it(client, orders):
    def told(user="editor"):
        return client(user).get("/order", params={"number": "A77x"}).text

    assert "Everything that is due is staged" in told()
    with orders, orders.cursor() as cursor:
        cursor.execute(
            "DELETE FROM orderflow.windows WHERE channel = 'channel_01' AND window_start = %s",
            (NOW.replace(minute=0) - timedelta(hours=5),),
        )
        cursor.execute("UPDATE orderflow.quarantine SET source = 'unreadable' WHERE subject = 'Q53'")
        cursor.execute("SELECT channel FROM orderflow.quarantine WHERE subject = 'Q53'")
        (unread,) = cursor.fetchone()
    page = told()
    assert "It may be among what these channels lack" in page
    assert 'href="/coverage?channel=channel_01">1 h missing' in page
    assert f'href="/quarantine?channel={unread}">1 order could not be read' in page
    assert "channel_01" not in told("stranger")


def test_no_buyers_data_is_shown(client, orders):
    secret = "王小明 +886912345678"
    with orders, orders.cursor() as cursor:
        cursor.execute(
            "UPDATE orderflow.orders SET document = json_build_object('note', %s::text) WHERE order_id = 'A7'",
            (secret,),
        )
        cursor.execute(
            "INSERT INTO orderflow.order_edits (channel, order_id, path, sealed, key_id, who, why)"
            " VALUES ('channel_02', 'A7', 'contacts.0.phone', %s, 'k1', 'ana', 'wrong digit')", (secret.encode(),)
        )  # fmt: skip
    page = client().get("/order", params={"number": "A7"}).text
    assert "contacts.0.phone = ***" in page
    assert "小明" not in page
    assert "886912" not in page


@pytest.mark.parametrize("number", ["<script>alert(1)</script>", "'; DROP TABLE x; --", "%", "عميل", "9" * 5000, "🛒"])
def test_odd_numbers_are_only_not_found(client, orders, number):
    answer = client().get("/order", params={"number": number})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "Neither staging nor quarantine knows" in answer.text
