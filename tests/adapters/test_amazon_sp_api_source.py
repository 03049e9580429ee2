"""How the Amazon sources ask: tokens, ranges, paging, pace, and what each refusal becomes."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from orderflow.adapters.amazon_sp_api import ADAPTER, Options
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1, microseconds=-1), NOW - timedelta(minutes=30, microseconds=-1))
TOKENS = {"access_token": "first", "refresh_token": "Atzr", "expires_at": (NOW + timedelta(minutes=50)).isoformat()}
EXPIRED = "The access token you provided has expired."


def ids(*numbers):
    return [f"114-0000000-{number:07d}" for number in numbers]


def error(status, code, details="", headers=None):
    body = {"errors": [{"code": code, "message": "Access to requested resource is denied.", "details": details}]}
    return httpx.Response(status, json=body, headers=headers)


class Amazon:
    """Answers requests as Amazon would, out of pages of order ids; `first` goes before everything else."""

    def __init__(self, *pages, first=()):
        self.pages, self.first = pages or ((),), list(first)
        self.access, self.restricted = {"first"}, set()
        self.requests, self.bought, self.items = [], 0, {}

    def __call__(self, request):
        path, token = request.url.path, request.headers.get("x-amz-access-token")
        self.requests.append((request.method, path, dict(request.url.params), token))
        if path == "/auth/o2/token":
            return self.login(dict(parse_qsl(request.content.decode())))
        if self.first:
            return self.first.pop(0)
        if token not in self.access | self.restricted:
            return error(403, "Unauthorized", EXPIRED)
        if path.startswith("/tokens/"):
            assert token in self.access
            self.bought += 1
            self.restricted.add(f"restricted-{self.bought}")
            return httpx.Response(200, json={"restrictedDataToken": f"restricted-{self.bought}", "expiresIn": 3600})
        if path.endswith("/orderItems"):
            return self.items_of(path.split("/")[-2], request.url.params.get("NextToken"))
        return self.list(path, dict(request.url.params))

    def login(self, form):
        assert (form["grant_type"], form["client_id"], form["client_secret"]) == ("refresh_token", "client", "secret")
        if form["refresh_token"] != "Atzr":
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "revoked"})
        self.access.add("second")
        return httpx.Response(200, json={"access_token": "second", "token_type": "bearer", "expires_in": 3600})

    def items_of(self, order_id, token):
        if order_id in self.items:
            return self.items[order_id].pop(0)
        rest = {} if token else {"NextToken": "more"}
        items = [{"OrderItemId": "2" if token else "1"}]
        return httpx.Response(200, json={"payload": {"AmazonOrderId": order_id, "OrderItems": items} | rest})

    def list(self, path, query):
        old = "/v0/" in path
        if path.rpartition("/")[2] != "orders":
            order_id = path.rpartition("/")[2]
            if not any(order_id in page for page in self.pages):
                return error(404, "NotFound")
            return httpx.Response(200, json={"payload": order(order_id)} if old else {"order": order(order_id)})
        place = int(query.get("NextToken" if old else "paginationToken", 0))
        orders = [order(each) for each in self.pages[place]]
        following = str(place + 1) if place + 1 < len(self.pages) else None
        if old:
            rest = {"NextToken": following} if following else {}
            return httpx.Response(200, json={"payload": {"Orders": orders} | rest})
        return httpx.Response(
            200, json={"orders": orders} | ({"pagination": {"nextToken": following}} if following else {})
        )


def order(order_id):
    return {"AmazonOrderId": order_id, "orderId": order_id}


class Time:
    def __init__(self):
        self.now, self.slept = NOW, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def opened(amazon, version="v2026-01-01", *, extra=None, stored=None, time=None, **options):
    told = {"auth_url": "https://login.test/auth/o2/token"} | (TOKENS if extra is None else extra)
    account = Account("amazon_us", "https://sellingpartnerapi.test", "client", Secret("secret"), told)
    time = time or Time()
    runtime = Runtime(
        clock=time.clock,
        sleep=time.sleep,
        transport=httpx.MockTransport(amazon),
        on_token=None if stored is None else stored.append,
    )
    return ADAPTER.open(Options(marketplaces=["ATVPDKIKX0DER"], version=version, **options), account, runtime)


def pulled(amazon, version="v2026-01-01", **how):
    return list(opened(amazon, version, **how).fetch(WINDOW))


def test_an_order_of_which_amazon_shows_nothing_is_absent_and_hides_no_other():
    amazon = Amazon(ids(1, 2), first=[httpx.Response(200, json={"payload": {}})])
    assert numbers(opened(amazon, "v0", personal_data=False).fetch_ids(ids(1, 2))) == ids(2)


@pytest.mark.parametrize("how", ["fetch", "identify"])
def test_a_title_that_is_no_utf8_hides_no_order(how):
    titled = [order(each) | {"orderItems": [{"title": each[-1]}]} for each in ids(1, 2)]
    listed = json.dumps({"orders": titled}).encode().replace(b'"title": "1"', b'"title": "\xe4\xb8"')
    found = list(getattr(opened(Amazon(first=[httpx.Response(200, content=listed)])), how)(WINDOW))
    assert len(found[0].records if how == "fetch" else found) == 2


def numbers(pages):
    return [ADAPTER.order_id(json.loads(record)) for page in pages for record in page.records]


def test_all_pages_are_read_with_one_and_the_same_question_in_whole_seconds_outwards():
    amazon = Amazon(ids(1, 2), (), ids(3))
    assert numbers(pulled(amazon)) == ids(1, 2, 3)
    questions = [query for _, _, query, _ in amazon.requests]
    assert [query.pop("paginationToken", None) for query in questions] == [None, "1", "2"]
    assert questions[0] == questions[1] == questions[2]
    assert (questions[0]["lastUpdatedAfter"], questions[0]["lastUpdatedBefore"]) == (
        "2026-03-02T11:00:00Z",
        "2026-03-02T11:30:01Z",
    )
    assert "fulfillmentStatuses" not in questions[0], "a filter would hide what nobody documented"


def test_v0_names_every_status_and_joins_the_items_of_all_their_pages():
    amazon = Amazon(ids(1), ids(2))
    pages = pulled(amazon, "v0")
    assert numbers(pages) == ids(1, 2)
    assert [each["OrderItemId"] for each in json.loads(pages[0].records[0])["items"]] == ["1", "2"]
    query = next(query for _, path, query, _ in amazon.requests if path == "/orders/v0/orders")
    assert len(query["OrderStatuses"].split(",")) == 8


def test_people_are_asked_for_only_where_they_are_wanted():
    shown, hidden = Amazon(), Amazon()
    pulled(shown)
    pulled(hidden, personal_data=False)
    assert "BUYER,RECIPIENT" in shown.requests[0][2]["includedData"]
    assert "BUYER" not in hidden.requests[0][2]["includedData"]


def test_a_restricted_token_is_bought_once_and_used_for_orders_and_items():
    amazon = Amazon(ids(1, 2))
    source = opened(amazon, "v0")
    list(source.fetch(WINDOW))
    list(source.fetch(WINDOW))
    assert [path for method, path, _, _ in amazon.requests if method == "POST"] == [
        "/tokens/2021-03-01/restrictedDataToken"
    ]
    assert {token for method, _, _, token in amazon.requests if method == "GET"} == {"restricted-1"}


def test_a_restricted_token_is_bought_anew_before_it_ends():
    amazon, time = Amazon(ids(1)), Time()
    source = opened(amazon, "v0", time=time)
    list(source.fetch(WINDOW))
    time.now += timedelta(minutes=59, seconds=30)
    list(source.fetch(WINDOW))
    assert amazon.bought == 2
    assert [token for method, _, _, token in amazon.requests if method == "POST"][-1] == "second"


def test_without_people_v0_needs_no_restricted_token():
    amazon = Amazon(ids(1))
    pulled(amazon, "v0", personal_data=False)
    assert {token for _, _, _, token in amazon.requests} == {"first"}


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_an_expired_token_is_renewed_once_and_kept_before_it_is_used(version):
    amazon, stored = Amazon(ids(1)), []
    amazon.access.clear()
    assert numbers(pulled(amazon, version, stored=stored)) == ids(1)
    assert [(each["access_token"], each["refresh_token"]) for each in stored] == [("second", "Atzr")]
    assert stored[0]["expires_at"] == (NOW + timedelta(hours=1)).isoformat()


def test_a_token_is_renewed_ahead_of_its_end():
    amazon = Amazon(ids(1))
    pulled(amazon, extra=TOKENS | {"expires_at": (NOW + timedelta(seconds=30)).isoformat()})
    assert [path for _, path, _, _ in amazon.requests] == ["/auth/o2/token", "/orders/2026-01-01/orders"]


def test_a_refresh_token_alone_is_enough_and_none_at_all_is_a_gap_in_the_connection():
    assert numbers(pulled(Amazon(ids(1)), extra={"refresh_token": "Atzr"})) == ids(1)
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Amazon(), extra={})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), "authorise the app again"),
        (httpx.Response(401, json={"error": "invalid_client"}), "client secret"),
        (httpx.Response(401), "credentials"),
    ],
)
def test_a_refused_login_says_what_to_do(answer, message):
    amazon = Amazon()
    amazon.login = lambda _: answer
    with pytest.raises(DeniedError, match=message):
        pulled(amazon, extra={"refresh_token": "Atzr"})


def test_a_busy_login_is_tried_again():
    amazon = Amazon(ids(1))
    login, busy = amazon.login, [httpx.Response(503), httpx.Response(429, json={"error": "slow_down"})]
    amazon.login = lambda form: busy.pop() if busy else login(form)
    assert numbers(pulled(amazon, extra={"refresh_token": "Atzr"})) == ids(1)


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_a_token_refused_twice_is_denied(version):
    amazon = Amazon(first=[error(403, "Unauthorized", EXPIRED) for _ in range(4)])
    with pytest.raises(DeniedError, match="fresh access token"):
        pulled(amazon, version)
    assert len([path for _, path, _, _ in amazon.requests if path == "/auth/o2/token"]) == 1


def test_a_missing_role_buys_no_new_token():
    amazon = Amazon(first=[error(403, "Unauthorized")])
    with pytest.raises(DeniedError, match="role"):
        pulled(amazon)
    assert len(amazon.requests) == 1


@pytest.mark.parametrize(
    ("version", "headers", "wait"),
    [
        ("v2026-01-01", {}, 1 / 0.0056),
        ("v2026-01-01", {"retry-after": "100"}, 100),
        ("v2026-01-01", {"x-amzn-ratelimit-limit": "0.01"}, 100),
        ("v2026-01-01", {"x-amzn-ratelimit-limit": "none"}, 1 / 0.0056),
    ],
)
def test_a_used_up_quota_of_lists_is_waited_for_outside_of_the_run(version, headers, wait):
    time = Time()
    with pytest.raises(TransientError) as caught:
        pulled(Amazon(first=[error(429, "QuotaExceeded", headers=headers)]), version, time=time)
    assert caught.value.retry_after == pytest.approx(wait)
    assert time.slept == []


def test_a_used_up_quota_of_items_is_waited_for_inside():
    amazon, time = Amazon(ids(1)), Time()
    good = amazon.items_of(ids(1)[0], "more")
    amazon.items[ids(1)[0]] = [error(429, "QuotaExceeded"), good]
    assert numbers(pulled(amazon, "v0", time=time)) == ids(1)
    assert time.slept == [pytest.approx(2)]


def test_after_twenty_lists_the_next_one_waits_three_minutes():
    time = Time()
    pulled(Amazon(*([each] for each in ids(*range(22)))), time=time)
    assert time.slept == [pytest.approx(1 / 0.0056), pytest.approx(1 / 0.0056)]


def test_a_window_that_amazon_does_not_answer_for_yet_is_not_cut():
    source = opened(Amazon(ids(1)))
    with pytest.raises(TransientError) as caught:
        list(source.fetch(Window(NOW - timedelta(hours=1), NOW - timedelta(seconds=90))))
    assert caught.value.retry_after == 30


def test_a_page_tells_where_it_came_from_and_where_to_go_on():
    pages = pulled(Amazon(ids(1), ids(2)))
    assert [page.cursor for page in pages] == ["1", None]
    assert pages[0].origin.startswith("/orders/2026-01-01/orders?marketplaceIds=ATVPDKIKX0DER")
    assert pages[1].origin.endswith("paginationToken=***")
    assert numbers(opened(Amazon(ids(1), ids(2))).fetch(WINDOW, pages[0].cursor)) == ids(2)


def test_pages_that_repeat_under_new_tokens_are_asked_for_again_later():
    with pytest.raises(TransientError, match="repeats"):
        pulled(Amazon(ids(1, 2), ids(2, 1), ids(3)))
    assert numbers(pulled(Amazon(ids(1, 2), ids(2)))) == ids(1, 2, 2), "a last page that repeats loses nothing"


def test_a_token_that_runs_in_a_circle_is_drift():
    amazon = Amazon()
    amazon.list = lambda *_: httpx.Response(200, json={"orders": [], "pagination": {"nextToken": "1"}})
    with pytest.raises(DriftError, match="circle"):
        pulled(amazon)


def test_items_of_another_order_are_the_answer_of_a_cache():
    amazon = Amazon(ids(1))
    amazon.items[ids(1)[0]] = [httpx.Response(200, json={"payload": {"AmazonOrderId": "other", "OrderItems": [{}]}})]
    with pytest.raises(TransientError, match="cache"):
        pulled(amazon, "v0")


def test_items_that_are_not_shown_are_asked_for_twice():
    amazon, order_id = Amazon(ids(1)), ids(1)[0]
    empty = httpx.Response(200, json={"payload": {"AmazonOrderId": order_id, "OrderItems": []}})
    good = amazon.items_of(order_id, "more")
    amazon.items[order_id] = [empty, good]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] == [{"OrderItemId": "2"}]
    amazon.items[order_id] = [error(404, "NotFound"), error(404, "NotFound")]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] is None
    amazon.items[order_id] = [empty, empty]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] == []


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_orders_by_id_that_amazon_does_not_know_are_absent(version):
    amazon = Amazon(ids(1, 2))
    assert numbers(opened(amazon, version).fetch_ids([*ids(1, 9), "東京", "../feeds", *ids(2)])) == ids(1, 2)
    assert not any("feeds" in path or "東" in path for _, path, _, _ in amazon.requests)


def test_another_order_than_the_one_asked_for_is_the_answer_of_a_cache():
    amazon = Amazon(ids(1))
    amazon.list = lambda *_: httpx.Response(200, json={"order": order(ids(2)[0])})
    with pytest.raises(TransientError, match="cache"):
        list(opened(amazon).fetch_ids(ids(1)))


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (error(400, "InvalidInput"), DriftError, "two minutes"),
        (error(200, "InternalFailure"), TransientError, "fault"),
        (error(200, "Unauthorized"), DeniedError, "role"),
        (httpx.Response(403, html="<html>blocked"), DeniedError, "right"),
        (httpx.Response(200, json={"orders": None}), DriftError, "shape"),
    ],
)
def test_a_refusal_says_who_has_to_act(answer, kind, message):
    with pytest.raises(kind, match=message):
        pulled(Amazon(first=[answer] * 5))
