"""JSON Schema of the channel file, for editors: completion, descriptions and red lines while typing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from orderflow.config.docs import field_docs
from orderflow.config.form import Form, SourceBlock
from orderflow.domain import channel as forms
from orderflow.domain.channel import Cleaning, Delivery, Expectations, Fulfilment, Schedule, Validation, print_duration
from orderflow.domain.expectation import COLUMNS
from orderflow.domain.source import Adapter

_EXPECTATIONS = (
    forms.Filled, forms.OneOf, forms.Between, forms.Matches, forms.Mean, forms.Distinct, forms.Unique, forms.Ordered,
)  # fmt: skip


def channel_schema(
    adapters: Mapping[str, Adapter], *, lookup_fields: Iterable[str] = (), rules: Iterable[str] = ()
) -> dict[str, Any]:
    """The schema (draft 2020-12) of a channel file that may use these adapters, look-up fields and rule codes.

    An adapter of somebody else's, named by its import path, may stand there too; its options are not described.
    """
    schema = _described(Form)
    blocks = schema["$defs"]
    for model in (Schedule, Cleaning, Validation, Delivery, Fulfilment, Expectations, *_EXPECTATIONS):
        blocks[model.__name__] = _described(model)
        blocks[model.__name__].pop("$defs", None)
    for model in _EXPECTATIONS:
        for name in {"column", "earlier", "later"} & model.model_fields.keys():
            blocks[model.__name__]["properties"][name]["enum"] = list(COLUMNS)
    blocks["Unique"]["properties"]["columns"]["items"] = {"enum": list(COLUMNS)}
    if fields := sorted(lookup_fields):
        blocks["Cleaning"]["properties"]["lookups"]["propertyNames"] = {"enum": fields}
    if codes := sorted(rules):
        blocks["Validation"]["properties"]["waive"]["items"] = {"enum": codes}
    common = _described(SourceBlock)["properties"]
    common["adapter"]["anyOf"] = [{"enum": sorted(adapters)}, {"pattern": r"\."}]
    blocks["SourceBlock"] = {
        "type": "object",
        "properties": common,
        "required": ["adapter", "connection"],
        "allOf": [_of_adapter(name, adapter, blocks) for name, adapter in sorted(adapters.items())],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Orderflow channel", **schema}


def _of_adapter(name: str, adapter: Adapter, blocks: dict[str, Any]) -> dict[str, Any]:
    """Where this adapter is chosen, its options and no others."""
    options = _described(adapter.options, definitions=f"{name}.")
    blocks |= options.pop("$defs", {})
    return {
        "if": {"properties": {"adapter": {"const": name}}, "required": ["adapter"]},
        "then": {
            "properties": {"adapter": True, "connection": True, **options.get("properties", {})},
            "required": options.get("required", []),
            "additionalProperties": False,
        },
    }


def _described(model: type[BaseModel], *, definitions: str = "") -> dict[str, Any]:
    """A model's own schema, with the author's words below each field and defaults as a file spells them."""
    template = f"#/$defs/{definitions}{{model}}"
    schema = model.model_json_schema(ref_template=template)
    schema.pop("title", None)
    schema.pop("description", None)
    if "$defs" in schema:
        schema["$defs"] = {definitions + name: block for name, block in schema["$defs"].items()}
    docs = field_docs(model)
    for name, field in model.model_fields.items():
        shape = schema["properties"][field.alias or name]
        for noise in ("title", "default", "ge", "le"):
            shape.pop(noise, None)
        if name in docs:
            shape["description"] = docs[name]
        if (default := _spelled(field.default, shape)) is not None:
            shape["default"] = default
    return schema


def _spelled(default: object, shape: Mapping[str, Any]) -> object:
    """A default as a person would write it; None where there is none worth showing."""
    if isinstance(default, timedelta):
        return print_duration(default)
    if isinstance(default, Decimal):
        return f"{default * 100:.0f}%" if "%" in shape.get("pattern", "") else float(default)
    return default if isinstance(default, str | int | float) or (isinstance(default, list) and default) else None
