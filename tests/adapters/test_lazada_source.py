"""How the Lazada source asks: signing, renewal, pages of a list that moves, what is missing, and each refusal."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orderflow.adapters.lazada import ADAPTER, Options
from orderflow.adapters.lazada.auth import signature
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TooManyError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
START = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
WINDOW = Window(START + timedelta(microseconds=1), START + timedelta(minutes=30, microseconds=1))
SECRET = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(days=3)).isoformat()}


class Lazada:
    """Answers requests as Lazada would, out of orders with their modified times (seconds after the start)."""

    def __init__(self, orders, unknown=(), hidden=(), access="first", refresh="once"):
        self.orders = dict(orders)
        self.unknown, self.hidden = set(unknown), set(hidden)
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []
        self.between = []
        """What happens to the list after each page of it."""

    def __call__(self, request):
        query = dict(request.url.params)
        path = request.url.path.removeprefix("/rest")
        self.requests.append((request.url.host, path, query))
        if self.first:
            return self.first.pop(0)
        if query["sign"] != signature(SECRET, path, query):
            return answer(code="IncompleteSignature", message="The request signature is wrong")
        if path == "/auth/token/refresh":
            if query["refresh_token"] != self.refresh:
                return answer(code="IllegalRefreshToken", message="expired")
            self.access, self.refresh = "second", "twice"
            fields = {"access_token": "second", "refresh_token": "twice", "expires_in": "604800"}
            return httpx.Response(200, json={"code": "0", "request_id": "r"} | fields)
        if query["access_token"] != self.access:
            return answer(code="IllegalAccessToken", message="The specified access token is invalid or expired")
        return getattr(self, path.strip("/").replace("/", "_"))(query)

    def orders_get(self, query):
        assert query["sort_by"] == "updated_at"
        assert query["sort_direction"] == "ASC"
        low, high = (datetime.fromisoformat(query[f"update_{end}"]) for end in ("after", "before"))
        rows = sorted(
            (START + timedelta(seconds=seconds), number)
            for number, seconds in self.orders.items()
            if low <= START + timedelta(seconds=seconds) <= high
        )
        offset, limit = int(query["offset"]), int(query["limit"])
        page = [
            {"order_id": n, "updated_at": f"{at:%Y-%m-%d %H:%M:%S} +0000"} for at, n in rows[offset : offset + limit]
        ]
        if self.between:
            self.between.pop(0)(self.orders)
        return answer(data={"count": str(len(page)), "countTotal": str(len(rows)), "orders": page})

    def orders_items_get(self, query):
        ids = json.loads(query["order_ids"])
        if self.unknown & set(ids):
            return answer(code="37", message="E037: One or more order id in the list are incorrect")
        found = [
            {"order_id": str(each), "order_items": [{"order_item_id": each}]} for each in ids if each not in self.hidden
        ]
        return answer(data=found)

    def order_get(self, query):
        number = int(query["order_id"])
        if number in self.unknown:
            return answer(code="16", message="E016: Invalid Order ID")
        return answer(data={"order_id": number, "updated_at": "2026-03-09 09:00:00 +0800"})


def answer(*, code="0", kind="ISV", message="", data=None, status=200):
    body = {"code": code, "request_id": "r"} | ({"data": data} if code == "0" else {"type": kind, "message": message})
    return httpx.Response(status, json=body)


def opened(shop, extra=None, stored=None):
    account = Account("lazada_sg", "https://api.lazada.test/rest", "123456", SECRET, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=lambda _: None,
        transport=httpx.MockTransport(shop),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(), account, runtime)


def pulled(shop, **how):
    return list(opened(shop, **how).fetch(WINDOW))


def numbers(pages):
    return [json.loads(record)["order"]["order_id"] for page in pages for record in page.records]


def each_second(count):
    return {number: number % 1700 for number in range(1, count + 1)}


def test_every_listed_order_comes_once_with_its_items():
    shop = Lazada(each_second(350))
    found = numbers(pulled(shop))
    assert sorted(found) == list(range(1, 351))
    assert len([path for _, path, _ in shop.requests if path == "/orders/items/get"]) == 8


def test_the_range_is_rounded_outwards_to_whole_seconds():
    shop = Lazada({1: 0, 2: 1801})
    page = pulled(shop)[0]
    query = shop.requests[0][2]
    assert (query["update_after"], query["update_before"]) == ("2026-03-09T01:00:00+00:00", "2026-03-09T01:30:01+00:00")
    assert page.origin.startswith("/rest/orders/get?update_after=")
    assert "sign" not in page.origin
    assert "token" not in page.origin


def test_an_order_that_moves_away_while_we_read_hides_no_other():
    shop = Lazada(each_second(250))
    shop.between = [lambda orders: orders.update({5: 1750}), lambda orders: orders.pop(120)]
    assert set(numbers(pulled(shop))) >= set(range(1, 251)) - {120}


def test_many_orders_of_one_second_arrive_even_when_some_of_them_leave():
    shop = Lazada(dict.fromkeys(range(1, 301), 60))
    shop.between = [lambda orders: orders.update({3: 1000, 4: 1000})]
    found = numbers(pulled(shop))
    assert set(found) == set(range(1, 301))
    assert len(found) == 302, "the two that moved came twice"


def test_more_of_one_second_than_can_be_paged_through_is_told():
    with pytest.raises(TooManyError) as told:
        pulled(Lazada(dict.fromkeys(range(6000), 60)))
    assert (told.value.found, told.value.ceiling) == (6000, 5000)


def test_a_page_goes_on_behind_itself_without_what_it_showed():
    shop = Lazada({number: number // 7 for number in range(1, 251)})
    pages = pulled(shop)
    for place, page in enumerate(pages[:-1]):
        assert numbers(opened(shop).fetch(WINDOW, page.cursor)) == numbers(pages[place + 1 :])
    assert pages[-1].cursor is None


def test_a_list_in_another_order_is_never_trusted():
    shop = Lazada({})
    rows = [{"order_id": n, "updated_at": f"2026-03-09 01:{59 - n:02d}:00 +0000"} for n in range(50)]
    shop.orders_get = lambda query: answer(data={"count": 50, "countTotal": 80, "orders": rows})
    with pytest.raises(DriftError, match="order that was asked for"):
        pulled(shop)


def test_rows_that_are_promised_and_do_not_come_fail_the_window():
    shop = Lazada({})
    shop.orders_get = lambda query: answer(data={"count": 0, "countTotal": 3, "orders": []})
    with pytest.raises(TransientError, match="promised"):
        pulled(shop)


def test_an_order_with_a_broken_time_stops_nobody():
    shop = Lazada({})
    rows = [{"order_id": n, "updated_at": [None, "yesterday", "2026-03-09 01:00:09 +0000"][n % 3]} for n in range(6)]
    shop.orders_get = lambda query: answer(data={"count": 6, "countTotal": 6, "orders": rows})
    assert numbers(pulled(shop)) == list(range(6))


def test_an_order_with_broken_fields_stops_nobody():
    shop = Lazada({})
    odd = [{"statuses": "pending"}, {"statuses": [{}]}, {"updated_at": "0001-01-01 00:00:00 +0800"}]
    rows = [{"order_id": number} | fields for number, fields in enumerate([*odd, {"statuses": ["delivered"]}], 1)]
    shop.orders_get = lambda query: answer(data={"count": 4, "countTotal": 4, "orders": rows})
    shop.orders_items_get = lambda query: answer(
        data=[
            {"order_id": number} | ({"order_items": [{}]} if number > 2 else {})
            for number in json.loads(query["order_ids"])
        ]
    )
    found = [json.loads(record) for page in pulled(shop) for record in page.records]
    assert [(each["order"]["order_id"], each["items"]) for each in found] == [
        (1, None),
        (2, None),
        (3, [{}]),
        (4, [{}]),
    ]
    assert [stub.status for stub in opened(shop).identify(WINDOW)] == [None, "{}", None, "completed"]


def test_orders_are_counted_without_being_fetched():
    shop = Lazada(each_second(150))
    assert opened(shop).count(WINDOW) == 150
    assert [query["limit"] for _, _, query in shop.requests] == ["1"]


def test_a_token_near_its_end_is_renewed_at_the_token_host_and_stored_before_it_is_used():
    stored, shop = [], Lazada({1: 1})
    pages = pulled(shop, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored)
    assert numbers(pages) == [1]
    assert shop.requests[0][:2] == ("auth.lazada.com", "/auth/token/refresh")
    expected = {"access_token": "second", "refresh_token": "twice"}
    assert stored == [expected | {"expires_at": (NOW + timedelta(days=7)).isoformat()}]


def test_another_token_host_can_be_named():
    shop = Lazada({1: 1})
    pulled(shop, extra={"refresh_token": "once", "auth_url": "https://tokens.test/rest/"})
    assert shop.requests[0][:2] == ("tokens.test", "/auth/token/refresh")


def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again():
    shop = Lazada({1: 1}, access="another")
    assert numbers(pulled(shop)) == [1]
    assert [path for _, path, _ in shop.requests[:3]] == ["/orders/get", "/auth/token/refresh", "/orders/get"]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match="IllegalRefreshToken"):
        pulled(Lazada({1: 1}, access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    shop = Lazada({1: 1})
    shop.orders_get = lambda query: answer(code="IllegalAccessToken", message="no")
    with pytest.raises(DeniedError, match="IllegalAccessToken"):
        pulled(shop)
    assert len(shop.requests) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Lazada({1: 1}), extra={})


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("IncompleteSignature", "ISV", DeniedError),
        ("AppWhiteIpLimit", "ISV", DeniedError),
        ("InsufficientPermission", "ISV", DeniedError),
        ("MissingParameter", "ISV", DriftError),
        ("17", "ISV", DriftError),
        ("37", "ISV", DriftError),
        ("ServiceTimeout", "ISP", TransientError),
        ("SellerCallLimit", "ISV", TransientError),
        ("901", "ISV", TransientError),
        ("SomethingBehind", "ISP", TransientError),
    ],
)
def test_an_error_with_status_200_says_who_must_act(code, kind, expected):
    shop = Lazada({1: 1})
    shop.orders_get = lambda query: answer(code=code, kind=kind, message="because")
    with pytest.raises(expected, match=code):
        pulled(shop)


def test_a_ban_is_waited_for_as_long_as_it_says():
    slept, shop = [], Lazada({1: 1})
    shop.first = [answer(code="ApiCallLimit", kind="SYSTEM", message="limited, this ban will last for 7 seconds")]
    account = Account("lazada_sg", "https://api.lazada.test/rest", "123456", SECRET, TOKENS)
    runtime = Runtime(clock=lambda: NOW, sleep=slept.append, transport=httpx.MockTransport(shop))
    assert numbers(ADAPTER.open(Options(), account, runtime).fetch(WINDOW)) == [1]
    assert slept == [7.0]


def test_a_long_ban_goes_up_to_the_scheduler():
    shop = Lazada({1: 1})
    shop.first = [answer(code="ApiCallLimit", kind="SYSTEM", message="this ban will last for 3600 seconds")]
    with pytest.raises(TransientError) as refused:
        pulled(shop)
    assert (refused.value.retry_after, len(shop.requests)) == (3600, 1)


def test_one_unknown_id_among_many_does_not_hide_the_others():
    shop = Lazada(each_second(20), unknown=[7])
    found = [json.loads(record) for page in pulled(shop) for record in page.records]
    assert [each["order"]["order_id"] for each in found if each["items"] is None] == [7]
    assert len(found) == 20


def test_items_that_are_missing_are_asked_for_again_and_then_recorded_as_missing():
    shop = Lazada(each_second(3), hidden=[2])
    found = [json.loads(record) for page in pulled(shop) for record in page.records]
    assert [each["items"] is None for each in found] == [False, True, False]
    assert [query["order_ids"] for _, path, query in shop.requests if path == "/orders/items/get"] == ["[1,2,3]", "[2]"]


def test_orders_by_id_that_lazada_does_not_know_are_absent():
    assert numbers(opened(Lazada({}, unknown=[9])).fetch_ids(["1", "9", "2"])) == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": {"count": 0, "countTotal": 0, "orders": []}},
        {"code": "0", "data": {"orders": []}},
        {"code": "0", "data": {"count": 0, "countTotal": 0, "orders": {}}},
        {"code": "0", "data": {"count": 1, "countTotal": 1, "orders": [{"id": 1}]}},
        {"code": "0"},
        {"result": []},
    ],
)
def test_an_answer_of_another_shape_is_drift_and_never_an_empty_window(body):
    shop = Lazada({1: 1})
    shop.first = [httpx.Response(200, json=body)]
    with pytest.raises(DriftError):
        pulled(shop)


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    shop = Lazada({1: 1}, access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(shop, extra=TOKENS | {"access_token": "tkn-first", "refresh_token": "tkn-once"})
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "tkn-first", "tkn-once", shop.requests[0][2]["sign"]):
        assert secret not in shown
