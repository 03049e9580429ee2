"""Any GraphQL order API, described in the channel file. README.md shows how."""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from orderflow.adapters.described import Described, adapter
from orderflow.adapters.described.values import within

_SUCCESS = {
    "errors": "errors",
    "at": "errors[].extensions.code",
    "message": "errors[0].message",
    "denied": ["FORBIDDEN", "UNAUTHORIZED", "UNAUTHENTICATED", "ACCESS_DENIED"],
    "again": ["THROTTLED", "INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"],
    "expired": ["FORBIDDEN", "UNAUTHORIZED", "UNAUTHENTICATED"],
}


class Options(Described):
    """As `rest`, with each call a POST of `query` and its variables.

    A call says `query: ...`; names of parameters are names of variables, `params` are fixed variables; errors beside
    the data are errors (unless `success` says otherwise). `by_id` and `detail` have path, query and `at` of `orders`
    unless they say otherwise.
    """

    @model_validator(mode="before")
    @classmethod
    def _posted(cls, told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        made = dict(told)
        orders = made.get("orders")
        shared = (
            {key: orders[key] for key in ("path", "query", "at") if key in orders} if isinstance(orders, dict) else {}
        )
        for name in ("orders", "detail", "by_id"):
            if isinstance(call := made.get(name), dict):
                made[name] = _post({**shared, **call})
        if "query" in shared and isinstance(made.get("created"), dict):
            made["created"] = _variables(made["created"])
        if isinstance(success := made.get("success", {}), dict):
            made["success"] = _SUCCESS | success
        return made

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As a file spells it: a query, and variables of any shape."""
        schema = handler(core)
        for name in ("orders", "detail", "by_id"):
            told = schema["properties"][name]
            for form in told.get("anyOf", [told]):
                call = handler.resolve_ref_schema(form)
                if "properties" in call:
                    call["properties"] |= {"query": {"type": "string"}, "params": {"type": "object"}}
        return schema


def _post(call: dict[str, Any]) -> dict[str, Any]:
    """A call of `rest` that posts a query; its parameters become variables."""
    made = {name: value for name, value in call.items() if name not in {"query", "params"}}
    if "query" not in call:
        return call
    variables: dict[str, Any] = {}
    for name, value in (call.get("params") or {}).items():
        within(variables, name, value)
    query = call["query"]
    if isinstance(query, str):
        query = query.replace("{id}", "{ id }")  # a selection of fields, not the place of an order's id
    made |= {"method": "POST", "body": {"query": query, "variables": variables}}
    if "name" in made:
        made["name"] = f"variables.{made['name']}"
    if isinstance(window := made.get("window"), dict):
        made["window"] = _variables(window)
    if isinstance(page := made.get("page"), dict):
        made["page"] = {
            key: _variable(value) if key == "size" else f"variables.{value}" if key == "name" else value
            for key, value in page.items()
        }
    return made


def _variables(between: dict[str, Any]) -> dict[str, Any]:
    """A filter on time whose names are those of variables."""
    return {end: _variable(moment) for end, moment in between.items()}


def _variable(told: Any) -> Any:
    if not isinstance(told, dict) or "name" not in told:
        return told
    names = told["name"]
    several = [f"variables.{name}" for name in names] if isinstance(names, list) else f"variables.{names}"
    return {**told, "name": several}


ADAPTER = adapter(Options)
