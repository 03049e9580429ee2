"""How the TikTok Shop source asks: signing, renewal, paging, and what each refusal becomes."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters.tiktok_shop import ADAPTER, Options
from orderflow.adapters.tiktok_shop.auth import signature
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1, microseconds=-1), NOW - timedelta(minutes=30, microseconds=-1))
SECRET = Secret("tts_secret_123")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(days=3)).isoformat()}


class TikTok:
    """Answers requests as TikTok would, out of pages of order ids."""

    def __init__(self, *pages, unknown=(), access="first", refresh="once"):
        self.pages, self.unknown = pages, set(unknown)
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []

    def __call__(self, request):
        query, path = dict(request.url.params), request.url.path
        self.requests.append((request.url.host, path, query, request.content))
        if self.first:
            return self.first.pop(0)
        if path == "/api/v2/token/refresh":
            return self.renew(query)
        assert request.headers["content-type"] == "application/json"
        if query["sign"] != signature(SECRET, path, query, request.content):
            return answer(code=106001, message="The 'sign' query parameter is invalid", status=401)
        if request.headers["x-tts-access-token"] != self.access:
            return answer(code=105002, message="Expired credentials", status=401)
        return self.search(query) if path.endswith("search") else self.by_id(query)

    def renew(self, query):
        assert query["grant_type"] == "refresh_token"
        if query["refresh_token"] != self.refresh or query["app_secret"] != SECRET.reveal():
            return answer(code=36004005, message="Invalid refresh_token")
        self.access, self.refresh = "second", "twice"
        ends = int((NOW + timedelta(days=7)).timestamp())
        data = {"access_token": "second", "access_token_expire_in": ends, "refresh_token": "twice"}
        return answer(data=data | {"refresh_token_expire_in": ends})

    def search(self, query):
        place = int(query.get("page_token", 0))
        orders = [order(each) for each in self.pages[place]] if self.pages else []
        token = str(place + 1) if place + 1 < len(self.pages) else ""
        data = {"next_page_token": token, "total_count": sum(map(len, self.pages))}
        return answer(data=data | ({"orders": orders} if orders else {}))

    def by_id(self, query):
        ids = query["ids"].split(",")
        if self.unknown & set(ids):
            return answer(code=21008111, message="The order does not belong to this shop")
        return answer(data={"orders": [order(each) for each in ids]})


def order(number):
    payment = {"currency": "USD", "total_amount": "1.50"}
    return {"id": number, "status": "COMPLETED", "update_time": 1772409600, "payment": payment, "line_items": [{}]}


def answer(*, code=0, message="Success", data=None, status=200):
    return httpx.Response(status, json={"code": code, "message": message, "request_id": "r", "data": data})


def opened(shop, extra=None, stored=None):
    account = Account("tiktok_us", "https://open-api.test", "6abc12def", SECRET, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=lambda _: None,
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(shop_cipher="GCP_cipher=="), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def numbers(pages):
    return [json.loads(record)["id"] for page in pages for record in page.records]


def test_all_pages_are_read_with_one_and_the_same_question():
    shop = TikTok(["1", "2"], ["3"], ["4"])
    assert numbers(pulled(shop)) == ["1", "2", "3", "4"]
    assert {content for _, _, _, content in shop.requests} == {
        b'{"update_time_ge":1772406000,"update_time_lt":1772407801}'
    }
    query = shop.requests[2][2]
    assert (query["sort_field"], query["sort_order"], query["page_size"], query["page_token"]) == (
        "update_time",
        "ASC",
        "100",
        "2",
    )
    assert query["shop_cipher"] == "GCP_cipher=="


def test_an_empty_window_has_one_page_without_records():
    assert [len(page.records) for page in pulled(TikTok())] == [0]


def test_a_page_tells_where_it_came_from_and_where_to_go_on():
    pages = pulled(TikTok(["1"], ["2"]))
    assert [page.cursor for page in pages] == ["1", None]
    assert pages[0].origin.startswith("/order/202309/orders/search?page_size=100")
    assert pages[0].origin.endswith('{"update_time_ge":1772406000,"update_time_lt":1772407801}')
    assert "sign=" not in pages[0].origin
    assert numbers(opened(TikTok(["1"], ["2"])).fetch(WINDOW, pages[0].cursor)) == ["2"]


def test_a_page_token_that_runs_in_a_circle_is_drift():
    shop = TikTok(["1"])
    shop.search = lambda query: answer(data={"next_page_token": "1", "total_count": 1, "orders": [order("1")]})
    with pytest.raises(DriftError, match="circle"):
        pulled(shop)


def test_orders_are_counted_without_being_fetched():
    shop = TikTok(["1", "2"], ["3"])
    assert opened(shop).count(WINDOW) == 3
    assert shop.requests[0][2]["page_size"] == "1"


def test_orders_created_in_a_window_are_identified():
    shop = TikTok(["1"], ["2"])
    stubs = list(opened(shop).identify(WINDOW))
    assert [(stub.order_id, stub.status, stub.total, stub.currency, stub.lines) for stub in stubs] == [
        ("1", "completed", "1.50", "USD", 1),
        ("2", "completed", "1.50", "USD", 1),
    ]
    assert stubs[0].updated_at == NOW
    assert shop.requests[0][3].startswith(b'{"create_time_ge"')


def test_an_order_whose_buyer_asks_to_call_it_off_is_held_and_tells_no_status_to_compare():
    row = {"id": "1", "status": "AWAITING_SHIPMENT", "is_buyer_request_cancel": True}
    answer = {"code": 0, "data": {"total_count": 1, "orders": [row, row | {"is_buyer_request_cancel": False}]}}
    shop = TikTok(["1"])
    shop.first = [httpx.Response(200, json=answer)]
    assert [stub.status for stub in opened(shop).identify(WINDOW)] == [None, "open"]


def test_a_listed_order_with_broken_fields_stops_no_comparison():
    row = {"id": "1", "status": 122, "payment": "", "line_items": [None, "x"], "update_time": "yesterday"}
    shop = TikTok(["1"])
    number = order("3") | {"payment": {"currency": "IDR", "total_amount": 15000}}
    shop.search = lambda query: answer(data={"total_count": 3, "orders": [row, order("2"), number]})
    broken, whole, counted = opened(shop).identify(WINDOW)
    assert (broken.order_id, broken.status, broken.total, broken.currency, broken.updated_at) == ("1", *[None] * 4)
    assert (whole.order_id, whole.total, counted.total) == ("2", "1.50", "15000")


def test_orders_by_id_that_tiktok_does_not_know_are_absent():
    assert numbers(opened(TikTok(unknown=["9"])).fetch_ids(["1", "9", "2"])) == ["1", "2"]


def test_a_token_near_its_end_is_renewed_at_the_token_host_and_stored_before_it_is_used():
    stored, shop = [], TikTok(["1"])
    assert numbers(pulled(shop, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored)) == ["1"]
    assert shop.requests[0][:2] == ("auth.tiktok-shops.com", "/api/v2/token/refresh")
    expected = {"access_token": "second", "refresh_token": "twice"}
    assert stored == [expected | {"expires_at": (NOW + timedelta(days=7)).isoformat()}]


def test_another_token_host_can_be_named():
    shop = TikTok(["1"])
    pulled(shop, extra={"refresh_token": "once", "auth_url": "https://tokens.test/"})
    assert shop.requests[0][0] == "tokens.test"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (105001, "Invalid credentials"),
        (105002, "Expired credentials"),
        (36009004, "Invalid parameter: x-tts-access-token"),
    ],
)
def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again(code, message):
    shop = TikTok(["1"])
    shop.first = [answer(code=code, message=message, status=401)]
    assert numbers(pulled(shop)) == ["1"]
    assert [path.rpartition("/")[2] for _, path, _, _ in shop.requests] == ["search", "refresh", "search"]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match="36004005"):
        pulled(TikTok(["1"], access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = TikTok(["1"])
    shop.search = lambda query: answer(code=105002, message="Expired credentials", status=401)
    with pytest.raises(DeniedError, match="105002"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(TikTok(["1"]), extra={})


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (106001, "sign", DeniedError),
        (105005, "scope", DeniedError),
        (106013, "shop_cipher", DeniedError),
        (36009044, "deactivated", DeniedError),
        (36009004, "Invalid parameter: timestamp", DeniedError),
        (36009004, "Invalid parameter: page_size", DriftError),
        (21008111, "not this shop", DriftError),
        (99999999, "never heard of", DriftError),
        (36009002, "Too many requests", TransientError),
        (36009003, "Internal error", TransientError),
    ],
)
def test_an_error_in_the_body_decides_whatever_the_status_says(code, message, expected, status):
    shop = TikTok(["1"])
    shop.search = lambda query: answer(code=code, message=message, status=status)
    with pytest.raises(expected, match=str(code)):
        pulled(shop)


def test_a_busy_platform_is_asked_again():
    shop = TikTok(["1"])
    gateway = httpx.Response(502, json={"code": 1, "message": "upstream"})
    shop.first = [answer(code=36009002), httpx.Response(429, headers={"retry-after": "3"}), gateway]
    assert numbers(pulled(shop)) == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        {"code": "0", "data": {"total_count": 0, "next_page_token": ""}},
        {"code": 0, "data": {"next_page_token": ""}},
        {"code": 0, "data": {"total_count": 1, "orders": {}}},
        {"code": 0, "data": None},
        {"code": 0},
        {"orders": []},
    ],
)
def test_an_answer_of_another_shape_is_drift_and_never_an_empty_window(body):
    shop = TikTok(["1"])
    shop.first = [httpx.Response(200, json=body)]
    with pytest.raises(DriftError):
        pulled(shop)


def test_an_order_of_another_shape_stops_nobody():
    shop = TikTok(["1"])
    shop.search = lambda query: answer(
        data={"next_page_token": "", "total_count": 2, "orders": [{"no": 1}, order("2")]}
    )
    assert len(pulled(shop)[0].records) == 2


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = TikTok(["1"], access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop, extra=TOKENS | {"access_token": "tkn-first", "refresh_token": "tkn-once"})
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "tkn-first", "tkn-once", shop.requests[0][2]["sign"]):
        assert secret not in shown
