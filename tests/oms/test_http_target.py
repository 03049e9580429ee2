"""The generic HTTP target against every shape of answer an OMS may give."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.domain.target import Submission
from orderflow.oms import http
from orderflow.oms.http.client import AmbiguousError

LOOK_UP = {"path": "/lookup"}
BOTH = {"single": {"path": "/orders/{channel}/{order_id}"}, "batch": {"path": "/batch"}, "look_up": LOOK_UP}
KNOWN = {"order_id": "A-0", "oms_id": "7", "version": "1", "key": "k0", "total": 12.5, "lines": 2}


class Oms:
    """Answers by path, one after the other (the last for ever), and remembers what it was asked.

    What is looked up has answers of its own where `lookup` is given.
    """

    def __init__(self, **answers):
        self.answers = {path: list(each) if isinstance(each, list) else [each] for path, each in answers.items()}
        self.asked = []
        self.naps = []

    def __call__(self, request):
        self.asked.append(request)
        names = request.url.path.split("/")
        name = "lookup" if names[-1] == "lookup" and "lookup" in self.answers else names[1]
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)

    def target(self, account=None, **options):
        runtime = Runtime(
            clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=self.naps.append, transport=httpx.MockTransport(self)
        )
        self.meter = runtime.meter
        account = account or Account("oms", "https://oms.example/api/", login="me", password=Secret("s3cret"))
        return http.open(http.OPTIONS.model_validate(options or BOTH), account, runtime)

    @property
    def paths(self):
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]


def submission(number=0, order_id=None, **fields):
    order_id = order_id or f"A-{number}"
    document = json.dumps({"order_id": order_id, "n": number}, ensure_ascii=False).encode()
    return Submission(f"k{number}", "shop", order_id, 1, document, **fields)


def accepted(number, **more):
    return {"key": f"k{number}", "outcome": "accepted", "oms_id": f"O{number}", **more}


def accept_all(request):
    return {"results": [accepted(int(each["key"][1:])) for each in json.loads(request.content)["orders"]]}


def test_one_order_goes_to_its_own_address_with_its_key():
    oms = Oms(api=accepted(0))
    (receipt,) = oms.target().submit([submission(0, "訂單/1 %?")])
    assert (receipt.outcome, receipt.oms_id) == ("accepted", "O0")
    assert oms.paths == ["PUT /api/orders/shop/%E8%A8%82%E5%96%AE%2F1%20%25%3F"]
    assert oms.asked[0].headers["idempotency-key"] == "k0"
    assert oms.asked[0].headers["authorization"] == "Bearer s3cret"
    assert json.loads(oms.asked[0].content)["order_id"] == "訂單/1 %?"


@pytest.mark.parametrize(("order_id", "part"), [(".", "%2E"), ("..", "%2E%2E"), ("...", "...")])
def test_no_order_id_leads_to_another_address(order_id: str, part: str):
    oms = Oms(api=httpx.Response(200))
    options = {"single": {"path": "/orders/{order_id}"}, "look_up": LOOK_UP, "answer": {"outcome": None}}
    list(oms.target(**options).submit([submission(0, order_id)]))
    assert oms.paths == [f"PUT /api/orders/{part}"]


def test_several_orders_go_together_and_each_gets_its_answer():
    refused = {"key": "k1", "outcome": "refused", "code": "SKU", "reason": "沒有這個商品"}
    oms = Oms(api={"results": [refused, accepted(0), {"key": "nobody"}, {"key": "k2", "outcome": "later"}]})
    receipts = {each.key: each for each in oms.target().submit([submission(n) for n in range(3)])}
    assert set(receipts) == {"k0", "k1"}, "k2 is told neither way, so it gets no receipt"
    assert (receipts["k1"].outcome, receipts["k1"].reason) == ("refused", "SKU: 沒有這個商品")
    assert json.loads(oms.asked[0].content)["orders"][1] == {"key": "k1", "document": {"order_id": "A-1", "n": 1}}


def test_batches_are_no_larger_than_the_oms_takes():
    oms = Oms(api=accept_all)
    options = {**BOTH, "batch": {"path": "/batch", "largest": 2}}
    assert len(list(oms.target(**options).submit([submission(n) for n in range(5)]))) == 5
    assert [len(json.loads(request.content)["orders"]) for request in oms.asked] == [2, 2, 1]


def test_what_may_have_arrived_is_looked_up_and_only_the_rest_is_sent():
    oms = Oms(api=[{"orders": [KNOWN, {**KNOWN, "order_id": "A-1", "key": "another"}]}, accept_all])
    receipts = list(oms.target().submit([submission(n, earlier=True) for n in range(3)]))
    assert [(each.key, each.oms_id) for each in receipts] == [("k0", "7"), ("k1", "O1"), ("k2", "O2")]
    assert oms.paths == ["POST /api/lookup", "POST /api/batch"]


def test_what_stood_behind_an_order_that_failed_was_never_sent_and_is_not_looked_up():
    oms = Oms(api=[accepted(0), httpx.Response(500), {"orders": []}, accepted(1), accepted(2)])
    target = oms.target(single={"path": "/orders/{order_id}"}, look_up=LOOK_UP)
    with pytest.raises(TransientError):
        list(target.submit([submission(n) for n in range(3)]))
    assert len(list(target.submit([submission(n, earlier=True) for n in (1, 2)]))) == 2
    puts = [f"PUT /api/orders/A-{n}" for n in range(3)]
    assert oms.paths == [*puts[:2], "POST /api/lookup", *puts[1:]]
    assert json.loads(oms.asked[2].content)["order_ids"] == ["A-1"]


@pytest.mark.parametrize(
    ("held", "is_it"),
    [
        ({"order_id": "A-0", "oms_id": "7", "version": 1}, True),
        ({"order_id": "A-0", "oms_id": "7", "version": 2}, False),
        ({"order_id": "A-0", "oms_id": "7"}, True),
        ({"order_id": "A-0", "oms_id": "7", "key": "k9", "version": 1}, False),
    ],
)
def test_an_oms_that_keeps_no_key_is_asked_by_version_or_by_presence(held, is_it):
    oms = Oms(api=[{"orders": [held]}, accepted(0)])
    (receipt,) = oms.target().submit([submission(0, earlier=True)])
    assert receipt.oms_id == ("7" if is_it else "O0")


def test_look_up_reads_what_the_oms_holds():
    held = Oms(api={"orders": [KNOWN]}).target().look_up("shop", ["A-0", "A-1"])
    assert list(held) == ["A-0"]
    order = held["A-0"]
    assert (order.version, order.key, order.total, order.lines, order.status) == (1, "k0", "12.5", 2, None)


def test_an_order_that_the_oms_holds_twice_is_looked_up_with_its_twin():
    twice = [KNOWN, KNOWN | {"version": 2}, KNOWN | {"oms_id": "9"}, KNOWN | {"oms_id": "8", "status": "cancelled"}]
    held = Oms(api={"orders": twice}).target().look_up("shop", ["A-0"])["A-0"]
    assert (held.oms_id, held.version, held.twins) == ("7", 2, ("9",))


def test_an_oms_without_a_list_is_asked_order_by_order():
    oms = Oms(api=[httpx.Response(404), KNOWN])
    options = {**BOTH, "look_up": {"method": "GET", "path": "/orders/{channel}/{order_id}"}}
    assert list(oms.target(**options).look_up("shop", ["A/9", "A-0"])) == ["A-0"]
    assert oms.paths == ["GET /api/orders/shop/A%2F9", "GET /api/orders/shop/A-0"]


def test_a_batch_refused_as_a_whole_is_halved_down_to_the_order_that_spoils_it():
    def picky(request):
        if b'"n": 5' in request.content:
            return httpx.Response(422, json={"reason": "no such country"})
        return accept_all(request) if b"orders" in request.content else accepted(json.loads(request.content)["n"])

    oms = Oms(api=picky, lookup={"orders": []})
    receipts = {each.key: each.outcome for each in oms.target().submit([submission(n) for n in range(8)])}
    assert receipts == {f"k{n}": "refused" if n == 5 else "accepted" for n in range(8)}
    assert len([path for path in oms.paths if "lookup" not in path]) <= 7


@pytest.mark.parametrize("status", [400, 404, 413])
def test_an_order_that_alone_is_answered_badly_is_refused_once_the_oms_took_another(status):
    oms = Oms(api=[accepted(0), httpx.Response(status, json={"reason": "broken"})], lookup={"orders": []})
    target = oms.target()
    list(target.submit([submission(0)]))
    (receipt,) = target.submit([submission(1)])
    assert (receipt.outcome, receipt.reason) == ("refused", f"HTTP {status}: broken")


def test_an_oms_that_never_took_an_order_is_asked_wrongly():
    with pytest.raises(DriftError, match="the requests are wrong"):
        list(Oms(api=httpx.Response(400)).target().submit([submission(n) for n in range(4)]))
    with pytest.raises(DriftError, match="the requests are wrong"):
        list(Oms(api=httpx.Response(400), lookup={"orders": []}).target().submit([submission(n) for n in range(4)]))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(503, headers={"retry-after": "90"}),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("gone"),
        httpx.Response(200, text="<html>maintenance</html>"),
        httpx.Response(200, json={"status": "ok"}),
        httpx.Response(200, json=[1, 2]),
    ],
    ids=str,
)
def test_an_answer_that_leaves_it_open_is_never_repeated_here(answer):
    oms = Oms(api=answer)
    for orders in ([submission()], [submission(0), submission(1)]):
        with pytest.raises(AmbiguousError) as caught:
            list(oms.target().submit(orders))
        assert caught.value.retry_after == (90 if getattr(answer, "status_code", 0) == 503 else None)
    assert len(oms.asked) == 2


def test_what_had_no_effect_is_repeated_after_a_wait():
    oms = Oms(api=[httpx.ConnectError("refused"), httpx.Response(429, headers={"retry-after": "3"}), accepted(0)])
    assert len(list(oms.target().submit([submission()]))) == 1
    assert oms.naps == [1.0, 3.0]
    cost = oms.meter.endpoints["oms submit"]
    assert (cost.calls, cost.statuses) == (3, {"error": 1, "429": 1, "200": 1})


def test_an_oms_that_wants_a_long_pause_is_left_alone():
    later = "Sun, 01 Mar 2026 00:05:00 GMT"
    oms = Oms(api=httpx.Response(429, headers={"retry-after": later}))
    with pytest.raises(TransientError) as caught:
        list(oms.target().submit([submission()]))
    assert (caught.value.retry_after, oms.naps) == (300.0, [])


def test_what_is_known_is_given_before_the_error():
    oms = Oms(api=[accept_all, httpx.Response(500)])
    options = {**BOTH, "batch": {"path": "/batch", "largest": 2}}
    receipts = []
    with pytest.raises(TransientError):
        receipts.extend(oms.target(**options).submit([submission(n) for n in range(4)]))
    assert [receipt.key for receipt in receipts] == ["k0", "k1"]


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_do_not_work_call_the_operator_without_showing_them(status):
    with pytest.raises(DeniedError) as caught:
        list(Oms(api=httpx.Response(status)).target().submit([submission()]))
    assert "s3cret" not in str(caught.value)


def test_a_redirect_is_not_followed():
    answer = httpx.Response(302, headers={"location": "https://evil.example/"})
    with pytest.raises(DriftError, match="redirect"):
        list(Oms(api=answer).target().submit([submission()]))


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"auth": "basic"}, "authorization", "Basic bWU6czNjcmV0"),
        ({"auth": "header", "auth_header": "X-Api-Key"}, "x-api-key", "s3cret"),
        ({"auth": "none"}, "authorization", None),
    ],
)
def test_credentials_go_where_the_oms_wants_them(options, header, value):
    oms = Oms(api=accepted(0))
    list(oms.target(**BOTH, **options).submit([submission()]))
    assert oms.asked[0].headers.get(header) == value


def test_an_oms_that_speaks_by_status_alone():
    oms = Oms(
        api=[httpx.Response(201, json={"id": 77}), httpx.Response(204), httpx.Response(409, json={"detail": "old"})],
        lookup={"orders": []},
    )
    answer = {"outcome": None, "oms_id": "id", "reason": ["detail"]}
    target = oms.target(single={"method": "POST", "path": "/o/{key}"}, answer=answer, look_up=LOOK_UP)
    receipts = [next(iter(target.submit([submission(n)]))) for n in range(3)]
    assert [(each.outcome, each.oms_id, each.reason) for each in receipts] == [
        ("accepted", "77", None),
        ("accepted", None, None),
        ("refused", None, "HTTP 409: old"),
    ]
    assert oms.paths[0] == "POST /api/o/k0"


@pytest.mark.parametrize(
    "account", [Account("oms", "oms.example", password=Secret("x")), Account("oms", "https://oms.example")], ids=str
)
def test_a_connection_that_cannot_work_is_refused_at_once(account):
    with pytest.raises(ConfigError, match="connection oms"):
        Oms(api=None).target(account)
