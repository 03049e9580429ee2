"""What Tryton's answers mean, without a Tryton: errors come with HTTP 200, sessions end, modules are missing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from orders import CHANNEL, runtime, settle, submission

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, OrderflowError, TransientError
from orderflow.domain.source import Account, Secret
from orderflow.domain.target import Target
from orderflow.oms import tryton
from orderflow.oms.document import read
from orderflow.oms.tryton.party import Parties


class Scripted:
    """A Tryton whose methods answer what the test says; everything not said answers an empty list."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "login": {"result": [7, "token"]},
            "get_preferences": {"result": {"company": 1, "locale": {}}},
            "fields_get": {"result": {"web_id": {}}},
            **answers,
        }
        self.calls: list[tuple[str, Any, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.calls.append((body["method"], body["params"], request.headers.get("authorization", "")))
        answer = self.answers.get(body["method"].rpartition(".")[2], {"result": []})
        if isinstance(answer, list):
            answer = answer.pop(0)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json={"id": 1, **answer})


def opened(script: Scripted, **options: Any) -> Target:
    account = Account("erp", "https://erp.example.test", "me", Secret("p"))
    mocked = runtime(httpx.MockTransport(script), lambda seconds: None)
    return tryton.open(tryton.OPTIONS(database="shop", **options), account, mocked)


def test_a_tryton_without_the_unique_order_id_is_refused_with_the_cure() -> None:
    script = Scripted(fields_get={"result": {}})

    with pytest.raises(ConfigError, match="trytond-web-shop"):
        settle(opened(script), submission(1))
    assert not any("create" in method for method, _, _ in script.calls)


def test_every_call_carries_session_and_company() -> None:
    script = Scripted()
    opened(script).look_up(CHANNEL, ["1"])

    method, parameters, authorization = script.calls[-1]
    assert method == "model.sale.sale.search_read"
    assert parameters[0] == [["web_id", "in", [f"{CHANNEL}/1"]]]
    assert parameters[-1]["company"] == 1
    assert authorization.startswith("Session ")


def test_a_company_is_found_by_its_name_and_must_be_one() -> None:
    script = Scripted()
    script.answers["search_read"] = [{"result": [{"id": 4}]}, {"result": []}]
    opened(script, company="Zweite GmbH").look_up(CHANNEL, ["1"])
    assert script.calls[-1][1][-1]["company"] == 4

    with pytest.raises(ConfigError, match="0 companies are named"):
        opened(Scripted(), company="Keine").look_up(CHANNEL, ["1"])
    with pytest.raises(ConfigError, match="no current company"):
        opened(Scripted(get_preferences={"result": {}})).look_up(CHANNEL, ["1"])


@pytest.mark.parametrize(
    ("error", "expected", "told"),
    [
        (["LoginException", ["sms_code", "Enter the code", "char"]], DeniedError, "more than a password"),
        (["ConcurrencyException", "Records were modified in the meanwhile"], TransientError, "changed by somebody"),
        (["could not serialize access due to concurrent update\n", "Traceback"], TransientError, "could not serialize"),
        (["KeyError: 'nowhere'", "Traceback"], DriftError, "failed inside Tryton: KeyError"),
        ([], DriftError, "failed inside Tryton"),
        ("gone", DriftError, "gone"),
    ],
)
def test_errors_with_http_200_are_told_by_their_kind(error: Any, expected: type[OrderflowError], told: str) -> None:
    with pytest.raises(expected, match=told):
        opened(Scripted(search_read={"error": error})).look_up(CHANNEL, ["1"])


@pytest.mark.parametrize("error", [["UserWarning", ["name", "Really?", None]], ["UserError", ["Really?", "", None]]])
def test_what_tryton_would_tell_a_user_refuses_the_order(error: Any) -> None:
    country = {"result": []}
    script = Scripted(create={"error": error})
    script.answers["search_read"] = [
        {"result": []},
        {"result": [{"id": 1, "code": "SKU-001", "sale_uom": 1}]},
        *[country] * 9,
    ]

    (receipt,) = settle(opened(script), submission(1))

    assert receipt.outcome == "refused"
    assert "Really?" in (receipt.reason or "")


def test_a_session_that_cannot_be_renewed_is_denied() -> None:
    ended = httpx.Response(401, text="")
    script = Scripted(search_read=ended)

    with pytest.raises(DeniedError):
        opened(script).look_up(CHANNEL, ["1"])
    assert [method for method, _, _ in script.calls].count("common.db.login") == 2


def test_a_login_that_is_refused_names_no_password() -> None:
    with pytest.raises(DeniedError) as caught:
        opened(Scripted(login=httpx.Response(401))).look_up(CHANNEL, ["1"])
    assert "'me'" in str(caught.value)
    assert "'p'" not in str(caught.value)


def test_an_answer_without_result_and_error_is_drift() -> None:
    with pytest.raises(DriftError, match="without result and error"):
        opened(Scripted(search_read=httpx.Response(200, json=["?"]))).look_up(CHANNEL, ["1"])


def test_a_buyer_whose_party_was_archived_or_merged_is_found_all_the_same() -> None:
    class Book:
        """A Tryton where party 2 was merged into 3, and 3, which is archived, stands for itself."""

        def search(self, model: str, domain: Any, fields: list[str], *, limit: int | None = None) -> list[Any]:
            if model != "party.party":
                return [{"id": 30}] if ["party", "=", 3] in domain else []
            asked = {"code": 2, "id": 3}[domain[0][0]] if ["active", "in", [True, False]] in domain else None
            return [{"id": asked, "_timestamp": "1", "replaced_by": 3 if asked == 2 else None}] if asked else []

    assert Parties(Book(), None).resolve(read(submission(1))) == (3, 30, 30)  # type: ignore[arg-type]
