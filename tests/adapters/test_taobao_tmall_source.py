"""How the source of Taobao and Tmall asks: signing, sessions, pages of a list that moves, details, and each refusal."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from orderflow.adapters.taobao_tmall import ADAPTER, TYPES, Options
from orderflow.adapters.taobao_tmall.auth import signature
from orderflow.adapters.taobao_tmall.values import TIME, ZONE
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
START = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
WINDOW = Window(START + timedelta(microseconds=1), START + timedelta(minutes=30, microseconds=1))
SECRET = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(days=3)).isoformat()}
CHANGED, CREATED, DETAIL = "trades_sold_increment_get", "trades_sold_get", "trade_fullinfo_get"


def refusal(code, sub_code=None, sub_msg=None, msg="no"):
    return {"error_response": {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "r"}}


class Gateway:
    """Answers requests as TOP would, out of trades with their modified times (seconds after the start)."""

    def __init__(self, trades=(), hidden=(), access="first", refresh="once"):
        self.trades, self.hidden = dict(trades), set(hidden)
        self.access, self.refresh = access, refresh
        self.requests = []
        self.first = []
        self.between = []
        """What happens to the list after each page that is asked for by its number."""

    def __call__(self, request):
        query, body = dict(request.url.params), dict(parse_qsl(request.content.decode()))
        method = query["method"].removeprefix("taobao.").replace(".", "_")
        self.requests.append((method, query, body))
        assert query["sign"] == signature(SECRET, query | body)
        if self.first:
            return httpx.Response(200, json=self.first.pop(0))
        if method == "top_auth_token_refresh":
            assert "session" not in query
            return httpx.Response(200, json=self.renew(body))
        if query["session"] != self.access:
            return httpx.Response(200, json=refusal(27, "invalid-sessionkey"))
        answer = self.detail(body) if method == DETAIL else self.listed(body)
        return httpx.Response(200, json=answer if "error_response" in answer else {f"{method}_response": answer})

    def renew(self, body):
        if body["refresh_token"] != self.refresh:
            return refusal(15, "isv.refresh-token-invalid")
        self.access, self.refresh = "second", "twice"
        pair = {"access_token": "second", "refresh_token": "twice", "expires_in": "86400"}
        return {"top_auth_token_refresh_response": {"token_result": json.dumps(pair), "request_id": "r"}}

    def listed(self, body):
        name = "modified" if "start_modified" in body else "created"
        low, high = (datetime.strptime(body[f"{end}_{name}"], TIME).replace(tzinfo=ZONE) for end in ("start", "end"))
        found = sorted(
            ((START + timedelta(seconds=seconds), tid) for tid, seconds in self.trades.items()), reverse=True
        )
        rows = [{"tid": tid, "modified": f"{at.astimezone(ZONE):{TIME}}"} for at, tid in found if low <= at <= high]
        size, page = int(body["page_size"]), int(body["page_no"])
        cut = rows[size * (page - 1) : size * page]
        told = {"has_next": size * page < len(rows)}
        if body["use_has_next"] == "false":
            told = {"total_results": len(rows)}
        elif self.between:
            self.between.pop(0)(self.trades)
        return told | ({"trades": {"trade": cut}} if cut else {})

    def detail(self, body):
        tid = int(body["tid"])
        if tid in self.hidden or tid not in self.trades:
            return refusal(15, "isv.trade-not-exist")
        return {"trade": {"tid": tid, "status": "TRADE_FINISHED"}}

    def asked(self, method):
        return [body for name, _, body in self.requests if name == method]


def opened(shop, extra=None, options=None):
    tokens = []
    account = Account("tmall", "https://eco.taobao.test", "12345678", SECRET, TOKENS if extra is None else extra)
    runtime = Runtime(
        clock=lambda: NOW,
        sleep=lambda _: None,
        transport=shop if isinstance(shop, httpx.BaseTransport) else httpx.MockTransport(shop),
        on_token=tokens.append,
    )
    return ADAPTER.open(options or Options(), account, runtime), tokens


def tids(pages):
    return [json.loads(record)["list"]["tid"] for page in pages for record in page.records]


def many(count):
    return {1000 + n: n for n in range(count)}


def test_a_list_is_read_from_the_last_page_to_the_first():
    shop = Gateway(many(120))
    found = list(opened(shop)[0].fetch(WINDOW))
    assert sorted(tids(found)) == sorted(many(120))
    assert [len(page.records) for page in found] == [20, 50, 50]
    pages = [(body["page_no"], body["use_has_next"], body["page_size"]) for body in shop.asked(CHANGED)]
    assert pages == [
        ("1", "false", "50"),
        ("3", "true", "50"),
        ("2", "true", "50"),
        ("1", "true", "50"),
        ("1", "false", "1"),
    ]
    assert [page.cursor for page in found] == [{"page": 2, "total": 120}, {"page": 1, "total": 120}, None]


def test_one_page_is_one_request():
    shop = Gateway(many(50))
    assert len(tids(opened(shop)[0].fetch(WINDOW))) == 50
    assert len(shop.asked(CHANGED)) == 1


def test_trades_that_change_while_the_list_is_read_take_no_other_with_them():
    shop = Gateway(many(150))
    shop.between = [lambda trades: trades.update({1149: 7200, 1148: 7200}), lambda trades: trades.update({1000: 7200})]
    assert set(tids(opened(shop)[0].fetch(WINDOW))) >= set(range(1001, 1148))


def test_a_list_that_grew_is_read_once_more():
    shop = Gateway(many(100))
    shop.between = [lambda trades: trades.update(dict.fromkeys(range(5), 1799))]
    found = list(opened(shop)[0].fetch(WINDOW))
    assert set(tids(found)) == {*many(100), *range(5)}
    assert found[1].cursor == {"page": 3, "total": 105}
    again = Gateway(shop.trades)
    assert set(tids(opened(again)[0].fetch(WINDOW, after=found[1].cursor))) == {*many(100), *range(5)}


def test_a_list_that_never_stops_growing_is_asked_for_later():
    shop = Gateway(many(100))
    shop.between = [lambda trades: trades.update({len(trades): 1799})] * 20
    with pytest.raises(TransientError, match="appeared every time"):
        list(opened(shop)[0].fetch(WINDOW))


def test_going_on_behind_a_page_reads_the_pages_before_it():
    shop = Gateway(many(120))
    found = list(opened(shop)[0].fetch(WINDOW, after={"page": 2, "total": 120}))
    assert len(tids(found)) == 100
    assert shop.asked(CHANGED)[0]["page_no"] == "2"


def test_every_kind_of_trade_is_asked_for_in_whole_seconds_rounded_outwards():
    shop = Gateway()
    assert tids(opened(shop)[0].fetch(WINDOW)) == []
    body = shop.asked(CHANGED)[0]
    assert body["type"].split(",") == list(TYPES)
    assert (body["start_modified"], body["end_modified"]) == ("2026-03-09 09:00:00", "2026-03-09 09:30:01")
    assert "status" not in body
    few = Gateway()
    list(opened(few, options=Options(types=("fixed", "step")))[0].fetch(WINDOW))
    assert few.asked(CHANGED)[0]["type"] == "fixed,step"


@pytest.mark.parametrize(
    "shape", [{}, {"trades": None}, {"trades": {}}, {"trades": {"trade": None}}, {"trades": {"trade": []}}]
)
def test_nothing_in_any_shape_is_an_empty_page(shape):
    shop = Gateway()
    shop.first = [{f"{CHANGED}_response": {"total_results": 0} | shape}]
    assert tids(opened(shop)[0].fetch(WINDOW)) == []


def test_promised_trades_that_do_not_come_are_asked_for_again():
    shop = Gateway()
    shop.first = [{f"{CHANGED}_response": {"total_results": 3}}]
    with pytest.raises(TransientError, match="3 trades are promised"):
        list(opened(shop)[0].fetch(WINDOW))


def test_a_trade_that_is_not_shown_is_asked_for_once_more_and_then_recorded_without_detail():
    shop = Gateway({1: 1, 2: 2}, hidden={2})
    records = [json.loads(record) for page in opened(shop)[0].fetch(WINDOW) for record in page.records]
    assert [(each["list"]["tid"], each["detail"] is None) for each in records] == [(2, True), (1, False)]
    assert sorted(body["tid"] for body in shop.asked(DETAIL)) == ["1", "2", "2"]


def test_the_answer_to_another_question_is_not_taken():
    shop = Gateway({1: 1})
    shop.detail = lambda _: {"trade": {"tid": 7}}
    with pytest.raises(TransientError, match="asked for 1, got 7"):
        list(opened(shop)[0].fetch(WINDOW))


def test_trades_are_fetched_by_number_and_unknown_ones_are_absent():
    source = opened(Gateway(many(60)))[0]
    pages = list(source.fetch_ids([*map(str, many(60)), "7"]))
    records = [json.loads(record) for page in pages for record in page.records]
    assert len(pages) == 2
    assert [each["list"]["tid_str"] for each in records] == [str(tid) for tid in many(60)]
    assert [ADAPTER.order_id(each) for each in records[:2]] == ["1000", "1001"]


def test_trades_are_identified_by_their_creation_and_counted_by_their_change():
    shop = Gateway(many(120))
    source = opened(shop)[0]
    assert len(list(source.identify(WINDOW))) == 120
    assert source.count(WINDOW) == 120
    assert shop.asked(CREATED)[0]["start_created"] == "2026-03-09 09:00:00"


def test_a_listed_trade_that_waits_tells_no_status_because_only_its_detail_says_whether_it_is_held():
    rows = [
        {"tid": 1, "status": "WAIT_SELLER_SEND_GOODS", "payment": "5.00"},
        {"tid": 2, "status": "TRADE_CLOSED", "consign_time": "2026-03-09 09:00:00"},
        {"tid": 3, "status": "TRADE_CLOSED"},
        {"tid": 4, "status": {"odd": 1}, "modified": 7},
        {"tid": 5, "modified": "0001-01-01 00:00:00"},
    ]
    shop = Gateway()
    shop.first = [{f"{CREATED}_response": {"total_results": 5, "trades": {"trade": rows}}}]
    stubs = list(opened(shop)[0].identify(WINDOW))
    assert [stub.status for stub in stubs] == [None, "completed", "cancelled", "{'odd': 1}", None]
    assert (stubs[0].total, stubs[3].updated_at, stubs[4].updated_at) == ("5.00", None, None)


def test_a_dead_session_is_renewed_once_and_stored_before_it_is_used():
    shop = Gateway({1: 1}, access="nobody knows")
    source, tokens = opened(shop)
    assert tids(source.fetch(WINDOW)) == [1]
    ends = (NOW + timedelta(days=1)).isoformat()
    assert tokens == [{"access_token": "second", "refresh_token": "twice", "expires_at": ends}]
    assert [name for name, _, _ in shop.requests] == [CHANGED, "top_auth_token_refresh", CHANGED, DETAIL]


def test_a_session_near_its_end_is_renewed_before_it_is_used():
    shop = Gateway({1: 1})
    near = TOKENS | {"expires_at": (NOW + timedelta(seconds=30)).isoformat()}
    assert tids(opened(shop, near)[0].fetch(WINDOW)) == [1]
    assert shop.requests[0][0] == "top_auth_token_refresh"


def test_a_refused_refresh_token_calls_the_operator():
    with pytest.raises(DeniedError, match="refresh-token-invalid"):
        list(opened(Gateway(access="other", refresh="other"))[0].fetch(WINDOW))


def test_a_merchants_own_session_that_ended_calls_the_seller():
    with pytest.raises(DeniedError, match="let the seller authorise the app again"):
        list(opened(Gateway(access="other"), {"access_token": "first"})[0].fetch(WINDOW))


def test_a_renewed_session_that_is_refused_too_calls_the_seller():
    shop = Gateway(access="other")
    shop.renew = lambda _: {
        "top_auth_token_refresh_response": {"token_result": '{"access_token": "third", "expires_in": 60}'}
    }
    with pytest.raises(DeniedError, match="the session has ended"):
        list(opened(shop)[0].fetch(WINDOW))


def test_a_connection_without_any_token_is_incomplete():
    with pytest.raises(ConfigError, match="no access_token and no refresh_token"):
        list(opened(Gateway(), {})[0].fetch(WINDOW))


@pytest.mark.parametrize(
    ("said", "error", "wait"),
    [
        (
            refusal(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 99 more seconds"),
            TransientError,
            100,
        ),
        (refusal(7, "accesscontrol.limited-by-app-access-count"), TransientError, 14 * 3600),
        (refusal(7, "accesscontrol.limited-by-dynamic-access-count"), TransientError, None),
        (refusal(10), TransientError, None),
        (refusal(15, "isp.remote-service-error"), TransientError, None),
        (refusal(15), TransientError, None),
        (refusal(530, "isp.system-busy"), TransientError, None),
        (refusal(15, "isv.invalid-parameter"), DriftError, None),
        (refusal(41, "isv.invalid-parameter"), DriftError, None),
        (refusal(560), DriftError, None),
        (refusal(11, "isv.permission-api-package-limit"), DeniedError, None),
        (refusal(12), DeniedError, None),
        (refusal(25), DeniedError, None),
        (refusal(29), DeniedError, None),
        (refusal(31), DeniedError, None),
    ],
)
def test_a_refusal_says_who_must_act(said, error, wait):
    with pytest.raises(error) as caught:
        list(opened(lambda _: httpx.Response(200, json=said))[0].fetch(WINDOW))
    assert type(caught.value) is error
    if error is TransientError:
        assert caught.value.retry_after == wait


def test_a_ban_that_is_short_enough_is_waited_for():
    shop = Gateway({1: 1})
    shop.first = [refusal(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 1 more seconds")]
    assert tids(opened(shop)[0].fetch(WINDOW)) == [1]


def test_no_session_shows_where_the_network_fails():
    def broken(request):
        raise httpx.ConnectError(f"refused {request.url}", request=request)

    with pytest.raises(TransientError) as caught:
        list(opened(broken)[0].fetch(WINDOW))
    assert "session=***" in str(caught.value)
    assert "first" not in str(caught.value)
