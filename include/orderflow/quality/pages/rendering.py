"""Templates become pages: HTML that needs nothing but itself. Everything that comes from a channel is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orderflow.quality.pages import words


def render(template: str, **values: Any) -> str:
    """The page that a template of `templates` makes of these values; `made_at` stands in every footer."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= words.FILTERS
    environment.globals["t"] = words.plain
    return environment
