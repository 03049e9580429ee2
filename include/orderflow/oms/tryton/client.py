"""Tryton's JSON-RPC: sessions, typed values, and errors that arrive with HTTP 200."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from orderflow.domain.errors import ConfigError, DeniedError, DriftError, RecordError, TransientError
from orderflow.domain.source import Account, JsonValue, Runtime
from orderflow.oms.one_by_one import UnsettledError
from orderflow.oms.rpc import Rpc


class ConflictError(UnsettledError):
    """Somebody changed the record between our reading and our writing it: read again."""


class NotYetError(UnsettledError):
    """One sale is not where it should be, and Tryton may still bring it there: the others go on."""


class Client:
    """One user's session on one database. Logs in when first called, and again when the session has ended."""

    def __init__(self, account: Account, database: str, company: str | None, timeout: float, runtime: Runtime) -> None:
        if not account.login or not account.password:
            raise ConfigError(f"connection {account.name}: Tryton needs login and password")
        self._rpc = Rpc(account, runtime, timeout=timeout)
        self._path = f"/{database}/"
        self._login, self._password = account.login, account.password
        self._company = company
        self._lock = threading.Lock()
        self._session: str | None = None
        self._context: dict[str, JsonValue] = {}

    def call(self, method: str, *params: JsonValue, timestamps: Mapping[str, str] | None = None) -> Any:
        """Call `model.<name>.<method>`; `timestamps` (`{"sale.sale,7": "1700000000.1"}`) makes it fail on a change.

        Raises `RecordError` for what a user of Tryton would be told, `ConflictError` for a changed record.
        """
        session = self._session or self._log_in(None)
        context = self._context | ({"_timestamp": dict(timestamps)} if timestamps else {})
        status, answer = self._send(method, [*params, context], session)
        if status == 401:
            status, answer = self._send(method, [*params, context], self._log_in(session))
        return self._result(method, status, answer)

    def create(self, model: str, values: Mapping[str, JsonValue]) -> int:
        """Create one record in one transaction; returns its id."""
        (made,) = self.call(f"model.{model}.create", [values])
        return int(made)

    def search(
        self, model: str, domain: JsonValue, fields: list[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Records as dictionaries with `id`, lowest id first."""
        found: list[dict[str, Any]] = self.call(f"model.{model}.search_read", domain, 0, limit, [["id", "ASC"]], fields)
        return found

    def _send(self, method: str, params: list[JsonValue], session: str) -> tuple[int, Any]:
        body = {"id": 1, "method": method, "params": params}
        try:
            return self._rpc.post(self._path, body, endpoint=method, headers={"Authorization": session})
        except DeniedError as error:
            if isinstance(error.__cause__, httpx.ProxyError):
                raise  # Tryton was never asked
            return 401, None

    def _result(self, method: str, status: int, answer: Any) -> Any:
        if status == 401:
            raise DeniedError(
                f"{self._rpc.name}: {method} is not allowed for the connection's user; ask Tryton's administrator"
            )
        if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
            raise DriftError(f"{self._rpc.name}: {method} answered HTTP {status} without result and error")
        if answer.get("error") is None:
            return answer.get("result")
        raise _error(self._rpc.name, method, answer["error"])

    def _log_in(self, ended: str | None) -> str:
        """A session that is not `ended`; one thread logs in for all."""
        with self._lock:
            if self._session is not None and self._session != ended:
                return self._session
            parameters = {"password": self._password.reveal()}
            status, answer = self._send("common.db.login", [self._login, parameters, "en"], "")
            result = answer.get("result") if isinstance(answer, dict) else None
            if status != 200 or not isinstance(result, list) or len(result) < 2:
                raise DeniedError(
                    f"{self._rpc.name}: Tryton refused the login of {self._login!r} to {self._path}; "
                    "check database, login and password"
                )
            token = base64.b64encode(f"{self._login}:{result[0]}:{result[1]}".encode()).decode()
            session = f"Session {token}"
            self._context = self._context or self._preferences(session)
            self._session = session
            return session

    def _preferences(self, session: str) -> dict[str, JsonValue]:
        """The context every call carries: above all the company, without which half of Tryton is empty."""

        def ask(method: str, *params: JsonValue) -> Any:
            return self._result(method, *self._send(method, [*params], session))

        context: dict[str, JsonValue] = dict(ask("model.res.user.get_preferences", True, {}))
        context["language"] = "en"
        if self._company is not None:
            domain = [["party.name", "=", self._company]]
            found = ask("model.company.company.search_read", domain, 0, 2, None, ["id"], context)
            if len(found) != 1:
                raise ConfigError(f"{self._rpc.name}: {len(found)} companies are named {self._company!r}; one must be")
            context["company"] = found[0]["id"]
        if not context.get("company"):
            raise ConfigError(
                f"{self._rpc.name}: user {self._login!r} has no current company; set one, or name `company`"
            )
        return context


def amount(value: Decimal) -> JsonValue:
    return {"__class__": "Decimal", "decimal": f"{value:f}"}


def number(value: Any) -> Decimal:
    """A decimal as Tryton sends it; a missing one is nought."""
    return Decimal(value["decimal"]) if isinstance(value, dict) else Decimal(value or 0)


def day(value: date) -> JsonValue:
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}


def _error(name: str, method: str, error: Any) -> Exception:
    """The exception for an `error` object: `[kind, arguments]`, or `[message, traceback]` for a fault of the server."""
    kind, *rest = error if isinstance(error, list) and error else [str(error)]
    details = rest[0] if rest else []
    if kind == "UserError":
        message, description = details[0], details[1]
        return RecordError("OMS_REFUSED", method, None, " ".join(filter(None, (message, description))))
    if kind == "UserWarning":
        return RecordError("OMS_WARNED", method, None, f"{details[1]} {details[2] or ''}".strip())
    if kind == "ConcurrencyException":
        return ConflictError(f"{name}: {method}: the record was changed by somebody else at the same moment")
    if kind == "LoginException":
        return DeniedError(f"{name}: Tryton asks the connection's user for more than a password ({details[0]})")
    first = str(kind).strip().splitlines()[0] if str(kind).strip() else "an unnamed error"
    if any(word in first for word in ("could not serialize", "deadlock", "could not obtain lock", "connection")):
        return TransientError(f"{name}: {method}: {first}")
    return DriftError(f"{name}: {method} failed inside Tryton: {first}; read Tryton's log")
