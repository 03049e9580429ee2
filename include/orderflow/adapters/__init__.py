"""How sales platforms and file formats speak: one package each, found by name, imported late.

An adapter package holds `ADAPTER` (a `domain.source.Adapter`) in its `__init__`, and beside it `source.py` (talks,
never translates), `mapping.py` (translates, never talks), `auth.py` where requests are signed in a way of the
platform's own, and `README.md` (what is known of the platform, and from where). Importing the package must stay cheap,
because every channel file that names it does so while DAGs are parsed: `source.py`, and with it the network library, is
imported by `open` at the earliest.

`described`, `http`, `graph`, `files`, `edi`, `xml` and `amounts` are kits, not adapters: what several adapters share.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import pkgutil

from orderflow.domain.errors import ConfigError
from orderflow.domain.source import Adapter

KITS = frozenset({"described", "edi", "files", "graph", "http", "xml"})
"""What stands in this package and is no adapter; the only packages here that an adapter may import."""


@functools.cache
def _names() -> tuple[str, ...]:
    found = pkgutil.iter_modules(__path__)
    return tuple(sorted(module.name for module in found if module.ispkg and module.name not in KITS))


def known() -> list[str]:
    """The names of all adapters, sorted; imports none of them. Looked up once per process."""
    return list(_names())


def package(name: str) -> str:
    """The import path of the adapter called `name`: a name with a dot is the path of a package of somebody else's."""
    return name if "." in name else f"{__name__}.{name}"


def find(name: str) -> Adapter:
    """The adapter called `name`; raises `ConfigError` when there is none."""
    names = _names()
    if name not in names and not _elsewhere(name):
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(
            f"there is no adapter {name!r}; {hint}Known adapters: {', '.join(names)}; "
            "one of your own is named by its import path, such as my_company.my_adapter"
        )
    found = importlib.import_module(package(name))
    adapter = getattr(found, "ADAPTER", None)
    if not isinstance(adapter, Adapter):
        raise ConfigError(f"{found.__name__} holds no ADAPTER; define it in its __init__.py, or name a kit in KITS")
    return adapter


def _elsewhere(name: str) -> bool:
    """Whether this is the import path of a package that is there."""
    if "." not in name or not all(map(str.isidentifier, name.split("."))):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
