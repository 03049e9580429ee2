"""How the Shopee source asks: signing, renewal, paging, what is missing, and what each refusal becomes."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from orderflow.adapters.shopee import ADAPTER, Options
from orderflow.adapters.shopee.auth import signature
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
WINDOW = Window(datetime(2026, 3, 9, 1, 0, 0, 500_000, tzinfo=UTC), datetime(2026, 3, 9, 1, 30, 0, 1, tzinfo=UTC))
KEY = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {
    "access_token": "first",
    "refresh_token": "once",
    "expires_at": (NOW + timedelta(hours=3)).isoformat(),
}


class Shopee:
    """Answers requests as Shopee would, out of two lists of order numbers."""

    def __init__(self, *pages, unknown=(), hidden=(), access="first", refresh="once"):
        self.pages, self.unknown, self.hidden = pages, set(unknown), set(hidden)
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []

    def __call__(self, request):
        query = {
            name: values[0] for name, values in parse_qs(request.url.query.decode(), keep_blank_values=True).items()
        }
        body = json.loads(request.content) if request.content else {}
        self.requests.append((request.url.path, query, body))
        if self.first:
            return self.first.pop(0)
        shop = query.get("shop_id", "")
        token = query.get("access_token", "")
        if query["sign"] != signature(KEY, "2001887", request.url.path, int(query["timestamp"]), token, shop):
            return answer(error="error_sign", message="Wrong sign.", status=403)
        if request.url.path.endswith("access_token/get"):
            if body["refresh_token"] != self.refresh:
                return answer(error="error_auth", message="Invalid refresh_token.", status=403)
            self.access, self.refresh = "second", "twice"
            return answer(access_token="second", refresh_token="twice", expire_in=14400, top=True)
        if token != self.access:
            return answer(error="invalid_acceess_token", message="Invalid access_token.", status=403)
        return getattr(self, request.url.path.rpartition("/")[2])(query, body)

    def get_order_list(self, query, body):
        place = int(query.get("cursor", 0))
        rows = [{"order_sn": each, "order_status": "SHIPPED"} for each in self.pages[place]] if self.pages else []
        more = place + 1 < len(self.pages)
        response = {"more": more, "next_cursor": str(place + 1) if more else ""}
        return answer(response=response | ({"order_list": rows} if rows else {}))

    def get_order_detail(self, query, body):
        ids = query["order_sn_list"].split(",")
        if self.unknown & set(ids):
            return answer(error="error_not_found", message="The order is not found.")
        found = [{"order_sn": each, "order_status": "SHIPPED"} for each in ids if each not in self.hidden]
        return answer(response={"order_list": found})

    def get_escrow_detail_batch(self, query, body):
        return answer(response=[{"escrow_detail": {"order_sn": each}} for each in body["order_sn_list"]])


def answer(*, error="", message="", response=None, status=200, top=False, **fields):
    inner = fields if top else {"response": response}
    return httpx.Response(status, json={"error": error, "message": message, "request_id": "r"} | inner)


def opened(shop, extra=None, stored=None, **options):
    account = Account("shopee_tw", "https://partner.test", "2001887", KEY, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=lambda _: None,
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(shop_id=14701711, **options), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def records(pages):
    return [json.loads(record) for page in pages for record in page.records]


def ids(start, count):
    return [f"2603{number:06d}" for number in range(start, start + count)]


def test_every_listed_order_comes_with_detail_and_settlement():
    shop = Shopee(ids(0, 100), ids(100, 100), ids(200, 7))
    found = records(pulled(shop))
    assert [each["list"]["order_sn"] for each in found] == ids(0, 207)
    assert all(each["list"]["order_sn"] == each["detail"]["order_sn"] == each["escrow"]["order_sn"] for each in found)
    asked = [path.rpartition("/")[2] for path, _, _ in shop.requests]
    counts = [asked.count(name) for name in ("get_order_list", "get_order_detail", "get_escrow_detail_batch")]
    assert counts == [6, 5, 5]


def test_the_range_is_rounded_outwards_to_whole_seconds_and_hidden_orders_are_asked_for():
    shop = Shopee(["A"])
    page = pulled(shop)[0]
    _, query, _ = shop.requests[0]
    assert (query["time_from"], query["time_to"]) == ("1773018000", "1773019801")
    assert query["time_range_field"] == "update_time"
    assert "order_status" not in query
    detail = next(query for path, query, _ in shop.requests if path.endswith("detail"))
    assert query["request_order_status_pending"] == detail["request_order_status_pending"] == "true"
    assert "token" not in page.origin
    assert "sign" not in page.origin
    assert page.origin.startswith("/api/v2/order/get_order_list?time_range_field=update_time")


def test_an_empty_window_has_one_page_without_records():
    pages = pulled(Shopee())
    assert [len(page.records) for page in pages] == [0]


def test_orders_that_move_past_the_cursor_while_the_list_is_read_are_found_by_the_next_reading(caplog):
    shop = Shopee()
    rows = ids(0, 250)

    def place(query, body):
        """A list whose cursor is a place in it, and from which orders leave."""
        start = int(query.get("cursor") or 0)
        page, more = rows[start : start + 100], start + 100 < len(rows)
        if left := {0: 3, 100: 2}.get(start if len(rows) > 245 else None):
            del rows[:left]
        listed = [{"order_sn": each, "order_status": "SHIPPED"} for each in page]
        return answer(response={"more": more, "next_cursor": str(start + 100) if more else "", "order_list": listed})

    shop.get_order_list = place
    found = [each["list"]["order_sn"] for each in records(pulled(shop))]
    assert sorted(found) == ids(0, 250)
    assert [line.args[0] for line in caplog.records if line.msg.startswith("orders had moved")] == [3, 2]


def test_the_cursor_of_a_page_goes_on_behind_it():
    shop = Shopee(["A"], ["B"], ["C"])
    first = next(opened(shop).fetch(WINDOW))
    assert [each["list"]["order_sn"] for each in records(opened(shop).fetch(WINDOW, first.cursor))] == ["B", "C"]


def test_a_token_near_its_end_is_renewed_and_stored_before_it_is_used():
    stored, shop = [], Shopee(["A"])
    pages = pulled(shop, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored)
    assert len(records(pages)) == 1
    assert shop.requests[0][0] == "/api/v2/auth/access_token/get"
    assert shop.requests[0][2] == {"refresh_token": "once", "partner_id": 2001887, "shop_id": 14701711}
    assert stored == [
        {"access_token": "second", "refresh_token": "twice", "expires_at": (NOW + timedelta(hours=4)).isoformat()}
    ]


def test_a_token_that_cannot_be_stored_is_never_used():
    shop = Shopee(["A"])
    account_full = TOKENS | {"expires_at": NOW.isoformat()}

    class Full:
        def append(self, _):
            raise ConfigError("the connection cannot be written")

    with pytest.raises(ConfigError):
        pulled(shop, extra=account_full, stored=Full())
    assert [path for path, _, _ in shop.requests] == ["/api/v2/auth/access_token/get"]


def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again():
    shop = Shopee(["A"], access="another")
    assert len(records(pulled(shop))) == 1
    assert [path.rpartition("/")[2] for path, _, _ in shop.requests[:3]] == ["get_order_list", "get", "get_order_list"]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match="authorise"):
        pulled(Shopee(["A"], access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = Shopee(["A"])
    shop.get_order_list = lambda query, body: answer(error="common.error_auth", message="no permission", status=403)
    with pytest.raises(DeniedError, match="error_auth"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Shopee(["A"]), extra={})


def test_a_connection_whose_login_is_no_number_says_what_to_do():
    account = Account("shopee_tw", "https://partner.test", "me", KEY, TOKENS)
    with pytest.raises(ConfigError, match="partner id"):
        ADAPTER.open(Options(shop_id=1), account, Runtime(clock=lambda: NOW, sleep=lambda _: None))


@pytest.mark.parametrize(
    ("error", "message", "expected"),
    [
        ("error_sign", "Wrong sign.", DeniedError),
        ("source_ip_undeclared", "", DeniedError),
        ("order.error_param", "Timestamp is expired.", DeniedError),
        ("order.error_param", "page_size is invalid", DriftError),
        ("order.order_list_invalid_time", "", DriftError),
        ("error_not_found", "", DriftError),
        ("error_never_heard_of", "", DriftError),
        ("error_rate_limit", "", TransientError),
        ("common.error_server", "", TransientError),
        ("error_busi_x", "", TransientError),
        ("error_inner", "", TransientError),
        ("error_never_heard_of", "Something wrong. Please try later.", TransientError),
    ],
)
@pytest.mark.parametrize("status", [200, 403])
def test_an_error_in_the_body_decides_whatever_the_status_says(error, message, expected, status):
    shop = Shopee(["A"])
    shop.get_order_list = lambda query, body: answer(error=error, message=message, status=status)
    with pytest.raises(expected):
        pulled(shop)


def test_a_busy_platform_is_asked_again():
    shop = Shopee(["A"])
    busy, down = answer(error="error_rate_limit"), answer(error="error_server", status=500)
    shop.first = [busy, down, httpx.Response(503), httpx.Response(502, json={"error": "upstream closed"})]
    assert len(records(pulled(shop))) == 1


def test_a_quota_that_is_used_up_says_when_it_begins_anew():
    shop = Shopee(["A"])
    shop.first = [answer(error="error_limit", message="daily limit")]
    with pytest.raises(TransientError) as refused:
        pulled(shop)
    assert refused.value.retry_after == timedelta(hours=14).total_seconds()
    assert len(shop.requests) == 1


def test_one_unknown_number_among_many_does_not_hide_the_others():
    shop = Shopee(ids(0, 20), unknown=[ids(7, 1)[0]])
    found = records(pulled(shop))
    assert [each["list"]["order_sn"] for each in found] == ids(0, 20)
    assert [each["list"]["order_sn"] for each in found if each["detail"] is None] == ids(7, 1)


@pytest.mark.parametrize("code", ["error_data", "income_not_found", "error_not_found"])
def test_a_settlement_that_shopee_cannot_show_is_the_matter_of_one_order(code):
    shop = Shopee(["A", "B", "C"])
    settled = shop.get_escrow_detail_batch
    shop.get_escrow_detail_batch = lambda query, body: (
        answer(error=code, message="no data") if "B" in body["order_sn_list"] else settled(query, body)
    )
    assert [each["escrow"] is None for each in records(pulled(shop))] == [False, True, False]


def test_an_order_that_is_only_not_found_for_now_is_asked_for_again():
    shop = Shopee(["A"])
    shop.get_order_detail = lambda query, body: answer(error="error_not_found", message="Please try later.")
    with pytest.raises(TransientError):
        pulled(shop)


def test_a_detail_that_is_missing_is_asked_for_again_and_then_recorded_as_missing():
    shop = Shopee(ids(0, 3), hidden=ids(1, 1))
    found = records(pulled(shop))
    assert [each["detail"] is None for each in found] == [False, True, False]
    assert [query["order_sn_list"] for path, query, _ in shop.requests if path.endswith("detail")][1] == ids(1, 1)[0]


def test_orders_by_number_that_shopee_does_not_know_are_absent():
    shop = Shopee(unknown=["nobody"])
    assert [each["list"]["order_sn"] for each in records(opened(shop).fetch_ids(["A", "nobody", "B"]))] == ["A", "B"]


def test_unpaid_orders_are_not_settled():
    shop, unpaid = Shopee(["A"]), {"order_sn": "A", "order_status": "UNPAID"}
    shop.get_order_detail = lambda query, body: answer(response={"order_list": [unpaid]})
    assert records(pulled(shop))[0]["escrow"] is None
    assert not [path for path, _, _ in shop.requests if "escrow" in path]


def test_settlements_are_only_asked_for_where_the_channel_wants_them():
    shop = Shopee(["A"])
    assert records(pulled(shop, escrow=False))[0]["escrow"] is None
    assert not [path for path, _, _ in shop.requests if "escrow" in path]


def test_an_order_whose_status_is_none_stops_nobody():
    shop, odd = Shopee(["A"]), {"order_sn": "A", "order_status": ["odd"]}
    shop.get_order_list = lambda query, body: answer(response={"more": False, "order_list": [odd]})
    shop.get_order_detail = lambda query, body: answer(response={"order_list": [odd]})
    assert records(pulled(shop))[0]["detail"] == odd
    assert [stub.status for stub in opened(shop).identify(WINDOW)] == ["['odd']"]


def test_orders_created_in_a_window_are_listed_without_details():
    shop = Shopee(["A"], ["B"])
    stubs = list(opened(shop).identify(WINDOW))
    assert [(stub.order_id, stub.status) for stub in stubs] == [("A", "open"), ("B", "open")]
    assert {query["time_range_field"] for _, query, _ in shop.requests} == {"create_time"}


@pytest.mark.parametrize(
    "response",
    [
        {"next_cursor": ""},
        {"more": True, "next_cursor": "", "order_list": [{"order_sn": "A"}]},
        {"more": False, "order_list": [{"ordersn": "A"}]},
        {"more": False, "order_list": {"order_sn": "A"}},
        None,
    ],
)
def test_a_list_of_another_shape_is_drift_and_never_an_empty_window(response):
    shop = Shopee(["A"])
    shop.get_order_list = lambda query, body: answer(response=response)
    with pytest.raises(DriftError):
        pulled(shop)


@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b'{"error":"","response":{"more":fal'])
def test_a_body_that_is_none_is_transient(body):
    shop = Shopee(["A"])
    shop.first = [httpx.Response(200, content=body)]
    with pytest.raises(TransientError):
        pulled(shop)


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = Shopee(["A"], access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop)
    shown = caplog.text + str(refused.value)
    for secret in (KEY.reveal(), "first", "once", shop.requests[0][1]["sign"]):
        assert secret not in shown
