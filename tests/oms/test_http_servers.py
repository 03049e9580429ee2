"""The generic HTTP target against what servers, and what stands before them, really send."""

import gzip
import itertools
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from test_http_target import BOTH, KNOWN, LOOK_UP, Oms, accept_all, accepted, submission

from loopback import Proxy, certificate
from orderflow import wire
from orderflow.domain.errors import ConfigError, DeniedError, DriftError, TransientError
from orderflow.domain.source import Account, Runtime, Secret
from orderflow.oms import http, odoo, tryton
from orderflow.oms.http.client import AmbiguousError

BY_STATUS = {"single": {"path": "/orders/{order_id}"}, "look_up": LOOK_UP, "answer": {"outcome": None}}
LOGIN_PAGE = httpx.Response(200, text="\n<!DOCTYPE html><title>Sign in</title>")
NOTHING = {"orders": []}


@pytest.mark.parametrize(
    "content",
    [
        '{"outcome": "accepted", "oms_id": "Zürich"}'.encode("latin-1"),
        '\ufeff{"outcome": "accepted", "oms_id": "Zürich"}'.encode(),
        '{"outcome": "accepted", "oms_id": "Zürich"}'.encode("utf-16"),
    ],
    ids=["latin-1", "byte order mark", "utf-16"],
)
def test_an_answer_is_read_in_the_character_set_of_its_server(content):
    charset = "utf-16" if content.startswith(b"\xff\xfe") else "utf-8" if b"\xef" in content else "iso-8859-1"
    answer = httpx.Response(200, content=content, headers={"content-type": f"application/json; charset={charset}"})
    (receipt,) = Oms(api=answer).target().submit([submission()])
    assert (receipt.outcome, receipt.oms_id) == ("accepted", "Zürich")


@pytest.mark.parametrize(
    "content", [b'{"outcome": "accepted", "oms_id": "\xe9"', b"[" * 100_000], ids=["cut", "endless"]
)
def test_an_answer_that_nobody_can_read_leaves_it_open(content):
    with pytest.raises(AmbiguousError):
        list(Oms(api=httpx.Response(200, content=content)).target().submit([submission()]))


def test_a_web_page_is_never_taken_for_an_acceptance():
    with pytest.raises(AmbiguousError, match="login page"):
        list(Oms(api=LOGIN_PAGE).target(**BY_STATUS).submit([submission()]))


def test_an_answer_that_drips_in_is_given_up(monkeypatch):
    moments = itertools.count()
    monkeypatch.setattr(wire.time, "monotonic", lambda: next(moments))

    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            return itertools.repeat(b" ")

    drip = httpx.MockTransport(lambda request: httpx.Response(200, stream=Drip()))
    account = Account("oms", "https://oms.example", login="me", password=Secret("s"))
    runtime = Runtime(clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=lambda seconds: None, transport=drip)
    with pytest.raises(AmbiguousError, match="ReadTimeout"):
        list(http.open(http.OPTIONS.model_validate(BOTH), account, runtime).submit([submission()]))


@pytest.mark.parametrize(
    ("sent", "headers", "said"),
    [
        (b" " * 2000, {}, "longer than the 1,000 bytes that are taken in; ask for fewer orders at a time"),
        (b" ", {"content-length": "2000"}, "has 2,000 bytes, more than the 1,000 that are taken in; ask for fewer"),
        (gzip.compress(b" " * 2000), {"content-encoding": "gzip"}, "longer than the 1,000 bytes"),
        (b"", {"content-encoding": "gzip, gzip"}, "packed as gzip, gzip, though it was asked for as identity; have"),
        (b"", {"content-encoding": "zstd"}, "packed as zstd, .* heed Accept-Encoding"),
    ],
    ids=["plain", "declared", "packed", "packed twice", "packed without a bound"],
)
def test_an_answer_that_would_fill_the_memory_is_given_up(monkeypatch, sent, headers, said):
    monkeypatch.setattr(wire, "MOST_BYTES", 1000)
    full = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(sent)))
    account = Account("oms", "https://oms.example", login="me", password=Secret("s"))
    runtime = Runtime(clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=lambda seconds: None, transport=full)
    with pytest.raises(AmbiguousError, match=said):
        list(http.open(http.OPTIONS.model_validate(BOTH), account, runtime).submit([submission()]))


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("Sun, 01 Mar 2026 00:00:05", [5.0] * 3),
        ("Sun, 01 Mar 2026 00:00:05 -0000", [5.0] * 3),
        ("1.5", [1.5] * 3),
        ("soon", [1.0, 2.0, 4.0]),
        ("Sun, 01 Mar 2026 00:00:05 +99999999999999999999", [1.0, 2.0, 4.0]),
        ("9" * 400, []),
    ],
    ids=lambda value: str(value)[:40],
)
def test_however_a_server_says_when_to_come_again_it_breaks_nothing(asked, waits):
    oms = Oms(api=httpx.Response(429, headers={"retry-after": asked}))
    with pytest.raises(TransientError) as caught:
        list(oms.target().submit([submission()]))
    assert oms.naps == waits
    assert timedelta(seconds=caught.value.retry_after or 0) <= timedelta(days=1)


def test_a_conflict_with_a_time_to_come_again_is_no_refusal():
    busy = httpx.Response(409, headers={"retry-after": "2"}, json={"reason": "a request with this key is under way"})
    (receipt,) = Oms(api=[busy, accepted(0)]).target().submit([submission(earlier=False)])
    assert receipt.outcome == "accepted"


def test_a_bare_refusal_of_what_the_oms_holds_is_an_acceptance():
    oms = Oms(api=httpx.Response(409, json={"reason": "exists"}), lookup={"orders": [KNOWN]})
    (receipt,) = oms.target().submit([submission()])
    assert (receipt.outcome, receipt.oms_id) == ("accepted", "7")


def test_a_conflict_while_the_oms_is_still_at_work_on_the_first_request_waits_for_its_end():
    oms = Oms(api=httpx.Response(409, json={"reason": "in progress"}), lookup=[NOTHING] * 3 + [{"orders": [KNOWN]}])
    (receipt,) = oms.target().submit([submission(earlier=True)])
    assert (receipt.outcome, oms.naps) == ("accepted", [1.0, 2.0])


def test_a_conflict_that_stays_is_a_refusal_in_the_end():
    oms = Oms(api=httpx.Response(409, json={"reason": "shipped"}), lookup=NOTHING)
    (receipt,) = oms.target().submit([submission(earlier=True)])
    assert (receipt.outcome, receipt.reason) == ("refused", "HTTP 409: shipped")


def test_while_only_the_way_to_the_oms_answers_no_order_is_refused():
    gone = httpx.Response(404, text="<html>default backend - 404</html>")
    oms = Oms(api=[accepted(0), gone], lookup=gone)
    target = oms.target()
    list(target.submit([submission(0)]))
    with pytest.raises(DriftError):
        list(target.submit([submission(1)]))


def test_what_a_refused_batch_left_behind_is_not_sent_again():
    sent = []

    def half_done(request):
        orders = json.loads(request.content).get("orders")
        if orders is None:
            return accepted(3)
        sent.append([each["key"] for each in orders])
        return httpx.Response(422, json={}) if len(sent) == 1 else accept_all(request)

    held = {"orders": [{**KNOWN, "order_id": f"A-{n}", "key": f"k{n}"} for n in range(2)]}
    oms = Oms(api=half_done, lookup=held)
    assert {each.key for each in oms.target().submit([submission(n) for n in range(4)])} == {"k0", "k1", "k2", "k3"}
    assert sent == [["k0", "k1", "k2", "k3"]]
    assert [path for path in oms.paths if "PUT" in path] == ["PUT /api/orders/shop/A-2", "PUT /api/orders/shop/A-3"]


def test_a_conflict_of_one_order_does_not_hold_its_whole_batch():
    def picky(request):
        return httpx.Response(409) if b'"n": 2' in request.content else accept_all(request)

    oms = Oms(api=picky, lookup=NOTHING)
    options = {"batch": {"path": "/batch"}, "look_up": LOOK_UP}
    receipts = {each.key: each.outcome for each in oms.target(**options).submit([submission(n) for n in range(4)])}
    assert receipts == {"k0": "accepted", "k1": "accepted", "k2": "refused", "k3": "accepted"}


def test_two_answers_for_one_order_that_differ_settle_nothing():
    refused = {"key": "k0", "outcome": "refused", "reason": "no"}
    oms = Oms(api={"results": [refused, accepted(1), accepted(0), accepted(1)]})
    assert [each.key for each in oms.target().submit([submission(0), submission(1)])] == ["k1"]


def test_an_outcome_may_be_true_or_false():
    oms = Oms(api={"results": [{"key": "k0", "ok": True}, {"key": "k1", "ok": False, "why": ["a", {"b": 1}]}]})
    answer = {"outcome": "ok", "accepted": ["true"], "refused": ["false"], "reason": ["why"]}
    receipts = list(oms.target(**BOTH, answer=answer).submit([submission(0), submission(1)]))
    assert [(each.outcome, each.reason) for each in receipts] == [("accepted", None), ("refused", '["a",{"b":1}]')]


@pytest.mark.parametrize("status", [200, 422, 400])
def test_the_buyers_data_stays_out_of_what_the_oms_said(status):
    order = submission()
    people = [{"role": "ship_to", "name": "Zoë Åberg", "email": "Zoe@Example.test", "country": "SE"}]
    document = json.dumps({**json.loads(order.document), "contacts": people}).encode()
    words = {"outcome": "refused", "reason": "zoe@example.test of ZOË ÅBERG is unknown in SE"}
    oms = Oms(api=httpx.Response(status, json=words), lookup=NOTHING)
    try:
        (receipt,) = oms.target().submit([type(order)("k0", "shop", "A-0", 1, document)])
        told = receipt.reason
    except DriftError as error:
        told = str(error)
    assert "*** of *** is unknown in SE" in told


def test_an_order_that_the_oms_holds_in_several_versions_is_found_whatever_their_order():
    rows = [{**KNOWN, "version": 1, "key": "k0"}, {**KNOWN, "version": 2, "key": "k9"}, {**KNOWN, "key": "k8"}]
    (receipt,) = Oms(api={"orders": rows}).target().submit([submission(earlier=True)])
    assert receipt.outcome == "accepted"
    assert Oms(api={"orders": rows}).target().look_up("shop", ["A-0"])["A-0"].version == 2


def test_an_answer_that_does_not_say_which_order_it_means_proves_no_absence():
    oms = Oms(api=[{"orders": [{"external_id": "A-0", "oms_id": 7}]}, accepted(0)])
    with pytest.raises(DriftError, match="has no 'order_id'"):
        list(oms.target().submit([submission(earlier=True)]))
    assert len(oms.asked) == 1, "nothing was sent"


def test_an_order_of_which_the_oms_has_no_content_is_absent():
    one_by_one = {"method": "GET", "path": "/orders/{order_id}"}
    assert Oms(api=httpx.Response(204)).target(**{**BOTH, "look_up": one_by_one}).look_up("shop", ["A-0"]) == {}


def test_a_path_with_an_unknown_name_is_told_when_the_file_is_read():
    for part in ({"single": {"path": "/o/{id}"}}, {"batch": {"path": "/{channel}/o"}}, {"look_up": {"path": "/{key}"}}):
        with pytest.raises(ValueError, match="means nothing in this path"):
            http.OPTIONS.model_validate({**BOTH, **part})


def test_a_look_up_that_cannot_carry_its_ids_is_told_when_the_file_is_read():
    with pytest.raises(ValueError, match="GET carries no list of ids"):
        http.OPTIONS.model_validate({**BOTH, "look_up": {"method": "GET", "path": "/orders"}})


PARCEL = {"shipment_id": 1, "order_id": "A-0", "recorded_at": "2026-03-01T00:00:00Z"}


@pytest.mark.parametrize("line", [{"sku": "X", "quantity": 1}, {"line_id": "L1"}, "L1"])
def test_a_line_of_a_parcel_that_names_no_line_or_no_quantity_is_drift(line):
    oms = Oms(api={"shipments": [{**PARCEL, "lines": [line]}]})
    with pytest.raises(DriftError, match="a line of parcel '1'"):
        list(oms.target(**BOTH, shipments={"path": "/shipments"}).shipped("shop", None))


def test_pages_of_parcels_that_lead_in_a_circle_end():
    oms = Oms(api=[{"shipments": [PARCEL], "next": each} for each in "ABA"] + [{"shipments": [], "next": "B"}])
    with pytest.raises(DriftError, match="leads to the same answer again"):
        list(oms.target(**BOTH, shipments={"path": "/shipments"}).shipped("shop", None))
    assert len(oms.asked) == 3


@pytest.mark.parametrize("secret", ["s3cret\n", "s3crét"])
def test_a_secret_that_no_header_can_carry_is_told_before_it_travels(secret):
    account = Account("oms", "https://oms.example", login="me", password=Secret(secret))
    for kind, options in ((http, BOTH), (odoo, {"database": "shop", "api": "json2"})):
        with pytest.raises(ConfigError, match="line break") as caught:
            kind.open(kind.OPTIONS.model_validate(options), account, _real())
        assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://me:s3cret@oms.example", "ftp://oms.example", "https://oms:x"])
def test_an_address_that_cannot_work_is_told_without_what_stands_before_the_host(address):
    account = Account("oms", address, login="me", password=Secret("s"))
    for kind, options in ((http, BOTH), (odoo, {"database": "shop"}), (tryton, {"database": "shop"})):
        with pytest.raises(ConfigError, match="connection oms") as caught:
            kind.open(kind.OPTIONS.model_validate(options), account, _real())
        assert "s3cret" not in str(caught.value)


def test_a_private_authority_is_trusted_when_it_is_named_and_told_when_not(tmp_path, monkeypatch):
    authority = tmp_path / "authority.pem"
    with _Https(authority) as url:
        account = Account("oms", url, password=Secret("s"))
        with pytest.raises(ConfigError, match="extra field verify"):
            list(http.open(http.OPTIONS.model_validate(BOTH), account, _real()).submit([submission()]))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        (receipt,) = http.open(http.OPTIONS.model_validate(BOTH), account, _real()).submit([submission()])
    assert receipt.outcome == "accepted"


@pytest.mark.parametrize(("status", "error"), [(407, DeniedError), (502, TransientError)])
def test_what_a_proxy_stopped_was_seen_by_no_oms_and_needs_no_look_up(status, error):
    with Proxy(refuses=status) as proxy:
        way = {"proxy": f"http://{proxy.place}"}
        account = Account("oms", "https://oms.example", login="me", password=Secret("s"), extra=way)
        for kind, options in ((http, BOTH), (odoo, {"database": "shop"}), (tryton, {"database": "shop"})):
            target = kind.open(kind.OPTIONS.model_validate(options), account, _real())
            with pytest.raises(error, match="the proxy on the way") as caught:
                list(target.submit([submission()]))
            assert type(caught.value) is error


def _real():
    return Runtime(clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=lambda seconds: None)


class _Accepting(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(accepted(0)).encode())

    def log_message(self, *_):
        pass


class _Https:
    """An OMS on loopback whose certificate nobody knows but who reads `authority`."""

    def __init__(self, authority):
        self.authority = authority

    def __enter__(self):
        certificate(self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Accepting)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return f"https://localhost:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
