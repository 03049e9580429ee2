"""How the eBay source asks: renewal, pages of a list that moves, single orders, and each refusal."""

import json
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from ebay_shop import BASIC, NOW, ORDERS, SECRET, START, TOKENS, WINDOW, Ebay, names, opened, pulled, refusal

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TooManyError, TransientError
from orderflow.domain.window import Window


def test_the_filter_is_encoded_as_ebay_wants_it():
    shop = Ebay(1)
    window = Window(START + timedelta(microseconds=1), START + timedelta(hours=1, microseconds=1))
    page = next(opened(shop).fetch(window))
    asked = "filter=lastmodifieddate:%5B2026-03-01T09:00:00.000Z..2026-03-01T10:00:00.001Z%5D"
    assert page.origin == f"{ORDERS}?{asked}&fieldGroups=TAX_BREAKDOWN&limit=200&offset=0"
    assert shop.requests[0].url.query.decode().startswith(asked)


def test_no_range_ends_in_the_future():
    shop = Ebay(1)
    list(opened(shop).fetch(Window(START, NOW)))
    assert dict(shop.requests[0].url.params)["filter"] == "lastmodifieddate:[2026-03-01T09:00:00.000Z..]"


@pytest.mark.parametrize("how", ["fetch", "identify"])
def test_a_title_that_is_no_utf8_hides_no_order(how):
    shop = Ebay(2)
    shop.more[shop.orders[0]] = {"lineItems": [{"title": "cut"}], "cancelStatus": {"cancelState": "CANCELED"}}

    def cut(request):
        answer = shop(request)
        return httpx.Response(answer.status_code, content=answer.content.replace(b'"cut"', b'"\xe4\xb8"'))

    found = list(getattr(opened(cut), how)(WINDOW))
    assert len(found[0].records if how == "fetch" else found) == 2


def test_parcels_that_ebay_does_not_know_are_missing_from_their_order_and_stop_no_window():
    shop = Ebay(2)
    shop.more[shop.orders[0]] = {"fulfillmentHrefs": ["https://api.ebay.test/parcel"]}

    def gone(request):
        return (
            refusal(32100, 404, "Invalid order ID")
            if request.url.path.endswith("shipping_fulfillment")
            else shop(request)
        )

    found = [json.loads(record) for page in pulled(gone) for record in page.records]
    assert [each.get("fulfillments", "not asked") for each in found] == [None, "not asked"]


def test_every_order_comes_once():
    shop = Ebay(450)
    pages = pulled(shop)
    assert names(pages) == shop.orders
    assert [len(page.records) for page in pages] == [200, 190, 60]


@pytest.mark.parametrize("place", [0, 100, 195, 199])
@pytest.mark.parametrize("leave", [1, 4, 9, 10])
def test_orders_that_leave_while_we_read_hide_no_other(place, leave):
    shop = Ebay(450)
    everything = list(shop.orders)
    shop.between = [lambda orders: orders.__delitem__(slice(place, place + leave))]
    assert set(names(pulled(shop))) >= set(everything) - set(everything[200 : place + leave])


@pytest.mark.parametrize("leave", [11, 60, 200])
def test_a_list_that_moved_too_far_is_read_again(leave):
    shop = Ebay(450)
    everything = list(shop.orders)
    shop.between = [lambda orders: orders.__delitem__(slice(0, leave))]
    assert set(names(pulled(shop))) == set(everything)


@pytest.mark.parametrize("place", [0, 100, 250, 450])
def test_an_order_that_enters_while_we_read_is_seen(place):
    shop = Ebay(450)
    shop.between = [lambda _: None, lambda orders: orders.insert(place, "99-00000-00000")]
    assert set(names(pulled(shop))) == set(shop.orders)
    assert len(shop.orders) == 451


def test_one_that_leaves_and_one_that_enters_at_once_hide_no_other():
    shop = Ebay(450)
    everything = list(shop.orders)
    shop.between = [lambda orders: orders.insert(300, orders.pop(3) and "99-00000-00000")]
    assert set(names(pulled(shop))) == {*everything, "99-00000-00000"}


def test_a_list_that_never_comes_to_rest_fails_the_window():
    shop = Ebay(450)
    shop.between = [lambda orders: orders.__delitem__(slice(0, 11)) or orders.extend(f"x{n}" for n in range(11))] * 99
    with pytest.raises(TransientError, match="4 readings"):
        pulled(shop)


@pytest.mark.parametrize("shown", [0, 5])
def test_orders_that_are_promised_and_do_not_come_fail_the_window(shown):
    shop = Ebay(shown)
    shop.page = lambda query: httpx.Response(200, json={"total": 7, "orders": [shop.row(name) for name in shop.orders]})
    with pytest.raises(TransientError, match="7 orders"):
        pulled(shop)


def test_a_page_goes_on_behind_itself():
    shop = Ebay(650)
    pages = pulled(shop)
    for place, page in enumerate(pages[:-1]):
        assert names(opened(shop).fetch(WINDOW, page.cursor)) == names(pages[place + 1 :])
    assert pages[-1].cursor is None


def test_a_cursor_is_good_for_its_window_only():
    shop = Ebay(450)
    cursor = pulled(shop)[0].cursor
    with pytest.raises(ConfigError, match="cursor"):
        list(opened(shop).fetch(Window(START - timedelta(hours=1), START), cursor))


def test_an_offset_that_ebay_refuses_asks_for_less():
    shop = Ebay(450)
    page = shop.page
    shop.page = lambda query: refusal(31000, 400, "Invalid offset: 190") if query["offset"] != "0" else page(query)
    with pytest.raises(TooManyError) as told:
        pulled(shop)
    assert (told.value.ceiling, told.value.found) == (190, 390)


def test_what_the_list_leaves_out_is_asked_for():
    shop = Ebay(4)
    _, cancelled, italian, sent = shop.orders
    shop.more[cancelled] = {"cancelStatus": {"cancelState": "IN_PROGRESS"}}
    shop.more[italian] = {"lineItems": [{"purchaseMarketplaceId": "EBAY_IT"}]}
    shop.more[sent] = {
        "fulfillmentHrefs": ["https://api.ebay.test/1"],
        "cancelStatus": {"cancelState": "NONE_REQUESTED"},
    }
    shop.details = {cancelled: {"orderId": cancelled}, italian: {"orderId": italian}}
    shop.parcels = {sent: {"fulfillments": [{"fulfillmentId": "1Z"}], "total": 1}}
    records = [json.loads(record) for record in pulled(shop)[0].records]
    assert [sorted(record) for record in records] == [
        ["order"], ["detail", "order"], ["detail", "order"], ["fulfillments", "order"]
    ]  # fmt: skip
    assert records[3]["fulfillments"] == [{"fulfillmentId": "1Z"}]
    assert len(shop.requests) == 4
    shop.requests.clear()
    pulled(shop, tracking=False)
    assert sorted(shop.paths()) == ["", f"/{cancelled}", f"/{italian}"]


def test_what_does_not_come_is_asked_for_again_and_then_recorded_as_missing():
    shop = Ebay(2)
    lost, short = shop.orders
    shop.more[lost] = {"cancelStatus": {"cancelState": "CANCELED"}}
    shop.more[short] = {"fulfillmentHrefs": ["https://api.ebay.test/1"]}
    shop.parcels = {short: {"fulfillments": [], "total": 1}}
    first, second = (json.loads(record) for record in pulled(shop)[0].records)
    assert (first["detail"], second["fulfillments"]) == (None, None)
    assert sorted(shop.paths()) == ["", *[f"/{lost}"] * 2, *[f"/{short}/shipping_fulfillment"] * 2]


def test_another_order_than_the_one_asked_for_is_drift():
    shop = Ebay()
    shop.details = {"10-00000-00001": {"orderId": "10-00000-00002"}}
    with pytest.raises(DriftError, match="10-00000-00002 instead of 10-00000-00001"):
        list(opened(shop).fetch_ids(["10-00000-00001"]))


def test_orders_by_id_come_one_by_one_with_their_parcels_and_unknown_ones_are_absent():
    shop = Ebay()
    shop.details = {name: {"orderId": name} for name in ("10-00000-00001", "10-00000-00002")}
    shop.details["10-00000-00002"]["fulfillmentHrefs"] = ["x"]
    shop.parcels = {"10-00000-00002": {"fulfillments": []}}
    pages = list(opened(shop).fetch_ids(["10-00000-00001", "no/such?id", "10-00000-00002"]))
    assert names(pages) == ["10-00000-00001", "10-00000-00002"]
    assert all("fieldGroups=TAX_BREAKDOWN" in str(request.url) for request in shop.requests[:1])
    assert f"{ORDERS}/no%2Fsuch%3Fid".encode() in b" ".join(request.url.raw_path for request in shop.requests)


def test_orders_are_counted_without_being_fetched():
    shop = Ebay(321)
    assert opened(shop).count(WINDOW) == 321
    assert dict(shop.requests[0].url.params)["limit"] == "1"


BAD = [
    None,
    "",
    "0000-00-00T00:00:00",
    "0001-01-01T00:00:00+08:00",
    "昨天",
    "2026-02-30T00:00:00",
    10**18,
    -5,
    {"at": "noon"},
    [],
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "field",
    ["lastModifiedDate", "creationDate", "orderPaymentStatus", "pricingSummary", "lineItems", "cancelStatus"],
)
def test_one_damaged_order_gives_a_stub_and_stops_nobody(field, bad):
    shop = Ebay(3)
    shop.more[shop.orders[1]] = {field: bad}
    assert [stub.order_id for stub in opened(shop).identify(WINDOW)] == shop.orders


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("field", ["lastModifiedDate", "cancelStatus", "lineItems"])
def test_one_damaged_order_stops_no_window(field, bad):
    shop = Ebay(3)
    shop.more[shop.orders[1]] = {field: bad}
    assert names(pulled(shop)) == shop.orders


def test_a_token_near_its_end_is_renewed_and_stored_before_it_is_used():
    stored, shop = [], Ebay(1)
    assert names(pulled(shop, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored)) == shop.orders
    assert shop.requests[0].url.path == "/identity/v1/oauth2/token"
    kept = {"access_token": "second", "refresh_token": "forever"}
    assert stored == [kept | {"expires_at": (NOW + timedelta(hours=2)).isoformat()}]


def test_a_refresh_token_alone_is_enough_and_a_scope_is_sent_where_one_is_named():
    shop = Ebay(1)
    pulled(shop, extra={"refresh_token": "forever", "scope": "https://api.ebay.com/oauth/api_scope/sell.fulfillment"})
    form = parse_qs(shop.requests[0].content.decode())
    assert form["scope"] == ["https://api.ebay.com/oauth/api_scope/sell.fulfillment"]
    assert form["grant_type"] == ["refresh_token"]


@pytest.mark.parametrize("status", [200, 401])
def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again(status):
    shop = Ebay(1)
    shop.first = [refusal(1001, status, "Invalid access token")]
    assert names(pulled(shop)) == shop.orders
    assert [request.url.path for request in shop.requests] == [ORDERS, "/identity/v1/oauth2/token", ORDERS]


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = Ebay(1)
    shop.page = lambda query: refusal(1001, 401, "Invalid access token")
    with pytest.raises(DeniedError, match="1001"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_refresh_token_that_ended_is_for_the_operator():
    with pytest.raises(DeniedError, match="invalid_grant"):
        pulled(Ebay(1, access="another", refresh="other"))


def test_a_busy_token_address_is_asked_again():
    shop = Ebay(1, access="another")
    shop.first = [refusal(1001, 401, "Invalid access token"), httpx.Response(429, json={"error": "slow_down"})]
    assert names(pulled(shop)) == shop.orders


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Ebay(1), extra={})


@pytest.mark.parametrize(
    ("number", "status", "category", "expected"),
    [
        (1002, 400, "REQUEST", DeniedError),
        (1100, 403, "REQUEST", DeniedError),
        (30800, 200, "REQUEST", DriftError),
        (30830, 400, "REQUEST", DriftError),
        (30850, 400, "REQUEST", DriftError),
        (30500, 200, "APPLICATION", TransientError),
        (30500, 500, "APPLICATION", TransientError),
        (2001, 429, "REQUEST", TransientError),
    ],
)
def test_an_error_says_who_must_act(number, status, category, expected):
    shop = Ebay(1)
    shop.page = lambda query: refusal(number, status, "because", category)
    with pytest.raises(expected, match=f"{number}: because"):
        pulled(shop)


def test_a_short_ban_is_waited_for_and_a_long_one_goes_up_to_the_scheduler():
    shop, slept = Ebay(1), []
    shop.first = [refusal(2001, 429, "Too many requests.", headers={"retry-after": "7"})]
    assert names(pulled(shop, slept=slept)) == shop.orders
    assert slept == [7.0]
    shop.first = [refusal(2001, 429, "Too many requests.", headers={"retry-after": "7200"})]
    with pytest.raises(TransientError) as refused:
        pulled(shop)
    assert refused.value.retry_after == 7200


@pytest.mark.parametrize(
    "body",
    [
        {"total": "0", "orders": []},
        {"orders": []},
        {"total": 1, "orders": {}},
        {"total": 1, "orders": [{"id": 1}]},
        {"total": 1},
        {"errors": [{"errorId": 30700, "message": "Invalid filter name"}]},
        [],
    ],
)
def test_an_answer_of_another_shape_is_drift_and_never_an_empty_window(body):
    shop = Ebay(1)
    shop.first = [httpx.Response(200, json=body)]
    with pytest.raises(DriftError):
        pulled(shop)


def test_a_filter_that_is_ignored_is_noticed_and_a_warning_is_logged(caplog):
    shop = Ebay(2)
    rows = [shop.row(name) | {"lastModifiedDate": "2026-01-05T00:00:00.000Z"} for name in shop.orders]
    warning = {"errorId": 30800, "message": "Invalid filter value"}
    shop.first = [httpx.Response(200, json={"total": 2, "orders": rows, "warnings": [warning]})]
    with pytest.raises(DriftError, match="ignored the filter"):
        pulled(shop)
    assert "platform warned id=30800" in caplog.text


def test_single_orders_count_as_one_endpoint():
    shop = Ebay()
    shop.details = {f"10-00000-0000{n}": {"orderId": f"10-00000-0000{n}"} for n in range(5)}
    source = opened(shop)
    list(source.fetch_ids(list(shop.details)))
    assert list(source._runtime.meter.endpoints) == [f"GET {ORDERS}/*"]


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = Ebay(1, access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop, extra=TOKENS | {"access_token": "tkn-first", "refresh_token": "tkn-forever"})
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "tkn-first", "tkn-forever", BASIC):
        assert secret not in shown
