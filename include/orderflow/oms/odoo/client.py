"""Odoo's two ways to call a model's method: `execute_kw` by JSON-RPC, and the JSON-2 API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, RecordError, TransientError
from orderflow.domain.source import Account, JsonValue, Runtime
from orderflow.oms import answers
from orderflow.oms.one_by_one import UnsettledError
from orderflow.oms.rpc import Rpc

MODULE = "orderflow"
"""The prefix of our external ids; no installed module of Odoo has this name."""

_ATTEMPTS = 3
_REFUSED = ("odoo.exceptions.UserError", "odoo.exceptions.ValidationError", "odoo.exceptions.RedirectWarning")
_DENIED = ("odoo.exceptions.AccessError", "odoo.exceptions.AccessDenied", "werkzeug.exceptions.Unauthorized",
           "werkzeug.exceptions.Forbidden")  # fmt: skip
_CONFLICTS = ("exceptions.MissingError", "exceptions.LockError", "exceptions.ConcurrencyError", "SerializationFailure",
              "DeadlockDetected", "LockNotAvailable")  # fmt: skip
_HIDDEN = ("top-secret records", "Due to security restrictions")
"""What Odoo says when a rule, often that of another company, hides a record from a user who may use its model."""
_FORBIDDEN = ("You are not allowed to", "You do not have enough rights")
"""What Odoo says when a user lacks a right, where it gives no name of an error beside."""


class ConflictError(UnsettledError):
    """Somebody changed the record at the same moment: read again."""


class Client:
    """One user on one database; every call is one transaction of Odoo's."""

    def __init__(
        self,
        account: Account,
        database: str,
        api: Literal["jsonrpc", "json2"],
        company: int | None,
        timeout: float,
        runtime: Runtime,
    ) -> None:
        if not account.password or (api == "jsonrpc" and not account.login):
            raise ConfigError(f"connection {account.name}: Odoo needs a login and an API key (or password)")
        if api == "json2":
            answers.header_secret(account)
        self._rpc = Rpc(account, runtime, timeout=timeout)
        self._database, self._login, self._secret = database, account.login, account.password
        self._context: dict[str, JsonValue] = {"lang": "en_US"} | (
            {"allowed_company_ids": [company]} if company else {}
        )
        self._lock = threading.Lock()
        self._user: int | None = None
        self._send: Callable[[str, str, dict[str, JsonValue]], Any] = self._json2 if api == "json2" else self._jsonrpc

    def call(
        self,
        model: str,
        method: str,
        ids: list[int] | None = None,
        *,
        context: Mapping[str, JsonValue] | None = None,
        **parameters: JsonValue,
    ) -> Any:
        """Call the method on these records (or on the model).

        Raises `RecordError` for what Odoo would tell a user, `ConflictError` where others disturbed the transaction.
        """
        own = {} if ids is None else {"ids": ids}
        return self._send(model, method, {**own, "context": self._context | dict(context or {}), **parameters})

    def search(
        self, model: str, domain: JsonValue, fields: list[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Records as dictionaries with `id`, lowest id first."""
        bound: dict[str, JsonValue] = {} if limit is None else {"limit": limit}
        found: list[dict[str, Any]] = self.call(model, "search_read", domain=domain, fields=fields, order="id", **bound)
        return found

    def claim(self, model: str, name: str, values: Mapping[str, str]) -> int:
        """The id of the one record with this external id: made with `values` if it does not exist, else untouched.

        Record and external id are made in one transaction, and `ir.model.data` is unique by module and name, so of two
        claims at once one makes the record and the other comes back without; it asks again and gets the record.
        """
        messages = ""
        for _ in range(_ATTEMPTS):
            answer = self.call(
                model,
                "load",
                fields=["id", *values],
                data=[[f"{MODULE}.{name}", *values.values()]],
                context={"mode": "update", "noupdate": True},
            )
            if answer["ids"]:
                return int(answer["ids"][0])
            messages = " ".join(str(each.get("message", "")) for each in answer["messages"])
        if "could not serialize" in messages or "concurrent" in messages:
            raise ConflictError(f"{self._rpc.name}: {model} {name} was claimed by others {_ATTEMPTS} times")
        if any(words in messages for words in _FORBIDDEN):
            raise self._denied(f"{model}.load", messages)
        raise RecordError("OMS_REFUSED", model, None, messages or "Odoo's load made nothing and did not say why")

    def _jsonrpc(self, model: str, method: str, parameters: dict[str, JsonValue]) -> Any:
        arguments: list[JsonValue] = [parameters.pop("ids")] if "ids" in parameters else []
        user, secret = self._authenticated(), self._secret.reveal()
        call = [self._database, user, secret, model, method, arguments, parameters]
        return self._result(f"{model}.{method}", *self._service("object", "execute_kw", call, f"{model}.{method}"))

    def _service(self, service: str, method: str, arguments: list[JsonValue], endpoint: str) -> tuple[int, Any]:
        parameters = {"service": service, "method": method, "args": arguments}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters}
        return self._rpc.post("/jsonrpc", body, endpoint=endpoint)

    def _authenticated(self) -> int:
        with self._lock:
            if self._user is None:
                arguments: list[JsonValue] = [self._database, self._login, self._secret.reveal(), {}]
                answer = self._service("common", "authenticate", arguments, "common.authenticate")
                user = self._result("common.authenticate", *answer)
                if not isinstance(user, int) or not user:
                    raise DeniedError(
                        f"{self._rpc.name}: Odoo refused the login of {self._login!r} to database {self._database!r}; "
                        "check database, login and API key"
                    )
                self._user = user
            return self._user

    def _json2(self, model: str, method: str, parameters: dict[str, JsonValue]) -> Any:
        headers = {"Authorization": f"bearer {self._secret.reveal()}", "X-Odoo-Database": self._database}
        status, answer = self._rpc.post(
            f"/json/2/{model}/{method}", parameters, endpoint=f"{model}.{method}", headers=headers
        )
        if status < 400:
            return answer
        if status == 404 and not (isinstance(answer, dict) and str(answer.get("name")).endswith(_CONFLICTS)):
            raise ConfigError(
                f"{self._rpc.name}: Odoo knows no {model}.{method}; it needs version 19 and its app Sales"
            )
        raise self._error(f"{model}.{method}", answer if isinstance(answer, dict) else {}, status)

    def _result(self, endpoint: str, status: int, answer: Any) -> Any:
        if not isinstance(answer, dict) or status >= 400:
            raise DriftError(f"{self._rpc.name}: {endpoint} answered HTTP {status} without a JSON-RPC object")
        if "error" in answer:
            raise self._error(endpoint, answer["error"].get("data") or {}, status)
        return answer.get("result")

    def _error(self, endpoint: str, data: dict[str, Any], status: int) -> Exception:
        name, message = str(data.get("name", "")), str(data.get("message", "")).strip()
        hidden = name == "odoo.exceptions.AccessError" and any(words in message for words in _HIDDEN)
        if name in _REFUSED or hidden:
            return RecordError("OMS_REFUSED", endpoint, None, message)
        if name in _DENIED:
            return self._denied(endpoint, message)
        if name.endswith(_CONFLICTS):
            return ConflictError(f"{self._rpc.name}: {endpoint}: others changed the same records ({name})")
        if name == "psycopg2.OperationalError" and f'"{self._database}" does not exist' in message:
            return ConfigError(
                f"{self._rpc.name}: Odoo has no database {self._database!r}; correct `database` in the target file"
            )
        if name.startswith("psycopg2."):
            return TransientError(f"{self._rpc.name}: {endpoint}: Odoo's database is in trouble ({name})")
        told = " ".join(message.split("\n", 1)[:1])
        return DriftError(
            f"{self._rpc.name}: {endpoint} failed inside Odoo (HTTP {status}, {name or 'no name'}): {told}"
        )

    def _denied(self, endpoint: str, message: str) -> DeniedError:
        return DeniedError(f"{self._rpc.name}: {endpoint} is not allowed for the connection's user: {message}")


def number(value: Any) -> Decimal:
    """A floating-point number of Odoo's, as it was printed."""
    return Decimal(str(value or 0))
