"""A simulated Odoo over real HTTP and a real PostgreSQL: what the target relies on, as Odoo's public source has it.

Every call is one REPEATABLE READ transaction, tried again when it cannot be serialised. `ir_model_data` is unique by
module and name and written by the same `ON CONFLICT` statement; `load` catches errors into messages and answers HTTP
200; products carry a 20 % tax that applies unless a line's taxes are cleared; quantities, and before version 19 unit
prices, keep two places; `action_cancel` returns a wizard unless told otherwise; confirmed orders neither lose lines nor
confirm twice. The user may sell and make contacts and no more: `load` of a contact with a parent reads what only
accountants may. The one installed language is French. The company's quotation template and its coupons mail the buyer.

The same tests run against a real Odoo (`odoo_real.py`); what that showed is what this does.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions
from odoo_tables import COMPUTED, DATABASE, KEY, LOGIN, SCHEMA, SKUS, TABLES
from psycopg2.sql import SQL, Identifier


class OdooError(Exception):
    """An exception inside Odoo, with the name its API tells."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def user_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.UserError", message)


class Odoo:
    """The database side; `modern` is version 19 (`tax_ids`), otherwise 17 (`tax_id`)."""

    def __init__(self, dsn: str, *, modern: bool) -> None:
        self.dsn = dsn
        self.taxes = "tax_ids" if modern else "tax_id"
        self.local = threading.local()
        with self._transaction() as cursor:
            cursor.execute(SCHEMA.replace("{price}", "numeric" if modern else "numeric(20,2)"))
            for code in [*SKUS, "SHIP", "MISC"]:
                cursor.execute("INSERT INTO product_product (name, default_code) VALUES (%s, %s)", (code, code))

    def call(self, model: str, method: str, ids: list[int] | None, parameters: dict[str, Any]) -> Any:
        """One call as Odoo's `retrying` makes it."""
        context = parameters.pop("context", {})
        if model not in TABLES or method.startswith("_"):
            raise OdooError("odoo.exceptions.AccessError", f"{model}.{method} may not be called")
        for attempt in range(5):
            try:
                with self._transaction() as cursor:
                    work = getattr(self, method)
                    own = {} if ids is None else {"ids": ids}
                    return work(cursor, model, context=context, **own, **parameters)
            except (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected) as error:
                if attempt == 4:
                    raise OdooError(f"psycopg2.errors.{type(error).__name__}", str(error)) from error
        return None

    def fields_get(self, cursor: Any, model: str, *, allfields: list[str], attributes: list[str], context: Any) -> Any:
        known = {"sale.order.line": {self.taxes}}.get(
            model, set(allfields) - {"mrp_production_count", "tax_id", "tax_ids"}
        )
        return {field: {"type": "char"} for field in allfields if field in known}

    def search_read(
        self,
        cursor: Any,
        model: str,
        *,
        domain: list[Any],
        fields: list[str],
        order: str,
        context: Any,
        limit: int | None = None,
    ) -> Any:
        table = TABLES[model]
        where, values = _where(table, domain)
        active = " AND t.active" if table == "product_product" else ""
        columns = ", ".join(f'{_column(table, field)} AS "{field}"' for field in ["id", *fields])
        bound = f" LIMIT {int(limit)}" if limit else ""
        cursor.execute(f"SELECT {columns} FROM {table} AS t WHERE {where}{active} ORDER BY {order}{bound}", values)
        names = [column.name for column in cursor.description]
        return [
            {name: False if value is None else value for name, value in zip(names, row, strict=True)}
            for row in cursor.fetchall()
        ]

    def search(self, cursor: Any, model: str, *, domain: list[Any], context: Any) -> list[int]:
        found = self.search_read(cursor, model, domain=domain, fields=[], order="id", context=context)
        return [each["id"] for each in found]

    def get_external_id(self, cursor: Any, model: str, *, ids: list[int], context: Any) -> Any:
        cursor.execute(
            "SELECT DISTINCT ON (res_id) res_id, module || '.' || name FROM ir_model_data "
            "WHERE model = %s AND res_id = ANY(%s) ORDER BY res_id, id",
            (model, ids),
        )
        return dict.fromkeys(ids, "") | dict(cursor.fetchall())

    def load(
        self, cursor: Any, model: str, *, fields: list[str], data: list[list[str]], context: dict[str, Any]
    ) -> Any:
        ((name, *cells),) = data
        values = {field.removesuffix("/.id"): cell or None for field, cell in zip(fields[1:], cells, strict=True)}
        cursor.execute("SAVEPOINT model_load")
        try:
            identity = self._load_record(cursor, model, name, values, context)
        except (psycopg2.Error, OdooError) as error:
            cursor.execute("ROLLBACK TO SAVEPOINT model_load")
            return {"ids": False, "messages": [{"type": "error", "message": str(error)}], "nextrow": 0}
        return {"ids": [identity], "messages": [], "nextrow": 0}

    def _load_record(self, cursor: Any, model: str, name: str, values: dict[str, Any], context: dict[str, Any]) -> int:
        module, _, suffix = name.partition(".")
        update = context.get("mode") == "update"
        cursor.execute("SELECT res_id, noupdate FROM ir_model_data WHERE module = %s AND name = %s", (module, suffix))
        if (held := cursor.fetchone()) is not None:
            if not (update and held[1]):
                raise user_error("the record would be written again")
            return int(held[0])
        if model == "res.partner":
            self._check_contact(cursor, values, context)
        columns = SQL(", ").join(map(Identifier, values))
        marks = SQL(", ").join([SQL("%s")] * len(values))
        statement = SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            Identifier(TABLES[model]), columns, marks
        )
        cursor.execute(statement, list(values.values()))
        (identity,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO ir_model_data (module, name, model, res_id, noupdate) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (module, name) DO UPDATE SET (model, res_id, write_date) = "
            "(excluded.model, excluded.res_id, now() at time zone 'UTC') "
            "WHERE (ir_model_data.res_id != excluded.res_id OR ir_model_data.model != excluded.model) "
            + ("AND NOT ir_model_data.noupdate" if update else ""),
            (module, suffix, model, identity, bool(context.get("noupdate"))),
        )
        return int(identity)

    def _check_contact(self, cursor: Any, values: dict[str, Any], context: dict[str, Any]) -> None:
        cursor.execute("SELECT contacts FROM rights")
        if cursor.fetchone() != (True,):
            raise user_error("You are not allowed to create 'Contact' (res.partner) records.")
        if values.get("parent_id"):
            raise user_error(
                'You do not have enough rights to access the field "credit_limit" on Contact (res.partner).'
            )
        if (language := values.get("lang", context.get("lang"))) not in (None, "fr_FR"):
            raise user_error(f"Unknown error during import: ValueError: Wrong value for res.partner.lang: {language!r}")
        if "Refuse me" in (values.get("name") or ""):
            raise user_error(f"The contact {values['name']} is on the black list.")

    def write(self, cursor: Any, model: str, *, ids: list[int], vals: dict[str, Any], context: Any) -> bool:
        if model == "res.partner":
            cursor.execute("UPDATE res_partner SET parent_id = %s WHERE id = ANY(%s)", (vals["parent_id"], ids))
            return True
        (identity,) = ids
        vals = dict(vals)
        lines = vals.pop("order_line", [])
        cursor.execute("SELECT state FROM sale_order WHERE id = %s", (identity,))
        (state,) = cursor.fetchone()
        if state == "sale" and "pricelist_id" in vals:
            raise user_error("You cannot change the pricelist of a confirmed order !")
        vals = {name: None if value is False else value for name, value in vals.items()}
        updates = SQL(", ").join(SQL("{} = %s").format(Identifier(column)) for column in [*vals, "write_date"])
        cursor.execute(SQL("UPDATE sale_order SET {} WHERE id = %s").format(updates), [*vals.values(), "now", identity])
        for command, _, values in ([*line, None][:3] for line in lines):
            if command == 5:
                if state == "sale":
                    raise user_error("Once a sales order is confirmed, you can't remove one of its lines")
                cursor.execute("DELETE FROM sale_order_line WHERE order_id = %s", (identity,))
            else:
                taxed = values.pop(self.taxes, None) != [[6, 0, []]]
                row = {"order_id": identity, "taxed": taxed, **values}
                columns = SQL(", ").join(map(Identifier, row))
                marks = SQL(", ").join([SQL("%s")] * len(row))
                cursor.execute(
                    SQL("INSERT INTO sale_order_line ({}) VALUES ({})").format(columns, marks), list(row.values())
                )
        return True

    def action_confirm(self, cursor: Any, model: str, *, ids: list[int], context: Any) -> bool:
        (identity,) = ids
        if self._state(cursor, identity) not in ("draft", "sent"):
            raise user_error("Some orders are not in a state requiring confirmation.")
        cursor.execute("UPDATE sale_order SET state = 'sale', write_date = now() WHERE id = %s", (identity,))
        cursor.execute("INSERT INTO stock_picking (sale_id) VALUES (%s)", (identity,))
        cursor.execute(
            "INSERT INTO mail_mail (res_id, subject) SELECT id, 'Order' FROM sale_order "
            "WHERE id = %s AND sale_order_template_id IS NOT NULL",
            (identity,),
        )
        if not context.get("loyalty_no_mail"):
            cursor.execute("INSERT INTO mail_mail (res_id, subject) VALUES (%s, 'Coupon')", (identity,))
        return True

    def action_cancel(self, cursor: Any, model: str, *, ids: list[int], context: dict[str, Any]) -> Any:
        (identity,) = ids
        if self._state(cursor, identity) != "draft" and not context.get("disable_cancel_warning"):
            return {"type": "ir.actions.act_window", "res_model": "sale.order.cancel"}
        cursor.execute("UPDATE sale_order SET state = 'cancel', write_date = now() WHERE id = %s", (identity,))
        cursor.execute("UPDATE stock_picking SET state = 'cancel' WHERE sale_id = %s AND state != 'done'", (identity,))
        return True

    def action_draft(self, cursor: Any, model: str, *, ids: list[int], context: Any) -> bool:
        cursor.execute(
            "UPDATE sale_order SET state = 'draft' WHERE id = ANY(%s) AND state IN ('cancel', 'sent')", (ids,)
        )
        return True

    def _state(self, cursor: Any, identity: int) -> str:
        cursor.execute("SELECT state, locked FROM sale_order WHERE id = %s", (identity,))
        state, locked = cursor.fetchone()
        if locked:
            raise user_error("You cannot cancel a locked order. Please unlock it first.")
        return str(state)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        """One transaction on this thread's own connection."""
        if not hasattr(self.local, "connection"):
            self.local.connection = psycopg2.connect(self.dsn)
            self.local.connection.set_session(isolation_level="REPEATABLE READ")
        with self.local.connection as connection, connection.cursor() as cursor:
            yield cursor


@contextlib.contextmanager
def running(dsn: str, *, modern: bool = False) -> Iterator[str]:
    """Serve on a free port; yields the URL."""
    odoo = Odoo(dsn, modern=modern)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = (
                _jsonrpc(odoo, body) if self.path == "/jsonrpc" else _json2(odoo, self.path, self.headers, body)
            )
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _jsonrpc(odoo: Odoo, body: dict[str, Any]) -> tuple[int, Any]:
    service, method, arguments = (body["params"][name] for name in ("service", "method", "args"))
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": body["id"]}
    try:
        if (service, method) == ("common", "authenticate"):
            return 200, answer | {"result": _authenticate(*arguments[:3])}
        database, user, key, model, name, positional, keywords = arguments
        if (database, user, key) != (DATABASE, 2, KEY):
            denied = {"name": "odoo.exceptions.AccessDenied", "message": "Access Denied"}
            return 200, answer | {"error": {"code": 200, "message": "Odoo Server Error", "data": denied}}
        ids = positional[0] if positional else None
        return 200, answer | {"result": odoo.call(model, name, ids, dict(keywords))}
    except OdooError as error:
        data = {"name": error.name, "message": str(error), "arguments": [str(error)], "debug": "Traceback ..."}
        return 200, answer | {"error": {"code": 200, "message": "Odoo Server Error", "data": data}}


def _authenticate(database: str, login: str, key: str) -> int | bool:
    if database != DATABASE:
        raise OdooError("psycopg2.OperationalError", f'FATAL:  database "{database}" does not exist')
    return 2 if (login, key) == (LOGIN, KEY) else False


def _json2(odoo: Odoo, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
    match = re.fullmatch(r"/json/2/([\w.]+)/(\w+)", path)
    if headers["Authorization"] != f"bearer {KEY}" or headers["X-Odoo-Database"] != DATABASE:
        return 401, {
            "name": "werkzeug.exceptions.Unauthorized",
            "message": "Invalid apikey",
            "arguments": [],
            "debug": "",
        }
    if match is None or match[1] not in TABLES:
        return 404, {"name": "werkzeug.exceptions.NotFound", "message": "the model does not exist", "arguments": []}
    try:
        return 200, odoo.call(match[1], match[2], body.pop("ids", None), body)
    except OdooError as error:
        status = 422 if error.name.startswith("odoo.") else 500
        return status, {
            "name": error.name,
            "message": str(error),
            "arguments": [str(error)],
            "context": {},
            "debug": "",
        }


def _where(table: str, domain: list[Any]) -> tuple[str, list[Any]]:
    """Odoo's prefix notation: `|` takes two terms, terms side by side are joined by AND."""

    def term(rest: list[Any]) -> tuple[str, list[Any]]:
        head = rest.pop(0)
        if head == "|":
            (left, one), (right, other) = term(rest), term(rest)
            return f"({left} OR {right})", one + other
        field, operator, value = head
        if (operator, value) == ("!=", False):
            return f"{_column(table, field)} IS NOT NULL", []
        sign = {"=": "= %s", "in": "= ANY(%s)", "=like": "LIKE %s"}[operator]
        return f"{_column(table, field)} {sign}", [value]

    rest, parts, values = list(domain), [], []
    while rest:
        text, bound = term(rest)
        parts.append(text)
        values += bound
    return " AND ".join(parts) or "true", values


def _column(table: str, field: str) -> str:
    return COMPUTED.get((table, field), f't."{field}"')
