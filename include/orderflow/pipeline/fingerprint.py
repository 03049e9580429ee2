"""The fingerprint of what judges a channel's orders: its mapping, the rules, and the channel file.

While it stays the same, the same raw record gets the same verdict (apart from what people decided and from the SKU
map); so what waits in quarantine is worth another look only when it changed.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from orderflow.domain.channel import Channel
from orderflow.domain.sku import SkuMap

_PACKAGE = Path(__file__).parents[1]
_SHARED = (
    "domain/money.py", "domain/order.py", "domain/sku.py", "pipeline/clean.py", "pipeline/cleaning",
    "pipeline/frames.py", "pipeline/validate.py", "quality/checks", "quality/codes.py", "quality/lookups.py",
    "quality/rules", "quality/schemas.py", "quality/view.py", "adapters/amounts.py", "adapters/cells.py",
    "adapters/described", "adapters/edi", "adapters/files", "adapters/xml",
)  # fmt: skip
"""What every channel is cleaned and judged by, and the kits that mappings share."""


def fingerprint(channel: Channel) -> str:
    """SHA-256 in hex over all that decides on orders.

    These are the adapter's sources, those that all channels share, and the channel file's cleaning and rules.
    """
    rules = [channel.timezone, channel.clean.model_dump_json(), channel.validate_.model_dump_json()]
    options = channel.options.model_dump_json()
    code = _code(channel.adapter.to_order.__module__)
    return hashlib.sha256("\x1f".join([channel.name, code, options, *rules]).encode()).hexdigest()


def basis(channel: Channel, skus: Mapping[str, str] | None) -> str:
    """SHA-256 in hex over all that decides on orders: the SKU map (None where the channel uses none) and the libraries
    that hold the world's phones and countries included.
    """
    versions = [metadata.version(library) for library in ("phonenumbers", "pycountry")]
    found = hashlib.sha256("\x1f".join([fingerprint(channel), *versions]).encode())
    for pair in sorted((skus or {}).items()):
        found.update("\x1f".join(pair).encode() + b"\0")
    for sku, pairs in sorted(skus.dated.items()) if isinstance(skus, SkuMap) else ():
        found.update(f"{sku}\x1f{pairs}\0".encode())
    return found.hexdigest()


@functools.cache
def _code(module: str) -> str:
    """SHA-256 over the sources behind a mapping; read once per process, which runs one version of them."""
    found = hashlib.sha256()
    for path in _sources(module):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _sources(module: str) -> Iterable[Path]:
    file = Path(sys.modules[module].__file__ or __file__)
    whole = file.parent.parent == _PACKAGE / "adapters"
    yield from sorted(file.parent.rglob("*.py")) if whole else [file]
    for shared in _SHARED:
        path = _PACKAGE / shared
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]
