"""The files kit: a folder that a partner drops files into, wherever it lies, and text out of bytes without guessing.

inbox = Inbox(account, runtime, pattern="orders_*.csv", settle=timedelta(seconds=10))
for copy in inbox.copies(inbox.ready()):
    for line in text(copy.file, "utf-8"):
        ...
inbox.acknowledge(origins)
"""

from orderflow.adapters.files.inbox import Copy, Drop, Inbox, done_name
from orderflow.adapters.files.manifest import Manifest
from orderflow.adapters.files.text import Disguise, FileError, byte_order_mark, text, undeclared

__all__ = [
    "Copy",
    "Disguise",
    "Drop",
    "FileError",
    "Inbox",
    "Manifest",
    "byte_order_mark",
    "done_name",
    "text",
    "undeclared",
]
