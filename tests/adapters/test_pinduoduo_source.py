"""How the Pinduoduo source asks: signing, renewal, paging from the end, what is missing, and what refusals become."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from orderflow.adapters.pinduoduo import ADAPTER, LIMITS, Options
from orderflow.adapters.pinduoduo.auth import signature
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.window import Window

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
WINDOW = Window(datetime(2026, 3, 9, 1, 0, 0, 500_000, tzinfo=UTC), datetime(2026, 3, 9, 1, 29, 0, 1, tzinfo=UTC))
SECRET = Secret("a1b2c3d4e5f60718293a4b5c6d7e8f90")
TOKENS = {"access_token": "first", "refresh_token": "once", "expires_at": (NOW + timedelta(hours=3)).isoformat()}
CHANGED, DETAIL, RENEWAL = (
    "pdd.order.number.list.increment.get",
    "pdd.order.information.get",
    "pdd.pop.auth.token.refresh",
)


class Gateway:
    """Answers as Pinduoduo would, out of a list of order numbers, newest change first."""

    def __init__(self, *numbers, hidden=(), access="first", refresh="once"):
        self.numbers, self.hidden = list(numbers), set(hidden)
        self.access, self.refresh = access, refresh
        self.asked = []
        self.first = []
        self.after_page = lambda: None

    def __call__(self, request):
        assert (request.method, request.url.path, request.url.query) == ("POST", "/api/router", b"")
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.asked.append(form)
        if self.first:
            return self.first.pop(0)
        if form["sign"] != signature(SECRET, form):
            return refusal(20004)
        if form["type"] == RENEWAL:
            if form["refresh_token"] != self.refresh:
                return refusal(10019, "refresh_token已过期")
            self.access, self.refresh = "second", "twice"
            granted = {"access_token": "second", "refresh_token": "twice", "expires_in": 86400}
            return httpx.Response(200, json={"pop_auth_token_refresh_response": granted})
        if form["access_token"] != self.access:
            return refusal(10019, "access_token已过期")
        return self.detail(form) if form["type"] == DETAIL else self.listed(form)

    def listed(self, form):
        page, size = int(form["page"]), int(form["page_size"])
        rows = [row(each) for each in self.numbers[(page - 1) * size : page * size]]
        more = {"has_next": page * size < len(self.numbers)}
        if form["use_has_next"] == "false":
            more["total_count"] = len(self.numbers)
        self.after_page()
        changed = form["type"] == CHANGED
        envelope, name = ("order_sn_increment_get_response", "order_sn_list") if changed else (
            "order_list_get_response", "order_list"
        )  # fmt: skip
        return httpx.Response(200, json={envelope: {name: rows, **more}})

    def detail(self, form):
        if form["order_sn"] in self.hidden:
            return refusal(50001, "业务服务错误", "订单不存在")
        return httpx.Response(200, json={"order_info_get_response": {"order_info": row(form["order_sn"])}})


def row(number):
    return {"order_sn": number, "order_status": 1, "refund_status": 1, "updated_at": "2026-03-09 09:21:07"}


def refusal(code, message="", sub=""):
    said = {"error_code": code, "error_msg": message, "sub_code": str(code), "sub_msg": sub, "request_id": "r"}
    return httpx.Response(200, json={"error_response": said})


def opened(gateway, extra=None, stored=None):
    account = Account("pdd", "https://gw-api.test", "demo_client", SECRET, TOKENS if extra is None else extra)
    on_token = None if stored is None else stored.append
    transport = httpx.MockTransport(gateway)
    runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None, transport=transport, on_token=on_token)
    return ADAPTER.open(Options(), account, runtime)


def pulled(gateway, **how):
    return list(opened(gateway, **how).fetch(WINDOW))


def records(pages):
    return [json.loads(record) for page in pages for record in page.records]


def numbers(count):
    return [f"260309-{number:015d}" for number in range(count)]


def test_pages_are_read_from_the_last_to_the_first_and_only_the_first_question_counts():
    gateway = Gateway(*numbers(230))
    pages = pulled(gateway)
    asked = [(form["page"], form["use_has_next"]) for form in gateway.asked if form["type"] == CHANGED]
    assert asked == [("1", "false"), ("3", "true"), ("2", "true"), ("1", "true")]
    assert [(len(page.records), page.cursor) for page in pages] == [(30, 2), (100, 1), (100, None)]
    found = records(pages)
    assert sorted(each["list"]["order_sn"] for each in found) == numbers(230)
    assert all(each["list"]["order_sn"] == each["detail"]["order_sn"] for each in found)


def test_an_order_that_leaves_the_window_while_we_read_pushes_no_other_out_of_sight():
    gateway = Gateway(*numbers(330))
    gateway.after_page = lambda: gateway.numbers.pop(0)
    found = {each["list"]["order_sn"] for each in records(pulled(gateway))}
    assert set(gateway.numbers) <= found


def test_a_name_that_is_no_utf8_hides_no_order():
    gateway = Gateway(*numbers(2))

    def cut(request):
        answer = gateway(request)
        torn = answer.content.replace(b'"updated_at"', b'"item_list":[{"goods_name":"\xe4\xb8"}],"updated_at"', 1)
        return httpx.Response(answer.status_code, content=torn)

    assert [len(page.records) for page in opened(cut).fetch(WINDOW)] == [2]
    assert len(list(opened(cut).identify(WINDOW))) == 2


def test_what_fits_into_one_page_takes_one_request():
    gateway = Gateway(*numbers(100))
    assert [len(page.records) for page in pulled(gateway)] == [100]
    assert sum(form["type"] == CHANGED for form in gateway.asked) == 1


def test_every_status_is_asked_for_and_the_range_is_rounded_outwards():
    gateway = Gateway(*numbers(1))
    page = pulled(gateway)[0]
    form = gateway.asked[0]
    assert (form["order_status"], form["refund_status"], form["is_lucky_flag"]) == ("5", "5", "0")
    assert (form["start_updated_at"], form["end_updated_at"]) == ("1773018000", "1773019741")
    assert int(form["end_updated_at"]) - int(form["start_updated_at"]) <= 1_800
    assert page.origin.startswith("/api/router?page=1&use_has_next=false&type=pdd.order.number.list.increment.get")
    assert "token" not in page.origin
    assert "sign" not in page.origin


def test_the_longest_window_rounded_outwards_is_no_longer_than_allowed():
    assert LIMITS.longest_window + timedelta(seconds=2) <= timedelta(minutes=30)
    assert LIMITS.settle > timedelta(minutes=3)


def test_the_cursor_of_a_page_goes_on_behind_it():
    gateway = Gateway(*numbers(230))
    first = next(opened(gateway).fetch(WINDOW))
    rest = records(opened(gateway).fetch(WINDOW, first.cursor))
    assert sorted(each["list"]["order_sn"] for each in rest) == numbers(200)


def test_orders_that_changed_are_counted():
    assert opened(Gateway(*numbers(230))).count(WINDOW) == 230


def test_orders_confirmed_in_a_long_window_are_asked_for_in_days():
    gateway = Gateway(*numbers(1))
    stubs = list(opened(gateway).identify(Window(NOW - timedelta(hours=40), NOW)))
    assert [stub.order_id for stub in stubs] == numbers(1) * 2
    spans = [int(form["end_confirm_at"]) - int(form["start_confirm_at"]) for form in gateway.asked]
    assert max(spans) <= 86_400
    assert "is_lucky_flag" not in gateway.asked[0]


def test_a_listed_order_that_may_not_be_sent_yet_is_told_as_held():
    held = (
        {"stock_out_handle_status": 0},
        {"order_tag_list": [{"name": "ship_hold", "value": 1}]},
        {"step_order_info": {"step_trade_status": 1}},
    )
    rows = [row(number) | why for number, why in zip(numbers(4), (*held, {"order_tag_list": ["odd"]}), strict=True)]
    gateway = Gateway(*numbers(4))
    gateway.first = [httpx.Response(200, json={"order_list_get_response": {"order_list": rows, "total_count": 4}})]
    assert [stub.status for stub in opened(gateway).identify(WINDOW)] == ["on_hold", "on_hold", "on_hold", "1"]


def test_a_token_near_its_end_is_renewed_and_stored_before_it_is_used():
    stored, gateway = [], Gateway(*numbers(1))
    assert len(records(pulled(gateway, extra=TOKENS | {"expires_at": NOW.isoformat()}, stored=stored))) == 1
    assert [form["type"] for form in gateway.asked[:2]] == [RENEWAL, CHANGED]
    assert "access_token" not in gateway.asked[0]
    ends = (NOW + timedelta(days=1)).isoformat()
    assert stored == [{"access_token": "second", "refresh_token": "twice", "expires_at": ends}]


def test_a_refused_token_is_renewed_once_and_the_same_page_asked_again():
    gateway = Gateway(*numbers(1), access="another")
    assert len(records(pulled(gateway))) == 1
    assert [form["type"] for form in gateway.asked[:3]] == [CHANGED, RENEWAL, CHANGED]


def test_a_refused_refresh_token_is_for_the_operator():
    with pytest.raises(DeniedError, match="authorise"):
        pulled(Gateway(*numbers(1), access="another", refresh="other"))


def test_a_fresh_token_that_is_refused_is_for_the_operator():
    gateway = Gateway(*numbers(1))
    gateway.listed = lambda form: refusal(10019, "access_token已过期")
    with pytest.raises(DeniedError, match="10019"):
        pulled(gateway)
    assert len(gateway.asked) == 3


def test_a_connection_without_tokens_says_what_to_do():
    with pytest.raises(ConfigError, match="refresh_token"):
        pulled(Gateway(*numbers(1)), extra={})


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (10001, "公共参数错误:timestamp", DeniedError),
        (10001, "公共参数错误:type", DriftError),
        (10016, "", DeniedError),
        (20004, "", DeniedError),
        (20031, "", DeniedError),
        (30000, "", DeniedError),
        (20035, "", DeniedError),
        (70034, "", DeniedError),
        (50001, "业务服务错误", DriftError),
        (50001, "系统繁忙,请稍后再试", TransientError),
        (50000, "", TransientError),
        (52101, "", TransientError),
        (70031, "", TransientError),
        (99999, "", DriftError),
        ("52001", "", TransientError),
    ],
)
def test_an_error_in_the_body_decides(code, message, expected):
    gateway = Gateway(*numbers(1))
    gateway.listed = lambda form: refusal(code, message)
    with pytest.raises(expected, match=str(code)):
        pulled(gateway)


def test_a_busy_platform_is_asked_again():
    gateway = Gateway(*numbers(1))
    gateway.first = [refusal(52101), refusal(70031), httpx.Response(503), refusal(50001, "", "系统繁忙,请稍后重试")]
    assert len(records(pulled(gateway))) == 1


def test_an_interface_that_is_switched_off_says_when_to_come_back():
    gateway = Gateway(*numbers(1))
    gateway.first = [refusal(52103)]
    with pytest.raises(TransientError) as refused:
        pulled(gateway)
    assert refused.value.retry_after == 300
    assert len(gateway.asked) == 1


def test_a_detail_that_is_missing_is_asked_for_again_and_then_recorded_as_missing():
    gateway = Gateway(*numbers(3), hidden=numbers(2)[1:])
    found = records(pulled(gateway))
    assert [each["detail"] is None for each in found] == [False, True, False]
    assert sum(form.get("order_sn") == numbers(2)[1] for form in gateway.asked) == 2


def test_a_detail_that_came_late_is_taken():
    gateway = Gateway(*numbers(1), hidden=numbers(1))
    shown = gateway.detail

    def late(form):
        answer = shown(form)
        gateway.hidden.clear()
        return answer

    gateway.detail = late
    assert records(pulled(gateway))[0]["detail"]["order_sn"] == numbers(1)[0]


def test_the_detail_of_another_order_is_never_taken():
    gateway = Gateway(*numbers(1))
    gateway.detail = lambda form: httpx.Response(200, json={"order_info_get_response": {"order_info": row("other")}})
    with pytest.raises(TransientError, match="other"):
        pulled(gateway)


def test_orders_by_number_that_pinduoduo_does_not_know_are_absent():
    gateway = Gateway(hidden=["nobody"])
    found = records(opened(gateway).fetch_ids(["A", "nobody", "B"]))
    assert [each["list"]["order_sn"] for each in found] == ["A", "B"]


def test_service_fees_beside_the_order_travel_with_it():
    gateway = Gateway(*numbers(1))
    body = b'{"order_info_get_response":{"order_info":%b},"service_fee_detail":[{"service_fee":1.50}]}'
    gateway.detail = lambda form: httpx.Response(200, content=body % json.dumps(row(form["order_sn"])).encode())
    assert b'"fees":[{"service_fee":1.50}]' in pulled(gateway)[0].records[0]


@pytest.mark.parametrize("listed", [{"total_count": 0}, {"total_count": 0, "order_sn_list": None, "has_next": False}])
def test_an_empty_list_may_leave_its_rows_out(listed):
    gateway = Gateway()
    gateway.listed = lambda form: httpx.Response(200, json={"order_sn_increment_get_response": listed})
    assert [len(page.records) for page in pulled(gateway)] == [0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"order_sn_increment_get_response": None},
        {"order_sn_increment_get_response": {}},
        {"order_sn_increment_get_response": {"order_sn_list": [], "has_next": False}},
        {"order_sn_increment_get_response": {"order_sn_list": {"order_sn": "A"}, "total_count": 1}},
        {"order_sn_increment_get_response": {"order_sn_list": [{"ordersn": "A"}], "total_count": 1}},
        {"order_list_get_response": {"order_list": [], "total_count": 0}},
    ],
)
def test_a_list_of_another_shape_is_drift_and_never_an_empty_window(body):
    gateway = Gateway(*numbers(1))
    gateway.listed = lambda form: httpx.Response(200, json=body)
    with pytest.raises(DriftError):
        pulled(gateway)


@pytest.mark.parametrize("promised", [{"total_count": 7}, {"total_count": 0, "has_next": True}])
def test_a_list_that_promises_orders_and_shows_none_is_asked_again(promised):
    gateway = Gateway()
    listed = {"order_sn_increment_get_response": {"order_sn_list": [], **promised}}
    gateway.listed = lambda form: httpx.Response(200, json=listed)
    with pytest.raises(TransientError, match="promises"):
        pulled(gateway)


def test_no_message_shows_a_secret(caplog):
    caplog.set_level("DEBUG")
    gateway = Gateway(*numbers(1), access="another", refresh="other")
    with pytest.raises(DeniedError) as refused:
        pulled(gateway)
    shown = caplog.text + str(refused.value)
    for secret in (SECRET.reveal(), "=first", "=once", gateway.asked[0]["sign"]):
        assert secret not in shown
