"""What becomes of orders when Odoo fails, forbids or is not there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from odoo_tables import DATABASE, KEY, LOGIN
from odoo_target import Server, forbidden_to_make_contacts, opened, states
from orders import CHANNEL, NETWORK, line, runtime, settle, submission

from orderflow.domain.errors import ConfigError, DeniedError, DriftError
from orderflow.domain.source import Account, Secret
from orderflow.oms import odoo


class Failing(httpx.BaseTransport):
    """Answers the first call of a method with an exception of Odoo's; everything else is carried out."""

    def __init__(self, method: str, name: str, message: str, status: int) -> None:
        self.method, self.error, self.status = method, {"name": name, "message": message}, status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.method or self.method not in f"{request.url.path} {request.read().decode()}":
            return NETWORK.handle_request(request)
        self.method = ""
        if request.url.path == "/jsonrpc":
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "data": self.error}})
        return httpx.Response(self.status, json=self.error)


class Empty(httpx.BaseTransport):
    """Shows nothing to whoever looks for `text`."""

    def __init__(self, text: str) -> None:
        self.text = text.replace(" ", "")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read().decode().replace(" ", "")
        if self.text not in body:
            return NETWORK.handle_request(request)
        rpc = request.url.path == "/jsonrpc"
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": []} if rpc else [])


class Late(httpx.BaseTransport):
    """A replica that lags: every look at a sales order shows what stood there at the look before."""

    def __init__(self) -> None:
        self.shown: dict[bytes, bytes] = {}
        self.looks = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = NETWORK.handle_request(request)
        look = request.read()
        if b"search_read" not in request.url.path.encode() + look or b'"amount_total"' not in look:
            return answer
        rpc = request.url.path == "/jsonrpc"
        nothing = b'{"jsonrpc": "2.0", "id": 1, "result": []}' if rpc else b"[]"
        now = answer.read()
        before, self.shown[look] = self.shown.get(look, nothing), now
        self.looks += before != now
        return httpx.Response(200, content=before, headers={"content-type": "application/json"})


def test_odoo_failing_over_one_order_leaves_that_one_pending_and_the_next_goes_on(server: Server) -> None:
    broken = Failing("action_confirm", "builtins.KeyError", "'warehouse'", 500)
    receipts: list[Any] = []
    with pytest.raises(DriftError, match="KeyError"):
        receipts.extend(opened(server, transport=broken).submit([submission(7001), submission(7002)]))
    assert states(server, 7001, 7002) == ["draft", "sale"]


def test_a_record_that_a_rule_hides_refuses_its_order_and_a_model_that_is_not_allowed_stops_all(server: Server) -> None:
    name = "odoo.exceptions.AccessError"
    secret = (
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nThis seems to be a multi-company issue"
    )
    refused, accepted = settle(
        opened(server, transport=Failing("action_confirm", name, secret, 403)), submission(7003), submission(7004)
    )
    assert (refused.outcome, accepted.outcome) == ("refused", "accepted")
    assert "multi-company" in (refused.reason or "")

    never = Failing("action_confirm", name, "You are not allowed to modify 'Sales Order' (sale.order) records.", 403)
    with pytest.raises(DeniedError):
        settle(opened(server, transport=never), submission(7005))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("odoo.exceptions.MissingError", 404),
        ("odoo.exceptions.LockError", 409),
        ("odoo.exceptions.ConcurrencyError", 409),
    ],
)
def test_a_record_that_others_hold_or_remove_at_that_moment_is_read_again(
    server: Server, name: str, status: int
) -> None:
    disturbed = Failing("sale.order/write" if server.api == "json2" else '"write"', name, "busy", status)
    number = {"odoo.exceptions.MissingError": 7006, "odoo.exceptions.LockError": 7007}.get(name, 7008)
    (receipt,) = settle(opened(server, transport=disturbed), submission(number))
    assert (receipt.outcome, states(server, number), disturbed.method) == ("accepted", ["sale"], "")


def test_a_user_who_may_make_no_contacts_stops_all_instead_of_refusing_each(server: Server) -> None:
    with forbidden_to_make_contacts(server), pytest.raises(DeniedError, match="not allowed to create 'Contact'"):
        settle(opened(server), submission(7010))
    (receipt,) = settle(opened(server), submission(7010))
    assert receipt.outcome == "accepted"


def test_an_order_that_the_user_may_not_see_is_refused_with_what_to_do(server: Server) -> None:
    (receipt,) = settle(opened(server), submission(7011))
    hidden = Empty(f'"id", "=", {receipt.oms_id}')
    (refused,) = settle(opened(server, transport=hidden), submission(7011, 2, payment_status="paid"))
    assert "see all documents" in (refused.reason or "")


def test_what_odoo_shows_only_a_look_later_is_waited_for(server: Server) -> None:
    late = Late()
    first = submission(7012)
    edit = submission(7012, 2, lines=[line(quantity="4", total="40")], grand_total="44.5")
    called_off = submission(7012, 3, order_status="cancelled", lines=[line(quantity="4", total="40")])
    for sent, state in ((first, "sale"), (edit, "sale"), (called_off, "cancel")):
        (receipt,) = settle(opened(server, transport=late), sent)
        assert (receipt.outcome, receipt.reason, states(server, 7012)) == ("accepted", None, [state])
        opened(server, transport=late).look_up(CHANNEL, [sent.order_id])
    assert late.looks > 0


def test_a_reason_is_no_longer_than_anybody_reads(server: Server) -> None:
    endless = Failing("action_confirm", "odoo.exceptions.UserError", "no " * 100_000, 422)
    (receipt,) = settle(opened(server, transport=endless), submission(7009))
    assert receipt.outcome == "refused"
    assert len(receipt.reason or "") < 2000


def test_a_database_that_odoo_does_not_have_is_a_wrong_setting(server: Server) -> None:
    with pytest.raises((ConfigError, DeniedError), match=r"database|not allowed"):
        settle(opened(server, database="nowhere"), submission(1))


def test_a_wrong_key_is_denied(server: Server) -> None:
    with pytest.raises(DeniedError):
        settle(opened(server, key="wrong"), submission(1))


def test_a_url_that_is_no_odoo_is_a_wrong_setting(server: Server) -> None:
    target = odoo.open(
        odoo.OPTIONS(database=DATABASE, api="json2"),
        Account("erp", f"{server.url}/elsewhere", LOGIN, Secret(KEY)),
        runtime(),
    )
    with pytest.raises((ConfigError, DeniedError)):
        settle(target, submission(1))


def test_a_connection_without_a_key_is_a_wrong_setting(server: Server) -> None:
    with pytest.raises(ConfigError, match="API key"):
        odoo.open(odoo.OPTIONS(database=DATABASE), Account("erp", server.url, LOGIN), runtime())
