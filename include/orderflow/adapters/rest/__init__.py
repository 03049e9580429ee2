"""Any JSON order API over HTTP, described in the channel file. README.md shows how."""

from orderflow.adapters.described import Described, adapter

ADAPTER = adapter(Described)
